//! What ends jobs before they end by themselves: cancelling, terminating, timeouts; and arrays, whose
//! parents end with their children.

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::RetryStrategy;
use spotcron::domain::{BatchJobId, BatchStatus};
use spotcron::ports::{BatchService, FailureKind};

use super::account::*;

#[test]
fn a_timeout_is_not_retried() {
    let account = Account::new(calm(), 5);
    let mut slow = request(ON_DEMAND, "hour", "slow");
    slow.timeout = Some(SignedDuration::from_secs(60));
    slow.retry_strategy = Some(RetryStrategy { attempts: 5, evaluate_on_exit: Vec::new() });
    let id = account.submit(&slow).unwrap();
    let job = account.until(&id, BatchStatus::Failed);
    assert_eq!(job.attempts.len(), 1);
    assert_eq!(job.status_reason.as_deref(), Some("Job attempt duration exceeded timeout"));
    let attempt = &job.attempts[0];
    assert_eq!(
        attempt.stopped_at.unwrap().duration_since(attempt.started_at.unwrap()).as_secs(),
        60
    );
}

#[test]
fn cancel_acts_before_starting_only() {
    let account = Account::new(calm(), 6);
    let cancel =
        |id: &BatchJobId| ready(account.cloud.cancel(&account.site, id, "starved")).unwrap();
    let waiting = account.start(SPOT, "quick", "waiting");
    account.until(&waiting, BatchStatus::Runnable);
    cancel(&waiting);
    let job = account.job(&waiting);
    assert_eq!((job.status, job.status_reason.as_deref()), (BatchStatus::Failed, Some("starved")));
    assert!(job.attempts.is_empty() && job.started_at.is_none());
    for status in [BatchStatus::Starting, BatchStatus::Running] {
        let id = account.start(SPOT, "quick", "placed");
        account.until(&id, status);
        cancel(&id);
        assert_eq!(account.job(&id).status, status);
        let done = account.until(&id, BatchStatus::Succeeded);
        cancel(&id);
        assert_eq!(account.job(&id), done);
    }
    let unknown = ready(account.cloud.cancel(&account.site, &"nobody".into(), "x"));
    assert_eq!(unknown.unwrap_err().kind, FailureKind::NotFound);
}

#[test]
fn terminate_acts_in_every_state_and_is_not_retried() {
    for status in
        [BatchStatus::Submitted, BatchStatus::Runnable, BatchStatus::Starting, BatchStatus::Running]
    {
        let account = Account::new(calm(), 7);
        let mut hour = request(SPOT, "hour", "stopped");
        hour.retry_strategy = Some(RetryStrategy { attempts: 4, evaluate_on_exit: Vec::new() });
        let id = account.submit(&hour).unwrap();
        account.until(&id, status);
        ready(account.cloud.terminate(&account.site, &id, "deadline")).unwrap();
        let placed = status >= BatchStatus::Starting;
        // A container has time to end: FAILED comes later.
        assert_eq!(account.job(&id).status.is_final(), !placed);
        let job = account.until(&id, BatchStatus::Failed);
        assert_eq!(job.status_reason.as_deref(), Some("deadline"));
        assert_eq!(job.attempts.len(), usize::from(placed));
        assert_eq!(job.started_at.is_some(), status == BatchStatus::Running);
    }
}

#[test]
fn array_parents_count_their_children_and_fail_with_them() {
    let mut scenario = calm();
    scenario.definitions[0].failure_probability = 0.5;
    let account = Account::new(scenario, 8);
    let mut array = request(ON_DEMAND, "quick", "array");
    array.array_size = Some(12);
    let id = account.submit(&array).unwrap();
    let parent = account.until(&id, BatchStatus::Pending);
    assert_eq!(parent.array.as_ref().unwrap().by_status["RUNNABLE"], 12);
    let mut seen = vec![parent.status];
    while !account.job(&id).status.is_final() {
        let parent = account.job(&id);
        assert_eq!(parent.array.unwrap().by_status.values().sum::<u32>(), 12);
        account.pass(7);
        seen.push(account.job(&id).status);
    }
    assert!(!seen.contains(&BatchStatus::Running));
    let parent = account.job(&id);
    assert_eq!(parent.status, BatchStatus::Failed);
    let children: Vec<_> =
        (0..12).map(|n| account.job(&BatchJobId::from(format!("{id}:{n}")))).collect();
    let failed = children.iter().filter(|child| child.status == BatchStatus::Failed).count();
    assert_eq!(parent.array.unwrap().by_status["FAILED"] as usize, failed);
    assert!((1..12).contains(&failed));
    let found = ready(account.cloud.find_by_name(
        &account.site,
        ON_DEMAND,
        &"ARRAY".into(),
        account.now() - SignedDuration::from_hours(1),
    ))
    .unwrap();
    assert_eq!(found.len(), 1, "children are not listed");
}

#[test]
fn terminating_an_array_ends_all_its_children() {
    let account = Account::new(calm(), 8);
    let mut array = request(ON_DEMAND, "hour", "array");
    array.array_size = Some(100);
    let id = account.submit(&array).unwrap();
    account.until(&id, BatchStatus::Pending);
    account.until(&BatchJobId::from(format!("{id}:0")), BatchStatus::Running);
    ready(account.cloud.terminate(&account.site, &id, "enough")).unwrap();
    let parent = account.until(&id, BatchStatus::Failed);
    assert_eq!(parent.status_reason.as_deref(), Some("enough"));
    assert_eq!(parent.array.unwrap().by_status["FAILED"], 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// No job is lost or stuck, however submissions, reclaims and stops interleave.
    #[test]
    fn every_job_ends(steps in proptest::collection::vec((0u8..8, 0i64..900), 1..40)) {
        let mut scenario = calm();
        scenario.timing.job_retention_secs = 7 * 86_400;
        let account = Account::new(scenario, 15);
        let mut ids: Vec<BatchJobId> = Vec::new();
        for (at, (what, seconds)) in steps.into_iter().enumerate() {
            let queue = [SPOT, ON_DEMAND, FARGATE_SPOT][at % 3];
            match what {
                0..=3 => {
                    let mut job = request(queue, ["quick", "hour"][at % 2], &format!("job-{at}"));
                    job.retry_strategy.as_mut().unwrap().attempts = 1 + (at % 4) as u8;
                    job.array_size = (at % 5 == 0).then_some(3);
                    ids.push(account.submit(&job).unwrap());
                }
                4 => account.cloud.crunch_all(SignedDuration::from_secs(seconds + 1)),
                5 => if let Some(id) = ids.last() {
                    ready(account.cloud.terminate(&account.site, id, "stop")).unwrap();
                },
                6 => if let Some(id) = ids.first() {
                    ready(account.cloud.cancel(&account.site, id, "cancel")).unwrap();
                },
                _ => {}
            }
            account.pass(seconds);
        }
        account.pass(20 * 3600);
        for id in &ids {
            let job = account.job(id);
            prop_assert!(job.status.is_final(), "{job:?}");
        }
        prop_assert!(account.cloud.running_instances().is_empty());
        let bill = account.cloud.bill(account.now());
        prop_assert!(bill.lines.iter().all(|line| !line.open && !line.charge.is_negative()));
    }
}
