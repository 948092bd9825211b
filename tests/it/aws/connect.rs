//! Which endpoints are in force, found where the SDK finds them. The SDK reads the process's own
//! environment, so that each case runs in a process of its own: this test binary again.

use std::process::Command;
use std::sync::Arc;

use spotcron::aws::{ApiCall, AwsCloud};
use spotcron::settings::Settings;

const ALLOW: &str = "SPOTCRON_TEST_ALLOW_CUSTOM_ENDPOINTS";

/// Connects as its environment says, and prints what came of it. Does nothing when not told to.
#[tokio::test]
async fn child() {
    let Ok(allow) = std::env::var(ALLOW) else { return };
    let mut settings = Settings::default();
    settings.aws.allow_custom_endpoints = allow == "yes";
    let observer = Arc::new(|_: &ApiCall<'_>| {});
    match AwsCloud::connect(&settings.aws, &settings.limits, observer).await {
        Ok(cloud) => {
            let endpoints = cloud.custom_endpoints().iter();
            let endpoints: Vec<_> = endpoints.map(|e| format!("{}={}", e.service, e.url)).collect();
            println!("<connected {} [{}]>", cloud.home_region(), endpoints.join(" "));
        }
        Err(error) => println!("<{error}>"),
    }
}

fn connect(allow: &str, profile: &str, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, profile).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "aws::connect::child", "--nocapture"])
        .env_clear()
        .env(ALLOW, allow)
        .env("AWS_CONFIG_FILE", file)
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let from = text.find('<').unwrap_or_else(|| panic!("{text}"));
    let to = text[from..].find(">\n").unwrap_or_else(|| panic!("{text}"));
    text[from + 1..from + to].to_owned()
}

const PROFILE: &str = "[default]\nregion = eu-west-1\n";

#[test]
fn without_custom_endpoints_there_are_none() {
    assert_eq!(connect("no", PROFILE, &[]), "connected eu-west-1 []");
    let elsewhere = connect("no", PROFILE, &[("AWS_REGION", "us-west-2")]);
    assert_eq!(elsewhere, "connected us-west-2 []");
}

#[test]
fn a_region_must_be_known() {
    let text = connect("no", "", &[]);
    assert!(text.starts_with("no AWS region is configured: set `region` under [aws]"), "{text}");
}

#[test]
fn endpoints_of_the_environment_are_refused_until_allowed() {
    let all = [("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")];
    let refused = connect("no", PROFILE, &all);
    assert!(refused.contains("would go to http://127.0.0.1:5000 (all) instead"), "{refused}");
    assert_eq!(connect("yes", PROFILE, &all), "connected eu-west-1 [all=http://127.0.0.1:5000]");
    let one = [("AWS_ENDPOINT_URL_BATCH", "https://batch.example")];
    let refused = connect("no", PROFILE, &one);
    assert!(refused.contains("https://batch.example (Batch) instead"), "{refused}");
    let ignored = [all[0], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
    assert_eq!(connect("no", PROFILE, &ignored), "connected eu-west-1 []");
}

#[test]
fn endpoints_of_the_profile_are_seen_too() {
    let profile = "[default]\nregion = eu-west-1\nservices = odd\n\n\
                   [services odd]\nec2 =\n  endpoint_url = https://ec2.example\n";
    let refused = connect("no", profile, &[]);
    assert!(refused.contains("https://ec2.example (EC2) instead"), "{refused}");
    let whole = format!("{PROFILE}endpoint_url = https://all.example\n");
    assert_eq!(connect("yes", &whole, &[]), "connected eu-west-1 [all=https://all.example]");
}

#[test]
fn plain_http_beyond_this_machine_is_refused_always() {
    let far = [("AWS_ENDPOINT_URL_STS", "http://sts.example")];
    let refused = connect("yes", PROFILE, &far);
    assert!(refused.starts_with("the endpoint http://sts.example is plain http"), "{refused}");
}
