//! The most that a test job may cost: not the job's share as the ledger counts it, but everything that
//! AWS may bill for it.

use jiff::SignedDuration;

use crate::cost::{MINIMUM_CHARGE, fargate_cost};
use crate::domain::{Accrual, InstanceType, Resources, Share, Usd};
use crate::market::{FargatePrice, ListPrice};

/// How long an instance may be kept with nothing on it. AWS does not document when Batch scales in;
/// some minutes are usual, and this is meant to be more.
pub const IDLE_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// How long a job that was told to stop is waited for. Containers have 30 seconds after SIGTERM.
pub const STOPPING: SignedDuration = SignedDuration::from_mins(5);

/// The most that is billed, and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    pub amount: Usd,
    /// The dearest type that Batch may launch; `None` on Fargate, which has none.
    pub instance_type: Option<InstanceType>,
    /// For so long.
    pub billed_for: SignedDuration,
}

/// How long the job itself may be billed for. It may begin as late as at the end of the time that it
/// is given, on an instance that was there from the beginning; and where it can then not be stopped,
/// Batch ends the attempt by itself only after it has run for as long again.
fn at_longest(timeout: SignedDuration) -> SignedDuration {
    timeout.saturating_add(timeout).saturating_add(STOPPING)
}

/// One whole instance of the dearest type at its on-demand price, for as long as the test may take
/// and the instance may idle after it. Spot is never dearer: a request without a price of its own
/// pays the on-demand price at most (EC2 User Guide, "Spot Instances"). `None` without any price.
pub fn on_instances(prices: &[ListPrice], timeout: SignedDuration) -> Option<Ceiling> {
    let dearest = prices.iter().max_by_key(|price| price.price)?;
    let billed_for = at_longest(timeout).saturating_add(IDLE_AFTER);
    let millis = i64::try_from(billed_for.as_millis()).ok()?;
    Some(Ceiling {
        amount: Accrual::of(dearest.price, millis).to_usd(Share::WHOLE),
        instance_type: Some(dearest.instance_type.clone()),
        billed_for,
    })
}

/// The task itself at Fargate's list price, which Fargate Spot stays below. Nothing idles.
pub fn on_fargate(
    price: &FargatePrice,
    resources: &Resources,
    timeout: SignedDuration,
) -> Option<Ceiling> {
    let billed_for = at_longest(timeout).max(MINIMUM_CHARGE);
    let millis = i64::try_from(billed_for.as_millis()).ok()?;
    let amount = fargate_cost(price.rate(), resources, millis)?;
    Some(Ceiling { amount, instance_type: None, billed_for })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn price(instance_type: &str, price: &str) -> ListPrice {
        ListPrice {
            region: "us-east-1".into(),
            instance_type: instance_type.into(),
            price: price.parse().unwrap(),
            effective_from: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_dearest_type_is_reckoned_with_as_a_whole() {
        let prices = [price("m6i.large", "0.096"), price("m6i.xlarge", "0.192")];
        let found = on_instances(&prices, SignedDuration::from_mins(20)).unwrap();
        // Twice twenty minutes, five to stop and fifteen idle are one hour.
        assert_eq!(found.amount, "0.192".parse().unwrap());
        assert_eq!(found.instance_type, Some("m6i.xlarge".into()));
        assert_eq!(on_instances(&[], SignedDuration::from_mins(1)), None);
    }

    #[test]
    fn a_task_has_no_instance_that_idles() {
        let price = FargatePrice {
            region: "us-east-1".into(),
            architecture: "x86_64".to_owned(),
            vcpu_hour: "0.04".parse().unwrap(),
            gib_hour: "0.004".parse().unwrap(),
            effective_from: Timestamp::UNIX_EPOCH,
        };
        let quarter = Resources { vcpu_millis: 250, memory_mib: 512, gpus: 0 };
        let found = on_fargate(&price, &quarter, SignedDuration::from_secs(1_650)).unwrap();
        assert_eq!(found.amount, "0.012".parse().unwrap());
        assert_eq!(found.billed_for, SignedDuration::from_hours(1));
    }

    #[test]
    fn no_length_of_time_overflows() {
        let dear = [price("u-24tb1.112xlarge", "3600")];
        let fixed = STOPPING + IDLE_AFTER;
        // 3600 USD an hour are a tenth of a cent a millisecond.
        let all = i64::MAX - 1;
        let longest = (SignedDuration::from_millis(all) - fixed) / 2;
        let found = on_instances(&dear, longest).unwrap();
        assert_eq!(found.billed_for, longest * 2 + fixed);
        let whole = i128::from(all) - i128::from(all) % 2;
        assert_eq!(found.amount, Usd::from_nanos(whole * 1_000_000));
        for too_long in [longest + SignedDuration::from_millis(1), SignedDuration::MAX] {
            assert_eq!(on_instances(&dear, too_long), None, "{too_long:?}");
        }
    }
}
