//! What somebody asked for under one key was done once, and stays done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use spotcron::control::{Answer, Outcome, Refusal};
use spotcron::run::Trigger;

use super::names::{Parsed, run_id};
use crate::simulation::client::{Ask, Request};
use crate::simulation::jobs::Job;
use crate::simulation::life::Evidence;
use crate::simulation::story::{Event, Suite};

/// A call that its caller gave up on takes effect so late at most, within the bound.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(60);

/// Every answer to one key is the same, and each key of a trigger has one run, that no other has.
pub fn what_was_asked_once_was_done_once(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    let mut answered: BTreeMap<String, &str> = BTreeMap::new();
    for request in &evidence.requests {
        let mut answers = request.answers.iter().map(|(_, record)| record);
        let first = answers.next();
        if answers.any(|other| Some(other) != first) {
            found.push(format!("{} was answered in two ways", request.key));
        }
        let outcome = request.done().map(|record| &record.outcome);
        if let Some(Outcome::Done { answer: Answer::Triggered { run, .. } }) = outcome
            && let Some(other) = answered.insert(run.to_string(), &request.key)
        {
            found.push(format!("{run} is the run of {other} and of {}", request.key));
        }
    }
    let written = evidence.runs.iter().map(|run| run.id.as_str());
    let sent = evidence.sent.iter().map(|sent| sent.run.as_str());
    let names = written.chain(sent).filter_map(|id| Parsed::of(evidence, id));
    let there: BTreeSet<&str> =
        names.filter(|name| name.is_trigger).map(|name| name.group).collect();
    let unasked = there.iter().filter(|group| !answered.contains_key(**group));
    found.extend(unasked.map(|group| format!("{group} runs, and no answer names it")));
    let lost = answered.iter().filter(|(group, _)| !there.contains(group.as_str()));
    found
        .extend(lost.map(|(group, key)| format!("{key} was answered with {group}, which is lost")));
    let opened = |run: &str| {
        let retries = |one: &&Request| matches!(one.ask, Ask::Retry(_)) && one.run() == Some(run);
        evidence.requests.iter().filter(retries).filter(|one| one.done().is_some()).count()
    };
    let mut failures: BTreeMap<&str, usize> = BTreeMap::new();
    // Beyond the bound a duplicate may fail, too.
    let within = evidence.story.suite == Suite::Within;
    for sent in evidence.sent.iter().filter(|sent| within && sent.exited_badly()) {
        *failures.entry(&sent.run).or_default() += 1;
    }
    let often = failures.into_iter().filter(|(run, failed)| *failed > 1 + opened(run));
    found.extend(often.map(|(run, failed)| {
        format!("{run} failed {failed} times and was opened again {} times", opened(run))
    }));
    found
}

/// From when to when, both included.
fn range_of(request: &Request) -> Option<(usize, Timestamp, Timestamp)> {
    let Ask::Backfill { job, .. } = request.ask else { return None };
    let command = request.command.as_ref()?;
    let time = |name: &str| command.get(name)?.as_str()?.parse::<Timestamp>().ok();
    Some((job, time("from")?, time("to")?))
}

impl Evidence {
    /// Whether somebody asked for this time of the job.
    pub fn was_backfilled(&self, job: usize, at: Timestamp) -> bool {
        let mut ranges = self.requests.iter().filter_map(range_of);
        ranges.any(|(of, from, to)| of == job && from <= at && at <= to)
    }

    /// The times of the job after so many edits, both ends included.
    fn scheduled(
        &self,
        index: usize,
        edits: usize,
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeSet<Timestamp> {
        let job = &self.story.jobs[index];
        let upstream = job.shape.after.iter().map(|(of, _)| self.scheduled(*of, edits, from, to));
        if let Some(common) = upstream.reduce(|a, b| &a & &b) {
            return common;
        }
        let is_it =
            |(_, edit): &(Timestamp, Event)| matches!(edit, Event::Reschedule(i) if *i == index);
        let rule = match self.edits.iter().take(edits).any(is_it) {
            true => self.story.other_rule.clone(),
            false => job.rule.clone(),
        };
        let before = from - SignedDuration::from_mins(1);
        Job { rule, ..job.clone() }.due(before, to, self.story.freeze)
    }
}

/// Every scheduled time of the range has its run, whoever made it.
pub fn every_backfill_filled_its_range(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    let names = evidence.runs.iter().filter_map(|run| Parsed::of(evidence, run.id.as_str()));
    let there: BTreeSet<&str> = names.map(|name| name.group).collect();
    for request in &evidence.requests {
        let Some((job, from, to)) = range_of(request) else { continue };
        let Some((_, record)) = request.answers.first() else { continue };
        // Of a range that was asked for around an edit, nobody knows which rule it was.
        let (Some(edits), 1) = (request.edits.first(), request.edits.len()) else { continue };
        let due = evidence.scheduled(job, *edits, from, to);
        let name = &evidence.story.jobs[job].name;
        let missing: Vec<&Timestamp> =
            due.iter().filter(|at| !there.contains(run_id(name, **at).as_str())).collect();
        let wrong = match &record.outcome {
            Outcome::Done { .. } => !missing.is_empty(),
            Outcome::Refused { refusal: Refusal::NothingScheduled { .. } } => !due.is_empty(),
            Outcome::Refused { refusal: Refusal::NothingToBackfill { .. } } => !missing.is_empty(),
            Outcome::Refused { .. } => false,
        };
        if wrong {
            let outcome = &record.outcome;
            found.push(format!("{}: {name} lacks {missing:?} after {outcome:?}", request.key));
        }
    }
    let filled = evidence.runs.iter().filter(|run| run.trigger == Trigger::Backfill);
    let unasked = filled.filter(|run| {
        let name = Parsed::of(evidence, run.id.as_str());
        name.is_none_or(|name| !evidence.was_backfilled(name.job, name.at))
    });
    found.extend(unasked.map(|run| format!("{} was filled in, and nobody asked for it", run.id)));
    found
}

/// What was cancelled is not sent any more; what was moved, or whose class is kept on demand, is
/// decided for capacity that is not taken back.
pub fn what_was_stopped_or_moved_stays_so(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for request in &evidence.requests {
        let (Some(done), Some(record)) = (request.done_by(), request.done()) else { continue };
        let run = request.run().unwrap_or_default();
        match request.ask {
            Ask::Cancel(_)
                if evidence.story.suite == Suite::Within && !evidence.was_retried(run) =>
            {
                let later = |sent: &&crate::simulation::sent::Sent| {
                    sent.run == run && sent.at > done + UNDER_WAY
                };
                let later = evidence.sent.iter().filter(later);
                found.extend(later.map(|sent| {
                    format!("{} was sent at {}, and cancelled by {done}", sent.name, sent.at)
                }));
            }
            Ask::Move(_) if !evidence.clock_was_set => {
                let of = |id: &str, _: &str| id == run;
                found.extend(on_spot(evidence, record.at, Timestamp::MAX, &of));
            }
            Ask::Force { class, .. } if !evidence.clock_was_set => {
                // Who forces a class again that somebody else lets go has no say in it any more.
                let lets_go = |other: &&Request| other.ask == Ask::EndForce(class);
                let ends = evidence.requests.iter().filter(lets_go).filter_map(Request::done);
                let ends = ends.map(|end| end.at).filter(|at| *at >= record.at);
                let until = ends.min().unwrap_or(Timestamp::MAX);
                let of = |_: &str, name: &str| name == class;
                found.extend(on_spot(evidence, record.at, until, &of));
            }
            _ => {}
        }
    }
    found
}

/// Legs of these runs, by id and class, that were decided then, and went to the spot queue.
fn on_spot(
    evidence: &Evidence,
    from: Timestamp,
    until: Timestamp,
    is_of: &dyn Fn(&str, &str) -> bool,
) -> Vec<String> {
    let queues: BTreeMap<&str, &str> =
        evidence.sent.iter().map(|sent| (sent.name.as_str(), sent.queue.as_str())).collect();
    let mut found = Vec::new();
    for run in evidence.runs.iter().filter(|run| is_of(run.id.as_str(), run.class.as_str())) {
        let legs = run.legs.iter().filter(|leg| from < leg.intended_at && leg.intended_at < until);
        let legs = legs.filter(|leg| queues.get(leg.batch_name.as_str()) == Some(&"spot"));
        found.extend(legs.map(|leg| {
            format!(
                "{} of {} went to spot, forbidden since {from}",
                leg.batch_name, leg.intended_at
            )
        }));
    }
    found
}
