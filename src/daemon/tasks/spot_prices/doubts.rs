//! Spot prices that are not believed, told once each.

use std::collections::BTreeMap;

use crate::domain::{EnvironmentName, Pool, UsdPerHour};
use crate::market::{Absurdity, Market};

type Found = BTreeMap<(EnvironmentName, Pool), (UsdPerHour, Absurdity)>;

/// What is doubted, as it was last told.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    told: Found,
}

impl Doubts {
    /// Tells what is doubted for another reason, or at another price, than it was.
    pub(super) fn log(&mut self, market: &Market) {
        let found = doubted(market);
        for ((environment, pool), (price, absurdity)) in &found {
            let before = self.told.get(&(environment.clone(), pool.clone()));
            if before != Some(&(*price, *absurdity)) {
                tracing::warn!(
                    %environment, %pool, %price, ?absurdity,
                    "a spot price is not believed; decisions reckon without it"
                );
            }
        }
        self.told = found;
    }
}

fn doubted(market: &Market) -> Found {
    let mut found = Found::new();
    for (name, known) in &market.environments {
        for quote in known.pools.iter().filter(|_| known.capacity.is_interruptible()) {
            if let (Some(price), Some(absurdity)) = (quote.spot, quote.absurdity()) {
                found.insert((name.clone(), quote.pool.clone()), (price, absurdity));
            }
        }
    }
    found
}
