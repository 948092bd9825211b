//! The built program: what it prints where, and its exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use spotcron::ports::{Store, StoreIdentity, Write};
use spotcron::store::SqliteStore;

use super::golden::assert_golden;
use super::memory::MemoryStore;
use super::story;

fn spotcron(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(arguments)
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn mistakes_in_the_arguments_end_with_two_and_say_what_was_expected() {
    let mut all = String::new();
    for arguments in [
        &["plna"][..],
        &["plan", "--count", "0"],
        &["plan", "--job", "a", "--jobs", "3"],
        &["runs", "--since", "yesterday"],
        &["savings", "--by", "colour"],
        &["demo", "--for", "-3d"],
        &["demo", "--speed", "fast"],
        &["demo", "--listen", "9188"],
        &["explain"],
        &["prices", "--format", "xml"],
        &["--color", "sometimes", "runs"],
        &["doctor", "--yes"],
        &["doctor", "--live", "--timeout", "soon"],
    ] {
        let output = spotcron(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        all.push_str(&format!("$ spotcron {}\n{}\n", arguments.join(" "), text(&output.stderr)));
    }
    assert_golden("mistakes.txt", &all);
}

#[test]
fn explaining_a_job_is_planning_it_with_what_would_change() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    let catalogue = include_str!("../../../config/catalogue.toml");
    std::fs::write(folder.path().join("config/catalogue.toml"), catalogue).unwrap();
    std::fs::copy("config/spotcron.toml", folder.path().join("config/spotcron.toml")).unwrap();
    let said = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(arguments)
            .current_dir(folder.path())
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let planned =
        said(&["plan", "--job", "expire-old-files", "--what-would-change", "--format", "json"]);
    let explained = said(&["explain", "expire-old-files", "--format", "json"]);
    assert_eq!(planned.0, Some(0), "{}", planned.2);
    let without_now = |answer: &str| {
        let mut answer: serde_json::Value = serde_json::from_str(answer).unwrap();
        answer["now"].take();
        answer["runs"][0]["decision"]["at"].take();
        answer
    };
    assert_eq!(without_now(&explained.1), without_now(&planned.1));
    assert!(planned.1.contains("turning_points"), "{}", planned.1);
    let nobody = said(&["explain", "nobody"]);
    assert_eq!(nobody.0, Some(2), "a name of nothing is still looked for in the store");
}

#[test]
fn plan_reckons_with_spot_advisor_s_table_or_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = include_str!("../../../config/catalogue.toml");
    std::fs::write(folder.path().join("catalogue.toml"), catalogue).unwrap();
    let settings = "[decision]\nspot_advisor_file = \"advisor.json\"\n";
    std::fs::write(folder.path().join("spotcron.toml"), settings).unwrap();
    let said = |table: &str| {
        std::fs::write(folder.path().join("advisor.json"), table).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(["plan", "--config", "spotcron.toml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, error) = said("{\"ranges\": [],\n \"spot_advisor\": 7}");
    assert_eq!(code, Some(2), "{error}");
    for part in ["the table of Spot Advisor has errors", "advisor.json:2:", "`spot_advisor`"] {
        assert!(error.contains(part), "{part}\n{error}");
    }
    let ranges = "{\"ranges\": [{\"index\": 0, \"max\": 5}], \"spot_advisor\": ";
    let table =
        format!("{ranges}{{\"eu-west-1\": {{\"Linux\": {{\"m6i.large\": {{\"r\": 0}}}}}}}}}}");
    assert_eq!(said(&table), (Some(0), String::new()));
}

#[test]
fn a_missing_store_is_the_input_s_fault_and_comes_with_advice() {
    for verb in ["runs", "prices", "savings"] {
        let output = spotcron(&[verb, "--store", "nowhere.db"]);
        assert_eq!(output.status.code(), Some(2), "{verb}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: there is no store at nowhere.db\nhint: "), "{said}");
    }
}

/// The story in a real store, as a daemon would have left it.
fn stored_story(folder: &Path) -> PathBuf {
    let identity = StoreIdentity::Account { account_id: "123456789012".to_owned() };
    stored(folder, identity, story::store())
}

fn stored(folder: &Path, identity: StoreIdentity, story: MemoryStore) -> PathBuf {
    let path = folder.join("spotcron.db");
    let store = SqliteStore::open(&path, identity).unwrap();
    let writes = (story.runs.into_iter().map(Write::InsertRun))
        .chain(story.events.into_iter().map(Write::Event))
        .chain(story.attempts.into_iter().map(Write::Attempt))
        .chain(story.entries.into_iter().map(Write::Entry))
        .chain(story.markets.into_values().map(Write::EnvironmentMarket));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.commit(writes.collect())).unwrap();
    path
}

#[test]
fn a_real_store_gives_the_same_answers_as_the_story() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored_story(folder.path());
    let store = path.to_str().unwrap();
    for (golden, arguments) in [
        ("explain.txt", &["explain", story::EXTRACT][..]),
        ("explain.json", &["explain", story::EXTRACT, "--format", "json"]),
        ("savings.txt", &["savings"]),
        ("savings.json", &["savings", "--format", "json"]),
    ] {
        let output = spotcron(&[arguments, &["--store", store]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_golden(golden, &text(&output.stdout));
    }
    for arguments in [&["runs"][..], &["prices"], &["prices", "--format", "json"]] {
        let output = spotcron(&[arguments, &["--store", store]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

/// Settings and a catalogue in `folder`; the settings' path.
fn settings(folder: &Path) -> String {
    std::fs::write(folder.join("jobs.toml"), GOOD).unwrap();
    let settings = folder.join("spotcron.toml");
    std::fs::write(&settings, "catalogue = [\"jobs.toml\"]\n").unwrap();
    settings.to_str().unwrap().to_owned()
}

#[test]
fn the_time_of_a_simulation_is_that_of_its_newest_run_or_price() {
    let later = story::at("04:30:00");
    for name in ["spot-a", "fargate-a"] {
        let folder = tempfile::tempdir().unwrap();
        let mut story = story::store();
        let market = story.markets.get_mut(name).unwrap();
        match market.fargate.as_mut() {
            Some(listed) => listed.seen_at = later,
            None => market.pools[0].seen_at = Some(later),
        }
        let store = stored(folder.path(), StoreIdentity::Simulation { seed: 1 }, story);
        let settings = settings(folder.path());
        let store = store.to_str().unwrap();
        let output =
            spotcron(&["plan", "--config", &settings, "--store", store, "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(plan["prices_at"], later.to_string());
        assert_eq!(plan["now"], plan["prices_at"], "{name}: no price is of the future");
    }
}

#[test]
fn savings_by_label_without_the_catalogue_say_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored_story(folder.path());
    let by_team = ["savings", "--by", "label:team", "--store", store.to_str().unwrap()];
    let output = spotcron(&by_team);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("error: --by label:team needs the catalogue, because labels"),
        "{said}"
    );
    assert!(said.contains("catalogue.toml"), "which was looked for: {said}");
    assert!(said.contains("\nhint: name the settings"), "{said}");
    // One is there, and its classes have no labels.
    let settings = settings(folder.path());
    let output = spotcron(&[&by_team[..], &["--config", &settings]].concat());
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("error: no class of the catalogue has a label named team\n"),
        "{said}"
    );
}

#[test]
fn colours_are_written_only_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored_story(folder.path());
    let escapes = |color: &str| {
        let output = spotcron(&["savings", "--color", color, "--store", path.to_str().unwrap()]);
        text(&output.stdout).contains('\u{1b}')
    };
    assert!(escapes("always"));
    assert!(!escapes("never") && !escapes("auto"));
}

#[test]
fn a_backup_is_restored_only_over_nothing_or_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored_story(folder.path());
    let (store, copy) = (path.to_str().unwrap(), folder.path().join("copy.db"));
    let copy = copy.to_str().unwrap();
    let code = |arguments: &[&str]| spotcron(arguments).status.code();
    assert_eq!(code(&["store", "backup", copy, "--store", store]), Some(0));
    assert_eq!(code(&["store", "backup", copy, "--store", store]), Some(2));
    assert_eq!(code(&["store", "restore", copy, "--store", store]), Some(2));
    let forced = spotcron(&["store", "restore", copy, "--store", store, "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    assert!(text(&forced.stdout).contains("The store that was there is kept as"));
    assert_eq!(code(&["explain", story::EXTRACT, "--store", store]), Some(0));
}

#[test]
fn a_file_that_is_no_store_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but long enough to look like a file\n").unwrap();
    let output = spotcron(&["runs", "--store", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("notes.txt"), "{}", text(&output.stderr));
}

const GOOD: &str = r#"
[[environments]]
name = "spot-a"
queue = "spot-queue"
capacity = "spot"
region = "eu-west-1"

[[classes]]
name = "nightly"
environments = ["spot-a"]
expected_duration = "1h"

[[jobs]]
name = "extract"
class = "nightly"
cron = "0 3 * * *"
definition = "extract:7"
"#;

fn checked(text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.toml");
    std::fs::write(&file, text).unwrap();
    spotcron(&[&["check", file.to_str().unwrap()], arguments].concat())
}

#[test]
fn a_valid_catalogue_is_checked_with_zero() {
    let output = checked(GOOD, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let said = text(&output.stdout);
    assert!(said.ends_with("The catalogue is valid: 1 environment, 1 class, 1 job.\n"), "{said}");
}

#[test]
fn mistakes_in_a_catalogue_end_with_two_and_say_where() {
    let bad = GOOD.replace("cron =", "crom =").replace("\"spot\"", "\"spott\"");
    let output = checked(&bad, &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stdout);
    assert!(said.contains("crom") && said.contains("jobs.toml:"), "{said}");
    let output = checked(&bad, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["errors"].as_u64().unwrap() >= 2, "{report}");
    assert!(report["diagnostics"][0]["line"].as_u64().unwrap() > 1, "{report}");
    assert_eq!(report["jobs"], 0, "half a catalogue is never used");
}

#[test]
fn help_and_version_go_to_standard_output_with_zero() {
    for arguments in [&["--help"][..], &["plan", "--help"], &["store", "backup", "-h"], &["-V"]] {
        let output = spotcron(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_reference_can_be_printed() {
    for (reference, begins) in [
        ("cli", "# The command line\n"),
        ("metrics", "# Metrics\n"),
        ("catalogue", "# Catalogue reference\n"),
        ("config", "# Configuration reference\n"),
    ] {
        let output = spotcron(&["reference", reference]);
        assert_eq!(output.status.code(), Some(0), "{reference}");
        assert!(text(&output.stdout).starts_with(begins), "{reference}");
    }
}

#[cfg(unix)]
#[test]
fn a_terminated_demo_still_prints_its_summary() {
    use std::io::{BufRead, BufReader};
    let mut demo = Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["demo", "--speed", "86400", "--listen", "127.0.0.1:0", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first event says that it runs; whoever read the log then leaves, and it must not mind.
    let mut first = String::new();
    BufReader::new(demo.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("The run was due"), "{first}");
    let killed = Command::new("kill").arg(demo.id().to_string()).status().unwrap();
    assert!(killed.success());
    let output = demo.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["cost_usd"].is_string(), "{summary}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["reference", "cli"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// Before credentials are even looked for: there are none here.
#[cfg(feature = "aws")]
#[test]
fn a_live_job_that_nobody_agreed_to_or_named_is_not_submitted() {
    let folder = tempfile::tempdir().unwrap();
    let environment = "[[environments]]\nname = \"spot\"\nqueue = \"spot\"\ncapacity = \"spot\"\n\
         region = \"us-east-1\"\n";
    std::fs::write(folder.path().join("catalogue.toml"), environment).unwrap();
    std::fs::write(folder.path().join("spotcron.toml"), "").unwrap();
    for (arguments, expected) in [
        (
            &["--definition", "d:1"][..],
            "standard input is no terminal\nhint: nothing was submitted",
        ),
        (&["--yes"], "no job definition is named for the test job\nhint: nothing was submitted"),
        (
            &["--yes", "--definition", "d:1", "--environment", "other"],
            "the catalogue has no environment `other`; it has spot\nhint: nothing was submitted",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(["doctor", "--live", "--config", "spotcron.toml"])
            .args(arguments)
            .current_dir(folder.path())
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_build_without_aws_says_so_where_it_is_needed() {
    for arguments in [&["run"][..], &["doctor"], &["doctor", "--live", "--yes"]] {
        let output = spotcron(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: this spotcron was built without AWS\nhint: "), "{said}");
    }
}
