//! Inputs that nobody should write: huge, cyclic, no files at all.

use std::fs;
use std::path::PathBuf;

use spotcron::catalogue::{self, Loaded};
use spotcron::diagnostic::{self, Source};

const VALID: &str = include_str!("fixtures/valid.toml");

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    let mut codes: Vec<_> = loaded.diagnostics.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn a_huge_file_is_refused_without_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.toml");
    // A sparse file: it takes no room on the disk, and would take all of the memory.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let loaded = catalogue::load(&[path]);
    assert_eq!(codes(&loaded), ["file-too-large"]);
    assert!(loaded.catalogue.is_none());
}

#[test]
fn missing_files_and_no_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let missing = catalogue::load(&[folder.path().join("missing.toml")]);
    assert_eq!(codes(&missing), ["file-not-found"]);
    assert_eq!(codes(&catalogue::load(&[])), ["no-catalogue"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_are_named_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), VALID).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    std::os::unix::fs::symlink("self.toml", folder.path().join("self.toml")).unwrap();
    let loaded = catalogue::load(&[folder.path().to_path_buf()]);
    assert_eq!(codes(&loaded), ["directory-loop", "symlink-loop"]);
    assert!(loaded.catalogue.is_none());
}

#[cfg(unix)]
#[test]
fn a_mounted_configuration_map_is_read_once() {
    // Kubernetes mounts files as links through a hidden directory that is swapped on change.
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join("..2026_01_01");
    fs::create_dir(&version).unwrap();
    fs::write(version.join("a.toml"), VALID).unwrap();
    std::os::unix::fs::symlink("..2026_01_01", folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/a.toml", folder.path().join("a.toml")).unwrap();
    let loaded = catalogue::load(&[folder.path().to_path_buf()]);
    assert_eq!(codes(&loaded), [""; 0]);
    assert_eq!(loaded.catalogue.unwrap().jobs.len(), 1);
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_not_read() {
    let loaded = catalogue::load(&[PathBuf::from("/dev/zero")]);
    assert_eq!(codes(&loaded), ["not-a-file"]);
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    fs::write(&path, VALID).unwrap();
    let loaded = catalogue::load(&[path, folder.path().to_path_buf()]);
    assert_eq!(codes(&loaded), ["file-named-twice"]);
    assert_eq!(loaded.catalogue.unwrap().jobs.len(), 1);
}

#[test]
fn the_fingerprint_follows_the_contents() {
    let load = |texts: &[&str]| {
        let source = |text: &&str| Source::new("a.toml", *text);
        catalogue::load_sources(texts.iter().map(source).collect()).catalogue.unwrap().fingerprint
    };
    let plain = load(&[VALID]);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, load(&[VALID]));
    assert_ne!(plain, load(&[VALID, ""]));
    assert_ne!(plain, load(&[&format!("{VALID}# changed\n")]));
}

#[test]
fn a_long_line_is_located_and_not_printed() {
    let text = format!("{VALID}tags = {{ {} }}\n", "a = 1, ".repeat(2_000).trim_end_matches(", "));
    let loaded = catalogue::load_sources(vec![Source::new("a.toml", text)]);
    let report = diagnostic::render(&loaded.diagnostics, false);
    assert!(report.len() < 20_000, "{} bytes", report.len());
    assert!(report.contains("a.toml:26:"), "{report}");
}

/// Thousands of findings in a large file are all reported.
#[test]
fn every_finding_of_a_large_file_is_reported() {
    let job = "[[jobs]]\nname = \"a b\"\nclass = \"nightly\"\ncron = \"0 2 * * *\"\n\
               definition = \"report:3\"\nvcpus = 2\nmemory_mib = 4096\n";
    let text = format!("{VALID}{}", job.repeat(5_000));
    let loaded = catalogue::load_sources(vec![Source::new("a.toml", text)]);
    let report = diagnostic::render(&loaded.diagnostics, false);
    // All but the first are duplicates too.
    assert!(report.ends_with("\n9999 errors\n"), "{}", report.lines().last().unwrap());
    let json: serde_json::Value =
        serde_json::from_str(&diagnostic::to_json(&loaded.diagnostics)).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 9_999);
}

/// Values of parameters and variables are in no output at all, whatever else is wrong.
#[test]
fn secret_values_are_in_no_output() {
    let secret = "correct-horse-battery";
    let folder = tempfile::tempdir().unwrap();
    for (index, tail) in [
        format!("environment = {{ DB_PASSWORD = \"{secret}\" }}\n"),
        format!("parameters = {{ a = \"{secret}\", b = 1 }}\n"),
        format!("environment = \"{secret}\"\n"),
        format!("environment = [\"{secret}\"]\n"),
        format!("parameters = {{ a = [\"{secret}\"] }}\n"),
        format!("enviroment = {{ A = \"{secret}\" }}\n"),
        format!("environment = {{ A = \"{secret} }}\n"),
        format!("[jobs.environment]\nA = \"\"\"\n{secret}\"\"\"\nB = 1\n"),
        format!("[jobs.environment]\nA = {secret}\n"),
        format!("[jobs.environment]\nA = \"x\nB = \"{secret}\"\n"),
        format!("[jobs.parameters]\nA = \"{secret}\"\nA = \"{secret}\"\n"),
        format!("[[job]]\nenvironment = {{ A = \"{secret}\", A = 1 }}\n"),
        format!("environment.A.{} = 1\nenvironment.A = \"{secret}\"\n", "b"),
        format!("environment = {{ \"AWS_BATCH\" = \"{secret}\" }}\nenvironment.c = \"{secret}\"\n"),
        format!("password = \"{secret}\"\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{index}.toml"));
        fs::write(&path, format!("{VALID}{tail}")).unwrap();
        let loaded = catalogue::load(&[path]);
        assert!(!loaded.diagnostics.is_empty(), "{tail}");
        let outputs = [
            diagnostic::render(&loaded.diagnostics, false),
            diagnostic::render(&loaded.diagnostics, true),
            diagnostic::to_json(&loaded.diagnostics),
            format!("{:?} {:?}", loaded.diagnostics, loaded.catalogue),
        ];
        for output in outputs {
            assert!(!output.contains("horse"), "{tail}\n{output}");
        }
    }
}
