//! Rooms: files and functions that fit a head, and nothing left lying about.

use super::code::{code_of, functions};
use super::{assert_none, files, read, root};

/// Lines of a file.
const SOURCE_LINES: usize = 450;
const TEST_LINES: usize = 600;
/// Lines of a function.
const FUNCTION_LINES: usize = 70;

/// Files that may be longer, up to the lines given. Entries only go and shrink.
const LONG_FILES: &[(&str, usize)] = &[];
/// Functions that may be longer, up to the lines given. Entries only go and shrink.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

#[test]
fn no_file_outgrows_its_room() {
    let mut found = Vec::new();
    let limits = [("src", SOURCE_LINES), ("tests", TEST_LINES), ("benches", TEST_LINES)];
    for (folder, limit) in limits {
        for file in files(folder, ".rs") {
            let lines = file.text.lines().count();
            let listed = LONG_FILES.iter().find(|(path, _)| *path == file.path);
            match listed {
                Some(_) if lines <= limit => {
                    found.push(format!("{}: fits now, remove it from LONG_FILES", file.path));
                }
                None if lines > limit => found.push(format!("{}: {lines} lines", file.path)),
                Some((_, ceiling)) if lines > *ceiling => {
                    found.push(format!("{}: {lines} lines, at most {ceiling}", file.path));
                }
                _ => {}
            }
        }
    }
    assert_none("split the file by ideas: foo.rs and foo/", &found);
}

#[test]
fn functions_stay_short() {
    let mut found = Vec::new();
    let mut used = Vec::new();
    for file in files("src", ".rs") {
        for function in functions(&file.text).iter().filter(|f| f.lines > FUNCTION_LINES) {
            let listed = LONG_FUNCTIONS
                .iter()
                .find(|(path, name, _)| *path == file.path && *name == function.name);
            match listed {
                Some(entry) if function.lines <= entry.2 => used.push(entry),
                _ => {
                    let (name, lines) = (&function.name, function.lines);
                    found.push(format!("{}: `{name}` has {lines} lines", file.path));
                }
            }
        }
    }
    for entry in LONG_FUNCTIONS.iter().filter(|entry| !used.contains(entry)) {
        found.push(format!("{}: `{}` fits now, remove it from LONG_FUNCTIONS", entry.0, entry.1));
    }
    assert_none("more than 70 lines: give the steps names of their own", &found);
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let marks = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    let mut found = Vec::new();
    for file in ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| files(folder, ".rs")) {
        let code = code_of(&file.text);
        let seen = marks.iter().filter(|mark| code.contains(**mark));
        found.extend(seen.map(|mark| format!("{} has `{mark}`", file.path)));
    }
    assert_none("finish it, or file an issue and leave it out", &found);
}

#[test]
fn files_are_named_after_what_they_are() {
    let vague = ["util", "utils", "helper", "helpers", "manager", "common", "misc", "mod"];
    let named_vaguely = |path: &String| {
        path.trim_end_matches(".rs")
            .split('/')
            .any(|part| part.split(['_', '-']).any(|word| vague.contains(&word)) && part != "tests")
    };
    let found: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .map(|file| file.path)
        .filter(named_vaguely)
        .collect();
    assert_none(
        "name the file after the one thing in it (and foo.rs with foo/, not mod.rs)",
        &found,
    );
}

#[test]
fn no_machine_s_paths_are_written_down() {
    // In two parts, so that this file is clean, too.
    let paths = [
        concat!("/var", "/tmp"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
    ];
    let mut found = Vec::new();
    for file in files("", "") {
        for (number, line) in file.text.lines().enumerate() {
            let seen = paths.iter().find(|path| {
                line.match_indices(**path).any(|(at, _)| {
                    // A machine's path begins there; `docs/work/` does not.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}".contains(c))
                })
            });
            if let Some(path) = seen {
                found.push(format!("{}:{}: `{path}`", file.path, number + 1));
            }
        }
    }
    assert_none("write a path from the project's root, or a variable", &found);
}

#[test]
fn the_architecture_names_every_folder_of_the_source() {
    let architecture = read("ARCHITECTURE.md");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !architecture.contains(&format!("`{name}/`")) && path.is_dir() {
            found.push(format!("src/{name}/ is not named as `{name}/`"));
        }
        if !path.is_dir() && !["lib", "main"].contains(&&*name) {
            let (file, folder) = (format!("`{name}.rs`"), format!("`{name}/`"));
            if !architecture.contains(&file) && !architecture.contains(&folder) {
                found.push(format!("src/{name}.rs is not named as {file}"));
            }
        }
    }
    assert_none("say in ARCHITECTURE.md what the folder is for", &found);
}
