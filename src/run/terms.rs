//! What a leg's price depends on besides the market, as it was when the leg was decided.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Class, Environment};
use crate::domain::{Architecture, Ppm, UsdPerHour};

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
}

impl PriceTerms {
    /// The terms by the catalogue as it is; what left it has none.
    pub fn of(class: Option<&Class>, environment: Option<&Environment>) -> Self {
        PriceTerms {
            on_demand_discount: class.map_or(Ppm::ZERO, |class| class.on_demand_discount),
            fargate_spot_discount: environment.and_then(|e| e.fargate_spot_discount),
            architecture: environment.map(|e| e.architecture).unwrap_or_default(),
            expected_price: None,
        }
    }
}
