//! An independent check of a decision: it looks at the answer and the question, not at how the
//! answer was found, and shares no code with what found it. Tests and debug builds run it on every
//! decision. `numbers` recomputes what the candidates are said to be, `money` what they cost, `guards` and
//! `breaker` what speaks against them, `choice` what follows from both.

mod breaker;
mod choice;
mod guards;
mod later;
mod money;
mod numbers;
mod risk;

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Candidate, Decision, Question};
use crate::catalogue::{Policy, Restart};

/// A rule that a decision breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

/// Every rule that `decision` breaks as an answer to `question`; empty for a lawful one.
pub fn verify(question: &Question<'_>, decision: &Decision) -> Vec<Violation> {
    let mut found = Findings::default();
    let names: BTreeSet<_> = decision.candidates.iter().map(|c| &c.environment).collect();
    let asked: BTreeSet<_> = question.environments.iter().map(|e| &e.name).collect();
    found.rule(
        names == asked && names.len() == decision.candidates.len(),
        "every environment of the class is a candidate exactly once",
    );
    found.rule(decision.at == question.now, "a decision is of the time it was asked for");
    for candidate in &decision.candidates {
        numbers::check(question, candidate, &decision.candidates, &mut found);
        money::check(question, candidate, &mut found);
        guards::check(question, candidate, &decision.candidates, &mut found);
    }
    choice::check(question, decision, &mut found);
    check_lengths(question, decision, &mut found);
    later::check(question, decision, &mut found);
    found.0
}

#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn rule(&mut self, holds: bool, text: &str) {
        if !holds {
            self.0.push(Violation(text.to_owned()));
        }
    }

    fn rule_of(&mut self, candidate: &Candidate, holds: bool, text: &str) {
        if !holds {
            self.0.push(Violation(format!("{}: {text}", candidate.environment)));
        }
    }
}

/// Those that nothing speaks against.
fn allowed(decision: &Decision) -> impl Iterator<Item = &Candidate> {
    decision.candidates.iter().filter(|c| c.guards.is_empty() && c.expected_cost.is_some())
}

/// Capacity that can take the job now and is not taken back, whatever it costs.
fn takes_the_job(candidate: &Candidate) -> bool {
    let cannot =
        candidate.guards.iter().any(|guard| matches!(guard.label(), "unusable" | "does-not-fit"));
    !candidate.capacity.is_interruptible() && !cannot
}

/// What a run of `length` still has to do once it has started, the restore of a checkpoint included.
fn work_left(question: &Question<'_>, length: SignedDuration) -> SignedDuration {
    let undone = (length - question.progress).max(SignedDuration::ZERO);
    match question.class.restart {
        Restart::Checkpoint { restore, .. } if question.progress.is_positive() => undone + restore,
        _ => undone,
    }
}

/// How long before its deadline a run may still be started on capacity that can be taken back
/// (docs/concepts/decision.md), if it takes as long as is planned. From zero: all of it, lost at the last
/// moment, and all of it again.
/// With checkpoints: the work, two starts with their restores, and what is lost since the last
/// checkpoint. The
/// model gives an attempt up while one full run still fits, and looks once a tick of the run that it
/// expects.
fn room_for_an_interruption(question: &Question<'_>) -> SignedDuration {
    let start = question.class.start_up;
    let work = work_left(question, question.lengths.planned);
    match question.class.restart {
        Restart::FromZero if question.class.policy == Policy::Model => {
            let expected = work_left(question, question.lengths.expected);
            let run = SignedDuration::from_secs(one_run_and_a_tick((start + expected).as_secs()));
            run + (work - expected)
        }
        // It stays until the last moment, and is looked at once a minute.
        Restart::FromZero if question.class.policy == Policy::Greedy => {
            start + work + SignedDuration::from_secs(60)
        }
        Restart::FromZero => start + work + start + work,
        Restart::Checkpoint { interval, restore } => {
            start + restore + work + interval + start + restore
        }
    }
}

/// In the model a run of this length is at most 32 ticks of these lengths, counted whole.
fn one_run_and_a_tick(run_secs: i64) -> i64 {
    let lengths = [30, 60, 120, 300, 600, 900, 1200, 1800, 2400, 3600, 7200, 14_400];
    let parts = |tick: i64| run_secs / tick + i64::from(run_secs % tick > 0);
    let tick = lengths.into_iter().find(|tick| parts(*tick) <= 32).unwrap_or_else(|| parts(32));
    (parts(tick) + 1) * tick
}

/// What a run without an interruption is expected to be billed for: with its start, where the model
/// reckons.
fn billed_once(question: &Question<'_>) -> SignedDuration {
    let work = work_left(question, question.lengths.expected);
    match question.class.policy {
        Policy::Model => question.class.start_up + work,
        Policy::FitOnly | Policy::Greedy | Policy::UniformProgress => work,
    }
}

/// The lengths are those of the question, and what they may be: with nothing seen the class's own, and
/// never planned shorter than expected, nor with another share of runs than the class asks for.
fn check_lengths(question: &Question<'_>, decision: &Decision, found: &mut Findings) {
    let asked = question.lengths;
    found.rule(decision.lengths == Some(asked), "a decision says how long it took the work to be");
    found.rule(
        asked.planned >= asked.expected && !asked.expected.is_negative(),
        "a deadline is planned with no less than the expected length",
    );
    found.rule(
        asked.percentile == question.class.planning_percentile,
        "a deadline is planned with the class's percentile",
    );
    let stated = question.class.expected_duration;
    found.rule(
        asked.finished + asked.unfinished > 0 || [asked.expected, asked.planned] == [stated; 2],
        "with nothing seen the work is as long as the class says",
    );
}
