//! The state machine of a run at Batch, case by case.

mod asked_now;
mod indices;
mod returning;
mod sizes;
mod worked;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{Class, Environment, Restart, RetryOwner, WhenOutcomeUnknown};
use spotcron::domain::{
    AttemptEnd, AttemptObservation, BatchStatus, Capacity, ContainerObservation, JobObservation,
    LegCause, Ppm, RunOutcome,
};
use spotcron::run::{
    Action, Leg, LegFacts, Observation, PutOff, Run, RunEventKind, RunState, Step, StepContext,
    StopRequest, Then, Trigger, Unaccounted, attempt_records, batch_job_name, must_look_at, step,
};
use spotcron::schedule::StopKind;

use crate::samples::{self, at, mins};

const SUBMITTED: &str = "2026-11-21T02:00:00Z";

fn run(capacity: Capacity) -> Run {
    let submitted = at(SUBMITTED);
    let environment =
        Environment { queue: "q".to_owned(), ..samples::environment("spot", capacity) };
    let leg = Leg {
        wait_until: capacity.is_interruptible().then(|| submitted + mins(15)),
        job_id: Some("job-1".into()),
        submitted_at: Some(submitted),
        ..Leg::intended(0, LegCause::Scheduled, &environment, "name".into(), submitted)
    };
    let id = "report-20261121T020000Z".into();
    Run {
        deadline_at: Some(submitted + mins(240)),
        state: RunState::Watching,
        legs: vec![leg],
        version: 3,
        ..Run::new(id, "report".into(), "c".into(), Trigger::Schedule, submitted, submitted)
    }
}

fn job(status: BatchStatus, started: Option<&str>, reason: Option<&str>) -> JobObservation {
    JobObservation {
        status_reason: reason.map(str::to_owned),
        created_at: Some(at(SUBMITTED)),
        ..samples::job_seen(status, started.map(at))
    }
}

struct Look<'a> {
    class: &'a Class,
    now: Timestamp,
    end: Option<AttemptEnd>,
    ran: SignedDuration,
    hazard: Ppm,
}

fn look(run: &Run, job: Option<&JobObservation>, look: Look<'_>) -> Step {
    let seen = Observation { job, end: look.end, ran: look.ran, progress: None, host: None };
    step(
        run,
        seen,
        StepContext {
            class: look.class,
            lengths: samples::lengths(look.class),
            now: look.now,
            hazard_per_hour: look.hazard,
            has_steady_capacity: true,
            is_array: false,
            returns: None,
        },
    )
}

fn simple<'a>(class: &'a Class, now: &str, end: Option<AttemptEnd>) -> Look<'a> {
    Look { class, now: at(now), end, ran: SignedDuration::ZERO, hazard: Ppm(100_000) }
}

#[test]
fn nothing_new_changes_nothing() {
    let class = samples::class("c", &["spot", "steady"]);
    let before = run(Capacity::Spot);
    let seen = job(BatchStatus::Runnable, None, None);
    let first = look(&before, Some(&seen), simple(&class, "2026-11-21T02:01:00Z", None));
    let run = first.run.unwrap();
    assert_eq!(run.version, 4);
    let second = look(&run, Some(&seen), simple(&class, "2026-11-21T02:02:00Z", None));
    assert!(second.run.is_none() && second.events.is_empty() && second.action.is_none());
}

#[test]
fn a_starved_leg_is_cancelled_and_moved_only_once_it_is_seen_failed() {
    let class = samples::class("c", &["spot", "steady"]);
    let waiting = job(BatchStatus::Runnable, None, None);
    let now = "2026-11-21T02:15:00Z";
    let asked = look(&run(Capacity::Spot), Some(&waiting), simple(&class, now, None));
    assert!(matches!(asked.action, Some(Action::Cancel { .. })));
    let stopping = asked.run.unwrap();
    assert!(matches!(stopping.state, RunState::Stopping { cause: LegCause::Starved, .. }));
    // Still waiting: nothing is sent twice within a minute, and again after it.
    let later = look(&stopping, Some(&waiting), simple(&class, "2026-11-21T02:15:30Z", None));
    assert_eq!(later.action, None);
    let later = look(&stopping, Some(&waiting), simple(&class, "2026-11-21T02:16:00Z", None));
    assert!(matches!(later.action, Some(Action::Cancel { .. })));
    let failed = job(BatchStatus::Failed, None, Some("spotcron: no capacity in spot"));
    let moved = look(&stopping, Some(&failed), simple(&class, "2026-11-21T02:17:00Z", None));
    let state = moved.run.unwrap().state;
    assert!(matches!(state, RunState::NeedsLeg { cause: LegCause::Starved, .. }), "{state:?}");
}

#[test]
fn a_leg_that_was_placed_before_the_cancel_is_kept() {
    let class = samples::class("c", &["spot", "steady"]);
    let waiting = job(BatchStatus::Runnable, None, None);
    let now = "2026-11-21T02:15:00Z";
    let stopping = look(&run(Capacity::Spot), Some(&waiting), simple(&class, now, None));
    let placed = job(BatchStatus::Starting, None, None);
    let kept =
        look(&stopping.run.unwrap(), Some(&placed), simple(&class, "2026-11-21T02:15:20Z", None));
    assert_eq!(kept.run.unwrap().state, RunState::Watching);
    assert_eq!(kept.action, None);
}

#[test]
fn each_end_of_an_attempt_has_its_consequence() {
    use AttemptEnd::*;
    let class = samples::class("c", &["spot", "steady"]);
    let failed = job(BatchStatus::Failed, Some("2026-11-21T02:05:00Z"), None);
    let after = |end| {
        let step = look(
            &run(Capacity::Spot),
            Some(&failed),
            simple(&class, "2026-11-21T02:30:00Z", Some(end)),
        );
        step.run.unwrap().state.label()
    };
    assert_eq!(after(Interrupted), "needs-leg");
    assert_eq!(after(Infrastructure), "needs-leg");
    assert_eq!(after(Failed), "failed");
    assert_eq!(after(TimedOut), "failed");
    assert_eq!(after(Stopped), "cancelled", "someone else stopped it");
}

#[test]
fn application_failures_are_repeated_as_often_as_the_class_says() {
    let mut class = samples::class("c", &["spot", "steady"]);
    class.failure_retries = 1;
    let failed = job(BatchStatus::Failed, Some("2026-11-21T02:05:00Z"), None);
    let now = "2026-11-21T02:30:00Z";
    let first =
        look(&run(Capacity::Spot), Some(&failed), simple(&class, now, Some(AttemptEnd::Failed)));
    let mut again = first.run.unwrap();
    match again.state {
        RunState::NeedsLeg { cause: LegCause::Failed, not_before } => {
            assert_eq!(not_before, at("2026-11-21T02:30:30Z"));
        }
        other => panic!("{other:?}"),
    }
    again.state = RunState::Watching;
    let second = look(&again, Some(&failed), simple(&class, now, Some(AttemptEnd::Failed)));
    assert_eq!(second.run.unwrap().state.label(), "failed");
}

#[test]
fn the_last_leg_is_the_last() {
    let mut class = samples::class("c", &["spot", "steady"]);
    class.max_legs = 1;
    let failed = job(BatchStatus::Failed, Some("2026-11-21T02:05:00Z"), None);
    let step = look(
        &run(Capacity::Spot),
        Some(&failed),
        simple(&class, "2026-11-21T02:30:00Z", Some(AttemptEnd::Interrupted)),
    );
    assert_eq!(step.run.unwrap().state.label(), "failed");
}

#[test]
fn batch_keeps_the_retries_where_the_class_gives_them_to_it() {
    let mut class = samples::class("c", &["spot", "steady"]);
    class.retry_owner = RetryOwner::Batch;
    let failed = job(BatchStatus::Failed, Some("2026-11-21T02:05:00Z"), None);
    let step = look(
        &run(Capacity::Spot),
        Some(&failed),
        simple(&class, "2026-11-21T02:30:00Z", Some(AttemptEnd::Interrupted)),
    );
    assert_eq!(step.run.unwrap().state.label(), "failed");
}

#[test]
fn a_risky_attempt_moves_at_the_last_moment_and_a_safe_one_stays() {
    let class = samples::class("c", &["spot", "steady"]);
    // On demand needs 63 minutes: with the deadline at 06:00 the last moment is 04:57.
    let running = job(BatchStatus::Running, Some("2026-11-21T04:40:00Z"), None);
    let at_time = |now: &str, hazard| {
        let mut given = simple(&class, now, None);
        given.hazard = hazard;
        look(&run(Capacity::Spot), Some(&running), given).action
    };
    let risky = Ppm(100_000);
    assert_eq!(at_time("2026-11-21T04:55:00Z", risky), None, "too early");
    assert!(matches!(at_time("2026-11-21T04:56:30Z", risky), Some(Action::Terminate { .. })));
    assert_eq!(at_time("2026-11-21T04:57:30Z", risky), None, "too late to be of use");
    assert_eq!(at_time("2026-11-21T04:56:30Z", Ppm(10_000)), None, "1 %/h is accepted");
}

#[test]
fn an_attempt_that_overran_its_estimate_is_not_started_over() {
    let class = samples::class("c", &["spot", "steady"]);
    let running = job(BatchStatus::Running, Some("2026-11-21T03:00:00Z"), None);
    let given = simple(&class, "2026-11-21T04:56:30Z", None);
    assert_eq!(look(&run(Capacity::Spot), Some(&running), given).action, None);
}

#[test]
fn a_run_is_looked_at_when_it_may_have_to_be_moved() {
    let class = samples::class("c", &["spot", "steady"]);
    let mut run = run(Capacity::Spot);
    let next = |run: &Run, now: &str| must_look_at(run, &class, &samples::lengths(&class), at(now));
    assert_eq!(next(&run, "2026-11-21T02:01:00Z"), Some(at("2026-11-21T02:15:00Z")));
    // A minute before 04:57, the last moment at which on demand still meets the deadline.
    assert_eq!(next(&run, "2026-11-21T02:15:00Z"), Some(at("2026-11-21T04:56:00Z")));
    run.legs[0].status = Some(BatchStatus::Running);
    assert_eq!(next(&run, "2026-11-21T02:01:00Z"), Some(at("2026-11-21T04:56:00Z")));
    assert_eq!(next(&run, "2026-11-21T04:56:00Z"), None);
    run.legs[0].capacity = Capacity::OnDemand;
    assert_eq!(next(&run, "2026-11-21T02:01:00Z"), None);
}

#[test]
fn a_job_that_batch_itself_refuses_is_rejected_and_one_that_somebody_stopped_is_cancelled() {
    let class = samples::class("c", &["spot", "steady"]);
    let end_of = |job: &JobObservation| {
        let step = look(&run(Capacity::Spot), Some(job), simple(&class, SUBMITTED, None));
        step.run.unwrap().state.label()
    };
    let mut failed = job(BatchStatus::Failed, None, Some("the job has too many tags"));
    assert_eq!(end_of(&failed), "rejected");
    failed.stop_requested = true;
    assert_eq!(end_of(&failed), "cancelled");
    let limit = "Canceled by JobStateTimeLimit action due to reason: CAPACITY";
    assert_eq!(end_of(&job(BatchStatus::Failed, None, Some(limit))), "needs-leg");
}

/// Refused on demand hours ago is not refused now: the run may be moved there again.
#[test]
fn a_refusal_counts_until_a_leg_was_at_batch() {
    let ended_at = Some(at(SUBMITTED));
    let mut run = run(Capacity::Spot);
    let at_batch = run.legs[0].clone();
    let environment = "steady".into();
    run.legs[0] = Leg { environment, job_id: None, ended_at, ..at_batch.clone() };
    assert!(run.was_refused_by(&"steady".into()) && !run.was_refused_by(&"spot".into()));
    run.legs.push(Leg { ended_at, ..at_batch });
    assert!(!run.was_refused_by(&"steady".into()));
}

#[test]
fn an_array_that_was_placed_before_the_cancel_is_kept_unless_children_are_lost() {
    let class = samples::class("c", &["spot", "steady"]);
    let state = RunState::Stopping { cause: LegCause::Starved, since: at(SUBMITTED) };
    let stopping = Run { state, ..run(Capacity::Spot) };
    let placed = job(BatchStatus::Running, Some(SUBMITTED), None);
    let after = |job: &JobObservation, minutes| {
        let seen =
            Observation { job: Some(job), end: None, ran: mins(0), progress: None, host: None };
        let context = StepContext {
            class: &class,
            lengths: samples::lengths(&class),
            now: at(SUBMITTED) + mins(minutes),
            hazard_per_hour: Ppm::ZERO,
            has_steady_capacity: true,
            is_array: true,
            returns: None,
        };
        let step = step(&stopping, seen, context);
        assert_eq!(step.action, None, "children that Batch repeats are not cancelled either");
        step.run.unwrap().state
    };
    assert_eq!(after(&placed, 1), RunState::Watching);
    let lost = JobObservation { stop_requested: true, ..placed };
    assert_eq!(after(&lost, 10), state);
}

#[test]
fn a_job_that_is_cancelled_between_attempts_says_nothing_of_the_last_one() {
    let attempt = AttemptObservation {
        started_at: Some(at(SUBMITTED)),
        stopped_at: Some(at(SUBMITTED) + mins(5)),
        status_reason: Some("Essential container in task exited".to_owned()),
        container: ContainerObservation { exit_code: Some(1), ..Default::default() },
    };
    let mut cancelled = job(BatchStatus::Failed, None, Some("spotcron: no capacity"));
    cancelled.stopped_at = Some(at(SUBMITTED) + mins(40));
    cancelled.stop_requested = true;
    cancelled.attempts = vec![attempt];
    let run = run(Capacity::Spot);
    let ends = Default::default();
    let facts = LegFacts { run: &run, leg: &run.legs[0], child: None, instance_ends: &ends };
    assert_eq!(attempt_records(facts, &cancelled)[0].end, Some(AttemptEnd::Failed));
}

#[test]
fn on_demand_is_never_moved() {
    let class = samples::class("c", &["spot", "steady"]);
    for (status, now) in [
        (BatchStatus::Runnable, "2026-11-21T03:00:00Z"),
        (BatchStatus::Running, "2026-11-21T04:56:30Z"),
    ] {
        let seen = job(status, None, None);
        let given = simple(&class, now, None);
        assert_eq!(look(&run(Capacity::OnDemand), Some(&seen), given).action, None);
    }
}

#[test]
fn checkpoints_keep_whole_intervals_of_an_interrupted_attempt() {
    let mut class = samples::class("c", &["spot", "steady"]);
    class.restart = Restart::Checkpoint { interval: mins(10), restore: mins(2) };
    let failed = job(BatchStatus::Failed, Some("2026-11-21T02:05:00Z"), None);
    let mut given = simple(&class, "2026-11-21T02:50:00Z", Some(AttemptEnd::Interrupted));
    given.ran = mins(37);
    let mut next = look(&run(Capacity::Spot), Some(&failed), given).run.unwrap();
    assert_eq!(next.progress_millis, 30 * 60_000);
    next.state = RunState::Watching;
    let mut given = simple(&class, "2026-11-21T03:10:00Z", Some(AttemptEnd::Interrupted));
    given.ran = mins(13);
    let again = look(&next, Some(&failed), given).run.unwrap();
    assert_eq!(again.progress_millis, 40 * 60_000, "the restore is no progress");
}

#[test]
fn a_job_that_batch_forgot_is_unknown_but_not_at_once() {
    let class = samples::class("c", &["spot", "steady"]);
    let first = look(&run(Capacity::Spot), None, simple(&class, "2026-11-21T02:20:00Z", None));
    let missing = first.run.unwrap();
    assert_eq!(missing.state, RunState::Watching, "one odd answer proves nothing");
    // It shows again: the count begins anew.
    let shown = job(BatchStatus::Running, Some("2026-11-21T02:05:00Z"), None);
    let back = look(&missing, Some(&shown), simple(&class, "2026-11-21T02:29:00Z", None));
    let gone = look(&back.run.unwrap(), None, simple(&class, "2026-11-21T02:31:00Z", None));
    let gone = gone.run.unwrap();
    let early = look(&gone, None, simple(&class, "2026-11-21T02:41:00Z", None));
    assert!(early.run.is_none());
    let late = look(&gone, None, simple(&class, "2026-11-21T02:41:01Z", None));
    let RunState::Ended { outcome, .. } = late.run.unwrap().state else { panic!("still open") };
    assert_eq!(outcome, RunOutcome::Unknown);
}

#[test]
fn a_late_success_misses_the_deadline_once() {
    let class = samples::class("c", &["spot", "steady"]);
    let running = job(BatchStatus::Running, Some("2026-11-21T02:05:00Z"), None);
    let late =
        look(&run(Capacity::Spot), Some(&running), simple(&class, "2026-11-21T06:00:01Z", None));
    let missed = |step: &Step| {
        step.events.iter().filter(|e| matches!(e, RunEventKind::DeadlineMissed)).count()
    };
    assert_eq!(missed(&late), 1);
    let mut done = job(BatchStatus::Succeeded, Some("2026-11-21T02:05:00Z"), None);
    done.stopped_at = Some(at("2026-11-21T06:05:00Z"));
    let end = look(&late.run.unwrap(), Some(&done), simple(&class, "2026-11-21T06:06:00Z", None));
    assert_eq!(missed(&end), 0);
    assert_eq!(end.run.unwrap().state.label(), "succeeded");
}

#[test]
fn a_success_seen_late_but_in_time_meets_its_deadline() {
    let class = samples::class("c", &["spot", "steady"]);
    let mut done = job(BatchStatus::Succeeded, Some("2026-11-21T02:05:00Z"), None);
    done.stopped_at = Some(at("2026-11-21T05:59:59Z"));
    let end = look(&run(Capacity::Spot), Some(&done), simple(&class, "2026-11-21T09:00:00Z", None));
    assert!(!end.run.unwrap().deadline_missed);
}

#[test]
fn batch_names_are_lawful_and_tell_legs_apart() {
    let id = "a".repeat(80) + "-20261121T020000Z";
    let in_region = |scope: &str, region: &str, leg| {
        batch_job_name(scope, &region.into(), &id.as_str().into(), Trigger::Schedule, leg)
    };
    let name = |scope: &str, leg| in_region(scope, "us-east-1", leg);
    let first = name("123456789012", 0);
    assert_ne!(first, in_region("123456789012", "us-east-2", 0));
    assert!(first.as_str().len() <= 128);
    assert!(first.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    assert_eq!(first, name("123456789012", 0));
    assert_ne!(first, name("123456789012", 1));
    assert_ne!(first, name("999999999999", 0));
}

/// Names are how a lost submission is found again: they never change once released.
#[test]
fn batch_names_count_the_account_that_the_job_is_in() {
    let name = |scope: &str, site: &str| {
        let site = site.parse().unwrap();
        batch_job_name(scope, &site, &"extract-x".into(), Trigger::Schedule, 0).to_string()
    };
    assert_eq!(name("123456789012", "us-east-1"), "extract-x-l0-daf89783");
    let entered = "us-east-1 via arn:aws:iam::999999999999:role/batch";
    assert_eq!(name("123456789012", entered), name("999999999999", "us-east-1"));
}

/// Batch forgets no job that has not ended, and an ended one after a week at the earliest.
#[test]
fn a_vanished_job_runs_again_only_where_its_class_says_so_and_it_must_have_ended() {
    let never = samples::class("c", &["spot", "steady"]);
    let again = Class { when_outcome_unknown: WhenOutcomeUnknown::RunAgain, ..never.clone() };
    let last_leg = Class { max_legs: 1, ..again.clone() };
    let stopped = StopRequest {
        kind: StopKind::Terminate,
        then: Then::End,
        reason: "enough".to_owned(),
        at: at(SUBMITTED),
    };
    let becomes = |class: &Class, stop: Option<&StopRequest>, missing: &str, now: &str| {
        let mut run = run(Capacity::Spot);
        run.stop = stop.cloned();
        run.legs[0].missing_since = Some(at(missing));
        let step = look(&run, None, simple(class, now, None));
        (step.run.unwrap().state.label(), step.events)
    };
    let (soon, late) = ("2026-11-28T01:59:00Z", "2026-11-28T02:00:00Z");
    let missing = "2026-11-27T20:00:00Z";
    for (class, stop, now) in [
        (&never, None, late),
        (&again, None, soon),
        (&last_leg, None, late),
        (&again, Some(&stopped), late),
    ] {
        assert_eq!(becomes(class, stop, missing, now).0, "unknown");
    }
    let (state, events) = becomes(&again, None, missing, late);
    assert_eq!(state, "needs-leg");
    let told = RunEventKind::RunsAgain { leg: 0, why: Unaccounted::Vanished };
    assert!(events.contains(&told), "{events:?}");
}

#[test]
fn a_run_waits_for_better_only_before_its_first_leg_and_until_then() {
    let until = at(SUBMITTED) + mins(60);
    let mut held = run(Capacity::Spot);
    let sent = std::mem::take(&mut held.legs);
    held.put_off = Some(PutOff { until, environment: "spot".into() });
    let needs = |not_before| RunState::NeedsLeg { cause: LegCause::Scheduled, not_before };
    held.state = needs(until);
    assert_eq!(held.waits_for_better(), held.put_off.as_ref());
    held.state = needs(until + mins(5));
    assert_eq!(held.waits_for_better(), None, "it was put off, and is held for something else now");
    held.state = needs(until);
    held.legs = sent;
    assert_eq!(held.waits_for_better(), None, "the pause before another leg is no such wait");
}
