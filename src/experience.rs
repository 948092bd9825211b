//! What the past teaches: how often pools are taken back, where an environment's attempts land, when it had
//! trouble, how long a job's work takes ([`durations`]). Estimates carry their evidence.

mod breaker;
pub mod durations;
mod hazards;
mod spot_advisor;
mod watched;

pub use breaker::{Breaker, InFlight, Sent, Trips};
pub use hazards::{
    FARGATE_SPOT, Hazards, Level, LevelMixture, Levels, POOL_STRENGTH, REGION_STRENGTH,
    TYPE_STRENGTH,
};
pub use spot_advisor::{Relative, SpotAdvisor};
pub use watched::{ONE_INTERRUPTION_SECS, PoolWatch};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{ClassName, EnvironmentName, Pool, Ppm, Window};

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
    /// The pools that were lost in that row: many attempts may have run in one. It is not kept over a restart,
    /// nor known of Fargate.
    #[serde(skip)]
    pub lost: BTreeSet<Pool>,
    /// What the troubles did to its breaker.
    #[serde(default)]
    pub trips: Trips,
}

/// What was seen of all environments, and of the pools that they share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Experience {
    pub environments: BTreeMap<EnvironmentName, EnvironmentExperience>,
    /// Shared, so that a copy for a decision costs nothing.
    pub hazards: Arc<Hazards>,
    /// Where the legs of each class went last.
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

    /// The breakers that have opened and not closed for good since.
    pub fn trips(&self) -> BTreeMap<EnvironmentName, Trips> {
        let tripped = self.environments.iter().filter(|(_, seen)| seen.trips.opened_at.is_some());
        tripped.map(|(name, seen)| (name.clone(), seen.trips.clone())).collect()
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
        let environments = names.iter().filter_map(known).collect();
        let choice = self.choices.get_key_value(class);
        let choices = choice.map(|(class, last)| (class.clone(), last.clone()));
        Experience {
            environments,
            hazards: Arc::clone(&self.hazards),
            choices: choices.into_iter().collect(),
        }
    }
}

/// Interruptions an hour where no age is told apart, of pools that nobody has seen yet: between the hazards
/// of pools in published traces that have been up for eight hours and for twelve
/// (`policy::lifetimes::PRIOR`).
pub const PRIOR_PER_HOUR: Ppm = Ppm(100_000);

impl Level {
    /// Interruptions an hour where no age is told apart.
    pub fn per_hour(&self) -> Ppm {
        Ppm((i128::from(PRIOR_PER_HOUR.0) * i128::from(self.factor.0) / 1_000_000) as i64)
    }
}

impl EnvironmentExperience {
    /// Takes in one attempt, whose end was seen at `at`: up to minutes after it.
    pub fn record(&mut self, ran: Window, pool: Option<Pool>, interrupted: bool, at: Timestamp) {
        self.attempts += 1;
        // What started since then found capacity.
        self.starved_at = self.starved_at.filter(|starved| *starved > ran.start);
        self.running_millis += ran.duration().as_millis() as i64;
        if let Some(pool) = &pool {
            *self.placements.entry(pool.clone()).or_default() += 1;
        }
        if interrupted {
            self.interruptions += 1;
            self.lost.extend(pool);
            self.record_trouble(at);
            let trips = self.troubles_in_a_row >= breaker::RECLAIMS_THAT_TRIP;
            self.trips.note_trouble(ran.start, at, trips);
        } else {
            self.troubles_in_a_row = 0;
            self.lost.clear();
            self.trips.note_success(ran.start);
        }
    }

    /// Takes in that there was no capacity to be had at `at` for a leg that had waited for so long.
    pub fn record_starvation(&mut self, at: Timestamp, waited: SignedDuration) {
        self.starved_at = self.starved_at.max(Some(at));
        self.record_trouble(at);
        let sent = at.checked_sub(waited).unwrap_or(Timestamp::MIN);
        self.trips.note_trouble(sent, at, true);
    }

    /// Losses in a row, where those of one pool are one. After a restart nobody knows of how many pools they
    /// were: of one at least.
    pub fn losses_in_a_row(&self) -> u32 {
        match self.lost.len() {
            0 if self.placements.is_empty() => self.troubles_in_a_row,
            0 => self.troubles_in_a_row.min(1),
            pools => pools as u32,
        }
    }

    fn record_trouble(&mut self, at: Timestamp) {
        self.troubles_in_a_row = self.troubles_in_a_row.saturating_add(1);
        self.last_trouble = self.last_trouble.max(Some(at));
    }
}
