//! Whether an environment is left alone after trouble, and who may try it again: a breaker that opens,
//! and lets one probe through before everybody follows (the circuit breaker of Nygard, "Release It!").
//!
//! A want of capacity opens it, and so do two reclaims without a success between them. It stays open for
//! the cooldown, doubled with each time that it opened again without a success between, and lets one leg
//! through after that. What was sent before it opened tells nothing new: a hundred legs that starve
//! together open it once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::EnvironmentExperience;
use crate::domain::EnvironmentName;

/// Reclaims without a success between them that open it.
pub(super) const RECLAIMS_THAT_TRIP: u32 = 2;
/// The cooldown is doubled so often at most: from a quarter of an hour to two hours.
const DOUBLINGS: u32 = 3;
/// Capacity that was taken back has proved itself when it was left alone for so long: in the first ten
/// minutes of a phase a reclaim is three times as likely as after forty (`policy::lifetimes::PRIOR`).
const PROVEN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// When the breaker opened, and how often without a success between. The default is one that is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trips {
    pub opened_at: Option<Timestamp>,
    pub in_a_row: u32,
}

impl Trips {
    /// Trouble at `at`, of what was sent, or began, at `since`.
    pub(super) fn note_trouble(&mut self, since: Timestamp, at: Timestamp, trips: bool) {
        let is_news = self.opened_at.map_or(trips, |opened_at| since > opened_at);
        if is_news {
            self.opened_at = Some(at);
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
    }

    /// What began at `began` came to an end without being taken back.
    pub(super) fn note_success(&mut self, began: Timestamp) {
        if self.opened_at.is_some_and(|opened_at| began > opened_at) {
            *self = Trips::default();
        }
    }

    /// How long it stays open.
    fn cooldown(&self, first: SignedDuration) -> SignedDuration {
        let doublings = self.in_a_row.saturating_sub(1).min(DOUBLINGS);
        first.saturating_mul(1 << doublings)
    }
}

/// A leg that was sent to an environment and has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub at: Timestamp,
    pub started_at: Option<Timestamp>,
}

/// The legs that have not ended, by environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    environments: BTreeMap<EnvironmentName, Vec<Sent>>,
}

impl InFlight {
    pub fn add(&mut self, environment: &EnvironmentName, sent: Sent) {
        self.environments.entry(environment.clone()).or_default().push(sent);
    }

    /// Those of one environment.
    pub fn of(&self, environment: &EnvironmentName) -> &[Sent] {
        self.environments.get(environment).map_or(&[], Vec::as_slice)
    }
}

/// Whether an environment may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Breaker {
    /// By everybody.
    #[default]
    Closed,
    /// By nobody, until then.
    Open { until: Timestamp, trips: u32 },
    /// By one leg, which is a probe: `since` is when it was sent, `None` as long as there is none.
    HalfOpen { since: Option<Timestamp>, trips: u32 },
}

impl Breaker {
    /// Every state's label.
    pub const LABELS: [&'static str; 3] = ["closed", "half-open", "open"];

    /// Stable, for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Breaker::Closed => "closed",
            Breaker::HalfOpen { .. } => "half-open",
            Breaker::Open { .. } => "open",
        }
    }

    pub const fn is_closed(&self) -> bool {
        matches!(self, Breaker::Closed)
    }

    /// The state at `now` of an environment with this past and these legs. A `cooldown` of zero has every
    /// breaker closed.
    pub fn of(
        seen: &EnvironmentExperience,
        in_flight: &[Sent],
        cooldown: SignedDuration,
        now: Timestamp,
    ) -> Breaker {
        let trips = seen.trips.in_a_row;
        let Some(opened_at) = seen.trips.opened_at.filter(|_| cooldown.is_positive()) else {
            return Breaker::Closed;
        };
        let until = opened_at.checked_add(seen.trips.cooldown(cooldown)).unwrap_or(Timestamp::MAX);
        // One that opened in the future did so before the clock was put back.
        if (opened_at..until).contains(&now) {
            return Breaker::Open { until, trips };
        }
        // A start proves that there is capacity, and not that it will stay.
        let proven_after =
            if seen.starved_at.is_some() { SignedDuration::ZERO } else { PROVEN_AFTER };
        let proves = |started_at: Timestamp| {
            started_at > opened_at && now.duration_since(started_at) >= proven_after
        };
        if in_flight.iter().filter_map(|sent| sent.started_at).any(proves) {
            return Breaker::Closed;
        }
        // One that waits for longer keeps nobody away any more: it may be larger than all that is there.
        let waits = |sent: &Sent| now.duration_since(sent.at) < cooldown;
        let probes = in_flight
            .iter()
            .filter(|sent| sent.at > opened_at && (sent.started_at.is_some() || waits(sent)));
        Breaker::HalfOpen { since: probes.map(|sent| sent.at).min(), trips }
    }
}
