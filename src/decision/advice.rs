//! Whether an environment of EC2 spot had better be split or widened. AWS Batch, and not spotcron, picks the
//! pool inside an environment, so that what is paid there is the mixture of its pools.

mod pools;
mod split;
mod widen;

pub use split::Split;
pub use widen::{Addition, WhyWiden, Widen};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::pools::pools;
use crate::catalogue::{Catalogue, Class, Environment, Job};
use crate::domain::{Capacity, Resources};
use crate::experience::Experience;
use crate::experience::durations::{Durations, RunSize};
use crate::market::Market;

/// Instance types and zones that an environment should have at the least: with fewer, its pools are taken
/// back together. Source: EC2 user guide, best practices for Spot ("be flexible").
pub const TYPES: usize = 3;
/// As [`TYPES`], of zones.
pub const ZONES: usize = 2;
/// What is advised must be worth more than so many percent of what a vCPU hour costs: a change of compute
/// environments is work, and prices move meanwhile.
pub const MARGIN_PERCENT: i128 = 10;
/// Of so many attempts the part that one pool has is known to a tenth (the standard error of one half is
/// 1 / (2 √30) = 9 %), which is the margin.
pub const PLACEMENTS: u64 = 30;

/// What had better be changed of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "advice", rename_all = "kebab-case")]
pub enum Advice {
    Split(Split),
    Widen(Widen),
}

impl Advice {
    /// Stable, and the code of its finding.
    pub const fn label(&self) -> &'static str {
        match self {
            Advice::Split(_) => "split-environment",
            Advice::Widen(_) => "widen-environment",
        }
    }
}

/// What is known of all environments.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub catalogue: &'a Catalogue,
    pub market: &'a Market,
    pub experience: &'a Experience,
    pub now: Timestamp,
}

/// The work for which an environment is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    pub class: &'a Class,
    pub resources: Resources,
    /// How long it is expected to take.
    pub length: SignedDuration,
}

impl<'a> Work<'a> {
    /// That of `job`, whose class is `class`.
    pub fn of(job: &Job, class: &'a Class, durations: &Durations) -> Work<'a> {
        let (stated, percentile) = (class.expected_duration, class.planning_percentile);
        let lengths = durations.lengths(
            &job.name,
            RunSize::NotNamed,
            stated,
            percentile,
            SignedDuration::ZERO,
        );
        let resources = job.submission.resources.unwrap_or(Resources::ASSUMED);
        Work { class, resources, length: lengths.expected }
    }

    /// Of the enabled jobs that may go to `environment`, that of the longest, which has the most to lose.
    pub fn longest(
        catalogue: &'a Catalogue,
        environment: &Environment,
        durations: &Durations,
    ) -> Option<(&'a Job, Work<'a>)> {
        let works = catalogue.jobs.values().filter(|job| job.enabled).filter_map(|job| {
            let class = catalogue.class_of(job)?;
            let allowed = class.environments.contains(&environment.name);
            allowed.then(|| (&**job, Work::of(job, class, durations)))
        });
        // Of equals the first by name.
        works.reduce(|best, next| if next.1.length > best.1.length { next } else { best })
    }
}

/// What had better be changed of `environment` for work like this; nothing where too little was seen, and
/// nothing but of EC2 spot, as all other capacity has no pools that Batch picks from by its risk.
pub fn advise(seen: &Seen<'_>, environment: &Environment, work: &Work<'_>) -> Vec<Advice> {
    if environment.capacity != Capacity::Spot {
        return Vec::new();
    }
    let Some(pools) = pools(seen, environment, work) else { return Vec::new() };
    let split = split::split(&pools).map(Advice::Split);
    let widen = widen::widen(seen, environment, work, &pools).map(Advice::Widen);
    split.into_iter().chain(widen).collect()
}
