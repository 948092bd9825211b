//! A job's whole schedule: when it is due, and what may shift or forbid that.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::dst;
use super::{Calendar, Cron, DstRule};
use crate::domain::JobName;

/// One thing that makes a job due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Cron(Cron),
    /// Every `period`, counted from `phase` after 1970-01-01 00:00 UTC, whatever clocks do: Temporal's
    /// intervals.
    Every {
        period: SignedDuration,
        phase: SignedDuration,
    },
    /// Once.
    At(Timestamp),
    /// The times that all of these jobs have: of a job that runs after them.
    After(Vec<(JobName, Arc<Schedule>)>),
}

/// What is done about times that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// Every one inside the catch-up window runs.
    #[default]
    All,
    /// The newest inside the window runs.
    Latest,
    /// None runs: only what is due now.
    None,
}

/// When a job is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Together; a moment that two of them name is due once.
    pub rules: Vec<Rule>,
    /// In which cron expressions and clock times are read.
    pub time_zone: TimeZone,
    pub dst: DstRule,
    /// Nothing is due before.
    pub start: Option<Timestamp>,
    /// Nothing is due at or after it.
    pub end: Option<Timestamp>,
    pub exclude: Vec<Arc<Calendar>>,
    /// So long after its scheduled time each run starts: jobs of one minute are spread by it.
    pub delay: SignedDuration,
    pub catch_up: CatchUp,
    /// Instead of the settings'.
    pub catch_up_window: Option<SignedDuration>,
}

/// Exclusions that follow one another without a gap end the search after so many: thirteen years of
/// excluded days.
const EXCLUSIONS_AT_MOST: usize = 5_000;

impl Schedule {
    /// That of one cron expression, with every other key at its default.
    pub fn of_cron(cron: Cron, time_zone: TimeZone) -> Self {
        Schedule {
            rules: vec![Rule::Cron(cron)],
            time_zone,
            dst: DstRule::default(),
            start: None,
            end: None,
            exclude: Vec::new(),
            delay: SignedDuration::ZERO,
            catch_up: CatchUp::default(),
            catch_up_window: None,
        }
    }

    /// The first scheduled time strictly after `after`; its run starts [`Schedule::delay`] later.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = match self.start {
            // The smallest step before it, so that the start itself counts.
            Some(start) => after.max(start - SignedDuration::from_nanos(1)),
            None => after,
        };
        for _ in 0..EXCLUSIONS_AT_MOST {
            let next = self.rules.iter().filter_map(|rule| self.next_of(rule, from)).min()?;
            if self.end.is_some_and(|end| next >= end) {
                return None;
            }
            match self.excluded_until(next) {
                None => return Some(next),
                Some(until) => from = next.max(until - SignedDuration::from_nanos(1)),
            }
        }
        None
    }

    /// Until when `at` is excluded by one of the calendars, if it is.
    pub fn excluded_until(&self, at: Timestamp) -> Option<Timestamp> {
        let all = self.exclude.iter();
        all.filter_map(|calendar| calendar.excluded_until(at, &self.time_zone)).max()
    }

    /// Whether it has times that its rules name and that are not due: an edit may bring such times in.
    pub fn leaves_out(&self) -> bool {
        let by_itself = self.start.is_some() || self.end.is_some() || !self.exclude.is_empty();
        by_itself
            || self.rules.iter().any(|rule| match rule {
                Rule::After(upstream) => upstream.iter().any(|(_, schedule)| schedule.leaves_out()),
                Rule::Cron(_) | Rule::Every { .. } | Rule::At(_) => false,
            })
    }

    fn next_of(&self, rule: &Rule, after: Timestamp) -> Option<Timestamp> {
        match rule {
            Rule::Cron(cron) => dst::next_after(cron, &self.time_zone, self.dst, after),
            Rule::Every { period, phase } => next_tick(*period, *phase, after),
            Rule::At(at) => (*at > after).then_some(*at),
            Rule::After(upstream) => next_common(upstream, after),
        }
    }

    /// What makes two schedules the same one: the rules, those of jobs that it runs after, and where
    /// and how they are read.
    pub fn identity(&self) -> String {
        let dst = match self.dst {
            DstRule::Vixie => "",
            DstRule::Skip => " skip",
        };
        let mut identity = format!("{self} {}{dst}", self.zone_name());
        for rule in &self.rules {
            let Rule::After(upstream) = rule else { continue };
            for (_, schedule) in upstream {
                identity.push_str(&format!(" ({})", schedule.identity()));
            }
        }
        identity
    }

    /// The zone's name in the database; `UTC` for one that has none.
    pub fn zone_name(&self) -> &str {
        self.time_zone.iana_name().unwrap_or("UTC")
    }
}

/// Times of upstream jobs that never meet end the search after so many.
const MEETINGS_TRIED: usize = 5_000;

/// The first moment after `after` that is a time of all.
fn next_common(upstream: &[(JobName, Arc<Schedule>)], after: Timestamp) -> Option<Timestamp> {
    let mut from = after;
    for _ in 0..MEETINGS_TRIED {
        let next = upstream.iter().map(|(_, schedule)| schedule.next_after(from));
        let next = next.collect::<Option<Vec<_>>>()?;
        let latest = next.iter().copied().max()?;
        if next.iter().all(|at| *at == latest) {
            return Some(latest);
        }
        from = latest - SignedDuration::from_nanos(1);
    }
    None
}

fn next_tick(period: SignedDuration, phase: SignedDuration, after: Timestamp) -> Option<Timestamp> {
    let (period, phase) = (period.as_nanos(), phase.as_nanos());
    if period <= 0 {
        return None;
    }
    let ticks = (after.as_nanosecond() - phase).div_euclid(period) + 1;
    Timestamp::from_nanosecond(ticks * period + phase).ok()
}

/// Which moment of `spread` is `job`'s own, in whole seconds: the same one for ever.
pub fn delay_of(job: &JobName, spread: SignedDuration) -> SignedDuration {
    let seconds = spread.as_secs();
    if seconds <= 0 {
        return SignedDuration::ZERO;
    }
    let digest = Sha256::digest(job.as_str().as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    let chosen = u64::from_be_bytes(head) % seconds.unsigned_abs();
    SignedDuration::from_secs(chosen.try_into().unwrap_or(0))
}

/// The rules as one line: cron expressions as they are written, `every 15m`, `at <moment>`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        for rule in &self.rules {
            if !line.is_empty() {
                line.push_str("; ");
            }
            match rule {
                Rule::Cron(cron) => line.push_str(cron.as_str()),
                Rule::Every { period, phase } if phase.is_zero() => {
                    write!(line, "every {period:#}")?;
                }
                Rule::Every { period, phase } => write!(line, "every {period:#} + {phase:#}")?,
                Rule::At(at) => write!(line, "at {at}")?,
                Rule::After(upstream) => {
                    let names: Vec<&str> = upstream.iter().map(|(job, _)| job.as_str()).collect();
                    write!(line, "after {}", names.join(", "))?;
                }
            }
        }
        f.pad(&line)
    }
}
