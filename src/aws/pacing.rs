//! How fast spotcron calls AWS, in each region of each account, as AWS counts. Each kind of call has its own bucket: stopping a job never waits
//! behind a burst of submissions, nor watching runs behind a refresh of prices.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::settings::Limits;

/// The buckets of one region of one account.
pub(super) struct Pacing {
    submit: DefaultDirectRateLimiter,
    stop: DefaultDirectRateLimiter,
    /// Batch's describes and lists.
    describe: DefaultDirectRateLimiter,
    /// EC2's and ECS's.
    lookup: DefaultDirectRateLimiter,
    /// Spot price history and Price List.
    prices: DefaultDirectRateLimiter,
}

impl Pacing {
    pub(super) fn new(limits: &Limits) -> Self {
        Pacing {
            submit: bucket(limits.submit_per_second),
            stop: bucket(limits.stop_per_second),
            describe: bucket(limits.describe_per_second),
            lookup: bucket(limits.describe_per_second),
            prices: bucket(limits.describe_per_second),
        }
    }

    pub(super) async fn submit(&self) {
        self.submit.until_ready().await;
    }

    pub(super) async fn stop(&self) {
        self.stop.until_ready().await;
    }

    pub(super) async fn describe(&self) {
        self.describe.until_ready().await;
    }

    pub(super) async fn lookup(&self) {
        self.lookup.until_ready().await;
    }

    pub(super) async fn prices(&self) {
        self.prices.until_ready().await;
    }
}

/// A second's worth may go at once. Settings refuse zero; here it counts as one.
fn bucket(per_second: u32) -> DefaultDirectRateLimiter {
    RateLimiter::direct(Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_bucket_leaves_the_others_full() {
        let limits = Limits { submit_per_second: 1, stop_per_second: 1, describe_per_second: 0 };
        let pacing = Pacing::new(&limits);
        assert!(pacing.submit.check().is_ok());
        assert!(pacing.submit.check().is_err());
        for bucket in [&pacing.stop, &pacing.describe, &pacing.lookup, &pacing.prices] {
            assert!(bucket.check().is_ok());
        }
    }
}
