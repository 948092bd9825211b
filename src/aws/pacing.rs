//! How fast spotcron calls AWS, in each region of each account, as AWS counts. Each kind of call has its own bucket: stopping a job never waits
//! behind a burst of submissions, nor watching runs behind a refresh of prices.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Mutex;

use crate::settings::Limits;

/// The buckets of one region of one account.
pub(super) struct Pacing {
    submit: Bucket,
    stop: Bucket,
    /// Batch's describes and lists.
    describe: Bucket,
    /// EC2's and ECS's.
    lookup: Bucket,
    /// Spot price history and Price List.
    prices: Bucket,
}

impl Pacing {
    pub(super) fn new(limits: &Limits) -> Self {
        Pacing {
            submit: Bucket::of(limits.submit_per_second),
            stop: Bucket::of(limits.stop_per_second),
            describe: Bucket::of(limits.describe_per_second),
            lookup: Bucket::of(limits.describe_per_second),
            prices: Bucket::of(limits.describe_per_second),
        }
    }

    pub(super) async fn submit(&self) {
        self.submit.turn().await;
    }

    pub(super) async fn stop(&self) {
        self.stop.turn().await;
    }

    pub(super) async fn describe(&self) {
        self.describe.turn().await;
    }

    pub(super) async fn lookup(&self) {
        self.lookup.turn().await;
    }

    pub(super) async fn prices(&self) {
        self.prices.turn().await;
    }
}

/// Lets so many calls go in a second, in the order in which they came.
struct Bucket {
    limiter: DefaultDirectRateLimiter,
    /// Held by the call whose turn is next. Without it all that wait would wake for each place and one
    /// of them take it, whichever: of many submissions the most urgent could come last.
    next: Mutex<()>,
}

impl Bucket {
    /// A second's worth may go at once. Settings refuse zero; here it counts as one.
    fn of(per_second: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        Bucket { limiter: RateLimiter::direct(quota), next: Mutex::new(()) }
    }

    async fn turn(&self) {
        let _next = self.next.lock().await;
        self.limiter.until_ready().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_bucket_leaves_the_others_full() {
        let limits = Limits { submit_per_second: 1, stop_per_second: 1, describe_per_second: 0 };
        let pacing = Pacing::new(&limits);
        assert!(pacing.submit.limiter.check().is_ok());
        assert!(pacing.submit.limiter.check().is_err());
        for bucket in [&pacing.stop, &pacing.describe, &pacing.lookup, &pacing.prices] {
            assert!(bucket.limiter.check().is_ok());
        }
    }

    #[tokio::test]
    async fn whoever_came_first_goes_first() {
        let bucket = Bucket::of(1000);
        while bucket.limiter.check().is_ok() {}
        let order = std::sync::Mutex::new(Vec::new());
        let calls = (0..50).map(async |number| {
            bucket.turn().await;
            order.lock().unwrap().push(number);
        });
        futures_util::future::join_all(calls).await;
        assert_eq!(order.into_inner().unwrap(), (0..50).collect::<Vec<_>>());
    }
}
