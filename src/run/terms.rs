//! What a leg's price depends on besides the market, as it was when the leg was decided.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::step::{saved, useful};
use crate::catalogue::{Class, Environment, Restart};
use crate::domain::{Architecture, AttemptEnd, Ppm, UsdPerHour};

/// The catalogue's part in a price. Kept with the leg, because the catalogue may be edited before the
/// leg's attempts are settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTerms {
    /// The class's, off the on-demand list price.
    pub on_demand_discount: Ppm,
    /// The environment's, off Fargate's list price.
    pub fargate_spot_discount: Option<Ppm>,
    /// The environment's, where it is Fargate.
    pub architecture: Architecture,
    /// What an hour of a container there was expected to cost: what was spent is reckoned with it until
    /// the ledger knows better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_price: Option<UsdPerHour>,
    /// Where the class has checkpoints: what its attempts keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Checkpoints>,
}

/// What of an attempt's work survives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// Milliseconds of work between two.
    pub interval_millis: i64,
    /// Milliseconds that it takes to pick one up.
    pub restore_millis: i64,
    /// The attempt began with one of an earlier attempt.
    pub restored: bool,
}

impl Checkpoints {
    /// Those of a class, for an attempt that begins with nothing.
    pub fn of(restart: Restart) -> Option<Self> {
        let Restart::Checkpoint { interval, restore } = restart else { return None };
        let [interval_millis, restore_millis] =
            [interval, restore].map(|length| length.as_millis() as i64);
        Some(Checkpoints { interval_millis, restore_millis, restored: false })
    }

    /// Of the time that an attempt ran for, what nothing has to repeat: all but the restore where it ended
    /// by itself, else what its last checkpoint saved.
    pub fn kept(self, ran: SignedDuration, end: AttemptEnd) -> SignedDuration {
        let restore = SignedDuration::from_millis(self.restore_millis);
        let interval = SignedDuration::from_millis(self.interval_millis);
        match end.ended_by_itself() {
            true => useful(ran, restore, self.restored),
            false => SignedDuration::from_millis(saved(ran, interval, restore, self.restored)),
        }
    }
}

impl PriceTerms {
    /// The terms by the catalogue as it is; what left it has none.
    pub fn of(class: Option<&Class>, environment: Option<&Environment>) -> Self {
        PriceTerms {
            on_demand_discount: class.map_or(Ppm::ZERO, |class| class.on_demand_discount),
            fargate_spot_discount: environment.and_then(|e| e.fargate_spot_discount),
            architecture: environment.map(|e| e.architecture).unwrap_or_default(),
            expected_price: None,
            checkpoints: class.and_then(|class| Checkpoints::of(class.restart)),
        }
    }
}
