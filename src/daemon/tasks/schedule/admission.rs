//! Due times as runs: which start, which wait, and which are not run because of those that are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{Catalogue, Job};
use crate::daemon::{Book, Change};
use crate::domain::{JobName, RunId};
use crate::ledger::Counter;
use crate::mutation::{self, Mutation};
use crate::ports::Write;
use crate::run::{
    Run, RunEventKind, RunState, StopRequest, Then, Trigger, Wait, run_of, waits_for_place,
    waits_for_turn,
};
use crate::schedule::{
    Admission, Due, DueReport, OpenRuns, Overlap, SkipReason, Skipped, StopKind, admit,
};

/// The runs of one job and one scheduled time: one, or one for each parameter set. Overlap policies and
/// dependencies take them for one.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) job: Arc<Job>,
    pub(super) runs: Vec<Run>,
}

/// The runs of each due time, as they are if nothing keeps them.
pub(super) fn groups_of(catalogue: &Catalogue, report: &DueReport, now: Timestamp) -> Vec<Group> {
    let group = |due: &Due| {
        let job = catalogue.jobs.get(&due.job)?;
        let class = catalogue.class_of(job)?;
        let upstream = Wait::upstream_of(job, due.scheduled_for);
        let run = |portion| Run {
            deadline_at: class.deadline.and_then(|after| due.scheduled_for.checked_add(after).ok()),
            waits: upstream.clone(),
            ..run_of(job, Trigger::Schedule, due.scheduled_for, &due.group(), portion, now)
        };
        let mut runs: Vec<Run> = job.portions().into_iter().map(run).collect();
        if mutation::active(Mutation::SetForgotten) && runs.len() > 1 {
            runs.pop();
        }
        Some(Group { job: Arc::clone(job), runs })
    };
    report.start.iter().filter_map(group).collect()
}

/// The change that makes the due runs durable, and with them that their times are handled.
pub(super) fn change_of(
    catalogue: &Catalogue,
    report: &DueReport,
    groups: Vec<Group>,
    book: &Book,
    now: Timestamp,
) -> Change {
    let mut change = Change::default();
    let mut jobs = Jobs::of(catalogue, report, book);
    for Group { job, runs } in groups {
        jobs.admit(&job, runs, now);
    }
    for skipped in report.skipped.iter().chain(&jobs.skipped) {
        tell_skipped(skipped, now, &mut change);
    }
    jobs.into_change(now, &mut change);
    if !report.handled.is_empty() && !mutation::active(Mutation::HandledForgotten) {
        let handled = report.handled.iter().map(|(key, at)| (key.clone(), *at));
        change.write(Write::Handled(handled.collect()));
    }
    if !report.forgotten.is_empty() {
        change.write(Write::Forgotten(report.forgotten.iter().cloned().collect()));
    }
    change
}

fn tell_skipped(skipped: &Skipped, now: Timestamp, change: &mut Change) {
    tracing::warn!(
        job = %skipped.job, count = skipped.count, first = %skipped.first, last = %skipped.last,
        reason = skipped.reason.label(), "scheduled times are not run"
    );
    let counter = Counter::RunsSkipped { job: skipped.job.clone(), reason: skipped.reason };
    change.count(counter, skipped.count.into());
    if !mutation::active(Mutation::SkipUnrecorded) {
        change.write(Write::Skipped(now, skipped.clone()));
    }
}

/// The open runs of the jobs that have a policy about them, and the new ones.
#[derive(Default)]
struct Jobs {
    open: BTreeMap<JobName, Vec<Open>>,
    new: Vec<Run>,
    skipped: Vec<Skipped>,
}

/// A run that was open before, and what is wanted of it now.
struct Open {
    run: Arc<Run>,
    stop: Option<StopRequest>,
}

impl Jobs {
    fn of(catalogue: &Catalogue, report: &DueReport, book: &Book) -> Self {
        let mut jobs = Jobs::default();
        for due in &report.start {
            let job = catalogue.jobs.get(&due.job);
            if job.is_some_and(|job| job.overlap != Overlap::AllowAll) {
                jobs.open.insert(due.job.clone(), Vec::new());
            }
        }
        if !jobs.open.is_empty() {
            // What waits in a backfill is in nobody's way.
            let counts = |run: &Run| jobs.open.contains_key(&run.job) && !waits_for_place(run);
            for run in book.open_where(counts) {
                if let Some(open) = jobs.open.get_mut(&run.job) {
                    open.push(Open { run, stop: None });
                }
            }
        }
        jobs
    }

    fn open_runs(&self, job: &JobName) -> OpenRuns {
        let before = self.open.get(job).into_iter().flatten().map(|open| &*open.run);
        let all = before.chain(self.new.iter().filter(|run| run.job == *job));
        let mut groups: BTreeMap<RunId, bool> = BTreeMap::new();
        for run in all {
            *groups.entry(run.group()).or_default() |= waits_for_turn(run);
        }
        OpenRuns { open: groups.len(), buffered: groups.values().filter(|waits| **waits).count() }
    }

    fn admit(&mut self, job: &Job, mut runs: Vec<Run>, now: Timestamp) {
        let Some(scheduled_for) = runs.first().map(|run| run.scheduled_for) else { return };
        let open = match job.overlap {
            _ if mutation::active(Mutation::OverlapIgnored) => OpenRuns::default(),
            Overlap::AllowAll => OpenRuns::default(),
            _ => self.open_runs(&job.name),
        };
        match admit(job.overlap, open) {
            Admission::Start => {}
            Admission::Skip => {
                let (first, last) = (scheduled_for, scheduled_for);
                let (job, reason) = (job.name.clone(), SkipReason::Overlap);
                self.skipped.push(Skipped { job, first, last, count: 1, reason });
                return;
            }
            Admission::Wait { stop_others } => {
                runs.iter_mut().for_each(|run| run.waits.push(Wait::Turn));
                if let Some(kind) = stop_others {
                    self.stop_others(job, scheduled_for, kind, now);
                }
            }
        }
        for run in runs.iter_mut().filter(|run| !run.waits.is_empty()) {
            run.state = RunState::Waiting { since: now };
        }
        self.new.extend(runs);
    }

    /// Asks every other open run of the job to end.
    fn stop_others(&mut self, job: &Job, due: Timestamp, kind: StopKind, now: Timestamp) {
        let run = RunId::of(&job.name, due);
        let reason = format!("{run} is due, and the job's overlap policy stops earlier runs");
        let request = StopRequest { kind, then: Then::End, reason, at: now };
        for open in self.open.get_mut(&job.name).into_iter().flatten() {
            // What is wanted already, or more than that, stays: a run that somebody moves is not to be
            // cancelled for that.
            let known = open.run.stop.as_ref();
            let says_more = |stop: &StopRequest| {
                kind > stop.kind || (kind == stop.kind && stop.then != Then::End)
            };
            if known.is_none_or(says_more) {
                open.stop = Some(request.clone());
            }
        }
        for earlier in self.new.iter_mut().filter(|earlier| earlier.job == job.name) {
            earlier.stop = Some(request.clone());
        }
    }

    fn into_change(self, now: Timestamp, change: &mut Change) {
        for Open { run, stop } in self.open.into_values().flatten() {
            let Some(request) = stop else { continue };
            let mut next = Run::clone(&run);
            next.version += 1;
            next.stop = Some(request.clone());
            change.event(&next, now, RunEventKind::StopWanted { request });
            change.update(next);
        }
        for run in self.new {
            change.event(&run, now, RunEventKind::Due);
            if !run.waits.is_empty() {
                change.event(&run, now, RunEventKind::Waits { waits: run.waits.clone() });
            }
            if let Some(request) = run.stop.clone() {
                change.event(&run, now, RunEventKind::StopWanted { request });
            }
            change.insert(run);
        }
    }
}
