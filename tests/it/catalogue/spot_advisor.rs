//! The file of Spot Advisor's table.

use std::fs;

use spotcron::diagnostic::{self, Source};
use spotcron::experience::SpotAdvisor;
use spotcron::settings::spot_advisor::{self, MAX_BYTES};

/// As AWS writes it, in one line, with much that is not looked at.
const TABLE: &str = r#"{"global_rate":"<10%","instance_types":{"m5.large":{"emr":true,"cores":2,"ram_gb":8.0}},"ranges":[{"index":0,"label":"<5%","dots":0,"max":5},{"index":1,"label":"5-10%","dots":1,"max":11},{"index":2,"label":"10-15%","dots":2,"max":16},{"index":3,"label":"15-20%","dots":3,"max":22},{"index":4,"label":">20%","dots":4,"max":100}],"spot_advisor":{"us-east-1":{"Linux":{"m5.large":{"s":70,"r":0},"c5.large":{"s":60,"r":1},"g5.xlarge":{"s":50,"r":4},"x1.large":{"s":50,"r":2}},"Windows":{"m5.large":{"s":70,"r":4}}},"eu-west-1":{"Windows":{"m5.large":{"s":70,"r":4}}}}}"#;

fn read(text: &str) -> (Option<SpotAdvisor>, String) {
    let source = Source::new("advisor.json", text);
    let (advice, findings) = spot_advisor::load_source(source);
    assert_eq!(advice.is_none(), diagnostic::has_errors(&findings));
    (advice, diagnostic::render(&findings, false))
}

fn said(advice: &SpotAdvisor, region: &str, of_type: &str) -> Option<f64> {
    advice.of(&region.into()).and_then(|types| types.of(of_type))
}

#[track_caller]
fn refused(text: &str, says: &[&str]) {
    let (advice, report) = read(text);
    assert_eq!(advice, None, "{text}");
    for says in says {
        assert!(report.contains(says), "{says}\n{report}");
    }
    assert!(report.contains("advisor.json") && report.contains("help: "), "{report}");
    assert!(report.len() < 4000, "{report}");
}

/// Middles 2.5, 8, 13.5 and, of what is above 20 %, 25: their mean is 12.25.
#[test]
fn types_compare_by_the_middles_of_their_ranges() {
    let (advice, report) = read(TABLE);
    assert_eq!(report, "");
    let advice = advice.unwrap();
    assert_eq!(advice.regions(), 1, "without Linux there is nothing to say");
    for (name, middle) in [("c5.large", 8.0), ("x1.large", 13.5), ("g5.xlarge", 25.0)] {
        let said = said(&advice, "us-east-1", name).unwrap();
        assert!((said - middle / 12.25).abs() < 1e-12, "{name}: {said}");
    }
    assert_eq!(said(&advice, "us-east-1", "m5.large"), Some(SpotAdvisor::LEAST));
    assert_eq!(said(&advice, "us-east-1", "p5.48xlarge"), None);
    assert_eq!(said(&advice, "eu-west-1", "m5.large"), None);
}

#[test]
fn labels_and_unknown_keys_do_not_matter() {
    let (usual, _) = read(TABLE);
    let renamed = TABLE.replace("\"<5%\"", "\"rarely\"").replace("\"dots\":", "\"stars\":");
    let renamed = renamed.replace("\"s\":70", "\"s\":null,\"new\":[1,{}]");
    assert_eq!(read(&renamed).0, usual);
    // Ranges in another order, and finer ones than today's.
    let first = r#"{"index":0,"label":"<5%","dots":0,"max":5},"#;
    let moved = TABLE.replace(first, "").replace("\"ranges\":[", &format!("\"ranges\":[{first}"));
    assert_eq!(read(&moved).0, usual);
    let finer =
        TABLE.replace("\"max\":22}", "\"max\":22},{\"index\":9,\"label\":\"\",\"max\":100}");
    let finer = finer.replace("\"dots\":4,\"max\":100", "\"dots\":4,\"max\":30");
    assert!(read(&finer).0.is_some());
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_key() {
    refused("", &["this is no JSON", "EOF"]);
    refused("<html>Access Denied</html>", &["this is no JSON", "advisor.json:1:1"]);
    refused("{}", &["missing field `ranges`"]);
    refused("[]", &["the table", "advisor.json:1"]);
    let lines = TABLE.replace("\"spot_advisor\"", "\n\"spot_advisor\"");
    refused(
        &lines.replace("\"r\":1", "\"r\":\"1\""),
        &["spot_advisor.us-east-1.Linux.c5.large.r", "invalid type: string", "advisor.json:2:"],
    );
    refused(
        &TABLE.replace("\"s\":60,\"r\":1", "\"s\":60"),
        &["spot_advisor.us-east-1.Linux.c5.large", "missing field `r`"],
    );
    refused(&TABLE.replace("\"max\":11", "\"max\":1e400"), &["out of range"]);
    refused(&TABLE.replace("\"max\":11", "\"max\":NaN"), &["this is no JSON"]);
    refused(&format!("{TABLE}{{}}"), &["trailing characters"]);
    // Whatever is nested in it.
    refused(&TABLE.replace("\"<5%\"", &"[".repeat(100_000)), &["this is no JSON"]);
}

#[test]
fn a_table_that_cannot_be_is_refused_whole() {
    refused(
        &TABLE.replace("\"r\":1", "\"r\":7"),
        &["`spot_advisor.us-east-1.Linux.c5.large.r` is 7, which is no `index`"],
    );
    refused(&TABLE.replace("\"max\":11", "\"max\":5"), &["`max` of `index` 1 is 5"]);
    refused(&TABLE.replace("\"max\":5}", "\"max\":-5}"), &["`max` of `index` 0 is -5"]);
    refused(&TABLE.replace("\"max\":100", "\"max\":101"), &["at most 100"]);
    refused(&TABLE.replace("\"index\":1", "\"index\":0"), &["two of the `index` 0"]);
    refused(r#"{"ranges":[],"spot_advisor":{}}"#, &["`ranges` is empty"]);
    refused(&TABLE.replace("\"Linux\"", "\"linux\""), &["no instance type for Linux"]);
    // One of many wrong ones is reported with some of them.
    let many: Vec<_> = (0..500).map(|n| format!("\"t{n}.large\":{{\"r\":9}}")).collect();
    let many = TABLE.replace("\"x1.large\":{\"s\":50,\"r\":2}", &many.join(","));
    let (_, report) = read(&many);
    assert!(report.contains("10 errors"), "{report}");
}

/// A file that was cut off anywhere is no table.
#[test]
fn truncated_files_are_refused_at_every_byte() {
    for end in 0..TABLE.len() {
        refused(&TABLE[..end], &["this is no JSON, or not all of it"]);
    }
}

#[test]
fn files_are_read_up_to_their_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisor.json");
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let (advice, findings) = spot_advisor::load(&path);
        (advice.is_some(), diagnostic::render(&findings, false))
    };
    let padded = |size: usize| format!("{TABLE}{}", " ".repeat(size - TABLE.len()));
    assert_eq!(load(padded(MAX_BYTES).as_bytes()), (true, String::new()));
    for size in [MAX_BYTES + 1, 17 * 1024 * 1024] {
        let (is_read, report) = load(padded(size).as_bytes());
        assert!(!is_read && report.contains("larger than 1"), "{report}");
        assert!(report.contains("help: fetch"), "{report}");
    }
    let (is_read, report) = load(b"{\"ranges\": \"\xff\"}");
    assert!(!is_read && report.contains("not UTF-8"), "{report}");
    let (advice, findings) = spot_advisor::load(&folder.path().join("none.json"));
    assert!(advice.is_none() && findings[0].code == "file-not-found");
}
