//! Documents that say what is so: metrics, keys and links exist.

use std::collections::BTreeSet;

use spotcron::{metrics, settings};

use super::{ProjectFile, assert_none, files, read, root};

/// Every page that is written by hand or generated.
pub fn pages() -> Vec<ProjectFile> {
    files("", ".md")
}

#[test]
fn every_metric_is_in_the_reference_and_no_page_names_another() {
    let reference = read("docs/reference/metrics.md");
    let known: BTreeSet<&str> = metrics::DESCRIPTORS.iter().map(|metric| metric.name).collect();
    let mut found: Vec<String> = known
        .iter()
        .filter(|name| !reference.contains(&format!("| `{name}` |")))
        .map(|name| format!("docs/reference/metrics.md lacks {name}: make golden"))
        .collect();
    for page in pages().into_iter().chain(files("dashboards", ".json")) {
        let names = page.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics = names.filter(|name| name.starts_with("spotcron_"));
        found.extend(
            metrics
                .filter(|name| !known.contains(name))
                .map(|name| format!("{} names {name}, which does not exist", page.path)),
        );
    }
    assert_none("metrics are declared in src/metrics/descriptors.rs", &found);
}

/// (table, key) of every setting, from the generated reference.
fn settings_keys() -> Vec<(String, String)> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for line in settings::reference_markdown().lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = heading.trim_matches('`').to_owned();
        } else if let Some(row) = line.strip_prefix("| `") {
            keys.push((table.clone(), row.split('`').next().unwrap_or_default().to_owned()));
        }
    }
    keys
}

#[test]
fn the_example_of_the_settings_has_every_key() {
    let example = read("config/spotcron.toml");
    let mut shown = BTreeSet::new();
    let mut table = "top of the file".to_owned();
    for line in example.lines() {
        let line = line.trim_start_matches("# ").trim();
        if line.starts_with('[') && line.ends_with(']') {
            table = line.to_owned();
        } else if let Some((key, _)) = line.split_once(" =") {
            shown.insert((table.clone(), key.to_owned()));
        }
    }
    let keys = settings_keys();
    assert!(keys.len() > 20, "the reference of the settings was not understood: {keys:?}");
    let found: Vec<String> = keys
        .iter()
        .filter(|key| !shown.contains(key))
        .map(|(table, key)| format!("{table} {key}"))
        .collect();
    assert_none("config/spotcron.toml shows every key with its default; it lacks", &found);
}

/// Link targets of a page, code left out.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, later)) = after.split_once(')') else { break };
            found.push(target.split_whitespace().next().unwrap_or_default().to_owned());
            rest = later;
        }
    }
    found
}

/// The anchors of a page's headings, as code hosts make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !fenced) {
            let kept = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    found
}

fn broken(page: &ProjectFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let from = root().join(&page.path);
    let to = if path.is_empty() { from } else { from.parent()?.join(path) };
    if !to.exists() {
        return Some(format!("{} links to {target}, which does not exist", page.path));
    }
    if anchor.is_empty() || to.extension().is_none_or(|ending| ending != "md") {
        return None;
    }
    let text = std::fs::read_to_string(&to).unwrap_or_default();
    (!anchors(&text).contains(anchor))
        .then(|| format!("{} links to {target}, which is no heading there", page.path))
}

#[test]
fn every_link_leads_somewhere() {
    let mut found = Vec::new();
    for page in pages() {
        found.extend(links(&page.text).iter().filter_map(|target| broken(&page, target)));
    }
    assert_none("correct the link", &found);
}

#[test]
fn a_broken_link_is_found() {
    let page = ProjectFile { path: "README.md".to_owned(), text: String::new() };
    assert!(broken(&page, "docs/nowhere.md").is_some());
    assert!(broken(&page, "docs/guide/store.md#nowhere").is_some());
    assert!(broken(&page, "docs/guide/store.md#upgrade-and-rollback").is_none());
    assert_eq!(links("a [b](c.md#d \"e\") [f](g)\n```\n[h](i)\n```\n"), ["c.md#d", "g"]);
}

/// The operations that `src/aws` calls, as IAM names them: `.describe_jobs()` is `DescribeJobs`.
fn operations_called() -> BTreeSet<String> {
    let verbs =
        [".describe_", ".list_", ".get_", ".submit_", ".cancel_", ".terminate_", ".assume_"];
    let mut found = BTreeSet::new();
    for file in files("src/aws", ".rs") {
        let code = super::code::code_of(&file.text);
        for (at, _) in verbs.iter().flat_map(|verb| code.match_indices(verb)) {
            let rest = &code[at + 1..];
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            // A call's builder takes no arguments.
            if rest[name.len()..].starts_with("()") {
                found.insert(camel(&name));
            }
        }
    }
    found
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_uppercase() + rest
        })
        .collect()
}

#[test]
fn every_call_to_aws_is_among_the_permissions() {
    let page = read("docs/guide/permissions.md");
    let called = operations_called();
    assert!(called.contains("SubmitJob"), "the calls were not understood: {called:?}");
    let found: Vec<String> =
        called.into_iter().filter(|name| !page.contains(&format!(":{name}"))).collect();
    assert_none("docs/guide/permissions.md lacks what src/aws calls", &found);
}

/// The operations that the wire front answers: arms of its dispatch, `"ListJobs" => list::…`.
fn operations_served() -> BTreeSet<String> {
    let fronts = ["batch", "ec2", "ecs", "pricing", "sts"];
    let source: String =
        fronts.iter().map(|front| read(&format!("src/sim/wire/{front}.rs"))).collect();
    let arms =
        source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "));
    // The Price List's services are told apart there, too.
    let names = arms.map(|(name, _)| name.to_owned());
    names.filter(|name| !name.starts_with("Amazon")).collect()
}

#[test]
fn every_operation_of_the_wire_front_says_how_it_is_tested() {
    let page = read("docs/concepts/simulated-aws.md");
    let (served, called) = (operations_served(), operations_called());
    assert!(served.contains("ListJobs") && served.contains("GetCallerIdentity"), "{served:?}");
    let mut found = Vec::new();
    for operation in &served {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `{operation}` | ")));
        let Some(row) = row else {
            found.push(format!("{operation} has no row"));
            continue;
        };
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let scripts = cells[..2].iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
        for script in scripts {
            let name = format!("tests/wire/{script}.py");
            if !root().join(&name).exists() {
                found.push(format!("{operation} names {name}, which does not exist"));
            }
        }
        if called.contains(operation) == cells[2].starts_with("not used") {
            found.push(format!("{operation}: src/aws does not agree with \"{}\"", cells[2]));
        }
    }
    assert_none("the table of operations in docs/concepts/simulated-aws.md", &found);
}
