//! Pools that nobody used when the simulation began: a compute environment that is made later may
//! be the first to ask for one. A pool has streams of its own, so that it gets the past that it
//! would have had, and no other pool is disturbed.

use super::{MarketSettings, PoolIx, PoolState, SpotMarket};
use crate::domain::Pool;
use crate::sim::instant::Millis;
use crate::sim::random::Seed;

/// A pool that was opened, and what is planned for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) ix: PoolIx,
    pub(crate) phase_end: Option<Millis>,
    pub(crate) price_change: Option<Millis>,
}

impl SpotMarket {
    /// Opens `pool` at `now`; `None` when it is known, or when the market is a recorded one and the
    /// pool is not in it.
    pub(crate) fn open(
        &mut self,
        pool: &Pool,
        settings: &MarketSettings,
        seed: Seed,
        now: Millis,
    ) -> Option<Opened> {
        let unpriced = pool.instance_type.as_str() == super::FARGATE_SPOT;
        if self.index.contains_key(pool) || (self.recorded && !unpriced) {
            return None;
        }
        let scales = (settings.reclaim_scale, settings.recovery_scale);
        let mut state = PoolState::new(pool.clone(), scales, None, settings, seed, self.begin);
        let (phase_end, price_change) = state.live_through(self.begin, now);
        let ix = self.pools.len();
        self.pools.push(state);
        self.index.insert(pool.clone(), ix);
        Some(Opened { ix, phase_end, price_change })
    }
}

impl PoolState {
    /// Lets the pool's own events happen from `begin` to `now`, and says which come next.
    fn live_through(&mut self, begin: Millis, now: Millis) -> (Option<Millis>, Option<Millis>) {
        let mut phase_end = self.plan_phase_end(begin);
        let mut price_change = self.plan_price_change(begin);
        loop {
            match (phase_end, price_change) {
                (Some(at), price) if at <= now && price.is_none_or(|price| at <= price) => {
                    self.set_up(!self.up, at);
                    self.generation += 1;
                    phase_end = self.plan_phase_end(at);
                }
                (_, Some(at)) if at <= now => {
                    self.change_price(at);
                    price_change = self.plan_price_change(at);
                }
                _ => return (phase_end, price_change),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::Capacity;
    use crate::sim::instant::{DAY, HOUR};
    use crate::sim::scenario::Scenario;
    use crate::sim::state::State;

    #[test]
    fn a_pool_that_is_opened_late_has_the_past_of_one_that_was_there() {
        let account = || {
            let mut scenario = Scenario::empty("us-east-1", "a");
            scenario.market.reclaim_scale = 0.5;
            scenario.with_queue("first", Capacity::Spot, &["m6i.large"], 8)
        };
        let with_both = account().with_queue("second", Capacity::Spot, &["c6i.large"], 8);
        let start = 1_780_000_000_000;
        let mut early = State::new(with_both, 5, start);
        let mut late = State::new(account(), 5, start);
        early.advance(start + 3 * HOUR);
        late.advance(start + 3 * HOUR);
        let find = |state: &State| {
            let pools = state.market.indices();
            pools
                .into_iter()
                .find(|ix| state.market.pool(*ix).pool.instance_type.as_str() == "c6i.large")
        };
        let there = find(&early).unwrap();
        let pool = early.market.pool(there).pool.clone();
        assert!(find(&late).is_none());
        late.open_pools(vec![pool]);
        for state in [&mut early, &mut late] {
            state.advance(start + 2 * DAY);
        }
        let (there, opened) = (early.market.pool(there), late.market.pool(find(&late).unwrap()));
        assert_eq!(there.points(), opened.points());
        assert!(opened.points().len() > 20, "{}", opened.points().len());
        assert_eq!((there.up, there.generation), (opened.up, opened.generation));
        assert!(opened.generation > 0);
    }
}
