//! The guide's table of refusals: every code once, with the status and the exit code that it has.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::json;
use spotcron::control::{Refusal, RefusalKind};
use spotcron::daemon::http::{INPUT, Problem};

/// By code: the status and the verbs' exit code.
fn documented() -> BTreeMap<String, (u16, u8)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/operating.md");
    let page = std::fs::read_to_string(path).unwrap();
    let table = page.split("| Status | Codes | Exit | When |\n").nth(1).unwrap();
    let mut codes = BTreeMap::new();
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (status, exit) = (cells[1].parse().unwrap(), cells[3].parse().unwrap());
        for code in cells[2].split(", ") {
            let known = codes.insert(code.trim_matches('`').to_owned(), (status, exit));
            assert_eq!(known, None, "{code} stands there twice");
        }
    }
    codes
}

/// Codes of all refusals: those that reading one asks for.
fn codes_of_refusals() -> Vec<String> {
    let error = serde_json::from_value::<Refusal>(json!({ "refusal": "?" })).unwrap_err();
    let text = error.to_string();
    let (_, expected) = text.split_once("expected one of ").unwrap();
    expected.split(", ").map(|code| code.trim_matches('`').to_owned()).collect()
}

/// A refusal of this code, of whatever fields it has.
fn refusal(code: &str) -> Refusal {
    let at = "2026-11-21T12:00:00Z";
    let fields = json!({
        "refusal": code, "job": "j", "class": "c", "run": "r", "jobs": "all", "parameter": "p",
        "at_most": 1, "runs": 2, "existing": 1, "from": at, "to": at, "now": at, "state": "s",
        "reason": "r", "environment": "e",
        "pause": { "by": "alice", "since": at, "note": "" },
    });
    serde_json::from_value(fields).unwrap_or_else(|error| panic!("{code}: {error}"))
}

#[test]
fn the_guide_lists_every_code_with_its_status_and_exit_code() {
    let mut documented = documented();
    let refusals = codes_of_refusals();
    assert!(refusals.len() > 20, "{refusals:?}");
    for code in refusals {
        let status = match refusal(&code).kind() {
            RefusalKind::NotFound => 404,
            RefusalKind::Conflict => 409,
            RefusalKind::Invalid => 422,
        };
        assert_eq!(documented.remove(&code), Some((status, 1)), "{code}");
    }
    for code in INPUT {
        let (status, exit) = documented.remove(*code).unwrap_or_else(|| panic!("no `{code}`"));
        assert_eq!(exit, 2, "{code}");
        assert!((400..500).contains(&status), "{code}");
    }
    let rest: Vec<_> = documented.iter().map(|(code, of)| (code.as_str(), *of)).collect();
    assert_eq!(rest, [("died", (500, 1)), ("starting", (503, 1)), ("store", (503, 1))]);
    for (code, (status, _)) in rest {
        let problem = Problem::new(StatusCode::from_u16(status).unwrap(), code, "detail", "hint");
        assert!(!problem.is_input(), "{code}");
    }
}
