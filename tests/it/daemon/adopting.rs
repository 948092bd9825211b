//! The store is lost while runs are at Batch, and made anew from what Batch shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anstream::adapter::strip_str;
use jiff::SignedDuration;
use spotcron::cli::args::Format;
use spotcron::cli::{adopt, render};
use spotcron::clock::Clock;
use spotcron::daemon::{AdoptTerms, Book, carry_out, plan_adoption, sight};
use spotcron::domain::{BatchJobName, BatchStatus, LegCause, RunId, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::ports::{BatchService, StoreIdentity};
use spotcron::run::{
    AdoptFacts, Adoption, NotOurs, RUN_TAG, RunEventKind, RunState, Sighting, SubmitRequest,
    Trigger, WhyLeft, adopt as adopt_jobs, batch_job_name, submit_request,
};
use spotcron::sim::DefinitionSpec;
use spotcron::store::SqliteStore;

use super::world::{BEGIN, CATALOGUE, World, check, scenario};
use crate::cli::golden::assert_golden;
use crate::samples::{at, mins};

async fn sightings(world: &World) -> Vec<Sighting> {
    let catalogue = world.shared.catalogue.load_full();
    sight(&world.cloud, &world.cloud, &catalogue, at(BEGIN)).await.unwrap()
}

async fn planned(world: &World, book: &Book, sightings: &[Sighting]) -> Adoption {
    let catalogue = world.shared.catalogue.load_full();
    let (scope, since, now) = ("123456789012", at(BEGIN), world.clock.now());
    let terms = AdoptTerms { catalogue: &catalogue, scope, since, now };
    plan_adoption(book, sightings, terms).await.unwrap()
}

/// Throws the store away, adopts what Batch shows into an empty one, and begins again from that.
async fn lose_and_adopt(world: &mut World) -> Adoption {
    let sightings = sightings(world).await;
    let empty = SqliteStore::in_memory(StoreIdentity::Simulation { seed: 1 }).unwrap();
    world.store = Arc::new(empty);
    let book = Book::load(Arc::clone(&world.store)).await.unwrap();
    let adoption = planned(world, &book, &sightings).await;
    carry_out(&book, &adoption, world.clock.now()).await.unwrap();
    // Once more finds nothing to do.
    let again = planned(world, &book, &sightings).await;
    assert!(again.runs.is_empty() && again.handled.is_empty(), "{:?}", again.runs);
    assert_eq!(again.existing, adoption.runs.iter().filter(|run| run.seen.is_some()).count());
    world.restart().await;
    adoption
}

async fn let_all_end(world: &mut World, scheduled_before: &str) {
    world.run_for(SignedDuration::from_hours(8)).await;
    for run in world.runs().await.iter().filter(|run| run.scheduled_for < at(scheduled_before)) {
        let succeeded = RunOutcome::Succeeded;
        assert!(
            matches!(run.state, RunState::Ended { outcome, .. } if outcome == succeeded),
            "{}: {:?}",
            run.id,
            run.state
        );
    }
}

#[tokio::test]
async fn a_lost_store_is_made_anew_and_every_due_time_runs_exactly_once() {
    let mut legs = 0;
    let mut causes = BTreeSet::new();
    for (seed, minutes) in [(1, 45), (2, 130), (3, 227), (4, 301), (5, 364), (6, 482)] {
        // Capacity is taken back often, so that runs have more than one leg.
        let mut world = World::new(seed, 8.0).await;
        world.run_for(mins(minutes)).await;
        // Nobody is there for a while, and times pass.
        world.clock.advance_to(world.clock.now() + mins(25));
        let before: BTreeMap<_, _> =
            world.runs().await.into_iter().map(|run| (run.id.clone(), run)).collect();
        let adoption = lose_and_adopt(&mut world).await;
        assert_eq!((&adoption.left, &adoption.gaps), (&Vec::new(), &BTreeMap::new()));
        for adopted in &adoption.runs {
            let known = &before[&adopted.run.id];
            assert_eq!(adopted.run.legs.len(), known.legs.len(), "{}", known.id);
            assert_eq!(adopted.run.deadline_at, known.deadline_at);
            for (made, known) in adopted.run.legs.iter().zip(&known.legs) {
                assert_eq!(made.job_id, known.job_id);
                assert_eq!(made.environment, known.environment);
                assert_eq!(made.batch_name, known.batch_name);
                causes.insert((known.cause, made.cause));
            }
            legs += adopted.run.legs.len() - 1;
            let told = world.kinds(&adopted.run.id).await;
            assert!(matches!(told[..], [RunEventKind::Adopted { status: Some(_) }]), "{told:?}");
        }
        let until = world.clock.now().to_string();
        let_all_end(&mut world, &until).await;
        check(&world, at(BEGIN)).await;
        check_lives_before(&world, &until);
    }
    assert!(legs > 0, "some run had more than one leg");
    assert!(causes.iter().any(|(known, _)| *known == LegCause::Interrupted), "{causes:?}");
}

/// Every run of which a job was created before has one that succeeded.
fn check_lives_before(world: &World, until: &str) {
    let lives = world.cloud.lives();
    let early = lives.iter().filter(|life| life.created_at < at(until));
    let runs: BTreeSet<&str> = early.map(|life| life.name.rsplit_once("-l").unwrap().0).collect();
    assert!(!runs.is_empty());
    for run in runs {
        let of_run = lives.iter().filter(|life| life.name.starts_with(&format!("{run}-l")));
        let succeeded = of_run.filter(|life| life.status == BatchStatus::Succeeded).count();
        assert_eq!(succeeded, 1, "{run}");
    }
}

const WIDE: &str = r#"
[[jobs]]
name = "wide"
class = "long"
cron = "20 */12 * * *"
time_zone = "UTC"
definition = "uneven:1"
vcpus = 1
memory_mib = 2048
index_map = true
array_size = 30
array_chunk = 20

[[jobs]]
name = "sales"
class = "long"
cron = "15 */6 * * *"
time_zone = "UTC"
definition = "hour:1"
vcpus = 1
memory_mib = 2048
matrix = { market = ["eu", "us", "nordics"] }
parameters = { market = "{{ set.market }}", feed = "all" }
overridable_parameters = ["feed"]
"#;

async fn wide_world() -> World {
    let mut account = scenario(0.0);
    account.definitions.push(DefinitionSpec {
        name: "uneven".to_owned(),
        median_secs: 30 * 60,
        sigma: 0.7,
        ..DefinitionSpec::default()
    });
    let classes = CATALOGUE.split("[[jobs]]").next().unwrap();
    World::of(&format!("{classes}{WIDE}"), account, 1).await
}

#[tokio::test]
async fn sets_and_mapped_indices_are_told_apart_by_their_runs() {
    let mut world = wide_world().await;
    world.run_for(mins(40)).await;
    let before = world.runs().await;
    assert_eq!(before.len(), 2 + 3, "two chunks and three sets");
    let adoption = lose_and_adopt(&mut world).await;
    assert_eq!(adoption.left, []);
    for known in &before {
        let adopted = adoption.runs.iter().find(|adopted| adopted.run.id == known.id).unwrap();
        assert_eq!((&adopted.run.set, adopted.run.group()), (&known.set, known.group()));
        assert_eq!(adopted.run.legs[0].indices, known.legs[0].indices);
        assert_eq!(adopted.run.legs[0].array_size, known.legs[0].array_size);
    }
    world.run_for(SignedDuration::from_hours(5)).await;
    let runs = world.runs().await;
    assert_eq!(runs.len(), 5);
    for run in &runs {
        assert_eq!(run.state.label(), "succeeded", "{}", run.id);
        assert_eq!(run.legs.len(), 1);
        assert!(run.indices.as_ref().is_none_or(|indices| indices.left().is_empty()));
    }
    assert_eq!(world.cloud.submissions().len(), 5);
}

#[tokio::test]
async fn a_set_that_was_not_sent_yet_is_sent_and_a_set_that_is_gone_is_not() {
    let mut world = wide_world().await;
    world.run_for(mins(40)).await;
    let mut seen = sightings(&world).await;
    let us = world
        .runs()
        .await
        .into_iter()
        .find(|run| run.set.as_ref().is_some_and(|set| set.described() == "market=us"));
    let us = us.unwrap();
    seen.retain(|sighting| sighting.job.name != us.legs[0].batch_name.as_str());
    let empty = SqliteStore::in_memory(StoreIdentity::Simulation { seed: 1 }).unwrap();
    let book = Book::load(Arc::new(empty)).await.unwrap();
    let adoption = planned(&world, &book, &seen).await;
    let fresh: Vec<_> = adoption.runs.iter().filter(|adopted| adopted.seen.is_none()).collect();
    let [fresh] = &fresh[..] else { panic!("{fresh:?}") };
    assert_eq!((&fresh.run.id, &fresh.run.set), (&us.id, &us.set));
    assert_eq!(fresh.run.deadline_at, us.deadline_at);
    assert!(matches!(fresh.run.state, RunState::NeedsLeg { cause: LegCause::Scheduled, .. }));

    // Was it sent before anybody looked, perhaps? Then nobody can tell that it was not.
    let catalogue = world.shared.catalogue.load_full();
    let (scope, now) = ("123456789012", world.clock.now());
    let terms = |since| AdoptTerms { catalogue: &catalogue, scope, since, now };
    let fresh = |adoption: &Adoption| adoption.runs.iter().filter(|a| a.seen.is_none()).count();
    for (since, sent) in [(us.scheduled_for - mins(6), 1), (us.scheduled_for - mins(4), 0)] {
        let adoption = plan_adoption(&book, &seen, terms(since)).await.unwrap();
        assert_eq!(fresh(&adoption), sent, "{since}");
        let listed = adoption.gaps.get(&us.job).is_some_and(|at| at.contains(&us.scheduled_for));
        assert_eq!(listed, sent == 0, "{since}");
    }
    // Nor is it sent if the job is not to run.
    world.catalogue = world.catalogue.replace("matrix =", "enabled = false\nmatrix =");
    world.restart().await;
    let adoption = planned(&world, &book, &seen).await;
    assert_eq!(fresh(&adoption), 0);
    world.catalogue = world.catalogue.replace("enabled = false\n", "");

    // The catalogue has other markets now: what runs has a place in the store, and is not followed.
    world.catalogue = world.catalogue.replace("\"nordics\"", "\"japan\"");
    world.restart().await;
    let adoption = planned(&world, &book, &sightings(&world).await).await;
    let [left] = &adoption.left[..] else { panic!("{:?}", adoption.left) };
    let WhyLeft::NoSuchSet { run } = &left.why else { panic!("{left:?}") };
    let unknown = adoption.runs.iter().find(|adopted| adopted.run.id == *run).unwrap();
    let outcome = RunOutcome::Unknown;
    assert!(matches!(unknown.run.state, RunState::Ended { outcome: o, .. } if o == outcome));
    carry_out(&book, &adoption, world.clock.now()).await.unwrap();
    assert_eq!(book.tally().sum(|c| matches!(c, Counter::Runs { .. })), 1);
}

#[tokio::test]
async fn what_is_not_ours_or_cannot_be_followed_is_left_alone_with_its_reason() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(25)).await;
    let run = world.runs().await.remove(0);
    let catalogue = world.shared.catalogue.load_full();
    let (job, class) = (&catalogue.jobs[&run.job], &catalogue.classes[&run.class]);
    let environment = &catalogue.environments[&run.legs[0].environment];
    let ours = submit_request(&run, &run.legs[0], job, class, environment).unwrap();
    let other = |name: &str, is_tagged: bool| {
        let mut request = SubmitRequest { name: BatchJobName::new(name), ..ours.clone() };
        if !is_tagged {
            request.tags.clear();
        }
        request
    };
    for request in [
        other("somebodys-own", false),
        other("renamed", true),
        other("import-20260601T002000Z-l0-00000000", true),
        other("import-20260601T002000Z-l0-00000001", false),
    ] {
        world.cloud.submit(&request).await.unwrap();
    }
    let seen = sightings(&world).await;
    // A job of the catalogue that it has no longer.
    world.catalogue = world.catalogue.replace("name = \"import\"", "name = \"import2\"");
    world.restart().await;
    let adoption = lose_and_adopt(&mut world).await;
    let told: BTreeMap<&str, &WhyLeft> =
        adoption.left.iter().map(|left| (left.name.as_str(), &left.why)).collect();
    let not_ours = |reason| WhyLeft::NotOurs { reason };
    assert_eq!(told["somebodys-own"], &not_ours(NotOurs::Foreign));
    assert_eq!(told["renamed"], &not_ours(NotOurs::StrangeName));
    assert_eq!(told["import-20260601T002000Z-l0-00000000"], &not_ours(NotOurs::OtherScope));
    assert_eq!(told["import-20260601T002000Z-l0-00000001"], &not_ours(NotOurs::Foreign));
    let gone = WhyLeft::NoSuchJob { job: "import".into() };
    assert_eq!(told[run.legs[0].batch_name.as_str()], &gone);
    assert_eq!(seen.len(), adoption.left.len() + adoption.runs.len());
    let report = adopt::Report::of(&adoption, at(BEGIN), false);
    let table = render::text_of(&report, Format::Table, None).unwrap();
    assert_golden("adopt.txt", &strip_str(&table).to_string());
    assert_golden("adopt.json", &render::text_of(&report, Format::Json, None).unwrap());
}

/// A backup from before some runs: what the store has stays, and nothing that ran since runs again.
#[tokio::test]
async fn a_store_that_is_behind_learns_of_the_runs_that_began_since() {
    let mut world = World::new(3, 0.0).await;
    world.run_for(mins(115)).await;
    let seen = sightings(&world).await;
    let early: Vec<Sighting> = seen
        .iter()
        .filter(|sighting| sighting.job.created_at.unwrap() < at("2026-06-01T01:00:00Z"))
        .cloned()
        .collect();
    world.store = Arc::new(SqliteStore::in_memory(StoreIdentity::Simulation { seed: 1 }).unwrap());
    for jobs in [&early, &seen] {
        let book = Book::load(Arc::clone(&world.store)).await.unwrap();
        let adoption = planned(&world, &book, jobs).await;
        assert!(!adoption.runs.is_empty());
        assert_eq!(adoption.gaps, BTreeMap::new());
        carry_out(&book, &adoption, world.clock.now()).await.unwrap();
    }
    assert!(early.len() < seen.len());
    world.restart().await;
    let until = world.clock.now().to_string();
    let_all_end(&mut world, &until).await;
    check(&world, at(BEGIN)).await;
}

/// What a job at Batch cannot tell of its run is not guessed.
#[tokio::test]
async fn further_legs_of_mapped_indices_and_runs_by_hand_are_not_followed_unless_they_succeeded() {
    let mut world = wide_world().await;
    world.run_for(mins(40)).await;
    let runs = world.runs().await;
    let wide = runs.iter().find(|run| run.indices.is_some()).unwrap();
    let catalogue = world.shared.catalogue.load_full();
    let seen = sightings(&world).await;
    let first = seen.iter().find(|s| s.job.name == wide.legs[0].batch_name.as_str()).unwrap();
    let site = &first.environment.site;
    let named = |run: &RunId, trigger, leg, status| {
        let mut sighting = first.clone();
        sighting.job.name = batch_job_name("123456789012", site, run, trigger, leg).to_string();
        sighting.job.tags.insert(RUN_TAG.to_owned(), run.to_string());
        sighting.job.id = format!("{run}-{leg}").as_str().into();
        sighting.job.status = status;
        sighting
    };
    let key = &runs.iter().find(|run| run.job.as_str() == "sales").unwrap().set;
    let key = &key.as_ref().unwrap().key;
    let by_hand = RunId::new("sales-20260601T003000Z-t1").with_set(key);
    let done = RunId::new("sales-20260601T003000Z-t2").with_set(key);
    let jobs = [
        first.clone(),
        named(&wide.id, Trigger::Schedule, 1, BatchStatus::Runnable),
        named(&by_hand, Trigger::Manual, 0, BatchStatus::Runnable),
        named(&done, Trigger::Manual, 0, BatchStatus::Succeeded),
    ];
    let (existing, handled) = (BTreeSet::new(), BTreeMap::new());
    let facts = AdoptFacts {
        catalogue: &catalogue,
        scope: "123456789012",
        since: at(BEGIN),
        now: world.clock.now(),
        existing: &existing,
        handled: &handled,
    };
    let adoption = adopt_jobs(&jobs, facts);
    let why: BTreeSet<&WhyLeft> = adoption.left.iter().map(|left| &left.why).collect();
    let expected = [
        WhyLeft::ParametersUnknown { run: by_hand.clone() },
        WhyLeft::IndicesUnknown { run: wide.id.clone() },
    ];
    assert_eq!(why, expected.iter().collect());
    let state = |id: &RunId| {
        let adopted = adoption.runs.iter().find(|adopted| adopted.run.id == *id).unwrap();
        (adopted.run.state.label(), adopted.run.legs.len())
    };
    assert_eq!(state(&wide.id), ("unknown", 2));
    assert_eq!(state(&by_hand), ("unknown", 1));
    assert_eq!(state(&done), ("watching", 1));
}
