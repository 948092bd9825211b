//! Arrays whose workload reads its indices from a map.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use spotcron::daemon::Change;
use spotcron::domain::{AttemptEnd, Capacity, IndexSet, LegCause, RunOutcome};
use spotcron::run::{AttemptRecord, Run, RunEventKind, RunState, Trigger};
use spotcron::sim::{DefinitionSpec, Scenario};

use super::world::{BEGIN, CATALOGUE, World};
use crate::samples::{at, mins};

const COUNT: u32 = 40;

fn catalogue(keys: &str) -> String {
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    format!(
        "{classes}\n[[jobs]]\nname = \"wide\"\nclass = \"long\"\ncron = \"20 */12 * * *\"\n\
         time_zone = \"UTC\"\nvcpus = 1\nmemory_mib = 2048\nindex_map = true\n{keys}\n"
    )
}

fn scenario(definition: DefinitionSpec) -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("spot", Capacity::Spot, &["m6i.xlarge", "m6i.2xlarge"], 256)
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256);
    scenario.market.reclaim_scale = 0.0;
    scenario.definitions.push(definition);
    scenario
}

/// Children that take from a few minutes to an hour and a half.
fn uneven() -> DefinitionSpec {
    DefinitionSpec {
        name: "uneven".to_owned(),
        median_secs: 30 * 60,
        sigma: 0.7,
        ..DefinitionSpec::default()
    }
}

async fn attempts(world: &World, run: &Run) -> Vec<AttemptRecord> {
    world.store.attempts(&run.id).await.unwrap()
}

/// What must hold of a run that succeeded: each of its indices succeeded once, in a leg that carried
/// it, and none was sent again after that.
async fn check_once(world: &World, run: &Run) {
    assert_eq!(outcome(run), Some(RunOutcome::Succeeded), "{run:?}");
    let indices = run.indices.as_ref().unwrap();
    assert_eq!(indices.done, indices.assigned);
    let mut succeeded: BTreeMap<u32, u16> = BTreeMap::new();
    for attempt in attempts(world, run).await {
        let index = attempt.index.unwrap();
        let leg = &run.legs[usize::from(attempt.key.leg)];
        let carried = leg.indices.as_ref().unwrap();
        assert_eq!(carried.get(attempt.key.child.unwrap_or(0)), Some(index));
        assert_eq!(attempt.key.child.is_some(), leg.array_size.is_some());
        if attempt.end == Some(AttemptEnd::Succeeded) {
            let before = succeeded.insert(index, attempt.key.leg);
            assert_eq!(before, None, "index {index} was done twice");
        }
    }
    let all: IndexSet = succeeded.keys().copied().collect();
    assert_eq!(all, indices.assigned);
    for leg in &run.legs {
        let done = succeeded.iter().filter(|(_, in_leg)| **in_leg < leg.index).map(|(i, _)| *i);
        let done: IndexSet = done.collect();
        assert_eq!(leg.indices, Some(indices.assigned.without(&done)), "leg {}", leg.index);
    }
}

fn outcome(run: &Run) -> Option<RunOutcome> {
    match run.state {
        RunState::Ended { outcome, .. } => Some(outcome),
        _ => None,
    }
}

async fn only_run(world: &World) -> Run {
    let mut runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

#[tokio::test]
async fn when_capacity_goes_only_what_is_not_done_moves() {
    let keys = format!("definition = \"uneven:1\"\narray_size = {COUNT}");
    let mut world = World::of(&catalogue(&keys), scenario(uneven()), 1).await;
    world.run_for(mins(50)).await;
    world.cloud.crunch_all(SignedDuration::from_hours(6));
    world.run_for(mins(250)).await;
    let run = only_run(&world).await;
    check_once(&world, &run).await;
    assert_eq!(run.legs.len(), 2, "{run:?}");
    assert_eq!(run.legs[1].cause, LegCause::Starved);
    assert_eq!(run.legs[1].capacity, Capacity::OnDemand);
    let moved = run.legs[1].indices.as_ref().unwrap().len();
    assert!((1..COUNT).contains(&moved), "{moved} of {COUNT} moved");
}

/// The account takes capacity back all the time, and the process begins anew again and again.
#[tokio::test]
async fn reclaims_and_restarts_do_no_index_twice_and_lose_none() {
    let (mut further_legs, mut interrupted) = (0, 0);
    for seed in 0..5 {
        let keys = format!("definition = \"uneven:1\"\narray_size = {COUNT}\narray_chunk = 15");
        let mut stormy = scenario(uneven());
        stormy.market.reclaim_scale = 6.0;
        let mut world = World::of(&catalogue(&keys), stormy, seed).await;
        for _ in 0..10 {
            world.run_for(mins(33)).await;
            world.restart().await;
        }
        let runs = world.runs().await;
        assert_eq!(runs.len(), 3);
        let assigned: Vec<String> = {
            let mut of: Vec<IndexSet> =
                runs.iter().map(|run| run.indices.clone().unwrap().assigned).collect();
            of.sort_by_key(|set| set.get(0));
            of.iter().map(ToString::to_string).collect()
        };
        assert_eq!(assigned, ["0-14", "15-29", "30-39"]);
        for run in &runs {
            check_once(&world, run).await;
            further_legs += run.legs.len() - 1;
            let attempts = attempts(&world, run).await.into_iter();
            let lost = |attempt: &AttemptRecord| attempt.end == Some(AttemptEnd::Interrupted);
            interrupted += attempts.filter(lost).count();
        }
    }
    assert!(further_legs > 0 && interrupted > 20, "{further_legs} legs, {interrupted} reclaims");
}

#[tokio::test]
async fn a_child_that_failed_is_sent_again_alone() {
    let shaky = DefinitionSpec { failure_probability: 0.15, ..uneven() };
    let keys = "definition = \"uneven:1\"\narray_size = 10";
    let text = catalogue(keys).replace("deadline = \"5h\"", "failure_retries = 5");
    let mut alone = 0;
    for seed in 0..6 {
        let mut world = World::of(&text, scenario(shaky.clone()), seed).await;
        world.run_for(SignedDuration::from_hours(10)).await;
        let run = only_run(&world).await;
        check_once(&world, &run).await;
        for leg in &run.legs[1..] {
            assert_eq!(leg.cause, LegCause::Failed);
            let carried = leg.indices.as_ref().unwrap();
            alone += usize::from(carried.len() == 1 && leg.array_size.is_none());
        }
    }
    assert!(alone > 0, "no single index was ever left, so that nothing was shown");
}

/// A queue with room for few children at once lets the others wait, which is not starving.
#[tokio::test]
async fn an_array_that_goes_in_waves_is_left_alone() {
    let even = DefinitionSpec { median_secs: 10 * 60, sigma: 0.0, ..uneven() };
    let mut narrow = scenario(even);
    for environment in &mut narrow.compute_environments {
        environment.max_vcpus = 8;
    }
    let keys = format!("definition = \"uneven:1\"\narray_size = {COUNT}");
    let text = catalogue(&keys).replace("\"1h\"", "\"10m\"");
    let mut world = World::of(&text, narrow, 1).await;
    world.run_for(mins(180)).await;
    let run = only_run(&world).await;
    check_once(&world, &run).await;
    assert_eq!(run.legs.len(), 1, "{run:?}");
    let took = run.legs[0].ended_at.unwrap().duration_since(run.legs[0].started_at.unwrap());
    assert!(took > mins(40), "all at once shows nothing: {took:#}");
}

#[tokio::test]
async fn a_run_from_before_its_job_had_a_map_is_sent_whole_or_refused() {
    let even = DefinitionSpec { median_secs: 10 * 60, sigma: 0.0, ..uneven() };
    let of = |count: u32| catalogue(&format!("definition = \"uneven:1\"\narray_size = {count}"));
    for (count, is_sent) in [(2, true), (10_001, false), (70_000, false)] {
        let later = of(count).replace("20 */12", "20 11");
        let mut world = World::of(&later, scenario(even.clone()), 1).await;
        let run = Run::new(
            "old".into(),
            "wide".into(),
            "long".into(),
            Trigger::Schedule,
            at(BEGIN),
            at(BEGIN),
        );
        assert_eq!(run.indices, None);
        let mut change = Change::default();
        change.insert(run);
        world.shared.book.commit(change).await.unwrap();
        world.run_for(mins(60)).await;
        let run = only_run(&world).await;
        if is_sent {
            check_once(&world, &run).await;
            continue;
        }
        assert_eq!(outcome(&run), Some(RunOutcome::Rejected));
        assert!(run.legs.is_empty() && world.cloud.submissions().is_empty());
        let story = world.kinds(&run.id).await;
        let told = story.iter().find_map(|kind| match kind {
            RunEventKind::SubmitFailed { error, .. } => Some(error),
            _ => None,
        });
        assert!(told.unwrap().contains(&format!("{count} indices")), "{story:?}");
    }
}
