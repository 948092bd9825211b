//! The built program: what it prints where, and its exit codes.

use std::process::{Command, Output};

use super::golden::assert_golden;

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
    ] {
        let output = spotcron(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        all.push_str(&format!("$ spotcron {}\n{}\n", arguments.join(" "), text(&output.stderr)));
    }
    assert_golden("mistakes.txt", &all);
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

#[test]
fn help_and_version_go_to_standard_output_with_zero() {
    for arguments in [&["--help"][..], &["plan", "--help"], &["store", "backup", "-h"], &["-V"]] {
        let output = spotcron(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_reference_of_the_command_line_can_be_printed() {
    let output = spotcron(&["reference", "cli"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("# The command line\n"));
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
