//! A spot price that wanders around its pool's own long-run discount and changes at irregular
//! moments, by little: within a week the published series move by a percent or so.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::sim::instant::{HOUR, MINUTE, Millis, whole_second};
use crate::sim::scenario::MarketSettings;

/// Prices are published with four decimals: this many units of 10⁻¹⁰ USD.
const TICK: i64 = 1_000_000;
/// Which part of the way back to its mean the price goes with one change.
const PULL: f64 = 0.3;
/// No pool is cheaper than this part of on-demand.
const FLOOR: f64 = 0.05;
/// How much of its discount a pool loses that is as scarce as the published ones.
const SCARCE_PREMIUM: f64 = 0.08;

/// The state of one pool's price.
#[derive(Debug)]
pub(super) struct PriceWalk {
    rng: ChaCha8Rng,
    /// Units of 10⁻¹⁰ USD an hour.
    on_demand: i64,
    /// Logarithms of price over on-demand.
    mean: f64,
    current: f64,
    volatility: f64,
    crunch_premium: f64,
    mean_gap_hours: f64,
}

impl PriceWalk {
    pub(super) fn new(
        mut rng: ChaCha8Rng,
        on_demand: i64,
        reclaim_scale: f64,
        settings: &MarketSettings,
    ) -> Self {
        let [low, high] = settings.discount_percent;
        let discount = rng.random_range(low..=high) / 100.0;
        let mean = (1.0 - discount + SCARCE_PREMIUM * reclaim_scale.min(1.0)).min(1.0).ln();
        let [low, high] = settings.change_hours;
        // Log-uniform: as many pools between one and two hours as between four and eight.
        let mean_gap_hours = rng.random_range(low.ln()..=high.ln()).exp();
        let start: f64 = StandardNormal.sample(&mut rng);
        let current = mean + 2.0 * settings.volatility * start;
        let (volatility, crunch_premium) = (settings.volatility, settings.crunch_premium);
        PriceWalk { rng, on_demand, mean, current, volatility, crunch_premium, mean_gap_hours }
    }

    /// The price now, in units of 10⁻¹⁰ USD an hour: never above on-demand.
    pub(super) fn price(&self) -> i64 {
        let ratio = self.current.exp().clamp(FLOOR, 1.0);
        let ticks = (self.on_demand as f64 * ratio / TICK as f64).round() as i64;
        (ticks * TICK).clamp(TICK.min(self.on_demand), self.on_demand)
    }

    /// One change; in a crunch towards a higher price.
    pub(super) fn step(&mut self, crunch: bool) {
        let target = self.mean + if crunch { self.crunch_premium.ln_1p() } else { 0.0 };
        let noise: f64 = StandardNormal.sample(&mut self.rng);
        self.current += PULL * (target - self.current) + self.volatility * noise;
    }

    /// How long until the next change: on whole seconds, at least a minute.
    pub(super) fn gap(&mut self) -> Millis {
        let exponential: f64 = Exp1.sample(&mut self.rng);
        whole_second((exponential * self.mean_gap_hours * HOUR as f64) as Millis).max(MINUTE)
    }
}
