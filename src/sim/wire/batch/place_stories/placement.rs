//! What made, changed and deleted places do to jobs.

use super::*;
use crate::sim::job::Placement;

#[test]
fn places_made_while_the_account_runs_take_jobs_and_leave_tombstones() {
    let mut state = account();
    let spot = resources(&state, "SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED", &["c6i.large"], 8);
    place(&mut state, "made", spot);
    let first = submit(&mut state, "first", "made", 2);
    assert_status(&state, first, BatchStatus::Running);
    assert_eq!(host_type(&state, first), "c6i.large");
    let second = submit(&mut state, "second", "made", 2);
    let waiting = submit(&mut state, "waiting", "made", 16);
    assert_status(&state, waiting, BatchStatus::Runnable);

    let disabled = json!({ "jobQueue": "made", "state": "DISABLED" });
    done(&mut state, "UpdateJobQueue", disabled);
    let refusal = state.accept(&request("late", "made", "hour")).unwrap_err();
    assert!(refusal.contains("disabled"), "{refusal}");
    done(&mut state, "DeleteJobQueue", json!({ "jobQueue": "made" }));
    pass(&mut state, MINUTE);
    for key in [first, second, waiting] {
        assert_status(&state, key, BatchStatus::Failed);
        assert_eq!(job(&state, key).status_reason.as_deref(), Some("Job queue deleted"));
    }
    let refusal = state.accept(&request("later", "made", "hour")).unwrap_err();
    assert!(refusal.contains("not found"), "{refusal}");

    let disabled = json!({ "computeEnvironment": "made", "state": "DISABLED" });
    done(&mut state, "UpdateComputeEnvironment", disabled);
    done(&mut state, "DeleteComputeEnvironment", json!({ "computeEnvironment": "made" }));
    pass(&mut state, MINUTE);
    assert!(state.environments[1].deleted && state.environments[1].instances.is_empty());

    let again = resources(&state, "EC2", "BEST_FIT_PROGRESSIVE", &["m6i.large"], 8);
    place(&mut state, "made", again);
    assert_ne!(state.environments[1].cluster, state.environments[2].cluster);
    let third = submit(&mut state, "third", "made", 1);
    assert_eq!(host_type(&state, third), "m6i.large");
}

#[test]
fn a_disabled_environment_takes_nothing_and_lets_run_what_runs() {
    let mut state = account();
    let running = submit(&mut state, "running", "od", 2);
    let reserved = state.accept(&request("reserved", "od", "hour")).unwrap();
    let reserved = state.jobs.find(&reserved).unwrap();
    pass(&mut state, 500);
    assert!(matches!(job(&state, reserved).placement, Placement::Reserved(_)));
    let update = |state: &mut State, word: &str| {
        let update = json!({ "computeEnvironment": "od", "state": word });
        done(state, "UpdateComputeEnvironment", update);
    };
    update(&mut state, "DISABLED");
    pass(&mut state, MINUTE);
    assert_status(&state, running, BatchStatus::Running);
    assert_status(&state, reserved, BatchStatus::Runnable);
    let text = blocked(&state, "od").unwrap();
    assert!(text.starts_with("ACTION_REQUIRED - CE(s)"), "{text}");
    update(&mut state, "ENABLED");
    pass(&mut state, MINUTE);
    assert_status(&state, reserved, BatchStatus::Running);
}

#[test]
fn an_environment_that_turns_invalid_blocks_its_queue_until_it_is_mended() {
    let mut state = account();
    let profile = |role: &str| json!({ "computeEnvironment": "od", "computeResources": { "instanceRole": role } });
    let role = "arn:aws:iam::123456789012:role/ecsInstanceRole";
    done(&mut state, "UpdateComputeEnvironment", profile(role));
    let waiting = submit(&mut state, "waiting", "od", 1);
    assert_status(&state, waiting, BatchStatus::Runnable);
    assert!(blocked(&state, "od").unwrap().starts_with("ACTION_REQUIRED"));
    done(&mut state, "UpdateComputeEnvironment", profile("ecsInstanceRole"));
    pass(&mut state, MINUTE);
    assert_status(&state, waiting, BatchStatus::Running);
}

#[test]
fn a_raised_maximum_and_another_order_place_what_waits() {
    let mut state = account();
    let _first = submit(&mut state, "first", "od", 2);
    let _second = submit(&mut state, "second", "od", 2);
    let third = submit(&mut state, "third", "od", 2);
    assert_status(&state, third, BatchStatus::Runnable);
    let more = json!({ "computeEnvironment": "od", "computeResources": { "maxvCpus": 6 } });
    done(&mut state, "UpdateComputeEnvironment", more);
    pass(&mut state, MINUTE);
    assert_status(&state, third, BatchStatus::Running);

    let fourth = submit(&mut state, "fourth", "od", 2);
    assert_status(&state, fourth, BatchStatus::Runnable);
    let other = resources(&state, "EC2", "BEST_FIT_PROGRESSIVE", &["c6i.large"], 8);
    place(&mut state, "other", other);
    let order = json!([
        { "order": 7, "computeEnvironment": "od" }, { "order": 9, "computeEnvironment": "other" },
    ]);
    let update = json!({ "jobQueue": "od", "computeEnvironmentOrder": order });
    done(&mut state, "UpdateJobQueue", update);
    pass(&mut state, MINUTE);
    assert_eq!(host_type(&state, fourth), "c6i.large");
    assert_status(&state, third, BatchStatus::Running);
}

#[test]
fn of_queues_that_share_an_environment_the_higher_priority_goes_first() {
    for (urgent, first) in [(5, "urgent"), (1, "plain")] {
        let mut state = account();
        queue(&mut state, "plain", &["od"], 2);
        queue(&mut state, "urgent", &["od"], 1);
        let filling = [0, 1].map(|n| submit(&mut state, &format!("filling-{n}"), "od", 2));
        let plain = submit(&mut state, "job-plain", "plain", 2);
        let quick = submit(&mut state, "job-urgent", "urgent", 2);
        done(&mut state, "UpdateJobQueue", json!({ "jobQueue": "urgent", "priority": urgent }));
        state.terminate(filling[0], "room");
        pass(&mut state, MINUTE);
        let (ahead, behind) = if first == "urgent" { (quick, plain) } else { (plain, quick) };
        assert_status(&state, ahead, BatchStatus::Running);
        assert_status(&state, behind, BatchStatus::Runnable);
    }
}

#[test]
fn best_fit_waits_for_its_type_and_the_progressive_ones_do_not() {
    for (strategy, expected) in [
        ("BEST_FIT", "none"),
        ("BEST_FIT_PROGRESSIVE", "r6i.large"),
        ("SPOT_CAPACITY_OPTIMIZED", "r6i.large"),
    ] {
        let mut state = account();
        let spot = resources(&state, "SPOT", strategy, &["r6i.large", "c6i.large"], 8);
        let spot = with(spot, "spotIamFleetRole", json!("AmazonEC2SpotFleetTaggingRole"));
        place(&mut state, "spot", spot);
        starve(&mut state, "c6i.large");
        let waits = submit(&mut state, "waits", "spot", 2);
        pass(&mut state, MINUTE);
        assert_eq!(host_type(&state, waits), expected, "{strategy}");
    }
}

#[test]
fn best_fit_on_demand_keeps_to_the_maximum_that_the_others_may_exceed() {
    for (strategy, expected) in [("BEST_FIT", 2), ("BEST_FIT_PROGRESSIVE", 4)] {
        let mut state = account();
        let od = resources(&state, "EC2", strategy, &["m6i.large"], 3);
        place(&mut state, "small", od);
        for n in 0..3 {
            submit(&mut state, &format!("job-{n}"), "small", 2);
        }
        assert_eq!(state.environments[1].vcpu_millis, expected * 1000, "{strategy}");
    }
}

#[test]
fn a_low_bid_finds_no_capacity() {
    for (percent, status) in [(1, BatchStatus::Runnable), (100, BatchStatus::Running)] {
        let mut state = account();
        let spot = resources(&state, "SPOT", "SPOT_CAPACITY_OPTIMIZED", &["m6i"], 8);
        place(&mut state, "bid", with(spot, "bidPercentage", json!(percent)));
        let bid = submit(&mut state, "bid", "bid", 2);
        assert_status(&state, bid, status);
    }
}

#[test]
fn an_instance_outlives_its_last_job_by_the_scale_down_delay() {
    for (minutes, left) in [(0, 0), (20, 1)] {
        let mut state = account();
        let od = resources(&state, "EC2", "BEST_FIT_PROGRESSIVE", &["m6i.large"], 4);
        let policy = json!({ "minScaleDownDelayMinutes": minutes });
        place(&mut state, "kept", with(od, "scalingPolicy", policy));
        let short = submit(&mut state, "short", "kept", 2);
        state.terminate(short, "enough");
        pass(&mut state, 19 * MINUTE);
        assert_eq!(state.environments[1].instances.len(), left);
        pass(&mut state, 2 * MINUTE);
        assert!(state.environments[1].instances.is_empty());
    }
}

#[test]
fn a_time_limit_cancels_the_blocked_head_and_then_the_next() {
    let mut state = account();
    let spot = resources(&state, "SPOT", "SPOT_CAPACITY_OPTIMIZED", &["c6i.large"], 8);
    place(&mut state, "starved", spot);
    starve(&mut state, "c6i.large");
    pass(&mut state, MINUTE);
    let head = submit(&mut state, "head", "starved", 2);
    let next = submit(&mut state, "next", "starved", 2);
    let reason = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY";
    let limits = json!({ "jobQueue": "starved", "jobStateTimeLimitActions": limit(reason, 600) });
    done(&mut state, "UpdateJobQueue", limits);
    pass(&mut state, 580 * SECOND);
    assert_status(&state, head, BatchStatus::Runnable);
    pass(&mut state, 15 * SECOND);
    assert_status(&state, head, BatchStatus::Failed);
    let text = format!("Canceled by JobStateTimeLimit action due to reason: {reason}");
    assert_eq!(job(&state, head).status_reason, Some(text));
    assert_status(&state, next, BatchStatus::Runnable);
    pass(&mut state, 599 * SECOND);
    assert_status(&state, next, BatchStatus::Failed);
}

#[test]
fn a_time_limit_acts_for_its_own_reason_only_and_can_be_taken_back() {
    let mut state = account();
    let maximum = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE";
    for (reason, expected) in [
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", BatchStatus::Failed),
        (maximum, BatchStatus::Runnable),
    ] {
        let limits = json!({ "jobQueue": "od", "jobStateTimeLimitActions": limit(reason, 600) });
        done(&mut state, "UpdateJobQueue", limits);
        let large = submit(&mut state, "large", "od", 64);
        pass(&mut state, 700 * SECOND);
        assert_status(&state, large, expected);
        state.cancel(large, "next");
    }
    let od = resources(&state, "EC2", "BEST_FIT_PROGRESSIVE", &["m6i"], 4);
    place(&mut state, "small", od);
    let large = submit(&mut state, "larger", "small", 8);
    let text = blocked(&state, "small").unwrap();
    assert!(text.starts_with(maximum), "{text}");
    let limits = |actions| json!({ "jobQueue": "small", "jobStateTimeLimitActions": actions });
    done(&mut state, "UpdateJobQueue", limits(limit(maximum, 600)));
    done(&mut state, "UpdateJobQueue", limits(json!([])));
    pass(&mut state, 700 * SECOND);
    assert_status(&state, large, BatchStatus::Runnable);
    done(&mut state, "UpdateJobQueue", limits(limit(maximum, 600)));
    pass(&mut state, SECOND);
    assert_status(&state, large, BatchStatus::Failed);
}

#[test]
fn instances_are_launched_in_the_zones_of_the_subnets() {
    for (subnet, zone) in subnets(&account().scenario, account().seed) {
        for kind in ["EC2", "SPOT"] {
            let mut state = account();
            let one = resources(&state, kind, "BEST_FIT_PROGRESSIVE", &["c6i.large"], 8);
            place(&mut state, "zonal", with(one, "subnets", json!([subnet.as_str()])));
            for n in 0..2 {
                submit(&mut state, &format!("job-{n}"), "zonal", 2);
            }
            let zones: Vec<_> = state.usages.iter().map(|usage| usage.zone.clone()).collect();
            assert_eq!(zones, [zone.clone(), zone.clone()], "{kind}");
        }
    }
}

#[test]
fn a_fargate_environment_cannot_go_while_its_tasks_run() {
    let mut state = account();
    let fargate = |state: &State, kind: &str| {
        let subnets = subnets(&state.scenario, state.seed);
        json!({
            "type": kind, "maxvCpus": 4, "subnets": [subnets[0].0], "securityGroupIds": ["sg-1"],
        })
    };
    let (kept, other) = (fargate(&state, "FARGATE_SPOT"), fargate(&state, "FARGATE"));
    place(&mut state, "serverless", kept);
    place(&mut state, "other", other);
    let task = submit(&mut state, "task", "serverless", 1);
    assert!(job(&state, task).started.is_none());
    pass(&mut state, 2 * MINUTE);
    assert_status(&state, task, BatchStatus::Running);
    let disable = json!({ "computeEnvironment": "serverless", "state": "DISABLED" });
    done(&mut state, "UpdateComputeEnvironment", disable);
    let order = json!([{ "order": 1, "computeEnvironment": "other" }]);
    let detach = json!({ "jobQueue": "serverless", "computeEnvironmentOrder": order });
    done(&mut state, "UpdateJobQueue", detach);
    let delete = json!({ "computeEnvironment": "serverless" });
    done(&mut state, "DeleteComputeEnvironment", delete.clone());
    let listed = json!({ "computeEnvironments": ["serverless"] });
    let found = done(&mut state, "DescribeComputeEnvironments", listed);
    assert_eq!(found["computeEnvironments"][0]["status"], "INVALID");
    assert_status(&state, task, BatchStatus::Running);
    pass(&mut state, 60 * MINUTE);
    assert_status(&state, task, BatchStatus::Succeeded);
    done(&mut state, "DeleteComputeEnvironment", delete);
    assert!(state.environments[1].deleted);
}

#[test]
fn a_longer_time_limit_replaces_a_shorter_one() {
    let mut state = account();
    let reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT";
    let large = submit(&mut state, "large", "od", 64);
    for seconds in [600, 1_200] {
        let limits = limit(reason, seconds);
        let limits = json!({ "jobQueue": "od", "jobStateTimeLimitActions": limits });
        done(&mut state, "UpdateJobQueue", limits);
    }
    pass(&mut state, 1_190 * SECOND);
    assert_status(&state, large, BatchStatus::Runnable);
    pass(&mut state, 10 * SECOND);
    assert_status(&state, large, BatchStatus::Failed);
}

#[test]
fn the_same_seed_and_calls_tell_the_same_story() {
    let story = || {
        let mut state = account();
        state.scenario.market.reclaim_scale = 1.0;
        let spot = resources(&state, "SPOT", "SPOT_CAPACITY_OPTIMIZED", &["optimal"], 64);
        place(&mut state, "spot", spot);
        for n in 0..20 {
            submit(&mut state, &format!("job-{n}"), "spot", 2);
        }
        pass(&mut state, 600 * MINUTE);
        format!("{:?}", state.usages)
    };
    assert_eq!(story(), story());
}
