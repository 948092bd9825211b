//! Reclaims, time limits, retention, lag, and dependencies in large arrays.

use serde_json::json;

use super::{Account, NOW, SECOND, scenario};

#[test]
fn a_reclaimed_attempt_has_no_exit_code_and_its_retry_goes_to_the_head() {
    let mut account = Account::new(scenario());
    let retry = json!({ "attempts": 2, "evaluateOnExit": [
        { "onStatusReason": "Host EC2*", "action": "RETRY" }, { "onReason": "*", "action": "EXIT" },
    ] });
    let id = account.submit("lost", json!({ "retryStrategy": retry }));
    account.pass(600);
    let running = account.describe(&id);
    assert_eq!(running["status"], "RUNNING");
    assert_eq!(running["attempts"], json!([]));
    let other = account.submit("other", json!({}));
    let large = json!([{ "type": "MEMORY", "value": "8000" }]);
    let behind = account
        .submit("behind", json!({ "containerOverrides": { "resourceRequirements": large } }));
    account.crunch();
    account.pass(180);
    let lost = account.describe(&id);
    assert_eq!(lost["status"], "RUNNABLE");
    assert!(lost.get("startedAt").is_none(), "the next attempt has not started");
    let attempt = &lost["attempts"][0];
    let reason = attempt["statusReason"].as_str().unwrap();
    assert!(reason.starts_with("Host EC2 (instance i-") && reason.ends_with(") terminated."));
    assert!(attempt["container"].get("exitCode").is_none());
    assert_eq!(attempt["startedAt"], running["startedAt"]);
    // AWS gives two minutes' notice to most.
    let snapshot = account.ask("GetJobQueueSnapshot", json!({ "jobQueue": "spot" }));
    let front: Vec<_> = snapshot["frontOfQueue"]["jobs"].as_array().unwrap().clone();
    let arn = |id: &str| format!("arn:aws:batch:us-east-1:123456789012:job/{id}");
    let order: Vec<_> = front.iter().map(|job| job["jobArn"].as_str().unwrap()).collect();
    assert_eq!(order, [arn(&id), arn(&other), arn(&behind)]);
    // All stand where they stand since the retry came before them.
    for job in &front {
        assert_eq!(job["earliestTimeAtPosition"], attempt["stoppedAt"], "{job}");
    }
    account.pass(3_600 + 1_800);
    let done = account.describe(&id);
    assert_eq!(
        (&done["status"], done["attempts"].as_array().unwrap().len()),
        (&json!("SUCCEEDED"), 2)
    );
}

#[test]
fn an_attempt_that_takes_too_long_ends_and_is_not_repeated() {
    let mut account = Account::new(scenario());
    let limits = json!({
        "timeout": { "attemptDurationSeconds": 60 }, "retryStrategy": { "attempts": 3 },
    });
    let id = account.submit("slow", limits);
    account.pass(900);
    let job = account.describe(&id);
    assert_eq!((&job["status"], job["attempts"].as_array().unwrap().len()), (&json!("FAILED"), 1));
    assert_eq!(job["statusReason"], "Job attempt duration exceeded timeout");
    let (from, to) = (job["startedAt"].as_i64().unwrap(), job["stoppedAt"].as_i64().unwrap());
    assert_eq!(to - from, 60 * SECOND);
    assert_eq!(job["isTerminated"], false);
}

#[test]
fn listings_lag_and_descriptions_do_not() {
    let mut scenario = scenario();
    scenario.timing.listing_lag_secs = 20;
    let mut account = Account::new(scenario);
    let id = account.submit("late", json!({}));
    assert_eq!((account.status(&id).as_str(), account.named("late")), ("SUBMITTED", 0));
    account.pass(19);
    let runnable = json!({ "jobQueue": "spot", "jobStatus": "RUNNABLE" });
    assert_eq!(account.ask("ListJobs", runnable.clone())["jobSummaryList"], json!([]));
    account.pass(1);
    assert_eq!(account.named("late"), 1);
    assert_eq!(account.ask("ListJobs", runnable)["jobSummaryList"][0]["jobId"], json!(id));
}

#[test]
fn a_job_that_ended_long_ago_is_forgotten() {
    let mut account = Account::new(scenario());
    let kept = account.submit("kept", json!({}));
    let id = account.submit("old", json!({ "arrayProperties": { "size": 2 } }));
    let arn = account.describe(&id)["jobArn"].clone();
    account.ask("CancelJob", json!({ "jobId": id, "reason": "over" }));
    account.pass(24 * 3_600 - 1);
    assert_eq!((account.status(&id).as_str(), account.named("old")), ("FAILED", 1));
    account.pass(1);
    assert_eq!((account.status(&id).as_str(), account.named("old")), ("absent", 0));
    assert_eq!(account.status(&kept), "SUCCEEDED");
    let listed = account.ask("ListJobs", json!({ "jobQueue": "spot", "jobStatus": "FAILED" }));
    assert_eq!(listed["jobSummaryList"], json!([]));
    let refused = account.call("ListTagsForResource", json!({ "resourceArn": arn })).unwrap_err();
    assert_eq!(refused.code, "ClientException");
    let late = json!({
        "jobName": "x", "jobQueue": "spot", "jobDefinition": "hour", "dependsOn": [{ "jobId": id }],
    });
    assert!(account.call("SubmitJob", late).unwrap_err().message.contains("not found"));
}

#[test]
fn a_job_that_is_stopped_before_it_is_admitted_leaves_the_others_their_places() {
    let mut account = Account::new(scenario());
    // The first of its queue has the place that jobs without one seem to have.
    let large = json!([{ "type": "VCPU", "value": "64" }]);
    let blocked =
        account.submit("head", json!({ "containerOverrides": { "resourceRequirements": large } }));
    account.pass(5);
    let stopped = account.submit("stopped", json!({}));
    account.ask("TerminateJob", json!({ "jobId": stopped, "reason": "no" }));
    assert_eq!(account.status(&stopped), "FAILED");
    let snapshot = account.ask("GetJobQueueSnapshot", json!({ "jobQueue": "spot" }));
    let front = snapshot["frontOfQueue"]["jobs"].as_array().unwrap();
    let admitted = json!({
        "jobArn": account.describe(&blocked)["jobArn"],
        "earliestTimeAtPosition": NOW + 5 * SECOND,
    });
    assert_eq!(front, &[admitted]);
}

#[test]
fn a_long_row_of_dependents_falls_with_its_first() {
    let mut account = Account::new(scenario());
    let row = json!({
        "arrayProperties": { "size": 10_000 }, "dependsOn": [{ "type": "SEQUENTIAL" }],
    });
    let id = account.submit("row", row);
    account.pass(5);
    let summary = &account.describe(&id)["arrayProperties"]["statusSummary"];
    assert_eq!((&summary["RUNNABLE"], &summary["PENDING"]), (&json!(1), &json!(9_999)));
    account.ask("CancelJob", json!({ "jobId": format!("{id}:0"), "reason": "no" }));
    account.pass(1);
    let job = account.describe(&id);
    assert_eq!(job["arrayProperties"]["statusSummary"]["FAILED"], 10_000);
    assert_eq!((&job["status"], &job["isCancelled"]), (&json!("FAILED"), &json!(false)));
    assert_eq!(account.describe(&format!("{id}:9999"))["statusReason"], "Dependent Job failed");
}

/// Twenty pairs of arrays, the second child by child on the first, admitted in any order.
fn pairs(account: &mut Account) -> Vec<(String, String)> {
    let size = json!({ "size": 2 });
    let pairs = (0..20).map(|n| {
        let source = account.submit(&format!("s{n}"), json!({ "arrayProperties": size }));
        let on = json!([{ "jobId": source, "type": "N_TO_N" }]);
        let each = json!({ "arrayProperties": size, "dependsOn": on });
        (source, account.submit(&format!("d{n}"), each))
    });
    pairs.collect()
}

fn slow_to_admit() -> Account {
    let mut scenario = scenario();
    scenario.timing.submitted_secs = [0, 60];
    Account::new(scenario)
}

#[test]
fn children_that_never_come_fail_those_that_wait_for_them() {
    let mut account = slow_to_admit();
    let pairs = pairs(&mut account);
    account.pass(30);
    let unadmitted = |account: &mut Account, id: &str| account.status(id) == "SUBMITTED";
    let lost: Vec<_> =
        pairs.into_iter().filter(|(source, _)| unadmitted(&mut account, source)).collect();
    // Some dependents wait already, others will find that what they depend on has ended.
    let early = lost.iter().filter(|(_, each)| account.status(each) == "PENDING").count();
    assert!((1..lost.len()).contains(&early), "{early} of {}", lost.len());
    for (source, _) in &lost {
        account.ask("CancelJob", json!({ "jobId": source, "reason": "no" }));
    }
    account.pass(61);
    for (source, dependent) in &lost {
        assert_eq!(
            (account.status(source), account.status(dependent)),
            ("FAILED".into(), "FAILED".into())
        );
        let child = account.describe(&format!("{dependent}:1"));
        assert_eq!(child["statusReason"], "Dependent Job failed");
    }
}

#[test]
fn children_wait_for_children_that_are_not_there_yet() {
    let mut account = slow_to_admit();
    let pairs = pairs(&mut account);
    account.pass(61);
    for (_, dependent) in &pairs {
        assert_eq!(account.status(&format!("{dependent}:1")), "PENDING");
    }
    account.pass(12 * 3_600);
    for (source, dependent) in &pairs {
        for index in 0..2 {
            let before = account.describe(&format!("{source}:{index}"));
            let after = account.describe(&format!("{dependent}:{index}"));
            assert_eq!(
                (&before["status"], &after["status"]),
                (&json!("SUCCEEDED"), &json!("SUCCEEDED"))
            );
            assert!(before["stoppedAt"].as_i64() <= after["startedAt"].as_i64());
        }
    }
}

#[test]
fn fargate_tasks_have_no_container_instance() {
    let mut account = Account::new(scenario());
    let sizes = json!([{ "type": "VCPU", "value": "0.25" }, { "type": "MEMORY", "value": "512" }]);
    let small = json!({
        "jobQueue": "fargate", "containerOverrides": { "resourceRequirements": sizes },
    });
    let id = account.submit("task", small);
    account.pass(300);
    let job = account.describe(&id);
    assert_eq!(
        (&job["status"], &job["platformCapabilities"]),
        (&json!("RUNNING"), &json!(["FARGATE"]))
    );
    let container = &job["container"];
    assert_eq!(container["resourceRequirements"], sizes);
    assert!(container.get("containerInstanceArn").is_none());
    assert!(container["taskArn"].as_str().unwrap().contains(":task/AWSBatch-fargate-"));
}

/// Lets seconds pass until the job has the status.
fn reach(account: &mut Account, id: &str, status: &str) {
    for _ in 0..900 {
        if account.status(id) == status {
            return;
        }
        account.pass(1);
    }
    panic!("{id} did not become {status}: {}", account.describe(id));
}

#[test]
fn a_starting_job_is_terminated_and_not_cancelled() {
    let mut account = Account::new(scenario());
    let id = account.submit("starts", json!({ "retryStrategy": { "attempts": 2 } }));
    reach(&mut account, &id, "STARTING");
    account.ask("CancelJob", json!({ "jobId": id, "reason": "no effect" }));
    let job = account.describe(&id);
    assert_eq!((&job["status"], &job["isCancelled"]), (&json!("STARTING"), &json!(false)));
    account.ask("TerminateJob", json!({ "jobId": id, "reason": "enough" }));
    assert_eq!(account.describe(&id)["isTerminated"], true);
    account.pass(60);
    let job = account.describe(&id);
    assert_eq!((&job["status"], &job["statusReason"]), (&json!("FAILED"), &json!("enough")));
    assert_eq!(job["attempts"].as_array().map(Vec::len), Some(1));
    // The container never ran.
    let attempt = &job["attempts"][0];
    assert!(job.get("startedAt").is_none() && attempt.get("startedAt").is_none());
    assert!(attempt["container"].get("exitCode").is_none());
}

#[test]
fn terminating_a_dependent_waits_as_cancelling_does() {
    let mut account = Account::new(scenario());
    let first = account.submit("first", json!({}));
    let after = account.submit("after", json!({ "dependsOn": [{ "jobId": first }] }));
    reach(&mut account, &after, "PENDING");
    account.ask("TerminateJob", json!({ "jobId": after, "reason": "enough" }));
    reach(&mut account, &first, "RUNNING");
    assert_eq!(account.status(&after), "PENDING");
    account.pass(3_600);
    let (ended, job) = (account.describe(&first), account.describe(&after));
    assert_eq!((&ended["status"], &job["status"]), (&json!("SUCCEEDED"), &json!("FAILED")));
    assert_eq!((&job["statusReason"], &job["isTerminated"]), (&json!("enough"), &json!(true)));
    assert_eq!((&job["stoppedAt"], &job["attempts"]), (&ended["stoppedAt"], &json!([])));
}
