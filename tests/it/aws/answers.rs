//! What Batch, ECS and EC2 answer, read as facts.

use jiff::Timestamp;
use serde_json::json;
use spotcron::aws::AwsError;
use spotcron::domain::{BatchJobId, BatchStatus, Capacity, Lifecycle, Resources};
use spotcron::ports::{BatchService, FailureKind, InstanceDirectory};
use spotcron::settings::Settings;

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

fn environment(name: &str, kind: &str, status: &str) -> serde_json::Value {
    json!({
        "computeEnvironmentName": name, "computeEnvironmentArn": format!("arn:{name}"),
        "state": "ENABLED", "status": status, "statusReason": "why", "ecsClusterArn": "arn:cluster",
        "computeResources": { "type": kind, "maxvCpus": 8, "subnets": ["s-2", "s-1"],
                              "instanceTypes": ["optimal", "c5.large"] }
    })
}

#[tokio::test]
async fn a_queue_is_described_in_its_order_with_the_zones_of_its_subnets() {
    let queue = json!({ "jobQueues": [{
        "jobQueueName": "q", "jobQueueArn": "arn:q", "state": "ENABLED", "status": "VALID",
        "computeEnvironmentOrder": [ { "order": 2, "computeEnvironment": "arn:new" },
            { "order": 1, "computeEnvironment": "arn:spot" },
            { "order": 3, "computeEnvironment": "arn:x:compute-environment/gone" } ] }] });
    let environments = json!({ "computeEnvironments": [
        environment("new", "ECS_MANAGED_INSTANCES", "INVALID"), environment("spot", "SPOT", "VALID") ] });
    let subnets = "<DescribeSubnetsResponse><subnetSet>\
        <item><subnetId>s-1</subnetId><availabilityZone>us-east-1a</availabilityZone></item>\
        <item><subnetId>s-2</subnetId><availabilityZone>us-east-1b</availabilityZone></item>\
        </subnetSet></DescribeSubnetsResponse>";
    let answers = [Answer::ok(queue), Answer::ok(environments), Answer::ok(subnets)];
    let wire = Wire::answering(answers).await;
    let described = wire.cloud.describe_queue(&"us-east-1".into(), "q").await.unwrap();
    assert_eq!((described.arn.as_str(), described.enabled), ("arn:q", true));
    assert_eq!(described.valid, Ok(()));
    let [spot, new, gone] = described.environments.as_slice() else { panic!("{described:?}") };
    assert_eq!((spot.name.as_str(), spot.capacity), ("spot", Some(Capacity::Spot)));
    assert_eq!(spot.instance_types, ["optimal", "c5.large"]);
    let zones: Vec<&str> = spot.zones.iter().map(|zone| zone.as_str()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    assert_eq!(spot.ecs_cluster_arn.as_deref(), Some("arn:cluster"));
    assert_eq!((new.capacity, new.valid.clone()), (None, Err("INVALID: why".to_owned())));
    assert_eq!((gone.name.as_str(), gone.enabled), ("gone", false));
}

#[tokio::test]
async fn without_the_permission_to_read_subnets_the_zones_are_unknown() {
    let queue = json!({ "jobQueues": [{
        "jobQueueName": "q", "jobQueueArn": "arn:q", "state": "DISABLED", "status": "VALID",
        "computeEnvironmentOrder": [{ "order": 1, "computeEnvironment": "arn:spot" }] }] });
    let environments =
        json!({ "computeEnvironments": [environment("spot", "FARGATE_SPOT", "VALID")] });
    let refused = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message>\
        </Error></Errors><RequestID>r</RequestID></Response>";
    let answers =
        [Answer::ok(queue), Answer::ok(environments), Answer::Http(403, refused.into(), None)];
    let wire = Wire::answering(answers).await;
    let described = wire.cloud.describe_queue(&"us-east-1".into(), "q").await.unwrap();
    assert!(!described.enabled);
    assert_eq!(described.environments[0].capacity, Some(Capacity::FargateSpot));
    assert!(described.environments[0].zones.is_empty());
    assert_eq!(wire.calls()[2], "DescribeSubnets denied 1");
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_not_found() {
    let wire = Wire::answering([Answer::ok(json!({ "jobQueues": [] }))]).await;
    let error = wire.cloud.describe_queue(&"eu-west-1".into(), "q").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::NotFound);
    assert_eq!(error.to_string(), "DescribeJobQueues: there is no job queue `q` in eu-west-1");
}

#[tokio::test]
async fn hosts_that_are_gone_are_missing() {
    let arn = |cluster: &str, id: &str| {
        format!("arn:aws:ecs:us-east-1:123456789012:container-instance/{cluster}/{id}")
    };
    let gone = json!({ "__type": "ClusterNotFoundException", "message": "gone" });
    let answer = json!({
        "containerInstances": [{
            "containerInstanceArn": arn("spot", "a"), "ec2InstanceId": "i-0a",
            "attributes": [{ "name": "ecs.instance-type", "value": "c5.large" },
                           { "name": "ecs.availability-zone", "value": "us-east-1a" }] }],
        "failures": [{ "arn": arn("spot", "b"), "reason": "MISSING" }] });
    let answers = [Answer::Http(400, gone.to_string(), None), Answer::ok(answer)];
    let wire = Wire::answering(answers).await;
    let arns = [arn("spot", "a"), arn("spot", "b"), arn("dead", "c"), "TBD".to_owned()];
    let hosts = wire.cloud.container_hosts(&"us-east-1".into(), &arns).await.unwrap();
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].instance_id.as_str(), "i-0a");
    assert_eq!(hosts[0].instance_type.as_ref().unwrap().as_str(), "c5.large");
    assert_eq!(hosts[0].zone.as_ref().unwrap().as_str(), "us-east-1a");
    assert_eq!(wire.asked()[1].json()["cluster"], "spot");
}

#[tokio::test]
async fn instances_are_asked_for_by_filter_and_their_end_is_read() {
    let answer = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>\
        <instanceId>i-0a</instanceId><instanceType>c5.large</instanceType>\
        <launchTime>2026-03-01T10:00:00.000Z</launchTime>\
        <placement><availabilityZone>us-east-1a</availabilityZone></placement>\
        <instanceState><code>48</code><name>terminated</name></instanceState>\
        <instanceLifecycle>spot</instanceLifecycle>\
        <reason>Server.SpotInstanceTermination (2026-03-01 10:30:00 GMT)</reason>\
        <stateReason><code>Server.SpotInstanceTermination</code><message>m</message></stateReason>\
        </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let wire = Wire::answering([Answer::ok(answer)]).await;
    let ids = ["i-0a".into(), "i-0b".into()];
    let facts = wire.cloud.instances(&"us-east-1".into(), &ids).await.unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].lifecycle, Lifecycle::Spot);
    assert_eq!(facts[0].end, Some(spotcron::domain::InstanceEnd::Reclaimed));
    assert_eq!(facts[0].ended_at, Some("2026-03-01T10:30:00Z".parse().unwrap()));
    let body = &wire.asked()[0].body;
    assert!(body.contains("Filter.1.Name=instance-id"), "{body}");
    assert!(!body.contains("InstanceId.1"), "{body}");
}

#[tokio::test]
async fn the_account_is_asked_of_sts() {
    let answer = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let empty = "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>";
    let wire = Wire::answering([Answer::ok(answer), Answer::ok(empty)]).await;
    assert_eq!(wire.cloud.account_id().await.unwrap(), "123456789012");
    assert_eq!(wire.cloud.account_id().await.unwrap_err().kind, FailureKind::BadResponse);
    assert_eq!(wire.cloud.custom_endpoints().len(), 1);
}

#[tokio::test]
async fn an_emulator_beyond_loopback_is_refused() {
    let settings = Settings::default();
    let observer = std::sync::Arc::new(|_: &spotcron::aws::ApiCall<'_>| {});
    let url = "http://192.0.2.1:5000";
    let refused =
        spotcron::aws::AwsCloud::emulated(url, &settings.aws, &settings.limits, observer).await;
    assert_eq!(refused.err(), Some(AwsError::NotLoopback(url.to_owned())));
}
