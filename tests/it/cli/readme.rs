//! The examples of the README and of the guides to backtests and reconciliation, run: what it says that they
//! print is what they print.

use std::path::Path;
use std::process::Command;

use super::golden::assert_file;

/// How the README calls the program, and the arguments that this stands for.
const CALLS: &[(&str, &[&str])] =
    &[("cargo demo", &["demo"]), ("cargo run --release --no-default-features -- ", &[])];

/// A fenced block: its language, and the lines in it as places in the text.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut parts = page.split("\n```");
    parts.next();
    // Every other part is inside: its first line is the language.
    parts
        .step_by(2)
        .filter_map(|part| {
            let (language, text) = part.split_once('\n')?;
            Some(Block { language, text })
        })
        .collect()
}

/// What the last of `commands` prints, in `folder`; `None` when they are not the program's.
fn printed(commands: &str, folder: &Path) -> Option<String> {
    let mut last = None;
    for command in commands.lines() {
        let (call, verb) = CALLS.iter().find(|(call, _)| command.starts_with(call))?;
        let output = Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(*verb)
            .args(command[call.len()..].split_whitespace())
            .current_dir(folder)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command}: {errors}");
        last = Some(String::from_utf8(output.stdout).unwrap());
    }
    last
}

#[test]
fn the_examples_of_the_readme_print_what_it_says() {
    assert!(run_examples("README.md") >= 4, "its examples were not understood");
}

#[test]
fn the_examples_of_the_guide_to_backtests_print_what_it_says() {
    assert!(run_examples("docs/guide/backtest.md") >= 1, "its examples were not understood");
}

#[test]
fn the_examples_of_the_guide_to_reconciliation_print_what_it_says() {
    assert!(run_examples("docs/guide/reconcile.md") >= 1, "its examples were not understood");
}

/// Runs the examples of a page in order, in a folder with the demo's configuration; how many there were.
fn run_examples(page: &str) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join(page)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config/demo");
    std::fs::create_dir_all(&config).unwrap();
    for file in ["catalogue.toml", "spotcron.toml"] {
        std::fs::copy(root.join("config/demo").join(file), config.join(file)).unwrap();
    }
    let mut current = readme.clone();
    let mut examples = 0;
    let blocks = blocks(&readme);
    for pair in blocks.windows(2) {
        let [commands, shown] = pair else { continue };
        if (commands.language, shown.language) != ("sh", "text") {
            continue;
        }
        if let Some(output) = printed(commands.text, folder.path()) {
            current = current.replace(shown.text, output.trim_end());
            examples += 1;
        }
    }
    assert_file(page, &current);
    examples
}

/// What the product is for has to be seen in its first minute: capacity that is taken back, runs that
/// move on demand, and no deadline lost for it.
#[test]
fn the_demo_shows_interruptions_and_fallbacks_and_keeps_every_deadline() {
    for seed in ["1", "2", "7"] {
        let demo = Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(["demo", "--for", "3d", "--speed", "max", "--format", "json", "--seed", seed])
            .output()
            .unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&demo.stdout).unwrap();
        let number = |value: &serde_json::Value| value.as_u64().unwrap();
        assert!(number(&summary["interruptions"]) > 0, "{summary:#}");
        assert!(number(&summary["fallbacks"]) > 0, "{summary:#}");
        assert_eq!(number(&summary["deadlines"]["missed"]), 0, "{summary:#}");
    }
}

#[test]
fn the_picture_of_the_readme_is_current() {
    let picture = Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["reference", "demo-picture"])
        .output()
        .unwrap();
    assert!(picture.status.success());
    assert_file("docs/images/demo.svg", &String::from_utf8(picture.stdout).unwrap());
}
