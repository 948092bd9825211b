//! Jobs with parameter sets: one scheduled time, many runs.

use std::collections::BTreeSet;
use std::time::Instant;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use spotcron::cli::args::Format;
use spotcron::cli::{Cli, Verb, explain, render, runs};
use spotcron::clock::Clock;
use spotcron::control::{Answer, Refusal};
use spotcron::domain::{Capacity, RunOutcome};
use spotcron::ports::{RunQuery, SkipQuery};
use spotcron::run::{Run, RunState, filled};
use spotcron::sim::{DefinitionSpec, Scenario};

use super::operating::tell;
use super::world::{World, parse};
use crate::samples::{at, mins};

const HEAD: &str = "[[environments]]\nname = \"steady\"\nqueue = \"steady\"\n\
     capacity = \"on-demand\"\nregion = \"us-east-1\"\n\
     [[classes]]\nname = \"c\"\nenvironments = [\"steady\"]\nexpected_duration = \"10m\"\n";

fn job(name: &str, definition: &str, keys: &str) -> String {
    format!(
        "[[jobs]]\nname = \"{name}\"\nclass = \"c\"\ndefinition = \"{definition}:1\"\nvcpus = 1\n\
         memory_mib = 2048\n{keys}\n"
    )
}

fn scenario() -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "a")
        .with_queue("steady", Capacity::OnDemand, &["m6i.xlarge"], 256)
        .with_definition("ten", 10 * 60)
        .with_definition("ninety", 90 * 60);
    scenario.definitions.push(DefinitionSpec {
        name: "shaky".to_owned(),
        median_secs: 300,
        sigma: 0.0,
        failure_probability: 0.5,
        ..DefinitionSpec::default()
    });
    scenario
}

async fn world(jobs: &[String]) -> World {
    World::of(&(HEAD.to_owned() + &jobs.concat()), scenario(), 1).await
}

fn outcome(run: &Run) -> Option<RunOutcome> {
    match run.state {
        RunState::Ended { outcome, .. } => Some(outcome),
        _ => None,
    }
}

async fn runs_of(world: &World, job: &str, scheduled_for: &str) -> Vec<Run> {
    let all = world.runs().await.into_iter();
    all.filter(|run| run.job.as_str() == job && run.scheduled_for == at(scheduled_for)).collect()
}

const MATRIX: &str = "cron = \"0 * * * *\"\ntime_zone = \"Europe/Berlin\"\n\
     matrix = { region = [\"eu\", \"us\"], size = [1, 2] }\n\
     matrix_exclude = [{ region = \"us\", size = 2 }]\n\
     command = [\"report\", \"{{ set.region }}/{{ set.size }}\", \"{{ date - 1d }}\"]\n\
     environment = { SINCE = \"{{ previous_success | default('never') }}\", RUN = \"{{ run_id }}\" }";

#[tokio::test]
async fn a_scheduled_time_has_one_run_a_set_with_values_of_its_own() {
    let mut world = world(&[job("report", "ten", MATRIX)]).await;
    world.run_for(mins(150)).await;
    let catalogue = world.shared.catalogue.load_full();
    let report = &catalogue.jobs["report"];
    let mut told = Vec::new();
    for run in world.runs().await {
        assert_eq!(outcome(&run), Some(RunOutcome::Succeeded));
        let values = filled(&run, report).unwrap();
        let since = values.environment["SINCE"].expose().to_owned();
        assert_eq!(values.environment["RUN"].expose(), run.id.as_str());
        told.push(format!("{} {}", values.command.unwrap().join(" "), since));
    }
    told.sort();
    assert_eq!(
        told,
        [
            "report eu/1 2026-05-31 2026-06-01T01:00:00Z",
            "report eu/1 2026-05-31 never",
            "report eu/2 2026-05-31 2026-06-01T01:00:00Z",
            "report eu/2 2026-05-31 never",
            "report us/1 2026-05-31 2026-06-01T01:00:00Z",
            "report us/1 2026-05-31 never",
        ]
    );
    let ids: BTreeSet<String> = world.runs().await.iter().map(|run| run.id.to_string()).collect();
    assert_eq!(ids.len(), 6);
    // The set is the end of the id, the same at every time.
    let keys: BTreeSet<&str> = ids.iter().filter_map(|id| id.rsplit('-').next()).collect();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn a_restart_in_the_middle_doubles_no_set_and_loses_none() {
    let mut world = world(&[job("report", "ten", MATRIX)]).await;
    for _ in 0..6 {
        world.run_for(mins(21)).await;
        world.restart().await;
    }
    world.run_for(mins(40)).await;
    let names: Vec<String> =
        world.cloud.submissions().iter().map(|submitted| submitted.name.to_string()).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!((names.len(), unique.len()), (6, 6), "{names:?}");
}

/// A clock that was set back asks for a time again, also when the file has other lines by then.
#[tokio::test]
async fn a_time_that_has_its_runs_never_gets_those_of_other_sets() {
    let mut world = world(&[job("report", "ten", MATRIX)]).await;
    world.run_for(mins(65)).await;
    assert_eq!(world.runs().await.len(), 3);
    let store = std::sync::Arc::clone(&world.store);
    // As if the store had forgotten that the hour was dealt with.
    let keys = store.handled().await.unwrap().into_keys();
    let back = keys.map(|key| (key, at("2026-06-01T00:30:00Z"))).collect();
    store.commit(vec![spotcron::ports::Write::Handled(back)]).await.unwrap();
    world.catalogue = world.catalogue.replace("\"us\"]", "\"us\", \"asia\"]");
    world.restart().await;
    world.run_for(mins(10)).await;
    assert_eq!(runs_of(&world, "report", "2026-06-01T01:00:00Z").await.len(), 3);
    world.run_for(mins(60)).await;
    assert_eq!(runs_of(&world, "report", "2026-06-01T02:00:00Z").await.len(), 5);
}

#[tokio::test]
async fn overlap_policies_take_the_sets_of_a_time_for_one() {
    let slow = MATRIX.replace("* * * *\"", "* * * *\"\noverlap = \"skip\"");
    let mut world = world(&[job("report", "ninety", &slow)]).await;
    world.run_for(mins(250)).await;
    let times: BTreeSet<Timestamp> =
        world.runs().await.iter().map(|run| run.scheduled_for).collect();
    let hours: Vec<i8> =
        times.iter().map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).hour()).collect();
    assert_eq!(hours, [1, 3]);
    assert_eq!(world.runs().await.len(), 6);
    let skips = world.store.skips(&SkipQuery::default()).await.unwrap();
    assert_eq!(skips.iter().map(|skip| skip.count).sum::<u64>(), 2, "{skips:?}");
}

#[tokio::test]
async fn runs_of_one_time_do_not_wait_for_one_another() {
    let slow = MATRIX.replace("* * * *\"", "* * * *\"\noverlap = \"buffer-all\"");
    let mut world = world(&[job("report", "ninety", &slow)]).await;
    world.run_for(mins(330)).await;
    let first = runs_of(&world, "report", "2026-06-01T01:00:00Z").await;
    let second = runs_of(&world, "report", "2026-06-01T02:00:00Z").await;
    let started = |run: &Run| run.legs[0].submitted_at.unwrap();
    let ended = first.iter().map(|run| run.legs[0].ended_at.unwrap()).max().unwrap();
    let released: Vec<Timestamp> = second.iter().map(started).collect();
    assert!(released.iter().all(|at| *at >= ended), "{ended} {released:?}");
    let spread = released.iter().max().unwrap().duration_since(*released.iter().min().unwrap());
    assert!(spread <= SignedDuration::from_mins(1), "{spread:?}");
    // A run that waited for the one before knows of its success.
    assert!(second.iter().all(|run| run.previous_success == Some(at("2026-06-01T01:00:00Z"))));
}

#[tokio::test]
async fn what_runs_after_a_job_with_sets_waits_for_all_of_them() {
    let broken = MATRIX.replace("0 * * * *", "30 * * * *");
    let mut world = world(&[
        job("report", "ten", MATRIX),
        job("mail", "ten", "after = [\"report\"]"),
        job("shaky", "shaky", &broken),
        job("happy", "ten", "after = [\"shaky\"]"),
        job("sad", "ten", "after = [{ job = \"shaky\", when = \"failed\" }]"),
    ])
    .await;
    world.run_for(mins(120)).await;
    let reports = runs_of(&world, "report", "2026-06-01T01:00:00Z").await;
    let last = reports.iter().map(|run| run.legs[0].ended_at.unwrap()).max().unwrap();
    let mail = &runs_of(&world, "mail", "2026-06-01T01:00:00Z").await[0];
    assert_eq!(outcome(mail), Some(RunOutcome::Succeeded));
    assert!(mail.legs[0].submitted_at.unwrap() >= last);
    let ends: Vec<_> =
        runs_of(&world, "shaky", "2026-06-01T00:30:00Z").await.iter().map(outcome).collect();
    assert!(ends.contains(&Some(RunOutcome::Failed)), "{ends:?}");
    assert!(ends.contains(&Some(RunOutcome::Succeeded)), "of some, or it shows nothing: {ends:?}");
    let of = async |job: &str| outcome(&runs_of(&world, job, "2026-06-01T00:30:00Z").await[0]);
    assert_eq!(of("happy").await, Some(RunOutcome::Skipped));
    assert_eq!(of("sad").await, Some(RunOutcome::Succeeded));
}

/// Whoever edits a job under its runs may take a field away that a template still names.
#[tokio::test]
async fn a_run_whose_values_cannot_be_made_is_rejected_with_the_reason() {
    let waits = MATRIX.replace("* * * *\"", "* * * *\"\noverlap = \"buffer-all\"");
    let mut world = world(&[job("report", "ninety", &waits)]).await;
    world.run_for(mins(125)).await;
    let renamed = world.catalogue.replace("set.size", "set.width").replace("size", "width");
    world.shared.replace_catalogue(parse(&renamed));
    world.run_for(mins(60)).await;
    for run in runs_of(&world, "report", "2026-06-01T02:00:00Z").await {
        assert_eq!(outcome(&run), Some(RunOutcome::Rejected), "{run:?}");
        let told = format!("{:?}", world.kinds(&run.id).await);
        assert!(told.contains("no field `width`"), "{told}");
    }
}

#[tokio::test]
async fn triggers_and_backfills_run_every_set_once() {
    let mut world = world(&[job("report", "ten", MATRIX)]).await;
    world.run_for(mins(90)).await;
    let ids = async |world: &World| -> BTreeSet<String> {
        world.runs().await.iter().map(|run| run.id.to_string()).collect()
    };
    let before = ids(&world).await;
    let trigger = json!({ "command": "trigger", "job": "report" });
    let Answer::Triggered { run, .. } = tell(&world, trigger).await.unwrap() else {
        panic!("a trigger is answered as one")
    };
    assert_eq!(run.as_str(), "report-20260601T013000Z-t1");
    let made = ids(&world).await;
    let made: Vec<&String> = made.difference(&before).collect();
    assert_eq!(made.len(), 3);
    assert!(made.iter().all(|id| id.starts_with(&format!("{run}-"))), "{made:?}");
    let catalogue = world.shared.catalogue.load_full();
    for id in made {
        let run = world.store.run(&id.as_str().into()).await.unwrap().unwrap();
        let values = filled(&run, &catalogue.jobs["report"]).unwrap();
        assert_eq!(values.environment["SINCE"].expose(), "2026-06-01T01:00:00Z");
    }
    // The hour at which the world began has no runs yet, and the next one has.
    let backfill = json!({
        "command": "backfill", "job": "report",
        "from": "2026-06-01T00:00:00Z", "to": "2026-06-01T01:00:00Z",
    });
    let answer = tell(&world, backfill.clone()).await.unwrap();
    let Answer::Backfilled { runs, existing: 1, .. } = answer else { panic!("{answer:?}") };
    let group = "report-20260601T000000Z".into();
    assert!(runs.len() == 3 && runs.iter().all(|run| run.is_of(&group)), "{runs:?}");
    assert!(matches!(tell(&world, backfill).await, Err(Refusal::NothingToBackfill { .. })));
    world.run_for(mins(60)).await;
    for hour in ["2026-06-01T00:00:00Z", "2026-06-01T01:00:00Z", "2026-06-01T01:30:00Z"] {
        let runs = runs_of(&world, "report", hour).await;
        assert_eq!(runs.len(), 3, "{hour}");
        assert!(runs.iter().all(|run| outcome(run) == Some(RunOutcome::Succeeded)), "{hour}");
    }
}

#[tokio::test]
async fn lists_show_the_sets_of_a_time_as_one_line() {
    let array = "cron = \"30 1 * * *\"\narray_size = 2\nindex_map = true";
    let mut world = world(&[job("report", "ten", MATRIX), job("wide", "ten", array)]).await;
    world.run_for(mins(130)).await;
    let listed = async |line: &str| {
        let words = std::iter::once("spotcron").chain(line.split_whitespace());
        let Verb::Runs(args) = Cli::try_parse_from(words).unwrap().verb else { panic!("{line}") };
        let report = runs::run(&args, &*world.store, world.clock.now()).await.unwrap();
        let text = render::text_of(&report, Format::Table, None).unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        text.lines()
            .map(|line| line.split_whitespace().take(6).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    let all = listed("runs").await;
    assert!(all[1].starts_with("report-20260601T020000Z (3 runs) 3 "), "{all:#?}");
    assert!(all[2].starts_with("wide-20260601T013000Z succeeded c steady"), "{all:#?}");
    assert!(all[3].starts_with("leg 0 index 0 succeeded"), "{all:#?}");
    assert!(all[5].starts_with("report-20260601T010000Z (3 runs) 3 succeeded c"), "{all:#?}");
    let alone = listed("runs --job report").await;
    assert_eq!(alone.iter().filter(|line| line.starts_with("report-20260601T010000Z-")).count(), 3);
    let run = &runs_of(&world, "wide", "2026-06-01T01:30:00Z").await[0];
    let Verb::Explain(args) =
        Cli::try_parse_from(["spotcron", "explain", run.id.as_str()]).unwrap().verb
    else {
        panic!("explain is a verb")
    };
    let report = explain::run(&args, &*world.store, &Err(String::new())).await.unwrap();
    let text = render::text_of(&report, Format::Table, None).unwrap();
    assert!(text.contains("indices    0-1 of 2, 2 of 2 done"), "{text}");
}

#[tokio::test]
async fn ten_thousand_sets_become_durable_in_one_commit() {
    const SETS: usize = 10_000;
    let values: Vec<String> = (0..SETS).map(|n| format!("\"report-{n}\"")).collect();
    let keys = format!(
        "cron = \"0 * * * *\"\nmatrix = {{ report = [{}] }}\ncommand = [\"{{{{ set.report }}}}\"]",
        values.join(",")
    );
    let mut world = world(&[job("reports", "ten", &keys)]).await;
    // The tasks in their order, so that only what makes runs is awake when the hour strikes.
    world.run_for(mins(55)).await;
    let mut tasks = spotcron::daemon::all_tasks(&world.shared);
    let schedule = tasks.iter_mut().find(|task| task.name() == "schedule").unwrap();
    let due = at("2026-06-01T00:30:00Z");
    schedule.activate(due).await.unwrap();
    let begun = Instant::now();
    schedule.activate(at("2026-06-01T01:00:00Z")).await.unwrap();
    println!("{SETS} sets from due to durable in {:?}", begun.elapsed());
    let open = world.store.open_runs().await.unwrap();
    assert_eq!(open.len(), SETS);
    let reports: BTreeSet<&str> =
        open.iter().map(|run| run.set.as_ref().unwrap().fields["report"].as_str()).collect();
    assert_eq!(reports.len(), SETS);
    // Lists are not flooded: one stands for all.
    let folded = RunQuery { fold_sets: true, ..RunQuery::default() };
    assert_eq!(world.store.runs(&folded).await.unwrap().len(), 1);
    let states = world
        .store
        .group_states(&open[0].group(), &"reports".into(), at("2026-06-01T01:00:00Z"))
        .await;
    assert_eq!(states.unwrap()["needs-leg"], SETS as u64);
}
