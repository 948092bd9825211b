//! Commands about one run.

use serde_json::json;
use spotcron::control::{Caveat, Command, Effect, Refusal};
use spotcron::decision::ForcedScope;
use spotcron::domain::{Capacity, LegCause, RunOutcome};
use spotcron::run::{Run, RunEventKind, RunState, Then};
use spotcron::schedule::StopKind;

use super::{World, command, started};
use crate::samples::{at, mins};
use crate::store::samples::run as sample_run;

fn retry() -> Command {
    command(json!({ "command": "retry", "run": "report-x" }))
}

fn about(what: &str) -> Command {
    let mut json = json!({ "command": what, "run": "report-x", "note": "why not" });
    if what == "move" {
        json["to"] = "on-demand".into();
    }
    command(json)
}

/// A run of `report` with two legs, the last at Batch on spot.
fn open() -> Run {
    let mut run = sample_run("report", 1);
    run.job = "report".into();
    run.class = "c".into();
    let mut leg = run.legs[0].clone();
    leg.capacity = Capacity::Spot;
    run.legs = vec![leg.clone(), leg];
    run.deadline_at = Some(at("2026-11-21T11:00:00Z"));
    run.deadline_missed = false;
    run.state = RunState::Watching;
    run.stop = None;
    run
}

fn ended(outcome: RunOutcome) -> Run {
    Run { state: RunState::Ended { outcome, at: at("2026-11-21T10:00:00Z") }, ..open() }
}

fn judged(run: Run, command: &Command) -> Result<(Run, Vec<RunEventKind>), Refusal> {
    let world = World { run: Some(run), ..World::new() };
    let ruling = world.judge(command)?;
    match &ruling.effects[..] {
        [Effect::Change(run, events)] => Ok((run.as_ref().clone(), events.clone())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_retry_opens_the_run_with_everything_counted_anew() {
    for outcome in
        [RunOutcome::Failed, RunOutcome::Rejected, RunOutcome::Cancelled, RunOutcome::Skipped]
    {
        let before = Run { failures: 3, ..ended(outcome) };
        let (run, events) = judged(before.clone(), &retry()).unwrap();
        assert_eq!(run.version, before.version + 1);
        let RunState::NeedsLeg { cause: LegCause::Retried, .. } = run.state else {
            panic!("{:?}", run.state)
        };
        assert_eq!((run.failures, run.legs.len(), run.counted_legs().len()), (0, 2, 0));
        assert!(events.contains(&RunEventKind::Retried { by: "alice".to_owned() }));
        // It was missed while nobody worked at it; the retry has as long as a new run.
        assert!(run.deadline_missed && events.contains(&RunEventKind::DeadlineMissed));
        assert_eq!(run.deadline_at, Some(at(super::NOW) + mins(360)));
    }
    let ahead = Run { deadline_at: Some(at("2026-11-21T13:00:00Z")), ..ended(RunOutcome::Failed) };
    let (run, events) = judged(ahead.clone(), &retry()).unwrap();
    assert_eq!((run.deadline_at, run.deadline_missed), (ahead.deadline_at, false));
    assert_eq!(events, [RunEventKind::Retried { by: "alice".to_owned() }]);
}

/// Runs of one scheduled time never wait for each other, so that open siblings are no caveat.
#[test]
fn a_retry_among_parameter_sets_waits_for_other_times_only() {
    let mut world = World::new();
    world.give_sets("single", 3);
    let trigger = command(json!({ "command": "trigger", "job": "single" }));
    let mut siblings = started(&world.judge(&trigger).unwrap());
    let mut failed = siblings.pop().unwrap();
    failed.state = RunState::Ended { outcome: RunOutcome::Failed, at: at(super::NOW) };
    let retry = command(json!({ "command": "retry", "run": failed.id }));
    world.run = Some(failed);
    world.open = siblings;
    let ruling = world.judge(&retry).unwrap();
    assert_eq!(ruling.answer.caveats(), []);
    world.now += mins(10);
    world.existing = Default::default();
    world.open = started(&world.judge(&trigger).unwrap());
    let ruling = world.judge(&retry).unwrap();
    assert_eq!(ruling.answer.caveats(), [Caveat::WaitsForTurn]);
}

#[test]
fn what_is_open_or_done_is_not_retried_and_the_unknown_only_on_purpose() {
    let refused = |run| judged(run, &retry()).unwrap_err();
    assert!(matches!(refused(open()), Refusal::StillOpen { .. }));
    assert!(matches!(refused(ended(RunOutcome::Succeeded)), Refusal::Succeeded { .. }));
    assert!(matches!(refused(ended(RunOutcome::Observed)), Refusal::OnlyObserved { .. }));
    assert!(matches!(refused(ended(RunOutcome::Unknown)), Refusal::MayRunTwice { .. }));
    let on_purpose =
        command(json!({ "command": "retry", "run": "report-x", "even_if_unknown": true }));
    assert!(judged(ended(RunOutcome::Unknown), &on_purpose).is_ok());
    let world = World::new();
    assert!(matches!(world.judge(&retry()), Err(Refusal::UnknownRun { .. })));
}

#[test]
fn a_cancelled_run_is_terminated_and_ends() {
    let (run, _) = judged(open(), &about("cancel")).unwrap();
    let stop = run.stop.clone().unwrap();
    assert_eq!((stop.kind, stop.then), (StopKind::Terminate, Then::End));
    assert_eq!(stop.reason, "cancelled by alice: why not");
    let again = judged(run, &about("cancel")).unwrap_err();
    assert!(matches!(again, Refusal::AlreadyStopping { .. }), "{again}");
    let over = judged(ended(RunOutcome::Succeeded), &about("cancel")).unwrap_err();
    assert!(matches!(over, Refusal::HasEnded { .. }), "{over}");
}

#[test]
fn a_moved_run_stays_where_it_was_moved_to_and_always_has_a_leg_for_it() {
    let (run, _) = judged(open(), &about("move")).unwrap();
    let stop = run.stop.clone().unwrap();
    assert_eq!((stop.kind, stop.then), (StopKind::Terminate, Then::MoveOnDemand));
    let forced = run.by_hand.forced.clone().unwrap();
    assert_eq!((forced.by.as_str(), forced.scope), ("alice", ForcedScope::Run));
    let again = judged(run.clone(), &about("move")).unwrap_err();
    assert!(matches!(again, Refusal::AlreadyStopping { .. }), "{again}");
    // A cancel afterwards is more than a move.
    let (cancelled, _) = judged(run, &about("cancel")).unwrap();
    assert!(cancelled.is_to_end());
    // All six legs of the class are used: the move must not end the run.
    let mut spent = open();
    spent.legs = vec![spent.legs[0].clone(); 6];
    let (moved, _) = judged(spent, &about("move")).unwrap();
    assert_eq!(moved.counted_legs().len(), 5);
}

#[test]
fn a_run_without_anything_at_batch_is_moved_by_its_next_decision() {
    let state = RunState::NeedsLeg { cause: LegCause::Interrupted, not_before: at(super::NOW) };
    let (run, _) = judged(Run { state, ..open() }, &about("move")).unwrap();
    assert_eq!(run.stop, None);
    assert!(run.by_hand.forced.is_some());
}

#[test]
fn a_run_that_is_there_already_is_not_moved() {
    let mut run = open();
    run.legs[1].capacity = Capacity::OnDemand;
    let refusal = judged(run, &about("move")).unwrap_err();
    assert!(matches!(refusal, Refusal::AlreadyThere { .. }), "{refusal}");
    let spot_only = Run { class: "spot-only".into(), ..open() };
    let refusal = judged(spot_only, &about("move")).unwrap_err();
    assert!(matches!(refusal, Refusal::NoSteadyCapacity { .. }), "{refusal}");
}
