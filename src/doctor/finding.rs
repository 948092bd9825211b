//! One thing that is wrong: what it is about, what is wrong, why it matters, and the fix.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Code, Look, Severity, Unseen};
use crate::domain::{EnvironmentName, JobName, Role, Site};

/// What a finding is about. Sorted from the whole to its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum About {
    Account,
    Machine,
    Store,
    Environment(EnvironmentName),
    Job(JobName),
    Definition(String),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Account => f.write_str("account"),
            About::Machine => f.write_str("this machine"),
            About::Store => f.write_str("store"),
            About::Environment(name) => write!(f, "environment {name}"),
            About::Job(name) => write!(f, "job {name}"),
            About::Definition(name) => write!(f, "definition {name}"),
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable: scripts may rest on it.
    pub code: Code,
    pub severity: Severity,
    pub about: About,
    /// What is wrong, here.
    pub problem: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to do: a sentence, or a command in backquotes.
    pub fix: String,
}

impl Finding {
    pub(super) fn new(
        code: Code,
        about: About,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Finding {
            code,
            severity: code.severity(),
            about,
            problem: printable(problem.into()),
            why: code.why(),
            fix: printable(fix.into()),
        }
    }
}

impl Finding {
    /// Says with it whose credentials the fix takes, where `site` is in an account that is entered
    /// through a role: those at hand may be of another one, in which the same names may be known.
    pub(super) fn in_account_of(mut self, site: &Site) -> Self {
        if let Some(Role { arn, .. }) = &site.role {
            let account = arn.account();
            self.fix.push_str(&format!(
                " (with credentials of account {account}, where spotcron is {arn})"
            ));
        }
        self
    }
}

/// Names and reasons come from whoever may submit a job: a control character among them would reach
/// the terminal.
pub(super) fn printable(text: String) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What has the worst findings first, all of its findings together, and among them errors first.
pub(super) fn sort(findings: &mut [Finding]) {
    let mut worst: BTreeMap<About, Severity> = BTreeMap::new();
    for finding in findings.iter() {
        let seen = worst.entry(finding.about.clone()).or_insert(finding.severity);
        *seen = (*seen).min(finding.severity);
    }
    findings.sort_by_cached_key(|finding| {
        (
            worst.get(&finding.about).copied(),
            finding.about.clone(),
            finding.severity,
            finding.code,
            finding.problem.clone(),
        )
    });
}

/// `a`, `a and b`, `a, b and c`; more than five end with how many are left.
pub(super) fn listed(names: impl IntoIterator<Item = impl fmt::Display>) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.len() > SHOWN {
        let more = names.len() - (SHOWN - 1);
        names.truncate(SHOWN - 1);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The finding that a look failed. Denied permissions are reported once, by the checks of
/// permissions; what is missing, by the check that looked for it.
pub(super) fn not_looked_at<T>(about: About, what: &str, look: &Look<T>) -> Option<Finding> {
    let Err(Unseen::Failed(text)) = look else { return None };
    Some(Finding::new(
        Code::NotLookedAt,
        about,
        format!("{what} could not be looked at: {text}"),
        "Remove the cause, or wait if AWS is busy, and run `spotcron doctor` again",
    ))
}
