//! What the attempts of a leg show of how long the work takes, for `experience::durations`.

use jiff::SignedDuration;

use super::step::{saved, useful};
use super::{AttemptRecord, Leg, Run, RunState};
use crate::catalogue::Restart;
use crate::domain::{AttemptEnd, RunOutcome};
use crate::experience::durations::Worked;

/// Of an array's children at most so many teach, spread evenly over it. All of them would push out every
/// earlier run, and leave those that end last, which are the longest.
const TEACHING_CHILDREN: u32 = 20;

/// What `record`, an attempt of `leg` that has ended, shows. Where work survives an interruption an attempt
/// is no length of it: a single job's run shows that as a whole ([`worked_by_run`]), and of a child
/// only the first attempt says how much it began with.
pub fn worked_by_attempt(record: &AttemptRecord, leg: &Leg, restart: Restart) -> Option<Worked> {
    record.started_at?;
    let (ran, end) = (record.window()?.duration(), record.end?);
    if let Some(child) = record.key.child {
        let apart = u32::from(leg.array_size.unwrap_or(1)).div_ceil(TEACHING_CHILDREN);
        if !child.is_multiple_of(apart.max(1)) {
            return None;
        }
    }
    if restart != Restart::FromZero {
        let is_first = record.key.leg == 0 && record.key.number == 1;
        record.key.child.filter(|_| is_first)?;
    }
    Some(match end {
        AttemptEnd::Succeeded => Worked::Whole(ran),
        _ => Worked::LongerThan(ran),
    })
}

/// What a run shows that began this leg as `before` and has come to `after`, once that is its end: all of
/// its useful work together. `None` where nothing survives an interruption, and of arrays, where attempts
/// show it.
pub fn worked_by_run(
    before: &Run,
    after: &Run,
    attempts: &[AttemptRecord],
    restart: Restart,
) -> Option<Worked> {
    let Restart::Checkpoint { interval, restore } = restart else { return None };
    let RunState::Ended { outcome, .. } = after.state else { return None };
    if before.last_leg()?.array_size.is_some() {
        return None;
    }
    let ran = attempts.iter().filter(|attempt| attempt.started_at.is_some());
    let ran: Vec<SignedDuration> =
        ran.filter_map(|attempt| Some(attempt.window()?.duration())).collect();
    let mut done = before.progress_millis;
    if let Some((last, earlier)) = ran.split_last() {
        for ran in earlier {
            done += saved(*ran, interval, restore, done > 0);
        }
        done += useful(*last, restore, done > 0).as_millis() as i64;
    }
    let length = SignedDuration::from_millis(done);
    match outcome {
        RunOutcome::Succeeded if !ran.is_empty() => Some(Worked::Whole(length)),
        _ => Some(Worked::LongerThan(length)).filter(|_| length.is_positive()),
    }
}
