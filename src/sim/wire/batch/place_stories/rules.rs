//! What is refused, whatever is sent, and what definitions say for their jobs.

use super::*;

const OPERATIONS: [(&str, &[&str]); 11] = [
    (
        "CreateComputeEnvironment",
        &["computeEnvironmentName", "type", "state", "computeResources", "serviceRole", "tags"],
    ),
    (
        "UpdateComputeEnvironment",
        &["computeEnvironment", "state", "computeResources", "serviceRole", "updatePolicy"],
    ),
    ("DescribeComputeEnvironments", &["computeEnvironments", "maxResults", "nextToken"]),
    ("DeleteComputeEnvironment", &["computeEnvironment"]),
    (
        "CreateJobQueue",
        &[
            "jobQueueName",
            "state",
            "priority",
            "computeEnvironmentOrder",
            "jobStateTimeLimitActions",
            "tags",
        ],
    ),
    (
        "UpdateJobQueue",
        &["jobQueue", "state", "priority", "computeEnvironmentOrder", "jobStateTimeLimitActions"],
    ),
    ("DescribeJobQueues", &["jobQueues", "maxResults", "nextToken"]),
    ("DeleteJobQueue", &["jobQueue"]),
    (
        "RegisterJobDefinition",
        &[
            "jobDefinitionName",
            "type",
            "parameters",
            "schedulingPriority",
            "containerProperties",
            "retryStrategy",
            "propagateTags",
            "timeout",
            "tags",
            "platformCapabilities",
        ],
    ),
    (
        "DescribeJobDefinitions",
        &["jobDefinitions", "maxResults", "jobDefinitionName", "status", "nextToken"],
    ),
    ("DeregisterJobDefinition", &["jobDefinition"]),
];

/// A request of each operation that is right.
fn right(state: &State, operation: &str) -> Value {
    let ec2 = resources(state, "EC2", "BEST_FIT_PROGRESSIVE", &["m6i"], 4);
    match operation {
        "CreateComputeEnvironment" => json!({
            "computeEnvironmentName": "new", "type": "MANAGED", "computeResources": ec2,
        }),
        "UpdateComputeEnvironment" => json!({ "computeEnvironment": "od" }),
        "DeleteComputeEnvironment" => json!({ "computeEnvironment": "idle" }),
        "CreateJobQueue" => json!({
            "jobQueueName": "new", "priority": 1,
            "computeEnvironmentOrder": [{ "order": 1, "computeEnvironment": "od" }],
        }),
        "UpdateJobQueue" => json!({ "jobQueue": "od" }),
        "DeleteJobQueue" => json!({ "jobQueue": "idle" }),
        "RegisterJobDefinition" => definition("new"),
        "DeregisterJobDefinition" => json!({ "jobDefinition": "hour:1" }),
        _ => json!({}),
    }
}

fn definition(name: &str) -> Value {
    json!({
        "jobDefinitionName": name,
        "type": "container",
        "containerProperties": {
            "image": "busybox",
            "resourceRequirements": [
                { "type": "VCPU", "value": "2" }, { "type": "MEMORY", "value": "3072" },
            ],
        },
    })
}

#[test]
fn members_of_the_wrong_type_are_refused_and_change_nothing() {
    let strange = [json!(true), json!(-1), json!("\u{7f}"), json!([[]]), json!({ "x": [1] })];
    let mut refused = 0;
    for (operation, members) in OPERATIONS {
        for member in members {
            for value in &strange {
                let mut state = account();
                let input = with(right(&state, operation), member, value.clone());
                let Err(fault) = ask(&mut state, operation, input) else { continue };
                refused += 1;
                assert_eq!(fault.status.as_u16(), 400, "{operation} {member} {value}: {fault:?}");
                let codes = ["ClientException", "SerializationException"];
                assert!(codes.contains(&fault.code.as_str()), "{fault:?}");
                let count = (state.environments.len(), state.queues.len());
                assert_eq!(count, (1, 1), "{operation} {member} {value}");
                assert_eq!(state.definitions.all().count(), 1);
            }
        }
    }
    assert!(refused > 180, "{refused}");
}

#[test]
fn the_right_requests_are_carried_out() {
    for (operation, _) in OPERATIONS.iter().filter(|(name, _)| !name.starts_with("Delete")) {
        let mut state = account();
        let input = right(&state, operation);
        done(&mut state, operation, input);
    }
}

#[test]
fn the_account_takes_fifty_of_each() {
    let mut state = account();
    for n in 1..=50 {
        let environment = right(&state, "CreateComputeEnvironment");
        let name = json!(format!("new-{n}"));
        let environment = with(environment, "computeEnvironmentName", name.clone());
        let queue = with(right(&state, "CreateJobQueue"), "jobQueueName", name);
        for (operation, input) in
            [("CreateComputeEnvironment", environment), ("CreateJobQueue", queue)]
        {
            let made = ask(&mut state, operation, input);
            assert_eq!(made.is_ok(), n < 50, "{operation} {n}: {made:?}");
        }
    }
    done(&mut state, "UpdateJobQueue", json!({ "jobQueue": "new-1", "state": "DISABLED" }));
    done(&mut state, "DeleteJobQueue", json!({ "jobQueue": "new-1" }));
    let queue = right(&state, "CreateJobQueue");
    done(&mut state, "CreateJobQueue", queue);
}

#[test]
fn a_definition_speaks_for_jobs_that_do_not_speak_for_themselves() {
    let mut state = account();
    let mut registered = definition("hour");
    registered["retryStrategy"] = json!({
        "attempts": 3, "evaluateOnExit": [{ "onStatusReason": "Host EC2*", "action": "retry" }],
    });
    registered["timeout"] = json!({ "attemptDurationSeconds": 60 });
    let answer = done(&mut state, "RegisterJobDefinition", registered);
    assert_eq!(answer["revision"], 2);

    let silent = state.accept(&request("silent", "od", "hour")).unwrap();
    let silent = state.jobs.find(&silent).unwrap();
    let spec = &job(&state, silent).spec;
    assert_eq!((spec.resources.vcpu_millis, spec.resources.memory_mib), (2000, 3072));
    assert_eq!((spec.retry.attempts, spec.retry.evaluate_on_exit.len()), (3, 1));
    assert!(spec.retry.evaluate_on_exit[0].retry);
    assert_eq!(spec.revision, 2);
    pass(&mut state, 2 * MINUTE);
    assert_status(&state, silent, BatchStatus::Failed);
    let reason = job(&state, silent).status_reason.as_deref();
    assert_eq!(reason, Some("Job attempt duration exceeded timeout"));

    let pinned = state.accept(&request("pinned", "od", "hour:1")).unwrap();
    let pinned = state.jobs.find(&pinned).unwrap();
    assert_eq!(job(&state, pinned).spec.timeout, None);
    assert_eq!(job(&state, pinned).spec.resources.memory_mib, 2048);
}

#[test]
fn inactive_definitions_and_those_for_another_platform_get_no_jobs() {
    let mut state = account();
    done(&mut state, "RegisterJobDefinition", definition("once"));
    assert!(state.accept(&request("one", "od", "once")).is_ok());
    done(&mut state, "DeregisterJobDefinition", json!({ "jobDefinition": "once:1" }));
    for text in ["once", "once:1"] {
        assert!(state.accept(&request("two", "od", text)).is_err(), "{text}");
    }
    let mut fargate = definition("serverless");
    fargate["platformCapabilities"] = json!(["FARGATE"]);
    let refusal = ask(&mut state, "RegisterJobDefinition", fargate.clone()).unwrap_err();
    assert!(refusal.message.contains("executionRoleArn"), "{refusal:?}");
    fargate["containerProperties"]["executionRoleArn"] = json!("arn:aws:iam::1:role/x");
    let refusal = ask(&mut state, "RegisterJobDefinition", fargate.clone()).unwrap_err();
    assert!(refusal.message.contains("not valid"), "{refusal:?}");
    fargate["containerProperties"]["resourceRequirements"] =
        json!([{ "type": "VCPU", "value": "0.25" }, { "type": "MEMORY", "value": "512" }]);
    done(&mut state, "RegisterJobDefinition", fargate);
    let refusal = state.accept(&request("three", "od", "serverless")).unwrap_err();
    assert!(refusal.contains("platform"), "{refusal}");
}

#[test]
fn places_take_a_while_and_only_one_change_at_a_time() {
    let mut state = account();
    state.scenario.timing.place_change_secs = 10;
    let statuses = |state: &mut State| {
        let places = done(state, "DescribeComputeEnvironments", json!({}));
        let queues = done(state, "DescribeJobQueues", json!({}));
        let of = |answer: &Value, member: &str| {
            let last = answer[member].as_array().and_then(|listed| listed.get(1)).cloned();
            last.map_or("gone".to_owned(), |place| place["status"].as_str().unwrap().to_owned())
        };
        (of(&places, "computeEnvironments"), of(&queues, "jobQueues"))
    };
    let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
    let being_modified = |state: &mut State, operation: &str, input: Value| {
        let fault = ask(state, operation, input).unwrap_err();
        assert!(fault.message.ends_with("resource is being modified."), "{fault:?}");
    };
    let environment = right(&state, "CreateComputeEnvironment");
    done(&mut state, "CreateComputeEnvironment", environment);
    assert_eq!(statuses(&mut state), pair("CREATING", "gone"));
    let mut queue = right(&state, "CreateJobQueue");
    queue["computeEnvironmentOrder"][0]["computeEnvironment"] = json!("new");
    let early = ask(&mut state, "CreateJobQueue", queue.clone()).unwrap_err();
    assert!(early.message.ends_with("is not valid"), "{early:?}");
    let disable = json!({ "computeEnvironment": "new", "state": "DISABLED" });
    being_modified(&mut state, "UpdateComputeEnvironment", disable.clone());
    being_modified(&mut state, "DeleteComputeEnvironment", json!({ "computeEnvironment": "new" }));
    pass(&mut state, 10 * SECOND);
    assert_eq!(statuses(&mut state), pair("VALID", "gone"));

    done(&mut state, "CreateJobQueue", queue);
    assert_eq!(statuses(&mut state), pair("VALID", "CREATING"));
    pass(&mut state, 10 * SECOND);
    done(&mut state, "UpdateJobQueue", json!({ "jobQueue": "new", "state": "DISABLED" }));
    done(&mut state, "UpdateComputeEnvironment", disable);
    assert_eq!(statuses(&mut state), pair("UPDATING", "UPDATING"));
    being_modified(&mut state, "UpdateJobQueue", json!({ "jobQueue": "new", "priority": 2 }));
    being_modified(&mut state, "DeleteJobQueue", json!({ "jobQueue": "new" }));
    pass(&mut state, 10 * SECOND);
    done(&mut state, "DeleteJobQueue", json!({ "jobQueue": "new" }));
    assert_eq!(statuses(&mut state), pair("VALID", "DELETING"));
    // As AWS does: the relationship lasts until the queue is gone.
    let delete = json!({ "computeEnvironment": "new" });
    let fault = ask(&mut state, "DeleteComputeEnvironment", delete.clone()).unwrap_err();
    assert_eq!(fault.message, "Cannot delete, found existing JobQueue relationship");
    pass(&mut state, 10 * SECOND);
    done(&mut state, "DeleteComputeEnvironment", delete);
    assert_eq!(statuses(&mut state), pair("DELETING", "gone"));
    pass(&mut state, 10 * SECOND);
    assert_eq!(statuses(&mut state), pair("gone", "gone"));
}
