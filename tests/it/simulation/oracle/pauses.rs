//! While a job is paused, none of its scheduled times runs.

use jiff::Timestamp;
use spotcron::run::{RunEventKind, Trigger};

use super::due::job_delay;
use super::names::Parsed;
use crate::simulation::client::Ask;
use crate::simulation::jobs::job_name;
use crate::simulation::life::Evidence;

/// By the daemon's clock, from its first command to the one that ended it.
pub struct Paused {
    pub from: Timestamp,
    pub until: Timestamp,
    /// All jobs, if it names none.
    job: Option<usize>,
}

impl Paused {
    pub fn holds(&self, job: &str) -> bool {
        self.job.is_none_or(|index| job_name(index) == job)
    }

    /// Whether nobody has ended it.
    pub fn goes_on(&self) -> bool {
        self.until == Timestamp::MAX
    }
}

impl Evidence {
    pub fn pauses(&self) -> Vec<Paused> {
        let pause = |(index, request): (usize, &crate::simulation::client::Request)| {
            let Ask::Pause { job, .. } = request.ask else { return None };
            let from = request.done()?.at;
            let mut ends = self.requests.iter().filter(|other| other.ends == Some(index));
            let until = ends.find_map(|end| end.done()).map_or(Timestamp::MAX, |done| done.at);
            Some(Paused { from, until, job })
        };
        self.requests.iter().enumerate().filter_map(pause).collect()
    }
}

/// A time that came and was dealt with while its job was paused was never submitted, unless somebody
/// filled it in; and of a backfill nothing is let go meanwhile. Where no clock was set, for then nobody
/// can say what came when.
pub fn nothing_of_a_paused_job_starts(evidence: &Evidence) -> Vec<String> {
    if evidence.clock_was_set {
        return Vec::new();
    }
    let pauses = evidence.pauses();
    let mut found = Vec::new();
    for sent in &evidence.sent {
        let Some(name) = Parsed::of(evidence, &sent.run) else { continue };
        let job = &evidence.story.jobs[name.job];
        let due = name.at + job_delay(job);
        let by_hand = name.is_trigger || evidence.was_backfilled(name.job, name.at);
        let held = |pause: &&Paused| {
            pause.holds(&job.name)
                && pause.from < name.at
                && evidence.handled_after(due) < pause.until
        };
        if let Some(pause) = pauses.iter().find(held).filter(|_| !by_hand) {
            let Paused { from, until, .. } = pause;
            found.push(format!("{} ran; its job was paused from {from} to {until}", sent.name));
        }
    }
    for event in evidence.events.iter().filter(|event| event.kind == RunEventKind::Released) {
        let run = evidence.run(event.run.as_str());
        let Some(run) = run.filter(|run| run.trigger == Trigger::Backfill) else { continue };
        let held = |pause: &Paused| {
            pause.holds(run.job.as_str()) && pause.from < event.at && event.at < pause.until
        };
        if pauses.iter().any(held) && !evidence.was_retried(run.id.as_str()) {
            found.push(format!("{} was let go at {}, while its job was paused", run.id, event.at));
        }
    }
    found
}
