//! Where jobs may run and where they ran: queues, hosts, instances, the account itself.

use serde_json::json;
use spotcron::aws::AwsError;
use spotcron::domain::{Capacity, InstanceEnd, Lifecycle};
use spotcron::ports::{BatchService, FailureKind, InstanceDirectory};
use spotcron::settings::Settings;

use super::wire::{Answer, Wire};

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
    assert_eq!(facts[0].end, Some(InstanceEnd::Reclaimed));
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
