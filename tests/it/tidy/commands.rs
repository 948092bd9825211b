//! Every command in a document is one that the program, or the Makefile, understands.

use clap::Parser;
use clap::error::ErrorKind;
use spotcron::cli::Cli;

use super::documents::pages;
use super::{assert_none, read};

/// What begins a command line that ends up in spotcron's own arguments.
const STARTS: &[&str] =
    &["spotcron ", "cargo demo", "cargo run --release --no-default-features -- "];

/// Pages whose commands are to be understood. The generated reference has each verb's name as a
/// heading, without arguments.
fn guides() -> impl Iterator<Item = super::ProjectFile> {
    pages().into_iter().filter(|page| page.path != "docs/reference/cli.md")
}

/// Commands of one page: lines of its code blocks (but those marked `text`, which show output), and
/// inline code.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<bool> = None;
    let mut continued = String::new();
    for line in text.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            block = match block {
                None => Some(["", "sh", "bash", "console"].contains(&kind.trim())),
                Some(_) => None,
            };
            continue;
        }
        match block {
            Some(true) => {
                let line = line.trim().trim_start_matches("$ ");
                if let Some(part) = line.strip_suffix('\\') {
                    continued.push_str(part);
                    continue;
                }
                found.push(std::mem::take(&mut continued) + line);
            }
            Some(false) => {}
            None => found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    found
}

/// Words as a shell makes them, up to a comment, a pipe, a redirection or another command.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in command.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '#' | '|' | '>' | ';' | '&') => break,
            (None, ' ') => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            (None, _) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

/// Why spotcron does not understand `command`; `None` when it does, or it is not for spotcron.
fn misunderstood(command: &str) -> Option<String> {
    let start = STARTS.iter().find(|start| command.starts_with(**start))?;
    let verb = if *start == "cargo demo" { "demo" } else { "" };
    let rest = &command[start.len()..];
    let arguments = std::iter::once("spotcron".to_owned())
        .chain(Some(verb.to_owned()).filter(|verb| !verb.is_empty()))
        .chain(words(rest));
    let stop = Cli::try_parse_from(arguments).err()?;
    let answered = matches!(stop.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let why = || stop.to_string().lines().next().unwrap_or_default().to_owned();
    (!answered).then(why)
}

#[test]
fn every_command_in_the_documents_is_understood() {
    let mut found = Vec::new();
    let mut understood = 0;
    for page in guides() {
        for command in commands(&page.text) {
            match misunderstood(&command) {
                Some(why) => found.push(format!("{}: {command}\n      {why}", page.path)),
                None => {
                    understood += usize::from(STARTS.iter().any(|start| command.starts_with(start)))
                }
            }
        }
    }
    assert_none("correct the document, or the command line", &found);
    assert!(
        understood > 20,
        "only {understood} commands were found: the pages were not understood"
    );
}

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = read("Makefile");
    let mut found = Vec::new();
    for page in guides() {
        for command in commands(&page.text) {
            let Some(rest) = command.strip_prefix("make ") else { continue };
            let targets = words(rest).into_iter().filter(|word| !word.contains('='));
            found.extend(
                targets
                    .filter(|target| !makefile.contains(&format!("\n{target}:")))
                    .map(|target| format!("{}: make {target}", page.path)),
            );
        }
    }
    assert_none("the Makefile has no such target", &found);
}

#[test]
fn a_wrong_command_is_found() {
    assert!(misunderstood("spotcron run --observ").is_some());
    assert!(misunderstood("spotcron flan").is_some());
    assert!(misunderstood("cargo demo --sped max").is_some());
    assert!(misunderstood("spotcron plan --count 3 --format json | jq . # three").is_none());
    assert!(misunderstood("cargo demo --for \"1d 12h\" --speed max").is_none());
    let page = "`spotcron a`\n```sh\nspotcron b \\\n  --c\n```\n```text\nspotcron d\n```\n";
    assert_eq!(commands(page), ["spotcron a", "spotcron b --c"]);
}
