//! When jobs are due: cron expressions, intervals and moments in a time zone, what calendars exclude,
//! and the pure question "what is due now?".

mod calendar;
mod cron;
mod diff;
mod dst;
mod due;
mod heartbeat;
mod missed;
mod overlap;
mod rules;

pub use calendar::{Calendar, ClosedWindow};
pub use cron::{Cron, CronError, CronReader};
pub use diff::{Change, JobDiff, diff};
pub use dst::{DstRule, next_after};
pub use due::{CatchUpTerms, Due, DueReport, Skipped, Timetable, schedule_key};
pub use missed::SkipReason;
pub use overlap::{Admission, OpenRuns, Overlap, StopKind, admit};
pub use rules::{CatchUp, Rule, Schedule, delay_of};
