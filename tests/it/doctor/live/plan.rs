//! What would be submitted, and what is refused before anything is.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::doctor::live::{LivePlan, LiveWish, NoPlan};
use spotcron::domain::Capacity;

use super::stage::Stage;
use crate::samples::{at, catalogue, class, environment, job, mins};

fn refusal(change: impl Fn(&mut LiveWish)) -> NoPlan {
    let mut stage = Stage::new("spot");
    change(&mut stage.wish);
    LivePlan::new(&stage.catalogue, &stage.wish, at("2026-11-24T12:00:00Z")).unwrap_err()
}

#[test]
fn the_job_is_tiny_tagged_and_ends_by_itself() {
    let stage = Stage::new("spot");
    let request = stage.plan().request;
    assert_eq!(request.queue, "queue-spot");
    assert_eq!(request.command, Some(vec!["true".to_owned()]));
    assert_eq!(request.timeout, Some(mins(15)));
    assert_eq!(request.retry_strategy.unwrap().attempts, 1);
    let resources = request.resources.unwrap();
    assert_eq!((resources.vcpu_millis, resources.memory_mib, resources.gpus), (1000, 512, 0));
    // By these a policy lets spotcron tag and stop it, and a person tells it from other jobs.
    assert_eq!(request.tags["managed-by"], "spotcron");
    assert_eq!(request.tags["spotcron:doctor"], "live");
    assert_eq!(request.tags["spotcron-run"], "spotcron-doctor-20261124T120000Z");

    let small = Stage::new("fargate").plan().request.resources.unwrap();
    assert_eq!((small.vcpu_millis, small.memory_mib), (250, 512), "the least that Fargate sells");
}

#[test]
fn the_definition_s_own_command_runs_only_when_asked_for() {
    let mut stage = Stage::new("spot");
    stage.wish.own_command = true;
    assert_eq!(stage.plan().request.command, None);
}

#[test]
fn no_two_tests_share_a_name() {
    let stage = Stage::new("spot");
    let begin = at("2026-11-24T12:00:00Z");
    let names: BTreeSet<String> = (0..1000)
        .map(|nanos| begin + SignedDuration::from_nanos(nanos))
        .map(|now| LivePlan::new(&stage.catalogue, &stage.wish, now).unwrap().request.name)
        .map(|name| name.to_string())
        .collect();
    assert_eq!(names.len(), 1000);
}

#[test]
fn what_is_not_named_is_not_guessed() {
    let unknown = refusal(|wish| wish.environment = Some("spots".into()));
    assert!(unknown.to_string().contains("`spots`; it has fargate, fargate-spot, spot and steady"));
    assert!(matches!(refusal(|wish| wish.environment = None), NoPlan::WhichEnvironment(_)));
    let undefined = refusal(|wish| wish.definition = None);
    assert_eq!(undefined, NoPlan::NoDefinition);
    assert!(undefined.hint().contains("entry point"), "{}", undefined.hint());
    let short = refusal(|wish| wish.timeout = SignedDuration::from_secs(59));
    assert_eq!(short, NoPlan::TimeoutTooShort);
    for refused in [unknown, undefined, short] {
        assert!(refused.hint().starts_with("nothing was submitted"));
    }
}

#[test]
fn the_only_environment_needs_no_name() {
    let mut stage = Stage::new("spot");
    stage.wish.environment = None;
    let only = environment("only", Capacity::Spot);
    stage.catalogue = catalogue(vec![only], class("any", &["only"]), Vec::new());
    assert_eq!(stage.plan().environment.name.as_str(), "only");
}

#[test]
fn a_queue_with_shares_gets_that_of_a_job_which_goes_there() {
    let mut stage = Stage::new("spot");
    assert_eq!(stage.plan().request.share_identifier, None);
    let mut report = job("report", "any", "0 2 * * *", "UTC");
    Arc::make_mut(&mut report.submission).share_identifier = Some("analytics".to_owned());
    let environments = ["spot", "steady"].map(|name| environment(name, Capacity::Spot)).into();
    stage.catalogue = catalogue(environments, class("any", &["spot"]), vec![report]);
    assert_eq!(stage.plan().request.share_identifier.as_deref(), Some("analytics"));
    stage.wish.environment = Some("steady".into());
    assert_eq!(stage.plan().request.share_identifier, None, "no job goes there");
}
