//! Allocation strategies: which of the instances that would do an environment launches.
//! Source: AWS Batch user guide, "Instance type allocation strategies".

use crate::domain::Capacity;

use super::instant::Millis;

/// A compute environment's `allocationStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllocationStrategy {
    /// The one type that suits best; waits for it when it is not to be had.
    BestFit,
    /// The type that suits best of those that are to be had.
    BestFitProgressive,
    /// The first of the listed types that is to be had.
    BestFitProgressiveOrdered,
    /// The spot pool with the most capacity, whatever it costs.
    SpotCapacityOptimized,
    /// As before, and among pools with enough capacity the first of the listed types.
    SpotCapacityOptimizedPrioritized,
    /// Among the spot pools with enough capacity the cheapest.
    SpotPriceCapacityOptimized,
}

const NAMES: [(AllocationStrategy, &str); 6] = [
    (AllocationStrategy::BestFit, "BEST_FIT"),
    (AllocationStrategy::BestFitProgressive, "BEST_FIT_PROGRESSIVE"),
    (AllocationStrategy::BestFitProgressiveOrdered, "BEST_FIT_PROGRESSIVE_ORDERED"),
    (AllocationStrategy::SpotCapacityOptimized, "SPOT_CAPACITY_OPTIMIZED"),
    (AllocationStrategy::SpotCapacityOptimizedPrioritized, "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"),
    (AllocationStrategy::SpotPriceCapacityOptimized, "SPOT_PRICE_CAPACITY_OPTIMIZED"),
];

impl AllocationStrategy {
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, listed)| *listed == name).map(|(strategy, _)| *strategy)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(strategy, _)| *strategy == self).map_or("", |(_, name)| *name)
    }

    pub(crate) fn is_spot_only(self) -> bool {
        self.name().starts_with("SPOT_")
    }
}

/// How an environment launches and gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) strategy: AllocationStrategy,
    /// Spot prices up to this percentage of on-demand are paid.
    pub(crate) bid_percent: u32,
    /// `minScaleDownDelayMinutes`: for how long at least an idle instance is kept.
    pub(crate) scale_down_delay: Millis,
}

impl Terms {
    /// What a scenario's environments have, as AWS recommends.
    pub(crate) fn of(capacity: Capacity) -> Self {
        let strategy = if capacity.is_interruptible() {
            AllocationStrategy::SpotPriceCapacityOptimized
        } else {
            AllocationStrategy::BestFitProgressive
        };
        Terms { strategy, bid_percent: 100, scale_down_delay: 0 }
    }
}

/// One thing that could be launched, and what speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate<'a, T> {
    pub(crate) option: &'a T,
    pub(crate) instance_type: &'a str,
    /// The place of its type in the environment's list.
    pub(crate) rank: usize,
    /// Price per vCPU that the waiting jobs can use, in integers that keep the order.
    pub(crate) cost: i128,
    /// Whether it is to be had.
    pub(crate) offered: bool,
    /// Whether its pool has had capacity for a short time only.
    pub(crate) shallow: bool,
    /// Since when its pool has capacity.
    pub(crate) since: Millis,
}

impl AllocationStrategy {
    /// What to launch; `None` when what it wants is not to be had. Of equals the first.
    pub(crate) fn pick<'a, T>(self, candidates: &[Candidate<'a, T>]) -> Option<&'a T> {
        let best = candidates.iter().min_by_key(|c| c.cost).map(|c| c.instance_type);
        let wanted = |c: &&Candidate<'a, T>| {
            c.offered && (self != AllocationStrategy::BestFit || Some(c.instance_type) == best)
        };
        let offered = candidates.iter().filter(wanted);
        let picked = match self {
            AllocationStrategy::BestFit | AllocationStrategy::BestFitProgressive => {
                offered.min_by_key(|c| c.cost)
            }
            AllocationStrategy::BestFitProgressiveOrdered => {
                offered.min_by_key(|c| (c.rank, c.cost))
            }
            AllocationStrategy::SpotCapacityOptimized => {
                offered.min_by_key(|c| (c.shallow, c.since, c.cost))
            }
            AllocationStrategy::SpotCapacityOptimizedPrioritized => {
                offered.min_by_key(|c| (c.shallow, c.rank, c.cost))
            }
            AllocationStrategy::SpotPriceCapacityOptimized => {
                offered.min_by_key(|c| (c.shallow, c.cost))
            }
        };
        picked.map(|c| c.option)
    }
}

#[cfg(test)]
mod tests {
    use super::AllocationStrategy as Strategy;
    use super::*;

    fn candidate(
        option: &'static str,
        rank: usize,
        cost: i128,
        offered: bool,
        shallow: bool,
        since: Millis,
    ) -> Candidate<'static, &'static str> {
        let option: &'static &'static str = Box::leak(Box::new(option));
        Candidate { option, instance_type: option, rank, cost, offered, shallow, since }
    }

    #[test]
    fn each_strategy_has_a_choice_of_its_own() {
        let candidates = [
            candidate("gone", 0, 10, false, true, 0),
            candidate("shallow", 1, 20, true, true, 900),
            candidate("cheap", 4, 30, true, false, 500),
            candidate("listed", 2, 40, true, false, 400),
            candidate("deepest", 3, 50, true, false, 100),
        ];
        for (strategy, expected) in [
            (Strategy::BestFit, None),
            (Strategy::BestFitProgressive, Some("shallow")),
            (Strategy::BestFitProgressiveOrdered, Some("shallow")),
            (Strategy::SpotCapacityOptimized, Some("deepest")),
            (Strategy::SpotCapacityOptimizedPrioritized, Some("listed")),
            (Strategy::SpotPriceCapacityOptimized, Some("cheap")),
        ] {
            assert_eq!(strategy.pick(&candidates).copied(), expected, "{}", strategy.name());
        }
        let ordered = Strategy::BestFitProgressiveOrdered.pick(&candidates[2..]);
        assert_eq!(ordered.copied(), Some("listed"));
        assert_eq!(Strategy::BestFit.pick(&candidates[1..]).copied(), Some("shallow"));
    }

    #[test]
    fn names_are_those_of_the_service_model() {
        for (strategy, name) in NAMES {
            assert_eq!(Strategy::named(name), Some(strategy));
        }
        assert_eq!(Strategy::named("LOWEST_PRICE"), None);
        assert!(Strategy::SpotCapacityOptimized.is_spot_only());
        assert!(!Strategy::BestFit.is_spot_only());
    }
}
