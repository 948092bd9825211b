//! A look at the account: the time in answers, tests of permissions, and what Batch shows as facts.

use serde_json::json;
use spotcron::doctor::{Access, Operation, Unseen};
use spotcron::domain::{Capacity, Site};
use spotcron::ports::{AccountInspector, FailureKind, ProbeAt};

use super::wire::{Answer, Wire};

fn site() -> Site {
    "us-east-1".into()
}

fn ec2_error(status: u16, code: &str) -> Answer {
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors>\
         <RequestID>r</RequestID></Response>"
    );
    Answer::Http(status, body, None)
}

#[tokio::test]
async fn the_time_is_heard_also_from_a_refusal() {
    let account = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let refusal = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>m</Message>\
        </Error></ErrorResponse>";
    let wire =
        Wire::answering([Answer::ok(account), Answer::Http(403, refusal.into(), None)]).await;
    // The server of this test has the same clock, and dates its answers.
    for expected in [Ok("123456789012".to_owned()), Err(FailureKind::Denied)] {
        let identity = wire.cloud.identity().await;
        assert_eq!(identity.account.map_err(|error| error.kind), expected);
        let ahead = identity.aws_clock_ahead.expect("the answer has a date");
        assert!(ahead.abs().as_secs() < 60, "{ahead:?}");
    }
}

#[tokio::test]
async fn a_dry_run_that_would_have_succeeded_is_a_permission() {
    for (operation, action) in [
        (Operation::DescribeInstanceTypes, "DescribeInstanceTypes"),
        (Operation::DescribeSpotPriceHistory, "DescribeSpotPriceHistory"),
        (Operation::DescribeInstances, "DescribeInstances"),
        (Operation::DescribeSubnets, "DescribeSubnets"),
    ] {
        let answers = [ec2_error(412, "DryRunOperation"), ec2_error(403, "UnauthorizedOperation")];
        let wire = Wire::answering(answers).await;
        let mut seen = Vec::new();
        for _ in 0..2 {
            let answer = wire.cloud.probe(&site(), operation, &ProbeAt::default()).await;
            seen.push(Access::from(answer));
        }
        assert_eq!(seen[0], Access::Allowed, "{action}");
        assert!(matches!(seen[1], Access::Denied(_)), "{action}: {seen:?}");
        let asked = wire.asked();
        assert_eq!(asked.len(), 2, "{action} is not repeated");
        assert_eq!(asked[0].what, action);
        assert!(asked[0].body.contains("DryRun=true"), "{}", asked[0].body);
    }
}

#[tokio::test]
async fn batch_and_ecs_are_asked_for_what_does_not_exist() {
    let at = ProbeAt { queue: Some("q".to_owned()), cluster: Some("arn:cluster".to_owned()) };
    let gone = json!({ "__type": "ClusterNotFoundException", "message": "gone" }).to_string();
    let wire = Wire::answering([
        Answer::ok(json!({ "jobs": [] })),
        Answer::error(400, "ClientException", "no such queue"),
        Answer::Http(400, gone, None),
        Answer::error(403, "AccessDeniedException", "no"),
    ])
    .await;
    let mut seen = Vec::new();
    for operation in [
        Operation::DescribeJobs,
        Operation::ListJobs,
        Operation::DescribeTasks,
        Operation::DescribeJobQueues,
    ] {
        seen.push(Access::from(wire.cloud.probe(&site(), operation, &at).await));
    }
    assert_eq!(seen[..3], [Access::Allowed, Access::Allowed, Access::Allowed]);
    assert!(
        matches!(&seen[3], Access::Denied(words) if words.contains("AccessDenied")),
        "{seen:?}"
    );
    assert_eq!(wire.asked()[1].json()["jobQueue"], "q");
    assert_eq!(wire.asked()[2].json()["cluster"], "arn:cluster");
}

#[tokio::test]
async fn what_has_an_effect_is_never_sent() {
    let wire = Wire::answering([]).await;
    for operation in Operation::ALL.into_iter().filter(|operation| !operation.can_be_tested()) {
        let answer = wire.cloud.probe(&site(), operation, &ProbeAt::default()).await;
        assert!(matches!(Access::from(answer), Access::Unclear(_)), "{operation:?}");
    }
    assert!(wire.asked().is_empty());
}

#[tokio::test]
async fn of_a_bare_name_the_newest_active_revision_counts() {
    let revision = |number: i32| {
        json!({ "jobDefinitionName": "import", "jobDefinitionArn": format!("arn:import:{number}"),
                "revision": number, "status": "ACTIVE", "type": "container",
                "timeout": { "attemptDurationSeconds": 60 * number } })
    };
    let page = json!({ "jobDefinitions": [revision(2), revision(11)], "nextToken": "more" });
    let last = json!({ "jobDefinitions": [revision(3)] });
    let none = json!({ "jobDefinitions": [] });
    let wire = Wire::answering([Answer::ok(page), Answer::ok(last), Answer::ok(none)]).await;
    let facts = wire.cloud.inspect_definition(&site(), "import").await.unwrap();
    assert_eq!((facts.revision, facts.timeout.unwrap().as_mins()), (Some(11), 11));
    let asked = wire.asked()[0].json();
    assert_eq!(
        (&asked["jobDefinitionName"], &asked["status"]),
        (&json!("import"), &json!("ACTIVE"))
    );
    let error = wire.cloud.inspect_definition(&site(), "import:4").await.unwrap_err();
    assert_eq!(Unseen::from(error), Unseen::Missing);
    assert_eq!(wire.asked()[2].json()["jobDefinitions"], json!(["import:4"]));
}

#[tokio::test]
async fn compute_environments_come_with_their_types_and_zones() {
    let environments = json!({ "computeEnvironments": [{
        "computeEnvironmentName": "spot", "computeEnvironmentArn": "arn:spot", "state": "ENABLED",
        "status": "INVALID", "statusReason": "CLIENT_ERROR - no", "ecsClusterArn": "arn:cluster",
        "computeResources": { "type": "SPOT", "maxvCpus": 8, "minvCpus": 0,
            "subnets": ["s-1", "s-2"], "instanceTypes": ["c5.large"],
            "instanceRole": "ecsInstanceRole" } }] });
    let types = "<DescribeInstanceTypesResponse><instanceTypeSet><item>\
        <instanceType>c5.large</instanceType>\
        <processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures>\
        </processorInfo><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>\
        <memoryInfo><sizeInMiB>4096</sizeInMiB></memoryInfo>\
        </item></instanceTypeSet></DescribeInstanceTypesResponse>";
    let answers =
        [Answer::ok(environments), Answer::ok(types), ec2_error(403, "UnauthorizedOperation")];
    let wire = Wire::answering(answers).await;
    let names = ["arn:spot".to_owned(), "arn:gone".to_owned()];
    let found = wire.cloud.inspect_compute_environments(&site(), &names).await.unwrap();
    let [spot] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((spot.capacity, spot.status.as_str()), (Some(Capacity::Spot), "INVALID"));
    assert_eq!(spot.shapes.as_ref().unwrap().len(), 1);
    assert_eq!(spot.zones, Err(Unseen::Denied));
    assert_eq!((spot.min_vcpus, spot.max_vcpus), (Some(0), Some(8)));
}

#[tokio::test]
async fn waiting_jobs_are_as_old_as_what_last_happened_to_them() {
    let jobs = json!({ "jobSummaryList": [
        { "jobId": "a", "jobName": "new", "createdAt": 1000, "statusReason": "ACTION_REQUIRED" },
        { "jobId": "b", "jobName": "again", "createdAt": 1000, "startedAt": 2000, "stoppedAt": 9000 }
    ] });
    let wire = Wire::answering([Answer::ok(jobs)]).await;
    let jobs = wire.cloud.runnable_jobs(&site(), "q").await.unwrap();
    let since: Vec<_> = jobs.iter().map(|job| job.since.unwrap().as_second()).collect();
    assert_eq!(since, [1, 9]);
    assert_eq!(jobs[0].status_reason.as_deref(), Some("ACTION_REQUIRED"));
    assert_eq!(wire.asked()[0].json()["jobStatus"], "RUNNABLE");
}
