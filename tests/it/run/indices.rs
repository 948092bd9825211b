//! Arrays whose workload reads its indices from a map, case by case.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::Class;
use spotcron::domain::{
    AttemptEnd, AttemptObservation, BatchStatus, Capacity, ContainerObservation, IndexSet,
    JobObservation, LegCause, Ppm, RunOutcome,
};
use spotcron::run::{
    Action, Indices, LegFacts, Observation, Progress, Run, RunState, Step, StepContext,
    array_as_placed, attempt_records, children_for, progress, step, submit_request,
};

use super::{SUBMITTED, job, run};
use crate::samples::{self, at, mins};

fn minute(minutes: i64) -> Timestamp {
    at(SUBMITTED) + mins(minutes)
}

/// A run with the indices 3, 7, 8 and 9 of 20, whose only leg carries them.
fn mapped() -> Run {
    let assigned: IndexSet = "3,7-9".parse().unwrap();
    let mut run = run(Capacity::Spot);
    run.legs[0].array_size = Some(4);
    run.legs[0].indices = Some(assigned.clone());
    run.indices = Some(Indices::new(20, assigned));
    run
}

fn waits() -> JobObservation {
    job(BatchStatus::Runnable, None, None)
}

fn runs_since(minutes: i64) -> JobObservation {
    JobObservation { started_at: Some(minute(minutes)), ..job(BatchStatus::Running, None, None) }
}

fn ended(status: BatchStatus, minutes: i64, exit_code: i32, reason: &str) -> JobObservation {
    let attempt = AttemptObservation {
        started_at: Some(minute(minutes - 5)),
        stopped_at: Some(minute(minutes)),
        status_reason: Some(reason.to_owned()),
        container: ContainerObservation { exit_code: Some(exit_code), ..Default::default() },
    };
    JobObservation {
        started_at: attempt.started_at,
        stopped_at: attempt.stopped_at,
        attempts: vec![attempt],
        ..job(status, None, Some(reason))
    }
}

fn succeeded(minutes: i64) -> JobObservation {
    ended(BatchStatus::Succeeded, minutes, 0, "Essential container in task exited")
}

fn failed(minutes: i64) -> JobObservation {
    ended(BatchStatus::Failed, minutes, 1, "Essential container in task exited")
}

fn lost(minutes: i64) -> JobObservation {
    ended(BatchStatus::Failed, minutes, 137, "Host EC2 (instance i-0a1b) terminated.")
}

fn called_off() -> JobObservation {
    let reason = "spotcron: no capacity in spot within the wait budget";
    JobObservation { stop_requested: true, ..job(BatchStatus::Failed, None, Some(reason)) }
}

fn seen(run: &Run, children: &[JobObservation]) -> Progress {
    let leg = &run.legs[0];
    let ends = Default::default();
    let records = (0..).zip(children).flat_map(|(child, observed)| {
        let facts = LegFacts { run, leg, child: Some(child), instance_ends: &ends };
        attempt_records(facts, observed)
    });
    let records: Vec<_> = records.collect();
    let children: Vec<_> = children.iter().map(Some).collect();
    progress(leg.indices.as_ref().unwrap(), &children, &records)
}

struct Case<'a> {
    class: &'a Class,
    now: Timestamp,
    hazard: Ppm,
}

fn look(run: &Run, parent: BatchStatus, children: &[JobObservation], case: &Case<'_>) -> Step {
    let whole = array_as_placed(&job(parent, None, None), children.iter());
    let progress = seen(run, children);
    let observation = Observation {
        job: Some(&whole),
        end: None,
        ran: SignedDuration::ZERO,
        progress: Some(&progress),
        host: None,
    };
    let context = StepContext {
        class: case.class,
        lengths: samples::lengths(case.class),
        now: case.now,
        hazard_per_hour: case.hazard,
        has_steady_capacity: true,
        is_array: false,
        returns: None,
    };
    step(run, observation, context)
}

fn class() -> Class {
    samples::class("c", &["spot", "steady"])
}

fn after(run: &Run, parent: BatchStatus, children: &[JobObservation], minutes: i64) -> Run {
    let class = class();
    let case = Case { class: &class, now: minute(minutes), hazard: Ppm(100_000) };
    look(run, parent, children, &case).run.unwrap()
}

#[test]
fn what_succeeded_is_taken_down_while_the_others_go_on() {
    let children = [succeeded(10), runs_since(5), succeeded(12), waits()];
    let next = after(&mapped(), BatchStatus::Pending, &children, 14);
    assert_eq!(next.state, RunState::Watching);
    let indices = next.indices.unwrap();
    assert_eq!(indices.done.to_string(), "3,8");
    assert_eq!(indices.left().to_string(), "7,9");
}

#[test]
fn waiting_children_starve_once_nothing_has_moved_for_the_budget() {
    let class = class();
    let budget = class.wait_budget;
    let at = |now| Case { class: &class, now, hazard: Ppm::ZERO };
    // Two are done, the others never got capacity; the last change was in minute 20.
    let children = [succeeded(10), waits(), succeeded(20), waits()];
    let early =
        look(&mapped(), BatchStatus::Pending, &children, &at(minute(20) + budget - mins(1)));
    assert_eq!(early.action, None);
    let run = early.run.unwrap();
    let late = look(&run, BatchStatus::Pending, &children, &at(minute(20) + budget));
    assert!(matches!(late.action, Some(Action::Cancel { .. })), "{late:?}");
    // While one runs, the others wait for the place that it will leave.
    let children = [succeeded(10), waits(), runs_since(20), waits()];
    let placed = look(&mapped(), BatchStatus::Pending, &children, &at(minute(20) + budget * 2));
    assert_eq!(placed.action, None);
    // All are done and only their parent does not know yet.
    let children = [succeeded(10), succeeded(10), succeeded(20), succeeded(9)];
    let done = look(&mapped(), BatchStatus::Pending, &children, &at(minute(20) + budget * 2));
    assert_eq!(done.action, None);
}

#[test]
fn a_child_that_was_placed_before_the_cancel_is_kept_and_the_others_move() {
    let state = RunState::Stopping { cause: LegCause::Starved, since: minute(30) };
    let stopping = Run { state, ..mapped() };
    let children = [succeeded(10), called_off(), runs_since(30), called_off()];
    let kept = after(&stopping, BatchStatus::Pending, &children, 32);
    assert_eq!(kept.state, RunState::Watching);
    let children = [succeeded(10), called_off(), succeeded(60), called_off()];
    let next = after(&kept, BatchStatus::Failed, &children, 61);
    assert!(matches!(next.state, RunState::NeedsLeg { cause: LegCause::Starved, .. }), "{next:?}");
    assert_eq!(next.indices.unwrap().left().to_string(), "7,9");
}

#[test]
fn what_ended_a_child_decides_what_comes_next() {
    let ends = |children: [JobObservation; 4]| after(&mapped(), BatchStatus::Failed, &children, 61);
    let reclaimed = ends([succeeded(10), lost(20), succeeded(30), succeeded(60)]);
    assert!(matches!(reclaimed.state, RunState::NeedsLeg { cause: LegCause::Interrupted, .. }));
    assert_eq!(reclaimed.indices.unwrap().left().to_string(), "7");
    let over = |run: Run| match run.state {
        RunState::Ended { outcome, .. } => outcome,
        state => panic!("{state:?}"),
    };
    // The class allows no repetition of failures.
    let run = ends([succeeded(10), lost(20), failed(30), succeeded(60)]);
    assert_eq!(run.indices.as_ref().unwrap().done.to_string(), "3,9");
    assert_eq!(over(run), RunOutcome::Failed);
    // Somebody terminated a child in words of their own.
    let mut stopped = ended(BatchStatus::Failed, 30, 143, "not wanted");
    stopped.stop_requested = true;
    assert_eq!(over(ends([succeeded(10), stopped, lost(3), succeeded(60)])), RunOutcome::Cancelled);
    let unexplained = job(BatchStatus::Failed, None, Some("Array Child Job failed"));
    assert_eq!(over(ends([succeeded(1), unexplained, lost(3), lost(9)])), RunOutcome::Rejected);
}

#[test]
fn failures_are_repeated_as_often_as_the_class_says() {
    let class = Class { failure_retries: 1, ..class() };
    let case = Case { class: &class, now: minute(61), hazard: Ppm::ZERO };
    let children = [succeeded(10), failed(20), failed(30), succeeded(60)];
    let next = look(&mapped(), BatchStatus::Failed, &children, &case).run.unwrap();
    assert!(matches!(next.state, RunState::NeedsLeg { cause: LegCause::Failed, .. }), "{next:?}");
    assert_eq!(next.indices.unwrap().left().to_string(), "7-8");
    assert_eq!(next.failures, 1, "a leg with failures is one, however many children failed");
}

/// The class needs `start_up + expected_duration` from zero on demand.
#[test]
fn at_the_last_moment_whoever_waits_takes_all_that_is_not_done_along() {
    let class = class();
    let last = minute(240) - class.start_up - class.expected_duration;
    let at = |hazard| Case { class: &class, now: last - mins(1), hazard };
    let look = |children: &[JobObservation], hazard| {
        look(&mapped(), BatchStatus::Pending, children, &at(hazard)).action
    };
    let nearly = runs_since(last.duration_since(minute(0)).as_secs() / 60 - 1);
    let waiting = [succeeded(10), waits(), nearly.clone(), succeeded(9)];
    assert!(matches!(look(&waiting, Ppm::ZERO), Some(Action::Terminate { .. })));
    let running = [succeeded(10), nearly.clone(), nearly, succeeded(9)];
    assert_eq!(look(&running, Ppm::ZERO), None);
    assert!(matches!(look(&running, Ppm(900_000)), Some(Action::Terminate { .. })));
}

#[test]
fn a_child_that_batch_does_not_show_is_not_guessed() {
    let run = mapped();
    let leg = run.legs[0].indices.clone().unwrap();
    let child = succeeded(10);
    assert!(progress(&leg, &[Some(&child), None, Some(&child), Some(&child)], &[]).some_missing);
    assert!(progress(&leg, &[Some(&child)], &[]).some_missing);
    let all = progress(&leg, &[Some(&child); 4], &[]);
    assert!(!all.some_missing);
    assert_eq!(all.done, leg);
}

#[test]
fn a_leg_tells_its_children_their_indices() {
    let environment = samples::environment("spot", Capacity::Spot);
    let job = samples::job("report", "c", "0 2 * * *", "UTC");
    let mut run = mapped();
    let request = submit_request(&run, &run.legs[0], &job, &class(), &environment).unwrap();
    assert_eq!(request.environment["SPOTCRON_INDEX_MAP"].expose(), "3,7-9");
    assert_eq!(request.environment["SPOTCRON_INDEX_COUNT"].expose(), "20");
    assert_eq!(request.array_size, Some(4));
    assert!(request.retry_strategy.unwrap().attempts > 1, "lost children are repeated");
    // A single one is left: Batch has no array of one.
    run.legs[0].indices = Some(IndexSet::range(7, 7));
    run.legs[0].array_size = None;
    let request = submit_request(&run, &run.legs[0], &job, &class(), &environment).unwrap();
    assert_eq!(request.environment["SPOTCRON_INDEX_MAP"].expose(), "7");
    assert_eq!((request.array_size, request.retry_strategy.unwrap().attempts), (None, 1));
    let ended = AttemptEnd::Succeeded;
    let ends = Default::default();
    let facts = LegFacts { run: &run, leg: &run.legs[0], child: None, instance_ends: &ends };
    let record = &attempt_records(facts, &succeeded(10))[0];
    assert_eq!((record.index, record.end), (Some(7), Some(ended)));
}

#[test]
fn only_a_single_index_is_no_array_and_no_array_is_larger_than_batch_allows() {
    let of = |count: u32| children_for(&(0..count).map(|index| index * 3).collect());
    assert_eq!((of(1), of(2), of(10_000)), (Ok(None), Ok(Some(2)), Ok(Some(10_000))));
    for count in [10_001, 65_535, 65_536, 65_537, 200_000] {
        let error = of(count).unwrap_err();
        assert!(error.starts_with(&format!("{count} indices")), "{error}");
    }
    assert!(of(0).is_err(), "an empty map is not sent");
}

#[test]
fn a_leg_is_sent_as_large_as_its_intent_says() {
    // The job was edited between the intent and the call: it is watched as the leg says.
    let environment = samples::environment("spot", Capacity::Spot);
    let mut job = samples::job("report", "c", "0 2 * * *", "UTC");
    let mut run = run(Capacity::Spot);
    for (of_job, of_leg) in [(Some(7), None), (Some(7), Some(9)), (None, Some(9))] {
        Arc::make_mut(&mut job.submission).array_size = of_job;
        run.legs[0].array_size = of_leg;
        let request = submit_request(&run, &run.legs[0], &job, &class(), &environment).unwrap();
        assert_eq!(request.array_size, of_leg);
        assert_eq!(request.retry_strategy.unwrap().attempts > 1, of_leg.is_some());
    }
}

/// The first block of code of this language in the guide that reads the map.
fn snippet(guide: &str, language: &str) -> String {
    let blocks = guide.split("```").skip(1).step_by(2);
    let mut code = blocks.filter_map(|block| block.strip_prefix(language));
    code.find(|code| code.contains("SPOTCRON_INDEX_MAP")).unwrap().to_owned()
}

#[test]
fn the_guides_snippets_find_the_index() {
    let guide = std::fs::read_to_string("docs/guide/catalogue.md").unwrap();
    let shell = format!("{}\necho \"$index\"", snippet(&guide, "sh\n"));
    let python = format!("{}\nprint(index)", snippet(&guide, "python\n"));
    for (map, child) in
        [("500-999", Some(3)), ("3,7-9,120", Some(4)), ("3,7-9", Some(1)), ("7", None)]
    {
        let set: IndexSet = map.parse().unwrap();
        let expected = set.get(child.unwrap_or(0)).unwrap().to_string();
        for (program, code) in [("sh", &shell), ("python3", &python)] {
            let mut command = std::process::Command::new(program);
            command.args(["-c", code]).env("SPOTCRON_INDEX_MAP", map);
            command.env_remove("AWS_BATCH_JOB_ARRAY_INDEX");
            command.envs(child.map(|child| ("AWS_BATCH_JOB_ARRAY_INDEX", child.to_string())));
            let output = command.output().unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
            let found = String::from_utf8(output.stdout).unwrap();
            assert_eq!(found.trim(), expected, "{program} {map} {child:?}");
        }
    }
}
