//! Jobs: states, attempts, reasons, retries, retention, refusals.

use jiff::SignedDuration;
use spotcron::catalogue::{EvaluateOnExit, RetryStrategy};
use spotcron::domain::{BatchJobId, BatchStatus, InstanceEnd, Resources};
use spotcron::ports::{BatchService, FailureKind, InstanceDirectory, SubmitError};
use spotcron::run::SubmitRequest;

use super::account::*;

#[test]
fn a_job_goes_through_every_state_in_order() {
    let account = Account::new(calm(), 1);
    let id = account.start(ON_DEMAND, "quick:3", "walk");
    let mut seen = Vec::new();
    for _ in 0..600 {
        let job = account.job(&id);
        if seen.last() != Some(&job.status) {
            seen.push(job.status);
        }
        assert_eq!(job.attempts.len(), usize::from(job.status.is_final()));
        assert_eq!(job.started_at.is_some(), job.status >= BatchStatus::Running);
        account.pass(1);
    }
    let expected = [
        BatchStatus::Submitted,
        BatchStatus::Runnable,
        BatchStatus::Starting,
        BatchStatus::Running,
        BatchStatus::Succeeded,
    ];
    assert_eq!(seen, expected);
    let job = account.job(&id);
    let attempt = &job.attempts[0];
    assert_eq!(attempt.status_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(attempt.container.exit_code, Some(0));
    let ran = attempt.stopped_at.unwrap().duration_since(attempt.started_at.unwrap());
    assert_eq!(ran.as_secs(), 120);
    let task = attempt.container.task_arn.as_deref().unwrap();
    let stream = attempt.container.log_stream.as_deref().unwrap();
    assert_eq!(stream, format!("quick/default/{}", task.rsplit('/').next().unwrap()));
    assert_eq!(job.tags["team"], "data");
    let queue = ready(account.cloud.describe_queue(&account.site, ON_DEMAND)).unwrap();
    let cluster = queue.environments[0].ecs_cluster_arn.clone().unwrap();
    let cluster = cluster.rsplit('/').next().unwrap();
    let host = attempt.container.container_instance_arn.as_deref().unwrap();
    assert_eq!(host.split('/').nth(1), Some(cluster));
}

#[test]
fn a_reclaim_ends_the_attempt_in_aws_words_and_is_seen_on_the_instance() {
    let account = Account::new(calm(), 2);
    let id = account.start(SPOT, "long", "reclaimed");
    let running = account.until(&id, BatchStatus::Running);
    account.pass(3000);
    account.crunch(3600);
    let failed = account.until(&id, BatchStatus::Failed);
    let host = account.host(&running);
    let reason = format!("Host EC2 (instance {}) terminated.", host.id);
    assert_eq!(failed.status_reason.as_deref(), Some(reason.as_str()));
    assert_eq!(failed.attempts[0].container.exit_code, None);
    assert_eq!(host.end, Some(InstanceEnd::Reclaimed));
    assert_eq!(host.ended_at, failed.attempts[0].stopped_at);
}

#[test]
fn batch_retries_a_reclaimed_job_at_the_head_of_its_queue() {
    let account = Account::new(calm(), 3);
    let mut first = request(SPOT, "long", "first");
    first.retry_strategy = Some(RetryStrategy { attempts: 3, evaluate_on_exit: Vec::new() });
    let first = account.submit(&first).unwrap();
    account.until(&first, BatchStatus::Running);
    account.crunch(900);
    account.pass(5);
    let second = account.start(SPOT, "long", "second");
    let waiting = account.until(&first, BatchStatus::Runnable);
    assert_eq!((waiting.attempts.len(), waiting.started_at), (1, None));
    account.pass(400);
    // The head says why it waits, and only the head.
    let head = account.job(&first).status_reason.unwrap();
    assert!(head.starts_with("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - "), "{head}");
    assert_eq!(account.job(&second).status_reason, None);
    assert_eq!(account.job(&second).status, BatchStatus::Runnable);
    let again = account.until(&first, BatchStatus::Running);
    assert_eq!(again.attempts.len(), 1);
    assert_ne!(again.container, again.attempts.last().map(|attempt| attempt.container.clone()));
}

#[test]
fn evaluate_on_exit_decides_which_ends_are_repeated() {
    let entry = |status: &str, retry| EvaluateOnExit {
        on_status_reason: Some(status.into()),
        retry,
        ..Default::default()
    };
    for (entries, attempts) in [
        (vec![], 3),
        (vec![entry("Host EC2*", true), entry("*", false)], 1),
        (vec![entry("Essential container*", true)], 3),
        (vec![entry("Something else", false)], 3),
    ] {
        let mut scenario = calm();
        scenario.definitions[0].failure_probability = 1.0;
        scenario.definitions[0].failure_exit_code = 7;
        let account = Account::new(scenario, 4);
        let mut failing = request(ON_DEMAND, "quick", "failing");
        let strategy = RetryStrategy { attempts: 3, evaluate_on_exit: entries.clone() };
        failing.retry_strategy = Some(strategy);
        let id = account.submit(&failing).unwrap();
        let job = account.until(&id, BatchStatus::Failed);
        assert_eq!(job.attempts.len(), attempts, "{entries:?}");
        assert!(job.attempts.iter().all(|attempt| attempt.container.exit_code == Some(7)));
    }
}

#[test]
fn an_image_that_cannot_be_pulled_leaves_an_attempt_that_never_started() {
    let mut scenario = calm();
    scenario.definitions[0].pull_failure_probability = 1.0;
    let account = Account::new(scenario, 5);
    let id = account.start(ON_DEMAND, "quick", "pull");
    let job = account.until(&id, BatchStatus::Failed);
    assert_eq!(job.started_at, None);
    let attempt = &job.attempts[0];
    assert_eq!(attempt.started_at, None);
    assert_eq!(attempt.status_reason.as_deref(), Some("Task failed to start"));
    let reason = attempt.container.reason.as_deref().unwrap();
    assert!(reason.starts_with("CannotPullContainerError:"), "{reason}");
}

#[test]
fn finished_jobs_and_ended_instances_are_forgotten() {
    let account = Account::new(calm(), 9);
    let id = account.start(SPOT, "quick", "short-lived");
    let job = account.until(&id, BatchStatus::Succeeded);
    let host = account.host(&job);
    account.pass(3600 + 240);
    let gone = ready(account.cloud.instances(&account.site, &[host.id])).unwrap();
    assert!(gone.is_empty());
    account.pass(86_400 - 3600 - 260);
    assert!(account.find(&id).is_some());
    account.pass(60);
    assert!(account.find(&id).is_none());
    assert_eq!(account.cloud.remembered(), (0, 0));
    let found = ready(account.cloud.find_by_name(
        &account.site,
        SPOT,
        &"short-lived".into(),
        jiff::Timestamp::UNIX_EPOCH,
    ));
    assert_eq!(found.unwrap(), []);
}

#[test]
fn names_are_looked_up_per_queue_in_any_case_after_the_listing_lag() {
    let mut scenario = calm();
    scenario.timing.listing_lag_secs = 30;
    let account = Account::new(scenario, 10);
    let before = account.now();
    let id = account.start(SPOT, "quick", "Some-Name");
    let find = |queue: &str, name: &str, since| {
        ready(account.cloud.find_by_name(&account.site, queue, &name.into(), since)).unwrap()
    };
    assert!(find(SPOT, "some-name", before).is_empty());
    account.pass(30);
    let found = find(SPOT, "some-name", before);
    assert_eq!((found.len(), &found[0].id, found[0].name.as_str()), (1, &id, "Some-Name"));
    assert!(find(ON_DEMAND, "some-name", before).is_empty());
    assert!(find(SPOT, "some-nam", before).is_empty());
    assert!(find(SPOT, "some-name", before + SignedDuration::from_secs(1)).is_empty());
}

#[test]
fn each_job_is_listed_and_described_after_a_lag_of_its_own() {
    let mut scenario = calm();
    scenario.timing.listing_lag_spread_secs = 60;
    scenario.timing.describing_lag_secs = 60;
    let account = Account::new(scenario, 10);
    let before = account.now();
    let names: Vec<String> = (0..20).map(|number| format!("job-{number}")).collect();
    let ids: Vec<_> = names.iter().map(|name| account.start(SPOT, "quick", name)).collect();
    let listed = || {
        let found = names.iter().filter(|name| {
            let name = name.as_str().into();
            let found = ready(account.cloud.find_by_name(&account.site, SPOT, &name, before));
            !found.unwrap().is_empty()
        });
        found.count()
    };
    let described = || ids.iter().filter(|id| account.find(id).is_some()).count();
    account.pass(30);
    assert!((1..20).contains(&listed()) && (1..20).contains(&described()));
    account.pass(30);
    assert_eq!((listed(), described()), (20, 20));
    assert_eq!(account.cloud.lives().len(), 20);
}

#[test]
fn what_batch_would_refuse_is_refused_and_starts_nothing() {
    let mut scenario = calm().with_queue("off", spotcron::domain::Capacity::Spot, &["m6i"], 8);
    scenario.queues.last_mut().unwrap().enabled = false;
    scenario.refuse_unknown_definitions = true;
    let account = Account::new(scenario, 11);
    type Change = fn(&mut SubmitRequest);
    let changes: [(&str, Change); 12] = [
        ("jobName", |r| r.name = "-a".into()),
        ("jobName", |r| r.name = "a b".into()),
        ("jobName", |r| r.name = "a".repeat(129).into()),
        ("JobQueue nowhere not found", |r| r.queue = "nowhere".into()),
        ("JobQueue spot not found", |r| r.site = "eu-west-1".into()),
        ("JobQueue off is disabled", |r| r.queue = "off".into()),
        ("array size", |r| r.array_size = Some(1)),
        ("array size", |r| r.array_size = Some(10_001)),
        ("at least 60", |r| r.timeout = Some(SignedDuration::from_secs(59))),
        ("between 1 and 10", |r| r.retry_strategy.as_mut().unwrap().attempts = 11),
        ("JobDefinition other:1 not found", |r| r.definition = "other:1".into()),
        ("Fargate resource requirements (1 vCPU, 1024 MiB)", |r| {
            r.queue = FARGATE.into();
            r.resources = Some(Resources { vcpu_millis: 1000, memory_mib: 1024, gpus: 0 });
        }),
    ];
    for (expected, change) in changes {
        let mut wrong = request(SPOT, "quick", "fine");
        change(&mut wrong);
        let error = match account.submit(&wrong) {
            Err(SubmitError::Rejected(error)) => error,
            other => panic!("{expected}: {other:?}"),
        };
        assert_eq!(error.kind, FailureKind::Rejected);
        assert!(error.message.contains(expected), "{}", error.message);
    }
    assert!(account.cloud.submissions().is_empty());
    assert!(account.submit(&request(SPOT, "quick", "fine")).is_ok());
}

#[test]
fn checkpointed_work_continues_in_the_next_leg() {
    let mut scenario = calm();
    scenario.definitions[1].checkpoint_secs = Some(600);
    scenario.definitions[1].restore_secs = 60;
    let account = Account::new(scenario, 12);
    let leg = |queue: &str, name: &str| {
        let mut leg = request(queue, "hour", name);
        leg.environment = request(queue, "hour", "one-run").environment;
        account.submit(&leg).unwrap()
    };
    let first = leg(SPOT, "one-run-l0");
    account.until(&first, BatchStatus::Running);
    account.pass(2000);
    ready(account.cloud.terminate(&account.site, &first, "moved")).unwrap();
    account.until(&first, BatchStatus::Failed);
    let second = leg(ON_DEMAND, "one-run-l1");
    let done = account.until(&second, BatchStatus::Succeeded);
    let ran = done.stopped_at.unwrap().duration_since(done.started_at.unwrap());
    assert_eq!(ran.as_secs(), 3600 - 3 * 600 + 60);
}

#[test]
fn fargate_tasks_have_no_instance_and_spot_ones_are_interrupted() {
    let account = Account::new(calm(), 13);
    let id = account.start(FARGATE_SPOT, "hour", "serverless");
    let running = account.until(&id, BatchStatus::Running);
    let container = running.container.unwrap();
    assert_eq!(container.container_instance_arn, None);
    let task = |arn: &String| {
        ready(account.cloud.fargate_tasks(&account.site, std::slice::from_ref(arn))).unwrap()
    };
    let arn = container.task_arn.unwrap();
    assert!(task(&arn)[0].pull_started_at.unwrap() < running.started_at.unwrap());
    account.cloud.crunch_all(SignedDuration::from_secs(600));
    let failed = account.until(&id, BatchStatus::Failed);
    assert_eq!(failed.status_reason.as_deref(), Some("Your Spot Task was interrupted."));
    assert!(task(&arn)[0].interrupted);
    assert_eq!(task(&arn)[0].stopped_at, failed.stopped_at);
    let next = account.start(FARGATE_SPOT, "quick", "next");
    account.until(&next, BatchStatus::Succeeded);
}

#[test]
fn at_most_a_hundred_jobs_are_described_at_once() {
    let account = Account::new(calm(), 14);
    let ids: Vec<BatchJobId> = (0..101).map(|n| format!("job-{n}").into()).collect();
    let error = ready(account.cloud.describe(&account.site, &ids)).unwrap_err();
    assert_eq!(error.kind, FailureKind::Rejected);
    assert_eq!(ready(account.cloud.describe(&account.site, &ids[..100])).unwrap(), []);
}
