//! What jobs share in memory, and what they must not.

use std::sync::Arc;

use spotcron::catalogue::load_sources;
use spotcron::diagnostic::Source;

const HEAD: &str = r#"
[[environments]]
name = "spot"
queue = "spot"
capacity = "spot"
region = "us-east-1"

[[classes]]
name = "c"
environments = ["spot"]
expected_duration = "20m"
"#;

/// Jobs of different hours, each with its further keys.
fn catalogue_of(jobs: &[(&str, &str)]) -> spotcron::catalogue::Catalogue {
    let mut text = HEAD.to_owned();
    for (hour, (name, keys)) in jobs.iter().enumerate() {
        text.push_str(&format!(
            "[[jobs]]\nname = \"{name}\"\nclass = \"c\"\ncron = \"0 {hour} * * *\"\n\
             definition = \"work:1\"\n{keys}\n"
        ));
    }
    let loaded = load_sources(vec![Source::new("sharing.toml", text)]);
    loaded.catalogue.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

#[test]
fn only_equal_submissions_are_shared() {
    let day_before = "command = [\"load\", \"{{ scheduled_time - 1d }}\"]";
    let catalogue = catalogue_of(&[
        ("plain", ""),
        ("yesterday", day_before),
        ("plain-again", ""),
        ("yesterday-again", day_before),
        // Differs in the shift alone.
        ("two-days-ago", "command = [\"load\", \"{{ scheduled_time - 2d }}\"]"),
        ("variable", "environment = { LEVEL = \"info\" }"),
        ("other-variable", "environment = { LEVEL = \"debug\" }"),
        ("large", "vcpus = 4\nmemory_mib = 8192"),
    ]);
    let same = |a: &str, b: &str| {
        let [a, b] = [a, b].map(|name| &catalogue.jobs[name].submission);
        assert_eq!(Arc::ptr_eq(a, b), a == b);
        Arc::ptr_eq(a, b)
    };
    let names: Vec<&str> = catalogue.jobs.keys().map(|name| name.as_str()).collect();
    for a in &names {
        for b in &names {
            let expected = a.trim_end_matches("-again") == b.trim_end_matches("-again");
            assert_eq!(same(a, b), expected, "{a} and {b}");
        }
    }
}
