//! What attempts and runs show of how long their work takes.

use spotcron::catalogue::Restart;
use spotcron::domain::{
    AttemptEnd, AttemptObservation, BatchStatus, Capacity, ContainerObservation, JobObservation,
    RunOutcome,
};
use spotcron::experience::durations::Worked;
use spotcron::run::{
    AttemptRecord, LegFacts, Run, RunState, attempt_records, worked_by_attempt, worked_by_run,
};

use super::{SUBMITTED, job, run};
use crate::samples::{at, mins};

const SAVING: Restart =
    Restart::Checkpoint { interval: jiff::SignedDuration::from_mins(10), restore: mins_of(2) };

const fn mins_of(mins: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_mins(mins)
}

/// Attempts of one job, one after the other, of so many minutes.
fn attempts(run: &Run, child: Option<u32>, lengths: &[i64], end: AttemptEnd) -> Vec<AttemptRecord> {
    let attempt = |length: &i64| AttemptObservation {
        started_at: Some(at(SUBMITTED)),
        stopped_at: Some(at(SUBMITTED) + mins(*length)),
        status_reason: None,
        container: ContainerObservation { exit_code: Some(0), ..Default::default() },
    };
    let shown = JobObservation {
        attempts: lengths.iter().map(attempt).collect(),
        ..job(BatchStatus::Failed, None, None)
    };
    let ends = Default::default();
    let facts = LegFacts { run, leg: &run.legs[0], child, instance_ends: &ends };
    let mut records = attempt_records(facts, &shown);
    records.iter_mut().for_each(|record| record.end = Some(AttemptEnd::Interrupted));
    if let Some(last) = records.last_mut() {
        last.end = Some(end);
    }
    records
}

#[test]
fn only_success_is_a_whole_length() {
    let run = run(Capacity::Spot);
    let shown = |end, restart| {
        worked_by_attempt(&attempts(&run, None, &[30], end)[0], &run.legs[0], restart)
    };
    assert_eq!(shown(AttemptEnd::Succeeded, Restart::FromZero), Some(Worked::Whole(mins(30))));
    for end in [
        AttemptEnd::Interrupted,
        AttemptEnd::Failed,
        AttemptEnd::Stopped,
        AttemptEnd::TimedOut,
        AttemptEnd::Infrastructure,
    ] {
        let longer = Some(Worked::LongerThan(mins(30)));
        assert_eq!(shown(end, Restart::FromZero), longer, "{end:?}");
    }
    assert_eq!(shown(AttemptEnd::Succeeded, SAVING), None, "its run shows that");
    let mut never_ran = attempts(&run, None, &[30], AttemptEnd::Failed).remove(0);
    never_ran.started_at = None;
    assert_eq!(worked_by_attempt(&never_ran, &run.legs[0], Restart::FromZero), None);
}

#[test]
fn twenty_children_teach_and_with_checkpoints_their_first_attempts() {
    let mut run = run(Capacity::Spot);
    let teaching = |run: &Run, restart| {
        let all = 0..u32::from(run.legs[0].array_size.unwrap());
        let of = |child| attempts(run, Some(child), &[5, 9], AttemptEnd::Succeeded);
        all.map(|child| {
            let shown = of(child);
            shown.iter().filter_map(|r| worked_by_attempt(r, &run.legs[0], restart)).collect()
        })
        .filter(|shown: &Vec<Worked>| !shown.is_empty())
        .collect::<Vec<_>>()
    };
    let (cut, whole) = (Worked::LongerThan(mins(5)), Worked::Whole(mins(9)));
    for (size, children) in [(2, 2), (20, 20), (21, 11), (400, 20), (10_000, 20)] {
        run.legs[0].array_size = Some(size);
        assert_eq!(teaching(&run, Restart::FromZero), vec![vec![cut, whole]; children], "{size}");
    }
    assert_eq!(teaching(&run, SAVING), vec![vec![cut]; 20]);
    run.legs[0].index = 1;
    assert!(teaching(&run, SAVING).is_empty(), "what it began with is not known");
}

#[test]
fn a_checkpointed_run_shows_its_useful_work() {
    let mut before = run(Capacity::Spot);
    let ended = |before: &Run, outcome| {
        let state = RunState::Ended { outcome, at: at(SUBMITTED) };
        Run { state, ..before.clone() }
    };
    let shown = |before: &Run, lengths: &[i64], outcome| {
        let shown = attempts(before, None, lengths, AttemptEnd::Succeeded);
        worked_by_run(before, &ended(before, outcome), &shown, SAVING)
    };
    let whole = |length| Some(Worked::Whole(mins(length)));
    let longer = |length| Some(Worked::LongerThan(mins(length)));
    assert_eq!(shown(&before, &[35], RunOutcome::Succeeded), whole(35));
    // Repeated by Batch: of 35 minutes 30 were saved, and of the next 15 two went into restoring.
    assert_eq!(shown(&before, &[35, 15, 9], RunOutcome::Succeeded), whole(30 + 10 + 7));
    before.progress_millis = mins(50).as_millis() as i64;
    assert_eq!(shown(&before, &[9], RunOutcome::Succeeded), whole(57));
    assert_eq!(shown(&before, &[9], RunOutcome::Failed), longer(57));
    assert_eq!(shown(&before, &[], RunOutcome::Cancelled), longer(50));
    let records = attempts(&before, None, &[9], AttemptEnd::Succeeded);
    assert_eq!(worked_by_run(&before, &before, &records, SAVING), None, "it goes on");
    let over = ended(&before, RunOutcome::Succeeded);
    assert_eq!(worked_by_run(&before, &over, &records, Restart::FromZero), None);
    before.legs[0].array_size = Some(4);
    assert_eq!(worked_by_run(&before, &over, &records, SAVING), None, "its children show it");
}
