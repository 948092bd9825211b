//! What Batch answers about jobs, read as facts.

use jiff::Timestamp;
use serde_json::json;
use spotcron::domain::{BatchJobId, BatchStatus, Resources};
use spotcron::ports::{BatchService, FailureKind};

use super::wire::{Answer, Wire};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn ids(names: &[&str]) -> Vec<BatchJobId> {
    names.iter().map(|name| BatchJobId::from(*name)).collect()
}

#[tokio::test]
async fn fields_that_aws_left_out_are_absent() {
    let waiting = json!({ "jobs": [{
        "jobId": "a", "jobName": "n", "jobQueue": "q", "jobDefinition": "d", "status": "RUNNABLE",
        "createdAt": 1_000_000, "container": { "resourceRequirements": [
            { "type": "VCPU", "value": "0.5" }, { "type": "MEMORY", "value": "1024" } ] }
    }, { "jobId": "b", "status": "DREAMING" }] });
    let wire = Wire::answering([Answer::ok(waiting)]).await;
    let jobs = wire.cloud.describe(&"us-east-1".into(), &ids(&["a", "b"])).await.unwrap();
    assert_eq!(wire.asked()[0].json(), json!({ "jobs": ["a", "b"] }));
    assert_eq!((jobs[0].status, jobs[0].created_at), (BatchStatus::Runnable, Some(at(1_000))));
    assert_eq!((jobs[0].started_at, jobs[0].stopped_at), (None, None));
    let container = jobs[0].container.as_ref().unwrap();
    assert_eq!((container.exit_code, &container.container_instance_arn), (None, &None));
    let resources = Resources { vcpu_millis: 500, memory_mib: 1024, gpus: 0 };
    assert_eq!(jobs[0].resources, Some(resources));
    assert_eq!((jobs[1].status, jobs[1].started_at), (BatchStatus::Unrecognised, None));
}

#[tokio::test]
async fn a_job_without_an_id_is_a_data_error() {
    let wire = Wire::answering([Answer::ok(json!({ "jobs": [{ "status": "RUNNING" }] }))]).await;
    let error = wire.cloud.describe(&"us-east-1".into(), &ids(&["a"])).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BadResponse);
    assert_eq!(error.to_string(), "DescribeJobs: a job has no jobId");
}

#[tokio::test]
async fn attempts_arrays_and_several_containers_are_read() {
    let task = |exit: Option<i32>| {
        let mut main = json!({ "name": "main", "logStreamName": "log/main" });
        if let Some(exit) = exit {
            main["exitCode"] = json!(exit);
        }
        json!({ "taskArn": "t", "containerInstanceArn": "ci", "containers": [
            { "name": "proxy", "exitCode": 0, "logStreamName": "log/proxy",
              "resourceRequirements": [{ "type": "VCPU", "value": "0.25" },
                                       { "type": "MEMORY", "value": "128" }] }, main ] })
    };
    let mut running = task(None);
    running["containers"][1]["resourceRequirements"] =
        json!([{ "type": "VCPU", "value": "1" }, { "type": "MEMORY", "value": "512" }]);
    let answer = json!({ "jobs": [
        { "jobId": "one", "status": "FAILED", "startedAt": 2_000_000, "stoppedAt": 3_000_000,
          "statusReason": "Host EC2 (instance i-0) terminated.",
          "container": { "vcpus": 2, "memory": 4096, "exitCode": 1, "taskArn": "t2" },
          "attempts": [
            { "stoppedAt": 1_500_000, "startedAt": 0, "statusReason": "Task failed to start",
              "container": { "reason": "CannotPullContainerError: no", "taskArn": "t1" } },
            { "startedAt": 2_000_000, "stoppedAt": 3_000_000,
              "container": { "exitCode": 1, "logStreamName": "log" } } ],
          "tags": { "spotcron-run": "r" } },
        { "jobId": "many", "status": "RUNNING", "startedAt": 2_000_000,
          "ecsProperties": { "taskProperties": [running] },
          "attempts": [{ "container": {}, "taskProperties": [task(Some(3))] }] },
        { "jobId": "parent", "status": "PENDING",
          "arrayProperties": { "size": 3, "statusSummary": { "RUNNING": 2, "FAILED": 1 } } },
        { "jobId": "parent:0", "status": "RUNNING", "arrayProperties": { "size": 3, "index": 0 } }
    ] });
    let wire = Wire::answering([Answer::ok(answer)]).await;
    let asked = ids(&["one", "many", "parent", "parent:0"]);
    let jobs = wire.cloud.describe(&"us-east-1".into(), &asked).await.unwrap();
    let [one, many, parent, child] = jobs.as_slice() else { panic!("{jobs:?}") };

    assert_eq!(one.resources, Some(Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 0 }));
    assert_eq!(one.attempts.len(), 2);
    assert_eq!((one.attempts[0].started_at, one.attempts[0].stopped_at), (None, Some(at(1_500))));
    let pull = one.attempts[0].container.reason.as_deref();
    assert_eq!(pull, Some("CannotPullContainerError: no"));
    assert_eq!(one.attempts[1].container.exit_code, Some(1));
    assert_eq!(one.attempts[1].container.log_stream.as_deref(), Some("log"));
    assert_eq!(one.tags["spotcron-run"], "r");

    assert_eq!(many.resources, Some(Resources { vcpu_millis: 1250, memory_mib: 640, gpus: 0 }));
    let now = many.container.as_ref().unwrap();
    assert_eq!(now.container_instance_arn.as_deref(), Some("ci"));
    let ended = &many.attempts[0].container;
    assert_eq!((ended.exit_code, ended.log_stream.as_deref()), (Some(3), Some("log/main")));

    let summary = parent.array.as_ref().unwrap();
    assert_eq!((summary.size, summary.by_status["RUNNING"]), (3, 2));
    assert_eq!(child.array, None);
}

#[tokio::test]
async fn more_than_a_hundred_jobs_take_two_calls_and_none_takes_none() {
    let empty = || Answer::ok(json!({ "jobs": [] }));
    let wire = Wire::answering([empty(), empty()]).await;
    let region = "us-east-1".into();
    // An empty list would describe every job of an emulator.
    assert_eq!(wire.cloud.describe(&region, &[]).await.unwrap(), []);
    assert!(wire.asked().is_empty());
    let many: Vec<BatchJobId> = (0..101).map(|i| BatchJobId::from(format!("j{i}"))).collect();
    assert_eq!(wire.cloud.describe(&region, &many).await.unwrap(), []);
    let sizes: Vec<usize> =
        wire.asked().iter().map(|a| a.json()["jobs"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 1]);
}

#[tokio::test]
async fn a_job_is_found_on_the_second_page_by_its_exact_name() {
    let row = |id: &str, name: &str, created: i64| json!({ "jobId": id, "jobName": name, "createdAt": created, "status": "SUCCEEDED" });
    let first = json!({ "nextToken": "more", "jobSummaryList": [
        row("other", "extract-l0-2", 9_000_000), row("case", "EXTRACT-l0-1", 9_000_000) ] });
    let second = json!({ "jobSummaryList": [
        row("hit", "extract-l0-1", 9_000_000), row("old", "extract-l0-1", 7_999_999) ] });
    let wire = Wire::answering([Answer::ok(first), Answer::ok(second)]).await;
    let (region, name) = ("us-east-1".into(), "extract-l0-1".into());
    let found = wire.cloud.find_by_name(&region, "spot", &name, at(8_000)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].created_at), ("hit", Some(at(9_000))));
    assert_eq!(found[0].status, BatchStatus::Succeeded);
    let filters = json!([{ "name": "JOB_NAME", "values": ["extract-l0-1"] }]);
    let asked = wire.asked();
    assert_eq!(asked[0].json(), json!({ "jobQueue": "spot", "filters": filters }));
    assert_eq!(
        asked[1].json(),
        json!({ "jobQueue": "spot", "filters": filters, "nextToken": "more" })
    );
}

#[tokio::test]
async fn a_look_up_that_fails_in_the_middle_finds_nothing_at_all() {
    let first = json!({ "nextToken": "more", "jobSummaryList": [
        { "jobId": "hit", "jobName": "n", "createdAt": 9_000_000 } ] });
    let wire =
        Wire::answering([Answer::ok(first), Answer::error(400, "ClientException", "no")]).await;
    let (region, name) = ("us-east-1".into(), "n".into());
    let error = wire.cloud.find_by_name(&region, "spot", &name, at(0)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Rejected);
    assert_eq!(error.to_string(), "ListJobs: ClientException: no");
}

/// Two pages that lead to each other: what was not seen must not count as absent, or it is sent again.
#[tokio::test]
async fn a_look_up_whose_pages_go_in_circles_finds_nothing_at_all() {
    let page = |token: &str, id: &str| {
        Answer::ok(json!({ "nextToken": token, "jobSummaryList": [
            { "jobId": id, "jobName": "n", "createdAt": 9_000_000 } ] }))
    };
    for answers in
        [vec![page("a", "1"), page("a", "1")], vec![page("a", "1"), page("b", "2"), page("a", "1")]]
    {
        let wire = Wire::answering(answers).await;
        let (region, name) = ("us-east-1".into(), "n".into());
        let error = wire.cloud.find_by_name(&region, "spot", &name, at(0)).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::BadResponse);
        assert!(error.to_string().starts_with("ListJobs: a page leads to one"), "{error}");
    }
}

#[tokio::test]
async fn stopping_shortens_its_reason_and_repeats_after_a_throttle() {
    let wire = Wire::answering([
        Answer::error(429, "TooManyRequestsException", "slow"),
        Answer::ok("{}"),
        Answer::ok("{}"),
    ])
    .await;
    let (region, id) = ("us-east-1".into(), "a".into());
    wire.cloud.terminate(&region, &id, &"é".repeat(2000)).await.unwrap();
    wire.cloud.cancel(&region, &id, "starved").await.unwrap();
    let asked = wire.asked();
    assert_eq!(asked[1].json()["reason"].as_str().unwrap().chars().count(), 1024);
    assert_eq!(asked[2].what, "/v1/canceljob");
    assert_eq!(asked[2].json(), json!({ "jobId": "a", "reason": "starved" }));
    assert_eq!(wire.calls(), ["TerminateJob throttled 1", "TerminateJob ok 2", "CancelJob ok 1"]);
}
