//! What a step of the test showed: passed or failed, with the fix.

use serde::Serialize;

use crate::doctor::finding::printable;

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveStep {
    Queue,
    ListPrices,
    Submit,
    LookUp,
    Run,
    Host,
    Cost,
    CleanUp,
}

impl LiveStep {
    pub const ALL: [LiveStep; 8] = [
        LiveStep::Queue,
        LiveStep::ListPrices,
        LiveStep::Submit,
        LiveStep::LookUp,
        LiveStep::Run,
        LiveStep::Host,
        LiveStep::Cost,
        LiveStep::CleanUp,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            LiveStep::Queue => "queue",
            LiveStep::ListPrices => "list-prices",
            LiveStep::Submit => "submit",
            LiveStep::LookUp => "look-up",
            LiveStep::Run => "run",
            LiveStep::Host => "host",
            LiveStep::Cost => "cost",
            LiveStep::CleanUp => "clean-up",
        }
    }

    /// What it shows, for the guide.
    pub const fn shows(self) -> &'static str {
        match self {
            LiveStep::Queue => "the queue is there, takes jobs, and has the environment's capacity",
            LiveStep::ListPrices => {
                "the Price List has a price for everything that the job may run on"
            }
            LiveStep::Submit => "SubmitJob takes the job, with the tags that spotcron's jobs have",
            LiveStep::LookUp => {
                "ListJobs finds it by its name: what a submission whose answer was lost rests on"
            }
            LiveStep::Run => "DescribeJobs shows it to the end, and it SUCCEEDED",
            LiveStep::Host => {
                "ECS and EC2 tell what it ran on, and that this is the environment's capacity"
            }
            LiveStep::Cost => {
                "spot price history and Price List cover it, and the ledger's arithmetic prices it"
            }
            LiveStep::CleanUp => {
                "nothing of it waits or runs any more; where it did, CancelJob or TerminateJob ended it"
            }
        }
    }
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Passed,
    Failed,
    /// There was nothing to see.
    Skipped,
}

impl Verdict {
    pub const fn label(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
        }
    }
}

/// One step and what it showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveFinding {
    pub step: LiveStep,
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do, where it failed.
    pub fix: Option<String>,
}

impl LiveFinding {
    pub fn passed(step: LiveStep, seen: impl Into<String>) -> Self {
        LiveFinding { step, verdict: Verdict::Passed, seen: printable(seen.into()), fix: None }
    }

    pub fn failed(step: LiveStep, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        let fix = Some(printable(fix.into()));
        LiveFinding { step, verdict: Verdict::Failed, seen: printable(seen.into()), fix }
    }

    pub fn skipped(step: LiveStep, seen: impl Into<String>) -> Self {
        LiveFinding { step, verdict: Verdict::Skipped, seen: printable(seen.into()), fix: None }
    }
}
