//! Placement: instances are shared and never overfull, pools without capacity are left alone, the
//! head of a queue blocks it, idle instances go.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::domain::{BatchJobId, BatchStatus, Capacity, Resources};
use spotcron::ports::InstanceDirectory;
use spotcron::sim::{Scenario, offer};

use super::account::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn instances_are_never_overfull(
        sizes in proptest::collection::vec((1u32..9, 1u32..40), 1..40),
        seed in 0u64..1000,
    ) {
        let scenario = Scenario::empty("us-east-1", "ab")
            .with_queue(SPOT, Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge", "r6i.2xlarge"], 48)
            .with_definition("hour", 3600);
        let account = Account::new(scenario, seed);
        let mut ids = Vec::new();
        for (at, (vcpus, gib)) in sizes.iter().enumerate() {
            let mut job = request(SPOT, "hour", &format!("job-{at}"));
            let (vcpu_millis, memory_mib) = (vcpus * 1000, gib * 1024);
            job.resources = Some(Resources { vcpu_millis, memory_mib, gpus: 0 });
            ids.push(account.submit(&job).unwrap());
            account.pass(20);
        }
        for _ in 0..40 {
            check_room(&account, &ids);
            account.pass(240);
        }
    }
}

/// Sums what runs on each instance.
fn check_room(account: &Account, ids: &[BatchJobId]) {
    let mut used: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for job in ids.iter().map(|id| account.job(id)) {
        if matches!(job.status, BatchStatus::Starting | BatchStatus::Running) {
            let arn = job.container.unwrap().container_instance_arn.unwrap();
            let need = job.resources.unwrap();
            let sum = used.entry(arn).or_default();
            *sum = (sum.0 + need.vcpu_millis, sum.1 + need.memory_mib);
        }
    }
    for (arn, (vcpu_millis, memory_mib)) in used {
        let host = ready(account.cloud.container_hosts(&account.site, &[arn])).unwrap();
        let shape = &offer(host[0].instance_type.as_ref().unwrap()).unwrap().shape;
        assert!(vcpu_millis <= shape.vcpus * 1000, "{vcpu_millis} on {shape:?}");
        assert!(memory_mib <= shape.memory_mib, "{memory_mib} on {shape:?}");
    }
}

#[test]
fn small_jobs_share_an_instance_and_it_goes_when_idle() {
    let account = Account::new(calm(), 1);
    let ids: Vec<_> =
        (0..4).map(|n| account.start(ON_DEMAND, "hour", &format!("small-{n}"))).collect();
    for id in &ids {
        account.until(id, BatchStatus::Running);
    }
    assert_eq!(account.cloud.running_instances().len(), 1);
    for id in &ids {
        account.until(id, BatchStatus::Succeeded);
    }
    let last = account.job(&ids[3]);
    let host = account.host(&last);
    assert_eq!(host.ended_at, None);
    account.pass(400);
    assert_eq!(account.cloud.running_instances().len(), 0);
    let ended = account.host(&last);
    assert_eq!(ended.end, Some(spotcron::domain::InstanceEnd::Requested));
    assert_eq!(ended.ended_at.unwrap().as_millisecond() % 1000, 0);
}

#[test]
fn nothing_runs_in_a_pool_without_capacity() {
    let mut scenario = Scenario::empty("us-east-1", "abc")
        .with_queue(SPOT, Capacity::Spot, &["m6i.xlarge", "c6i.xlarge"], 256)
        .with_definition("hour", 3600);
    scenario.market.reclaim_scale = 6.0;
    scenario.market.recovery_scale = 3.0;
    scenario.market.notice_share = 0.0;
    let account = Account::new(scenario, 5);
    let (mut launches, mut seen_down) = (std::collections::BTreeSet::new(), 0);
    for minute in 0..6 * 60 {
        if minute % 5 == 0 {
            account.start(SPOT, "hour", &format!("job-{minute}"));
        }
        account.pass(60);
        let quotes = account.cloud.market_quotes();
        for instance in account.cloud.running_spot_instances() {
            let quote = quotes.iter().find(|quote| {
                quote.pool.zone == instance.zone
                    && quote.pool.instance_type == instance.instance_type
            });
            assert!(quote.unwrap().up, "{instance:?}");
            launches.insert(instance.id);
        }
        seen_down += quotes.iter().filter(|quote| !quote.up).count();
    }
    assert!(launches.len() > 20 && seen_down > 20, "{} {seen_down}", launches.len());
}

#[test]
fn noticed_instances_take_no_more_jobs_and_last_two_minutes() {
    let mut scenario = calm();
    scenario.market.notice_share = 1.0;
    let account = Account::new(scenario, 2);
    let first = account.start(SPOT, "long", "first");
    let running = account.until(&first, BatchStatus::Running);
    let struck = account.now();
    account.crunch(10);
    account.pass(1);
    let second = account.start(SPOT, "quick", "second");
    let placed = account.until(&second, BatchStatus::Starting);
    assert_ne!(account.host(&placed).id, account.host(&running).id);
    account.until(&first, BatchStatus::Failed);
    let lasted = account.host(&running).ended_at.unwrap().duration_since(struck);
    assert_eq!(lasted, SignedDuration::from_secs(120));
}

#[test]
fn the_head_of_a_queue_blocks_it() {
    let account = Account::new(calm(), 3);
    let mut large = request(SPOT, "quick", "too-large");
    large.resources = Some(Resources { vcpu_millis: 32_000, memory_mib: 2048, gpus: 0 });
    let large = account.submit(&large).unwrap();
    account.until(&large, BatchStatus::Runnable);
    let small = account.start(SPOT, "quick", "small");
    account.pass(3600);
    let reason = account.job(&large).status_reason.unwrap();
    assert!(reason.starts_with("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"), "{reason}");
    assert_eq!(account.job(&small).status, BatchStatus::Runnable);
    ready(spotcron::ports::BatchService::cancel(&account.cloud, &account.site, &large, "x"))
        .unwrap();
    account.until(&small, BatchStatus::Succeeded);
}

#[test]
fn a_mixed_queue_falls_back_to_its_second_environment() {
    let mut scenario = calm();
    scenario.queues[0].compute_environments = vec![SPOT.into(), ON_DEMAND.into()];
    let account = Account::new(scenario, 4);
    account.crunch(7200);
    let id = account.start(SPOT, "quick", "mixed");
    let job = account.until(&id, BatchStatus::Running);
    assert_eq!(account.host(&job).lifecycle, spotcron::domain::Lifecycle::OnDemand);
}

#[test]
fn the_maximum_is_exceeded_by_at_most_one_instance() {
    let scenario = Scenario::empty("us-east-1", "a")
        .with_queue(SPOT, Capacity::OnDemand, &["m6i.2xlarge"], 20)
        .with_definition("hour", 3600);
    let account = Account::new(scenario, 6);
    let mut array = request(SPOT, "hour", "many");
    array.array_size = Some(200);
    account.submit(&array).unwrap();
    account.pass(900);
    assert_eq!(account.cloud.running_instances().len(), 3);
}
