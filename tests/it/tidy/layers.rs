//! Who may import whom, and what the core may not touch. ARCHITECTURE.md says why.

use super::code::{code_of, imports};
use super::{ProjectFile, assert_none, files};

/// Each module of the crate's root with those that it may name. What data flows through first comes
/// first.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // The vocabulary.
    ("domain", &[]),
    ("clock", &[]),
    ("mutation", &[]),
    ("diagnostic", &[]),
    ("document", &["diagnostic", "domain"]),
    // The pure core.
    ("template", &["domain"]),
    // A catalogue holds parsed cron expressions, and what is due comes from a
    // catalogue: these two are one room with two doors.
    ("catalogue", &["diagnostic", "document", "domain", "schedule", "template"]),
    ("schedule", &["domain", "catalogue", "mutation"]),
    ("market", &["domain"]),
    ("cost", &["domain", "market"]),
    // Plain numbers of hazards and prices: it needs nothing of the rest.
    ("policy", &[]),
    ("experience", &["domain", "policy"]),
    ("decision", &["domain", "catalogue", "market", "cost", "policy", "experience"]),
    (
        "run",
        &[
            "domain",
            "template",
            "catalogue",
            "schedule",
            "market",
            "cost",
            "experience",
            "decision",
            "mutation",
        ],
    ),
    ("ledger", &["domain", "catalogue", "schedule", "market", "cost", "run"]),
    (
        "backtest",
        &[
            "domain",
            "catalogue",
            "schedule",
            "market",
            "cost",
            "policy",
            "experience",
            "decision",
            "run",
            "ledger",
        ],
    ),
    ("billing", &["domain", "market", "run", "ledger"]),
    ("control", &["domain", "catalogue", "schedule", "decision", "run"]),
    // What is wrong with a set-up is also told by its settings, which are plain values. Its test job
    // is a run like any other, with a price, and it hands on what decisions advise.
    (
        "doctor",
        &[
            "domain",
            "catalogue",
            "market",
            "cost",
            "experience",
            "decision",
            "run",
            "ledger",
            "settings",
        ],
    ),
    // What the core needs of the world.
    (
        "ports",
        &[
            "domain",
            "catalogue",
            "schedule",
            "market",
            "cost",
            "experience",
            "decision",
            "run",
            "ledger",
            "control",
            "doctor",
        ],
    ),
    // Adapters: the core's values, the ports, and settings that are plain values. Never another one.
    ("aws", &["domain", "clock", "catalogue", "market", "run", "doctor", "ports", "settings"]),
    ("sim", &["domain", "clock", "document", "diagnostic", "catalogue", "market", "run", "ports"]),
    (
        "store",
        &[
            "domain",
            "schedule",
            "market",
            "experience",
            "decision",
            "run",
            "ledger",
            "control",
            "ports",
            "mutation",
        ],
    ),
    // The shell. It meets the world only through ports; the command line hands it the adapters.
    // What a file of the settings says of risks is evidence like any other.
    ("settings", &["domain", "diagnostic", "document", "cost", "experience"]),
    ("telemetry", &["settings"]),
    ("metrics", &["domain", "ledger"]),
    (
        "daemon",
        &[
            "domain",
            "clock",
            "diagnostic",
            "template",
            "catalogue",
            "schedule",
            "market",
            "cost",
            "experience",
            "decision",
            "run",
            "ledger",
            "control",
            "ports",
            "settings",
            "telemetry",
            "metrics",
            "mutation",
        ],
    ),
    // The edge names everything; `EDGE_ADAPTERS` says where it may name an adapter.
    (
        "cli",
        &[
            "backtest",
            "billing",
            "domain",
            "clock",
            "diagnostic",
            "document",
            "catalogue",
            "schedule",
            "market",
            "cost",
            "experience",
            "decision",
            "run",
            "ledger",
            "control",
            "doctor",
            "ports",
            "aws",
            "sim",
            "store",
            "settings",
            "telemetry",
            "metrics",
            "daemon",
        ],
    ),
];

/// The files of the command line that put adapters together.
const EDGE_ADAPTERS: &[&str] = &[
    "src/cli/doctor.rs",
    "src/cli/open.rs",
    "src/cli/adopt.rs",
    "src/cli/run.rs",
    "src/cli/simulate_aws.rs",
    "src/cli/store.rs",
    "src/cli/demo",
];

const ADAPTERS: &[&str] = &["aws", "sim", "store"];

const CORE: &[&str] = &[
    "template",
    "catalogue",
    "schedule",
    "market",
    "cost",
    "experience",
    "decision",
    "run",
    "ledger",
    "backtest",
    "billing",
    "control",
    "doctor",
];

/// Files of the core and the vocabulary that read files, because that is what they are for.
const MAY_READ_FILES: &[&str] = &["src/catalogue/load.rs", "src/document/file.rs"];

fn module(file: &ProjectFile) -> String {
    let inner = file.path.trim_start_matches("src/").trim_end_matches(".rs");
    inner.split('/').next().unwrap_or_default().to_owned()
}

fn depth(file: &ProjectFile) -> usize {
    file.path.trim_start_matches("src/").split('/').count()
}

fn sources() -> Vec<ProjectFile> {
    files("src", ".rs")
}

/// Everything that `module` in `path` names and may not.
fn forbidden(path: &str, module: &str, named: &[String]) -> Vec<String> {
    let known = |name: &str| MAY_IMPORT.iter().any(|(module, _)| *module == name);
    let may = MAY_IMPORT.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, may)| may);
    let mut found: Vec<String> = named
        .iter()
        .filter(|name| known(name) && *name != module && !may.contains(&name.as_str()))
        .map(|name| format!("{path} names crate::{name}"))
        .collect();
    let adapters_here = EDGE_ADAPTERS.iter().any(|allowed| path.starts_with(allowed));
    if module == "cli" && !adapters_here {
        found.extend(
            named
                .iter()
                .filter(|name| ADAPTERS.contains(&name.as_str()))
                .map(|name| format!("{path} names the adapter crate::{name}")),
        );
    }
    found.dedup();
    found
}

#[test]
fn modules_import_only_what_lies_upstream() {
    let mut found = Vec::new();
    for file in sources() {
        let module = module(&file);
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        if !MAY_IMPORT.iter().any(|(known, _)| *known == module) {
            found.push(format!("{}: give crate::{module} a row in MAY_IMPORT", file.path));
        }
        found.extend(forbidden(&file.path, &module, &imports(&file.text, depth(&file), "crate::")));
    }
    assert_none(
        "a module names one that lies downstream: move the code, or pass a plain value or a port \
         (MAY_IMPORT in tests/it/tidy/layers.rs, ARCHITECTURE.md)",
        &found,
    );
}

#[test]
fn a_forbidden_import_is_found() {
    let named = |source| imports(source, 2, "crate::");
    let check = |path, module, source| forbidden(path, module, &named(source)).len();
    assert_eq!(check("src/run/x.rs", "run", "use crate::ports::Store;"), 1);
    assert_eq!(check("src/sim/x.rs", "sim", "fn f() { crate::store::open() }"), 1);
    assert_eq!(check("src/sim/x.rs", "sim", "use super::super::aws::Thing;"), 1);
    assert_eq!(check("src/cli/plan.rs", "cli", "use crate::{domain::Usd, store};"), 1);
    assert_eq!(check("src/cli/open.rs", "cli", "use crate::{domain::Usd, store};"), 0);
    assert_eq!(check("src/ledger/x.rs", "ledger", "use crate::domain::Usd; // crate::sim"), 0);
}

#[test]
fn the_core_does_no_io_waits_for_nothing_and_logs_nothing() {
    let banned = [
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "std::env",
        "tokio",
        "tracing",
        "async fn",
        ".await",
        "rusqlite",
        "println!",
        "eprintln!",
    ];
    let pure = |file: &ProjectFile| {
        let module = module(file);
        CORE.contains(&module.as_str()) || ["domain", "diagnostic", "document"].contains(&&*module)
    };
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| pure(file)) {
        if MAY_READ_FILES.contains(&file.path.as_str()) {
            continue;
        }
        let code = code_of(&file.text);
        found.extend(
            banned
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{} has `{word}`", file.path)),
        );
    }
    assert_none("the core takes values and gives values: do this in the daemon", &found);
}

#[test]
fn only_the_clock_reads_the_clock() {
    let readings =
        ["Timestamp::now", "Zoned::now", "SystemTime", "Instant::now", "Utc::now", "Local::now"];
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| file.path != "src/clock.rs") {
        let code = code_of(&file.text);
        let seen = readings.iter().filter(|reading| code.contains(**reading));
        found.extend(seen.map(|reading| format!("{} has `{reading}`", file.path)));
    }
    assert_none("time is an argument: take `now`, or the port `Clock` (src/clock.rs)", &found);
}

#[test]
fn only_the_aws_adapter_names_the_sdk() {
    let crates = ["aws_sdk_", "aws_config", "aws_smithy", "aws_types", "aws_credential"];
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| module(file) != "aws") {
        let code = code_of(&file.text);
        let seen = crates.iter().filter(|name| code.contains(**name));
        found.extend(seen.map(|name| format!("{} names `{name}…`", file.path)));
    }
    assert_none("SDK types stay in src/aws: turn them into domain values there", &found);
}

#[test]
fn money_is_never_a_float() {
    let exact = |path: &str| {
        path == "src/domain/amount.rs"
            || ["src/ledger", "src/cost", "src/billing"].iter().any(|room| path.starts_with(room))
    };
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| exact(&file.path)) {
        let code = code_of(&file.text);
        let seen = ["f32", "f64"].into_iter().filter(|float| code.contains(float));
        found.extend(seen.map(|float| format!("{} has `{float}`", file.path)));
    }
    assert_none("use the integers of src/domain/amount.rs", &found);
}

#[test]
fn the_map_of_layers_names_every_module_once() {
    let library = code_of(&super::read("src/lib.rs"));
    let mut declared: Vec<&str> = library
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    declared.sort_unstable();
    let mut mapped: Vec<&str> = MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    mapped.sort_unstable();
    assert_eq!(declared, mapped, "MAY_IMPORT has one row for each `pub mod` of src/lib.rs");
}
