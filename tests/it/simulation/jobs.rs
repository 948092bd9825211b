//! The jobs of a story, and when they are due: by looking at every minute, with nothing of the
//! schedule's own arithmetic.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::shape::Shape;

/// What makes a job due.
#[derive(Debug, Clone)]
pub enum Rule {
    /// Minutes, and hours where they are named.
    Cron {
        minutes: Vec<i8>,
        hours: Option<Vec<i8>>,
    },
    /// Every so many minutes, so many minutes after whole ones of them.
    Every {
        minutes: i64,
        phase: i64,
    },
    At(Timestamp),
    /// The times of those that it runs after.
    Upstream,
}

#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    pub class: &'static str,
    pub definition: &'static str,
    pub rule: Rule,
    pub zone: &'static str,
    /// EventBridge's rule for changed clocks.
    pub skips: bool,
    /// Leaves the story's freeze out.
    pub excludes: bool,
    /// `all`, `latest` or `none`.
    pub catch_up: &'static str,
    pub spread_mins: i64,
    pub shape: Shape,
}

/// A stretch of time that jobs may leave out.
#[derive(Debug, Clone, Copy)]
pub struct Freeze {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// What the job of this index is called.
pub fn job_name(index: usize) -> String {
    format!("job-{index}")
}

fn list(values: &[i8]) -> String {
    values.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
}

impl Job {
    pub fn toml(&self) -> String {
        let rule = match &self.rule {
            Rule::Cron { minutes, hours } => {
                let hours = hours.as_deref().map_or_else(|| "*".to_owned(), list);
                format!("cron = \"{} {hours} * * *\"", list(minutes))
            }
            Rule::Every { minutes, phase } => {
                format!("every = \"{minutes}m\"\nphase = \"{phase}m\"")
            }
            Rule::At(at) => format!("at = \"{at}\""),
            Rule::Upstream => String::new(),
        };
        let dst = if self.skips { "skip" } else { "vixie" };
        let exclude = if self.excludes { "exclude = [\"freeze\"]\n" } else { "" };
        format!(
            "[[jobs]]\nname = \"{}\"\nclass = \"{}\"\n{rule}\ntime_zone = \"{}\"\ndst = \"{dst}\"\n\
             {exclude}catch_up = \"{}\"\nspread = \"{}m\"\ndefinition = \"{}:1\"\nvcpus = 1\n\
             memory_mib = 2048\n{}\n",
            self.name,
            self.class,
            self.zone,
            self.catch_up,
            self.spread_mins,
            self.definition,
            self.shape.toml(job_name)
        )
    }

    /// Every scheduled time of its own in `(from, to]`, both whole minutes.
    pub fn due(&self, from: Timestamp, to: Timestamp, freeze: Freeze) -> BTreeSet<Timestamp> {
        let minute = SignedDuration::from_mins(1);
        let minutes = std::iter::successors(Some(from + minute), |at| Some(*at + minute));
        let minutes = minutes.take_while(|at| *at <= to);
        let times: BTreeSet<Timestamp> = match &self.rule {
            Rule::Upstream => BTreeSet::new(),
            Rule::At(at) => [*at].into_iter().filter(|at| from < *at && *at <= to).collect(),
            Rule::Every { minutes: period, phase } => minutes
                .filter(|at| (at.as_second() / 60 - phase).rem_euclid(*period) == 0)
                .collect(),
            Rule::Cron { minutes: named, hours } => {
                let zone = TimeZone::get(self.zone).unwrap();
                self.walk(&zone, named, hours.as_deref(), from, minutes)
            }
        };
        let open = |at: &Timestamp| !(self.excludes && freeze.from <= *at && *at < freeze.until);
        times.into_iter().filter(open).collect()
    }

    fn walk(
        &self,
        zone: &TimeZone,
        named: &[i8],
        hours: Option<&[i8]>,
        from: Timestamp,
        minutes: impl Iterator<Item = Timestamp>,
    ) -> BTreeSet<Timestamp> {
        let names = |clock: DateTime| {
            named.contains(&clock.minute()) && hours.is_none_or(|h| h.contains(&clock.hour()))
        };
        let elapsed = hours.is_none() && !self.skips;
        // The latest clock time seen: what comes again on a repeated hour lies before it.
        let before = (0..180).map(|back| from - SignedDuration::from_mins(back));
        let mut latest = before.map(|at| zone.to_datetime(at)).max().unwrap();
        let mut due = BTreeSet::new();
        for at in minutes {
            let clock = zone.to_datetime(at);
            let repeated = clock <= latest;
            let mut is_due = names(clock) && (elapsed || !repeated);
            if !elapsed && !self.skips && !repeated {
                // Clock times that were jumped over are made up for at once.
                let mut jumped = latest + 1.minute();
                while jumped < clock {
                    is_due |= names(jumped);
                    jumped += 1.minute();
                }
            }
            if is_due {
                due.insert(at);
            }
            latest = latest.max(clock);
        }
        due
    }
}
