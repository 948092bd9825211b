//! Until when a daemon was there, so that an edit that a restart takes over fires nothing that had passed.
//!
//! What the store knows of a schedule is up to when its last *due* time was handled. Of times that bounds or
//! calendars left out meanwhile it says nothing; should an edit lift these, and the daemon begin anew with it,
//! they would be taken for missed ones. The edit's moment and the old text are unknown then, but whoever was
//! there let those times pass. So catalogues that leave out times keep a heartbeat: nothing up to it is due
//! again. Whatever follows it was missed by everybody, and is caught up as the new text says.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Catalogue;
use crate::domain::ScheduleKey;

/// Its place beside the schedules. Their keys begin with a job's name.
const KEY: &str = "*";
/// It is written this often at most: a process that dies loses as much of it.
const APART: SignedDuration = SignedDuration::from_mins(1);

/// Whether it is the key of the heartbeat, and no schedule's.
pub fn is_heartbeat(key: &ScheduleKey) -> bool {
    key.as_str() == KEY
}

/// The heartbeat of one catalogue.
#[derive(Debug, Default)]
pub struct Heartbeat {
    /// The longest delay of its jobs; `None` where no schedule leaves out times, and nobody needs it.
    behind: Option<SignedDuration>,
    written: Option<Timestamp>,
}

impl Heartbeat {
    pub fn of(catalogue: &Catalogue) -> Self {
        let jobs = || catalogue.jobs.values().filter(|job| job.enabled);
        let is_needed = jobs().any(|job| job.schedule.leaves_out());
        let longest = jobs().map(|job| job.schedule.delay).max();
        Heartbeat { behind: longest.filter(|_| is_needed), written: None }
    }

    /// Up to which scheduled time every job has been handled: the last one that is stored. One from the
    /// future, of a clock that has been set back since, says nothing.
    pub fn last(handled: &BTreeMap<ScheduleKey, Timestamp>, now: Timestamp) -> Option<Timestamp> {
        handled.get(&ScheduleKey::new(KEY)).copied().filter(|at| *at <= now)
    }

    /// What is to be written at `now`, when all that is due by then is handled.
    ///
    /// A time may be as late as the longest delay and still to come. That of its own job would be closer,
    /// but whoever reads it may have another one: an edit must not lose a time that waits, either.
    pub fn beat(&mut self, now: Timestamp) -> Option<(ScheduleKey, Timestamp)> {
        let behind = self.behind?;
        if self.written.is_some_and(|written| now.duration_since(written).abs() < APART) {
            return None;
        }
        self.written = Some(now);
        Some((ScheduleKey::new(KEY), now.checked_sub(behind).ok()?))
    }
}
