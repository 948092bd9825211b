//! Whatever is sent is answered or refused, and a refusal is the caller's fault.

use serde_json::{Value, json};

use super::{Account, scenario};

/// Values of the wrong kind, and of the right kind but extreme.
fn strange_values(id: &str) -> Vec<Value> {
    let long = "x".repeat(3_000);
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("*"),
        json!("ÄÖ\u{1F600}:%00/.."),
        json!(long),
        json!(id),
        json!([]),
        json!([null]),
        json!([[]]),
        json!([id, id]),
        json!({}),
        json!({ "size": i64::MIN }),
        json!({ "attempts": i64::MAX, "evaluateOnExit": [{}] }),
        json!({ "attemptDurationSeconds": i64::MAX }),
        json!({ "resourceRequirements": [{ "type": "VCPU", "value": "4294967" }] }),
        json!({ "taskProperties": [{ "containers": [{ "name": "a" }] }] }),
        json!([{ "jobId": id, "type": "N_TO_N" }]),
        json!([{ "name": "JOB_NAME", "values": ["*"] }]),
        json!([{ "name": "BEFORE_CREATED_AT", "values": ["99999999999999999999"] }]),
    ]
}

#[test]
fn every_strange_member_is_answered_or_refused() {
    let mut account = Account::new(scenario());
    let id = account.submit("known", json!({}));
    let job = json!({ "jobName": "a", "jobQueue": "spot", "jobDefinition": "hour" });
    let arn = account.describe(&id)["jobArn"].clone();
    let requests = [
        (
            "SubmitJob",
            job,
            "jobName jobQueue jobDefinition shareIdentifier \
            schedulingPriorityOverride arrayProperties dependsOn parameters containerOverrides \
            nodeOverrides retryStrategy propagateTags timeout tags eksPropertiesOverride \
            ecsPropertiesOverride consumableResourcePropertiesOverride",
        ),
        ("DescribeJobs", json!({ "jobs": [id] }), "jobs"),
        (
            "ListJobs",
            json!({ "jobQueue": "spot" }),
            "jobQueue arrayJobId multiNodeJobId jobStatus maxResults nextToken filters",
        ),
        ("CancelJob", json!({ "jobId": id, "reason": "r" }), "jobId reason"),
        ("TerminateJob", json!({ "jobId": id, "reason": "r" }), "jobId reason"),
        ("CancelJobs", json!({ "jobs": [id], "reason": "r" }), "jobs reason"),
        ("TerminateJobs", json!({ "jobs": [id], "reason": "r" }), "jobs reason"),
        ("GetJobQueueSnapshot", json!({ "jobQueue": "spot" }), "jobQueue"),
        ("TagResource", json!({ "resourceArn": arn, "tags": { "a": "b" } }), "resourceArn tags"),
        ("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] }), "resourceArn tagKeys"),
        ("ListTagsForResource", json!({ "resourceArn": arn }), "resourceArn"),
    ];
    let mut refused = 0;
    for (operation, request, members) in requests {
        account.call(operation, request.clone()).unwrap();
        for member in members.split_whitespace() {
            for value in strange_values(&id) {
                let mut strange = request.clone();
                strange[member] = value;
                if let Err(fault) = account.call(operation, strange.clone()) {
                    refused += 1;
                    assert_eq!(fault.status.as_u16(), 400, "{operation} {strange}: {fault:?}");
                    let known = ["ClientException", "SerializationException"];
                    assert!(known.contains(&fault.code.as_str()), "{operation}: {fault:?}");
                    assert!(!fault.message.is_empty());
                }
            }
        }
    }
    // Most of this is wrong.
    assert!(refused > 500, "only {refused} were refused");
    // What was accepted can be lived through.
    account.pass(48 * 3_600);
}
