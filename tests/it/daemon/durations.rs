//! Jobs that take longer or shorter than their class states: what the daemon learns of them, and what it
//! decides with.

use jiff::SignedDuration;
use spotcron::domain::{AttemptEnd, InputSize, RunOutcome};
use spotcron::experience::durations::{JobDurations, Lengths, Scaling};
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::sim::DefinitionSpec;

use super::operating::tell;
use super::world::{BEGIN, CATALOGUE, World, check, scenario, wide_array};
use crate::samples::{at, mins};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn known(world: &World, job: &str) -> JobDurations {
    world.shared.durations().jobs.get(job).cloned().unwrap_or_default()
}

fn lengths(world: &World, job: &str, stated: SignedDuration) -> Lengths {
    known(world, job).lengths(stated, 95, SignedDuration::ZERO)
}

/// What the last decision for a run of the job was made with.
async fn decided_with(world: &World, job: &str) -> Lengths {
    let runs = world.runs().await;
    let run = runs.iter().filter(|run| run.job.as_str() == job).max_by_key(|r| r.scheduled_for);
    let kinds = world.kinds(&run.unwrap().id).await;
    let decision = kinds.into_iter().find_map(|kind| match kind {
        RunEventKind::Decided { decision, .. } => Some(decision),
        _ => None,
    });
    decision.unwrap().lengths.unwrap()
}

/// Imports take 1150 s and are stated to take 1200.
#[tokio::test]
async fn decisions_are_made_with_what_attempts_showed_also_after_a_restart() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(25)).await;
    assert_eq!(decided_with(&world, "import").await, Lengths::stated(mins(20), 95));
    world.run_for(hours(9)).await;
    let learnt = decided_with(&world, "import").await;
    assert!((24..=28).contains(&learnt.finished), "{learnt:?}");
    assert_eq!(learnt.unfinished, 0);
    let runs = i64::from(learnt.finished);
    let mean = (1150 * runs + 3 * 1200) / (runs + 3);
    assert!((learnt.expected.as_secs() - mean).abs() <= 2, "{learnt:?} {mean}");
    assert_eq!(learnt.planned, mins(20), "that so few runs were shorter proves little");

    world.run_for(mins(30)).await;
    let stored = world.store.durations().await.unwrap();
    assert!(stored["import"].seen() >= u64::from(learnt.finished), "{stored:?}");
    world.restart().await;
    assert_eq!(world.shared.durations().jobs, stored);
    world.run_for(mins(25)).await;
    assert!(decided_with(&world, "import").await.finished > learnt.finished);
    check(&world, at(BEGIN)).await;
}

#[tokio::test]
async fn every_attempt_is_taken_for_what_it_showed() {
    let mut world = World::new(3, 6.0).await;
    // Capacity that is taken back that often would be left alone for most of the time.
    world.settings.decision.cooldown = SignedDuration::ZERO;
    world.restart().await;
    world.run_for(hours(48)).await;
    let (mut finished, mut cut_short) = (0, 0);
    for run in world.runs().await.iter().filter(|run| run.job.as_str() == "import") {
        for attempt in world.store.attempts(&run.id).await.unwrap() {
            match attempt.end.filter(|_| attempt.started_at.is_some()) {
                Some(AttemptEnd::Succeeded) => finished += 1,
                Some(_) => cut_short += 1,
                None => {}
            }
        }
    }
    let learnt = lengths(&world, "import", mins(20));
    assert!(cut_short >= 10, "{cut_short}");
    assert_eq!(known(&world, "import").seen(), u64::from(finished + cut_short));
    assert_eq!(learnt.finished, finished);
    assert!(learnt.unfinished < cut_short, "nothing is learnt from what was over too soon");
    assert!((1150..=1170).contains(&learnt.expected.as_secs()), "{learnt:?}");
}

/// Its class: a job of this length that saves its work every ten minutes.
const CHECKPOINTED: &str = "[[classes]]\nname = \"saving\"\nenvironments = [\"spot\", \"steady\"]\n\
    expected_duration = \"2h\"\ndeadline = \"20h\"\nmax_legs = 60\n\
    restart = { checkpoint_interval = \"10m\", restore = \"1m\" }\n\n\
    [[jobs]]\nname = \"train\"\nclass = \"saving\"\ncron = \"0 */3 * * *\"\ntime_zone = \"UTC\"\n\
    definition = \"train:1\"\nvcpus = 1\nmemory_mib = 2048\n";

#[tokio::test]
async fn the_useful_work_of_all_attempts_together_is_a_checkpointed_length() {
    let environments = CATALOGUE.split("[[classes]]").next().unwrap();
    let mut scenario = scenario(6.0);
    scenario.definitions.push(DefinitionSpec {
        name: "train".to_owned(),
        median_secs: 3 * 3600,
        sigma: 0.0,
        checkpoint_secs: Some(600),
        restore_secs: 60,
        ..DefinitionSpec::default()
    });
    let mut world = World::of(&format!("{environments}{CHECKPOINTED}"), scenario, 5).await;
    world.run_for(hours(60)).await;
    let runs = world.runs().await;
    let done: Vec<&Run> = runs
        .iter()
        .filter(|run| matches!(run.state, RunState::Ended { outcome: RunOutcome::Succeeded, .. }))
        .collect();
    let interrupted: usize = done.iter().map(|run| run.interruptions()).sum();
    assert!(done.len() >= 10 && interrupted >= 5, "{} {interrupted}", done.len());
    let learnt = lengths(&world, "train", hours(3));
    assert_eq!((learnt.finished as usize, learnt.unfinished), (done.len(), 0));
    let off = learnt.expected.as_secs() - 3 * 3600;
    assert!(off.abs() <= 60 && learnt.planned <= hours(3) + mins(3), "{learnt:?}");
}

/// All of them would push every other run out of what is kept, by the longest of one.
#[tokio::test]
async fn of_an_array_twenty_children_teach() {
    let mut world = World::of(&wide_array(45), scenario(0.0), 1).await;
    world.run_for(hours(3)).await;
    let learnt = lengths(&world, "wide", hours(1));
    assert_eq!((learnt.finished, learnt.unfinished), (15, 0), "0, 3, 6, …, 42");
    assert!((3500..3520).contains(&learnt.expected.as_secs()), "{learnt:?}");
}

/// A job that takes 1150 s whatever is named as the size of its input, with these keys.
fn sized(name: &str, keys: &str) -> String {
    format!(
        "[[jobs]]\nname = \"{name}\"\nclass = \"flexible\"\ncron = \"*/20 * * * *\"\n\
         definition = \"twenty:1\"\nvcpus = 1\nmemory_mib = 2048\n{keys}\n"
    )
}

/// Sizes of sets, of templates and of a trigger: lengths that do not follow them are not scaled, one size
/// alone is believed, and what is no size is said to be none. All of it also after a restart.
#[tokio::test]
async fn sizes_of_inputs_reach_what_is_learnt_and_decided() {
    let environments = CATALOGUE.split("[[jobs]]").next().unwrap();
    let jobs = [
        sized(
            "sets",
            "matrix = { rows = [1, 2, 30] }\ninput_size_parameter = \"rows\"\n\
                       parameters = { n = \"{{ set.rows }}\" }",
        ),
        sized(
            "one",
            "parameters = { rows = \"5\" }\ninput_size_parameter = \"rows\"\n\
                      overridable_parameters = [\"rows\"]",
        ),
        sized("text", "parameters = { rows = \"many\" }\ninput_size_parameter = \"rows\""),
    ];
    let catalogue = format!("{environments}{}", jobs.concat());
    let mut world = World::of(&catalogue, scenario(0.0), 1).await;
    world.run_for(mins(70)).await;
    assert_eq!(decided_with(&world, "one").await.scaling, Scaling::FewSeen);
    world.run_for(hours(6)).await;
    let size = |text: &str| InputSize::parse(text).unwrap();
    for _ in 0..2 {
        assert_eq!(decided_with(&world, "sets").await.scaling, Scaling::NotProportional);
        assert_eq!(decided_with(&world, "text").await.scaling, Scaling::SizeMissing);
        let usual = decided_with(&world, "one").await;
        assert_eq!((usual.scaling, usual.planned), (Scaling::By(size("5")), mins(20)));
        world.run_for(mins(30)).await;
        let stored = world.store.durations().await.unwrap();
        world.restart().await;
        assert_eq!(world.shared.durations().jobs, stored);
    }
    let asked = serde_json::json!({
        "command": "trigger", "job": "one", "parameters": { "rows": "10" },
    });
    world.run_for(mins(1)).await;
    tell(&world, asked).await.unwrap();
    world.run_for(mins(2)).await;
    let twice = decided_with(&world, "one").await;
    assert_eq!((twice.scaling, twice.planned), (Scaling::By(size("10")), mins(40)));
}

/// The part of the runs scheduled from then on that missed their deadline although they would have met it
/// on demand, and how many of them there were.
async fn missed_since(world: &World, since: &str, start_secs: i64) -> (f64, usize) {
    let (mut missed, mut all) = (0, 0);
    for run in world.runs().await.iter().filter(|run| run.scheduled_for >= at(since)) {
        let RunState::Ended { .. } = run.state else { continue };
        let attempts = world.store.attempts(&run.id).await.unwrap();
        let last = attempts.iter().rfind(|a| a.end == Some(AttemptEnd::Succeeded));
        let Some(last) = last else { continue };
        let took = last.window().unwrap().duration() + SignedDuration::from_secs(start_secs);
        all += 1;
        let anyway = run.scheduled_for + took > run.deadline_at.unwrap();
        missed += usize::from(run.deadline_missed && !anyway);
    }
    (missed as f64 / all as f64, all)
}

/// Runs take twice as long as stated, or half of that or half as long again, on capacity that is taken back
/// several times an hour: many come to the last moment for their deadline.
#[tokio::test]
async fn with_lengths_that_are_far_off_one_run_in_twenty_is_late_at_most() {
    let catalogue = CATALOGUE
        .split("[[jobs]]\nname = \"report\"")
        .next()
        .unwrap()
        .replacen("\"20m\"", "\"10m\"", 1)
        .replacen("\"3h\"", "\"75m\"\nmax_legs = 20\npolicy = \"fit-only\"", 1);
    let mut scenario = scenario(30.0);
    scenario.definitions[0].sigma = 0.25;
    scenario.definitions[0].median_secs = 20 * 60;
    let mut world = World::of(&catalogue, scenario, 11).await;
    world.run_for(hours(5 * 24)).await;
    let learnt = lengths(&world, "import", mins(10));
    assert!((mins(27)..=mins(36)).contains(&learnt.planned), "{learnt:?}");
    let (late, all) = missed_since(&world, "2026-06-01T14:00:00Z", 240).await;
    assert!(all > 300, "{all}");
    println!("late {late} of {all}, {learnt:?}");
    assert!(late <= 0.05, "{late} of {all}, {learnt:?}");
}
