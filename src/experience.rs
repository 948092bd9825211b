//! What the past teaches: how often an environment is interrupted, where its attempts land, how long
//! they wait. Estimates carry their evidence.

mod breaker;

pub use breaker::{Breaker, InFlight, Sent, Trips};

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{ClassName, EnvironmentName, Pool, Ppm};

/// What was seen of one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentExperience {
    /// Attempts that ran, and their time.
    pub attempts: u64,
    pub running_millis: i64,
    pub interruptions: u64,
    /// Where attempts ran.
    pub placements: BTreeMap<Pool, u64>,
    /// When there was last no capacity to be had, as long as nothing ran since.
    pub starved_at: Option<Timestamp>,
    /// When capacity was last taken back or not to be had.
    pub last_trouble: Option<Timestamp>,
    /// Troubles since the last attempt that ended well.
    pub troubles_in_a_row: u32,
    /// What the troubles did to its breaker.
    #[serde(default)]
    pub trips: Trips,
}

/// What was seen of all environments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experience {
    pub environments: BTreeMap<EnvironmentName, EnvironmentExperience>,
    /// Where the legs of each class went last.
    #[serde(default)]
    pub choices: BTreeMap<ClassName, LastChoice>,
}

/// The environment that a class's last leg went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChoice {
    pub environment: EnvironmentName,
    /// When the first of the legs that went there one after the other was decided.
    pub since: Timestamp,
}

impl Experience {
    /// Whether the environment's breaker has opened and not closed for good since.
    pub fn has_tripped(&self, name: &EnvironmentName) -> bool {
        self.environments.get(name).is_some_and(|seen| seen.trips.opened_at.is_some())
    }

    /// The breakers that are not closed at `now`.
    pub fn breakers(
        &self,
        in_flight: &InFlight,
        cooldown: SignedDuration,
        now: Timestamp,
    ) -> BTreeMap<EnvironmentName, Breaker> {
        let all = self.environments.iter().map(|(name, seen)| {
            (name.clone(), Breaker::of(seen, in_flight.of(name), cooldown, now))
        });
        all.filter(|(_, breaker)| !breaker.is_closed()).collect()
    }

    /// A leg of the class goes to the environment.
    pub fn note_choice(&mut self, class: &ClassName, environment: &EnvironmentName, at: Timestamp) {
        let stays = self.choices.get(class).is_some_and(|last| last.environment == *environment);
        if !stays {
            let choice = LastChoice { environment: environment.clone(), since: at };
            self.choices.insert(class.clone(), choice);
        }
    }

    /// Of this class and these environments only.
    pub fn of(&self, class: &ClassName, names: &[EnvironmentName]) -> Experience {
        let known =
            |name: &EnvironmentName| Some((name.clone(), self.environments.get(name)?.clone()));
        let choice = self.choices.get_key_value(class);
        Experience {
            environments: names.iter().filter_map(known).collect(),
            choices: choice
                .map(|(class, last)| (class.clone(), last.clone()))
                .into_iter()
                .collect(),
        }
    }
}

/// A rate of interruptions with the evidence behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    /// Interruptions per hour of running, in millionths.
    pub per_hour: Ppm,
    pub observed_interruptions: u64,
    pub observed_millis: i64,
}

/// How many hours of running the prior is worth.
const PRIOR_HOURS: i64 = 10;
/// Of pools that nobody has seen yet, interruptions an hour: between the hazards of pools in published
/// traces that have been up for eight hours and for twelve (`policy::lifetimes::PRIOR`).
pub const PRIOR_PER_HOUR: Ppm = Ppm(100_000);

impl EnvironmentExperience {
    /// The interruption rate: observed counts shrunk towards the prior.
    pub fn hazard(&self) -> Hazard {
        let hour = 3_600_000i128;
        let exits = i128::from(self.interruptions) * 1_000_000
            + i128::from(PRIOR_PER_HOUR.0) * i128::from(PRIOR_HOURS);
        let exposure = i128::from(self.running_millis) + i128::from(PRIOR_HOURS) * hour;
        Hazard {
            per_hour: Ppm((exits * hour / exposure) as i64),
            observed_interruptions: self.interruptions,
            observed_millis: self.running_millis,
        }
    }

    /// Takes in one attempt that ended.
    pub fn record(
        &mut self,
        ran: SignedDuration,
        pool: Option<Pool>,
        interrupted: bool,
        at: Timestamp,
    ) {
        self.attempts += 1;
        // What started since then found capacity.
        self.starved_at = self.starved_at.filter(|starved| at.duration_since(*starved) < ran);
        self.running_millis += ran.as_millis() as i64;
        if let Some(pool) = pool {
            *self.placements.entry(pool).or_default() += 1;
        }
        if interrupted {
            self.interruptions += 1;
            self.record_trouble(at);
            let trips = self.troubles_in_a_row >= breaker::RECLAIMS_THAT_TRIP;
            self.trips.note_trouble(before(at, ran), at, trips);
        } else {
            self.troubles_in_a_row = 0;
            self.trips.note_success(before(at, ran));
        }
    }

    /// Takes in that there was no capacity to be had at `at` for a leg that had waited for so long.
    pub fn record_starvation(&mut self, at: Timestamp, waited: SignedDuration) {
        self.starved_at = self.starved_at.max(Some(at));
        self.record_trouble(at);
        self.trips.note_trouble(before(at, waited), at, true);
    }

    fn record_trouble(&mut self, at: Timestamp) {
        self.troubles_in_a_row = self.troubles_in_a_row.saturating_add(1);
        self.last_trouble = self.last_trouble.max(Some(at));
    }
}

fn before(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}
