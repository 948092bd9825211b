//! A leg that has capacity which is not taken back, and is told to go back.

use spotcron::decision::Return;
use spotcron::domain::{AttemptEnd, BatchStatus, Capacity, LegCause, Usd};
use spotcron::run::{Action, Observation, Run, RunEventKind, RunState, Step, StepContext, step};

use super::{job, run};
use crate::samples::{self, at, mins};

fn told(run: &Run, status: BatchStatus, end: Option<AttemptEnd>, back: Option<&Return>) -> Step {
    told_of(6, run, status, end, back)
}

fn told_of(
    max_legs: u16,
    run: &Run,
    status: BatchStatus,
    end: Option<AttemptEnd>,
    back: Option<&Return>,
) -> Step {
    let mut class = samples::class("c", &["spot", "steady"]);
    class.max_legs = max_legs;
    class.restart =
        spotcron::catalogue::Restart::Checkpoint { interval: mins(10), restore: mins(1) };
    let seen = job(status, Some("2026-11-21T02:05:00Z"), None);
    let seen = Observation { job: Some(&seen), end, ran: mins(47), progress: None, host: None };
    let context = StepContext {
        lengths: samples::lengths(&class),
        class: &class,
        now: at("2026-11-21T02:52:00Z"),
        hazard_per_hour: Default::default(),
        has_steady_capacity: true,
        is_array: false,
        returns: back,
    };
    step(run, seen, context)
}

fn back() -> Return {
    let usd = |nanos| Usd::from_nanos(nanos);
    Return { environment: "spot".into(), staying: usd(3_000), going: usd(1_000), probes: false }
}

#[test]
fn it_is_terminated_and_goes_on_from_its_checkpoint_once_it_has_ended() {
    let before = run(Capacity::OnDemand);
    let asked = told(&before, BatchStatus::Running, None, Some(&back()));
    let Some(Action::Terminate { reason }) = &asked.action else { panic!("{asked:?}") };
    assert_eq!(reason, "spotcron: moved back to where it costs less");
    let goes_back = RunEventKind::GoesBack { leg: 0, to: back() };
    let stop = RunEventKind::StopRequested { leg: 0, cause: LegCause::Returned };
    assert!(asked.events.ends_with(&[goes_back, stop]), "{:?}", asked.events);
    let stopping = asked.run.unwrap();
    assert!(matches!(stopping.state, RunState::Stopping { cause: LegCause::Returned, .. }));
    let ended = told(&stopping, BatchStatus::Failed, Some(AttemptEnd::Stopped), None).run.unwrap();
    let RunState::NeedsLeg { cause, .. } = ended.state else { panic!("{ended:?}") };
    assert_eq!((cause, ended.progress_millis), (LegCause::Returned, 40 * 60_000));
    assert!(!cause.moves_away());
}

#[test]
fn it_stays_unless_it_is_told_to_and_runs() {
    let before = run(Capacity::OnDemand);
    assert_eq!(told(&before, BatchStatus::Running, None, None).action, None);
    assert_eq!(told(&before, BatchStatus::Starting, None, Some(&back())).action, None);
    let last = told_of(1, &before, BatchStatus::Running, None, Some(&back()));
    assert_eq!(last.action, None, "no leg would follow");
    let done = told(&before, BatchStatus::Succeeded, Some(AttemptEnd::Succeeded), Some(&back()));
    assert!(matches!(done.run.unwrap().state, RunState::Ended { .. }));
}
