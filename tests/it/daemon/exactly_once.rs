//! Every due run is submitted exactly once, whatever becomes of the calls.

use jiff::SignedDuration;
use spotcron::clock::Clock;
use spotcron::domain::{BatchStatus, LegCause, RunId, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::run::{RunEventKind, RunState, Unaccounted};
use spotcron::sim::{Fault, Faults, Operation, SubmittedJob};

use super::world::{BEGIN, CATALOGUE, World, check, check_totals, scenario};
use crate::samples::at;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn all_succeeded(runs: &[spotcron::run::Run], before: &str) {
    for run in runs.iter().filter(|run| run.scheduled_for < at(before)) {
        assert!(
            matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. }),
            "{}: {:?}",
            run.id,
            run.state
        );
    }
}

#[tokio::test]
async fn an_answer_lost_after_effect_is_found_and_not_sent_again() {
    let mut world = World::new(1, 0.0).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostAfter));
    world.run_for(hours(2)).await;
    check(&world, at(BEGIN)).await;
    all_succeeded(&world.runs().await, "2026-06-01T01:00:00Z");
    assert_eq!(world.count(|c| matches!(c, Counter::OutcomesUnknown { .. })), 1);
}

#[tokio::test]
async fn a_call_lost_before_effect_is_sent_again_after_the_look_ups() {
    let mut world = World::new(1, 0.0).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostBefore));
    world.run_for(hours(2)).await;
    check(&world, at(BEGIN)).await;
    all_succeeded(&world.runs().await, "2026-06-01T01:00:00Z");
    let first = world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap();
    let leg = &first.legs[0];
    let waited = leg.submitted_at.unwrap().duration_since(leg.intended_at);
    assert!(waited >= SignedDuration::from_secs(90), "sent again after {waited}");
    assert_eq!(first.legs.len(), 1, "the same leg, the same name");
}

/// Batch lists the first job only minutes after its name was sent again.
#[tokio::test]
async fn a_job_that_is_listed_too_late_makes_a_duplicate_that_is_found_and_terminated() {
    let mut account = scenario(0.0);
    account.timing.listing_lag_secs = 200;
    let mut world = World::of(CATALOGUE, account, 1).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostAfter));
    world.run_for(SignedDuration::from_mins(50)).await;
    let first = world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap();
    let name = first.legs[0].batch_name.to_string();
    let mut lives = world.cloud.lives();
    lives.retain(|life| life.name == name);
    let [older, younger] = &lives[..] else { panic!("{lives:?}") };
    assert_eq!(younger.status, BatchStatus::Failed);
    let noticed = younger.stopped_at.unwrap().duration_since(younger.created_at);
    assert!(noticed <= SignedDuration::from_mins(6), "it lived for {noticed}");
    assert_eq!(first.legs[0].job_id.as_ref(), Some(&older.id), "the oldest is the run's");
    assert_eq!(first.legs.len(), 1);
    assert_eq!(world.count(|c| matches!(c, Counter::DuplicatesTerminated { .. })), 1);
    assert!(world.store.resends().await.unwrap().iter().any(|resend| resend.name.as_str() == name));
    // After the last look, two hours after it was sent again, nobody looks any more.
    world.run_for(hours(3)).await;
    all_succeeded(&world.runs().await, "2026-06-01T02:00:00Z");
    assert_eq!(world.count(|c| matches!(c, Counter::DuplicatesTerminated { .. })), 1);
    assert_eq!(world.store.resends().await.unwrap(), []);
}

/// Found by the simulation: children of the younger of two arrays had their lines in the ledger when the
/// run turned to the older, whose lines replaced them, and the counters had both.
#[tokio::test]
async fn an_array_that_turns_to_its_older_job_counts_what_its_ledger_says() {
    let mut account = scenario(0.0);
    account.timing.listing_lag_secs = 200;
    account = account.with_definition("uneven", 60);
    for uneven in account.definitions.iter_mut().filter(|one| one.name == "uneven") {
        uneven.sigma = 2.0;
    }
    let catalogue = CATALOGUE
        .replace("environments = [\"spot\", \"steady\"]", "environments = [\"steady\"]")
        .replace("definition = \"hour:1\"", "definition = \"uneven:1\"\narray_size = 12");
    let mut world = World::of(&catalogue, account, 1).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostAfter));
    world.run_for(hours(2)).await;
    assert_eq!(world.count(|c| matches!(c, Counter::DuplicatesTerminated { .. })), 1);
    check_totals(&world.shared, &world.runs().await).await;
}

/// Found by the simulation: the run turned back to the job of a leg that was over.
#[tokio::test]
async fn a_late_look_at_a_leg_that_is_over_leaves_the_run_with_its_own() {
    let mut world = World::new(1, 0.0).await;
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostBefore));
    world.cloud.crunch_all(hours(6));
    world.run_for(hours(4)).await;
    let first = world.runs().await.into_iter().min_by_key(|run| run.scheduled_for).unwrap();
    assert_eq!(first.legs.len(), 2, "it starved on spot");
    let looks = first.legs[0].submitted_at.unwrap() + SignedDuration::from_mins(30);
    assert!(first.legs[1].ended_at.unwrap() > looks, "a late look came while it ran");
    all_succeeded(&world.runs().await, "2026-06-01T02:00:00Z");
    check(&world, at(BEGIN)).await;
}

#[tokio::test]
async fn throttling_is_waited_out_under_the_same_intent() {
    let mut world = World::new(1, 0.0).await;
    let faults = Faults::default().with(Operation::SubmitJob, Fault::Throttled, 0.6);
    world.cloud.set_faults(faults);
    world.run_for(hours(6)).await;
    check(&world, at(BEGIN)).await;
    all_succeeded(&world.runs().await, "2026-06-01T05:00:00Z");
}

/// Found by the simulation: nobody was there for half a day, and one call was throttled then.
#[tokio::test]
async fn an_old_run_is_not_given_up_for_one_refusal() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(SignedDuration::from_mins(19)).await;
    // A decision waits for the first prices, and the process dies before.
    world.cloud.set_faults(Faults::default().with(
        Operation::DescribeJobQueues,
        Fault::Unavailable,
        1.0,
    ));
    world.restart().await;
    world.run_for(SignedDuration::from_secs(70)).await;
    let waiting = world.runs().await;
    assert!(waiting.iter().any(|run| run.state.label() == "needs-leg"), "{waiting:?}");
    world.clock.advance_to(at("2026-06-01T13:00:00Z"));
    world.cloud.set_faults(Faults::default().on_call(Operation::SubmitJob, 1, Fault::Throttled));
    world.restart().await;
    world.run_for(hours(3)).await;
    all_succeeded(&world.runs().await, "2026-06-01T00:30:00Z");
    // One that lasts does end it.
    world.cloud.set_faults(Faults::default().with(Operation::SubmitJob, Fault::Throttled, 1.0));
    world.run_for(hours(13)).await;
    let rejected = |run: &&spotcron::run::Run| {
        matches!(run.state, RunState::Ended { outcome: RunOutcome::Rejected, .. })
    };
    assert!(world.runs().await.iter().filter(rejected).count() > 0);
}

#[tokio::test]
async fn random_faults_lose_and_double_nothing() {
    for seed in 0..12 {
        let mut world = World::new(seed, 1.0).await;
        world.cloud.set_faults(
            Faults::default()
                .with(Operation::SubmitJob, Fault::LostAfter, 0.15)
                .with(Operation::SubmitJob, Fault::LostBefore, 0.15)
                .with(Operation::SubmitJob, Fault::Throttled, 0.15)
                .with(Operation::DescribeJobs, Fault::Unavailable, 0.2)
                .with(Operation::ListJobs, Fault::Unavailable, 0.2)
                .with(Operation::CancelJob, Fault::Unavailable, 0.2)
                .with(Operation::TerminateJob, Fault::Unavailable, 0.2),
        );
        world.run_for(hours(18)).await;
        world.cloud.set_faults(Faults::default());
        world.run_for(hours(4)).await;
        check(&world, at(BEGIN)).await;
        all_succeeded(&world.runs().await, "2026-06-01T18:00:00Z");
    }
}

/// A run whose submission was lost, and nobody there until Batch may have forgotten it.
async fn half_a_day_later(catalogue: &str) -> (World, RunId) {
    let mut world = World::of(catalogue, scenario(0.0), 1).await;
    world.cloud.set_faults(
        Faults::default().with(Operation::SubmitJob, Fault::LostBefore, 1.0).with(
            Operation::ListJobs,
            Fault::Unavailable,
            1.0,
        ),
    );
    world.run_for(SignedDuration::from_mins(21)).await;
    let mut uncertain = world.runs().await;
    uncertain.retain(|run| run.job.as_str() == "import");
    assert_eq!(uncertain[0].state.label(), "uncertain");
    world.clock.advance_to(at("2026-06-01T13:00:00Z"));
    (world, uncertain[0].id.clone())
}

fn sent(world: &World, run: &RunId) -> Vec<SubmittedJob> {
    let mut sent = world.cloud.submissions();
    sent.retain(|job| job.name.as_str().starts_with(run.as_str()));
    sent
}

#[tokio::test]
async fn an_intent_older_than_batch_remembers_is_unknown_and_never_sent() {
    let (mut world, id) = half_a_day_later(CATALOGUE).await;
    world.cloud.set_faults(Faults::default());
    world.restart().await;
    world.run_for(hours(1)).await;
    let run = world.store.run(&id).await.unwrap().unwrap();
    assert!(matches!(run.state, RunState::Ended { outcome: RunOutcome::Unknown, .. }));
    assert!(sent(&world, &id).is_empty());
}

#[tokio::test]
async fn where_its_class_says_so_such_a_run_runs_again_once_look_ups_have_not_shown_it() {
    let again = "name = \"flexible\"\nwhen_outcome_unknown = \"run-again\"";
    let catalogue = CATALOGUE.replacen("name = \"flexible\"", again, 1);
    let (mut world, id) = half_a_day_later(&catalogue).await;
    // Look-ups still fail: a job of the old name may be alive.
    let failing = Faults::default().with(Operation::ListJobs, Fault::Unavailable, 1.0);
    world.cloud.set_faults(failing);
    world.restart().await;
    world.run_for(hours(1)).await;
    let run = world.store.run(&id).await.unwrap().unwrap();
    assert_eq!(run.state.label(), "uncertain");
    let answered = world.clock.now();
    world.cloud.set_faults(Faults::default());
    world.run_for(hours(1)).await;
    let run = world.store.run(&id).await.unwrap().unwrap();
    assert!(matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. }), "{run:?}");
    let [lost, second] = &run.legs[..] else { panic!("{run:?}") };
    assert_eq!((&lost.job_id, second.cause), (&None, LegCause::OutcomeUnknown));
    let waited = second.intended_at.duration_since(answered);
    assert!(waited >= SignedDuration::from_secs(90), "sent after {waited}");
    let names: Vec<_> = sent(&world, &id).into_iter().map(|job| job.name).collect();
    assert_eq!(names, [second.batch_name.to_string()], "the old name is not sent again");
    assert_eq!(world.count(|c| matches!(c, Counter::RunsAgain { .. })), 1);
    let told = RunEventKind::RunsAgain { leg: 0, why: Unaccounted::NeverShown };
    assert!(world.kinds(&id).await.contains(&told));
    // A job of the old name that shows up after all is found by a late look.
    let resends = world.store.resends().await.unwrap();
    assert!(resends.iter().any(|resend| resend.name == lost.batch_name), "{resends:?}");
}
