//! When jobs are due: cron expressions in a time zone, and the pure question "what is due now?".

mod cron;
mod due;

pub use cron::{Cron, CronError};
pub use due::{Due, DueReport, Skipped, Timetable, schedule_key};
