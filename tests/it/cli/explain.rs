//! What `explain` says of a run that has not ended: where it would go now, and what would change that.

use spotcron::catalogue::Catalogue;
use spotcron::cli::args::Format;
use spotcron::cli::doctor::look_at_store;
use spotcron::cli::explain::{AskedNow, Report};
use spotcron::cli::open;
use spotcron::cli::render::text_of;
use spotcron::doctor::Advised;
use spotcron::domain::{AttemptEnd, BatchStatus, Capacity, LegCause, RunOutcome};
use spotcron::experience::Trips;
use spotcron::ports::{Store, StoreIdentity, Write};
use spotcron::run::{RunEventKind, RunState};
use spotcron::settings::Settings;
use spotcron::store::SqliteStore;

use super::memory::MemoryStore;
use super::story::parts::{AttemptPart, Teller};
use super::story::{self, at};
use super::verbs::{explained, golden, planned_with, wait};

/// One run of `extract`, decided for spot at four o'clock.
fn decided() -> Teller {
    let mut teller = Teller::default();
    teller.store.markets = story::markets();
    teller.begin("extract", "nightly", "04:00:00", Some("08:00:00"));
    teller.say("04:00:00", RunEventKind::Due);
    teller.decide("04:00:00", 0, LegCause::Scheduled, story::spot_chosen("04:00:00"));
    teller.submit("04:00:01", 0, LegCause::Scheduled, "spot-a", Capacity::Spot);
    teller
}

/// It waits for capacity.
fn waits() -> MemoryStore {
    let mut store = decided().store;
    let leg = store.runs[0].legs.last_mut().unwrap();
    leg.status = Some(BatchStatus::Runnable);
    leg.runnable_since = Some(at("04:00:20"));
    leg.wait_until = Some(at("04:20:00"));
    store
}

/// It runs on spot since three minutes past.
fn runs() -> MemoryStore {
    let mut teller = decided();
    teller.start("04:03:00", 0, "m6i.xlarge", "eu-west-1b");
    let attempt = AttemptPart::running("04:03:00", ("i-0b0b0b0b", "m6i.xlarge", "eu-west-1b"));
    teller.attempt("spot-a", Capacity::Spot, attempt, None);
    let mut store = teller.store;
    let leg = store.runs[0].legs.last_mut().unwrap();
    leg.status = Some(BatchStatus::Running);
    leg.started_at = Some(at("04:03:00"));
    store
}

fn ended() -> MemoryStore {
    let mut teller = decided();
    let attempt = AttemptPart {
        leg: 0,
        started: Some("04:03:00"),
        stopped: Some("04:09:00"),
        end: Some(AttemptEnd::Succeeded),
        exit_code: Some(0),
        reason: None,
        host: None,
    };
    teller.start("04:03:00", 0, "m6i.xlarge", "eu-west-1b");
    teller.attempt("spot-a", Capacity::Spot, attempt, None);
    teller.end("04:09:10", RunOutcome::Succeeded);
    teller.store
}

fn of(store: &MemoryStore, catalogue: Result<&Catalogue, String>) -> Report {
    explained("extract", store, catalogue).unwrap()
}

#[test]
fn a_run_that_waits_for_spot_is_asked_where_it_would_go_now() {
    golden("explain-waits", &of(&waits(), Ok(&story::catalogue())));
}

#[test]
fn a_run_that_runs_is_asked_where_it_would_go_if_that_were_lost() {
    golden("explain-runs", &of(&runs(), Ok(&story::catalogue())));
}

#[test]
fn of_a_run_that_has_ended_the_last_choice_is_told() {
    golden("explain-ended", &of(&ended(), Ok(&story::catalogue())));
}

/// What stands in place of an answer: its label, and the sentence.
fn refused(store: &MemoryStore, catalogue: Result<&Catalogue, String>) -> (String, String) {
    let report = of(store, catalogue);
    let Some(AskedNow::NotAsked(refused)) = report.asked_now else {
        panic!("{:?}", report.asked_now)
    };
    let json = serde_json::to_value(&refused).unwrap();
    (json["not_asked"].as_str().unwrap_or("-").to_owned(), refused.text)
}

#[test]
fn what_a_run_needs_and_is_missing_is_said_instead() {
    let unreadable = "What it would be decided by is not at hand: the catalogue has errors.";
    let (label, text) = refused(&runs(), Err(unreadable.to_owned()));
    assert_eq!((&*label, &*text), ("-", unreadable));
    let mut without_class = story::catalogue();
    without_class.classes.remove("nightly");
    assert_eq!(refused(&runs(), Ok(&without_class)).0, "no-class");
    let mut without_job = story::catalogue();
    without_job.jobs.remove("extract");
    let (label, text) = refused(&waits(), Ok(&without_job));
    assert_eq!(label, "no-job");
    assert_eq!(text, "Its job is not in the catalogue, so that no further leg is decided.");
}

#[test]
fn without_prices_it_is_told_what_would_be_done_and_that_no_threshold_can_be() {
    let mut store = waits();
    store.markets.clear();
    let report = of(&store, Ok(&story::catalogue()));
    let Some(AskedNow::Asked(asked)) = &report.asked_now else { panic!() };
    assert_eq!(asked.decision.chosen, Some("on-demand-a".into()));
    assert_eq!(asked.turning_points, None);
    golden("explain-without-prices", &report);
}

#[test]
fn what_others_have_under_way_counts_and_the_run_s_own_leg_does_not() {
    let asked = |store: &MemoryStore| match of(store, Ok(&story::catalogue())).asked_now {
        Some(AskedNow::Asked(asked)) => asked,
        other => panic!("{other:?}"),
    };
    let mut store = waits();
    let seen = store.experience.environments.entry("spot-a".into()).or_default();
    seen.record_starvation(at("03:50:00"), jiff::SignedDuration::from_mins(20));
    assert_eq!(asked(&store).decision.chosen, Some("spot-a".into()), "its own leg is no probe");
    let mut other = store.runs[0].clone();
    (other.id, other.job) = ("audit-1".into(), "audit".into());
    other.state = RunState::Watching;
    other.legs[0].intended_at = at("04:06:00");
    store.runs.push(other);
    let asked = asked(&store);
    assert_eq!(asked.decision.chosen, Some("on-demand-a".into()));
    assert_eq!(asked.decision.candidates[0].guards[0].label, "probe-under-way");
}

/// The story's spot environment has three pools, and had no capacity three times in a row.
fn starving() -> MemoryStore {
    let mut store = waits();
    let seen = store.experience.environments.entry("spot-a".into()).or_default();
    seen.starved_at = Some(at("02:00:00"));
    seen.trips = Trips { opened_at: Some(at("02:00:00")), in_a_row: 3 };
    store
}

const ADVICE: &str = "Advice on spot-a: its 2 types and 2 zones had no capacity, 3 times in a row. \
                      Add zones and instance types to its compute environments.";

#[test]
fn advice_on_its_environments_is_given_of_a_run_and_of_a_job() {
    let catalogue = story::catalogue();
    let of_run = text_of(&of(&starving(), Ok(&catalogue)), Format::Table, None).unwrap();
    assert!(of_run.contains(ADVICE), "{of_run}");
    let of_job = planned_with("plan --job extract --what-would-change", &starving()).unwrap();
    assert_eq!(of_job.runs[0].advice.len(), 1);
    let text = text_of(&of_job, Format::Table, None).unwrap();
    assert!(text.contains(ADVICE), "{text}");
    let plain = planned_with("plan --job extract", &starving()).unwrap();
    assert!(plain.runs[0].advice.is_empty(), "only where it was asked for");
    assert!(
        !text_of(&of(&waits(), Ok(&catalogue)), Format::Table, None).unwrap().contains("Advice")
    );
}

#[test]
fn doctor_takes_its_advice_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spotcron.db");
    let identity = StoreIdentity::Account { account_id: "123456789012".to_owned() };
    let store = SqliteStore::open(&path, identity).unwrap();
    let starving = starving();
    let writes = starving.markets.into_values().map(Write::EnvironmentMarket);
    let writes = writes.chain([Write::Experience(starving.experience)]);
    wait(store.commit(writes.collect())).unwrap();
    drop(store);
    let mut local = look_at_store(&path);
    let settings = Settings { store_path: path, ..Settings::default() };
    wait(open::add_from_store(&mut local, &settings, &story::catalogue(), story::now()));
    let advised = &local.advice["spot-a"][..];
    assert!(
        matches!(advised, [Advised { job, advice }]
        if job.as_str() == "audit" && advice.label() == "widen-environment"),
        "{advised:?}"
    );
    assert!(local.breakers.contains_key("spot-a"));
}
