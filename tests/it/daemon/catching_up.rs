//! What could not be seen, sent or decided at once is made good as soon as it can be.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use spotcron::domain::{EnvironmentName, Pool, Window};
use spotcron::ledger::{Counter, Unpriced};
use spotcron::market::PriceSeries;
use spotcron::ports::{SpotPriceSource, Write};
use spotcron::run::{Run, RunEventKind, RunState};
use spotcron::sim::{Fault, Faults, Operation};

use super::edges::TroubledBatch;
use super::world::{BEGIN, CATALOGUE, World, check, parse};
use crate::samples::{at, mins};

async fn first_import(world: &World) -> Run {
    let runs = world.runs().await;
    let imports = runs.into_iter().filter(|run| run.job.as_str() == "import");
    imports.min_by_key(|run| run.scheduled_for).expect("an import was due")
}

#[tokio::test]
async fn a_machine_that_could_not_be_looked_up_is_found_while_aws_still_shows_it() {
    let mut world = World::new(1, 0.0).await;
    // Longer than the attempt runs, and not as long as its machine is shown.
    let throttled = (1..=60).fold(Faults::default(), |faults, nth| {
        faults.on_call(Operation::DescribeContainerInstances, nth, Fault::Throttled)
    });
    world.cloud.set_faults(throttled);
    world.run_for(mins(120)).await;
    let run = first_import(&world).await;
    let kinds = world.kinds(&run.id).await;
    let unseen = |kind: &RunEventKind| {
        matches!(kind, RunEventKind::Started { instance_type: None, zone: None, .. })
    };
    assert!(kinds.iter().any(unseen), "nobody knew the machine while it ran: {kinds:?}");
    let attempts = world.store.attempts(&run.id).await.unwrap();
    assert!(attempts[0].host.is_some());
    assert_eq!(world.count(|c| matches!(c, Counter::UnpricedAttempts { .. })), 0);
    assert!(world.store.entries(&run.id).await.unwrap()[0].priced().is_some());
}

#[tokio::test]
async fn a_machine_that_aws_no_longer_shows_leaves_its_attempt_unpriced() {
    let mut world = World::new(1, 0.0).await;
    let throttled =
        Faults::default().with(Operation::DescribeContainerInstances, Fault::Throttled, 1.0);
    world.cloud.set_faults(throttled);
    world.run_for(mins(120)).await;
    let run = first_import(&world).await;
    assert!(world.store.entries(&run.id).await.unwrap()[0].unpriced().is_some());
}

#[tokio::test]
async fn prices_between_two_lives_of_the_daemon_are_fetched_by_the_second() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(60)).await;
    world.clock.advance_to(at("2026-06-05T00:00:00Z"));
    world.restart().await;
    world.run_for(mins(10)).await;
    let pool = Pool { zone: "us-east-1a".into(), instance_type: "m6i.xlarge".into() };
    let window = Window::new(at(BEGIN), at("2026-06-05T00:00:00Z"));
    let told = world
        .cloud
        .spot_prices(&"us-east-1".into(), std::slice::from_ref(&pool.instance_type), window)
        .await
        .unwrap();
    let told = told.into_iter().filter(|point| point.pool == pool);
    let told = PriceSeries::from_points(told.map(|point| (point.effective_from, point.price)));
    assert!(told.points().len() > 10, "prices moved meanwhile: {told:?}");
    assert_eq!(world.store.price_series(&"us-east-1".into(), &pool, window).await.unwrap(), told);
}

#[tokio::test]
async fn an_attempt_is_priced_although_its_environment_left_the_catalogue() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(30)).await;
    let run = first_import(&world).await;
    assert_eq!(run.legs[0].environment, EnvironmentName::from("spot"));
    let (_, from_steady) = CATALOGUE.split_once("region = \"us-east-1\"\n").unwrap();
    let steady_only = from_steady.replace("[\"spot\", \"steady\"]", "[\"steady\"]");
    world.shared.replace_catalogue(parse(&steady_only));
    world.run_for(mins(60)).await;
    let entries = world.store.entries(&run.id).await.unwrap();
    assert!(entries[0].priced().is_some(), "{entries:?}");
}

/// What only the ledger waits for may fail for ever: it makes no task fail, and the attempt is counted
/// as unpriced until it comes.
#[tokio::test]
async fn prices_that_nobody_but_the_ledger_wants_fail_quietly() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(30)).await;
    let run = first_import(&world).await;
    let (_, from_steady) = CATALOGUE.split_once("region = \"us-east-1\"\n").unwrap();
    world.catalogue = from_steady.replace("[\"spot\", \"steady\"]", "[\"steady\"]");
    let denied = Faults::default().with(Operation::DescribeSpotPriceHistory, Fault::Denied, 1.0);
    world.cloud.set_faults(denied);
    world.restart().await;
    world.run_for(mins(120)).await;
    assert_eq!(world.shared.status.snapshot()["spot-prices"].failures, 0);
    let why = world.store.entries(&run.id).await.unwrap()[0].unpriced();
    assert_eq!(why, Some(Unpriced::SpotPriceUnknown));

    world.cloud.set_faults(Faults::default());
    world.restart().await;
    world.run_for(mins(20)).await;
    assert!(world.store.entries(&run.id).await.unwrap()[0].priced().is_some());
    let resolved = |c: &Counter| matches!(c, Counter::ResolvedUnpricedAttempts { .. });
    assert_eq!(
        world.count(resolved),
        world.count(|c| matches!(c, Counter::UnpricedAttempts { .. }))
    );
}

#[tokio::test]
async fn a_run_that_somebody_else_changed_stops_no_other() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(25)).await;
    let mut changed = first_import(&world).await;
    assert_eq!(changed.state, RunState::Watching);
    changed.version += 1;
    changed.failures = 7;
    world.store.commit(vec![Write::UpdateRun(changed.clone())]).await.unwrap();
    world.run_for(mins(95)).await;
    check(&world, at(BEGIN)).await;
    for run in world.runs().await.iter().filter(|r| r.scheduled_for < at("2026-06-01T01:00:00Z")) {
        assert_eq!(run.state.label(), "succeeded", "{}", run.id);
    }
    assert_eq!(first_import(&world).await.failures, 7, "what the other wrote stays");
}

#[tokio::test]
async fn a_watcher_that_seldom_looks_still_moves_a_run_at_its_moment() {
    let mut world = World::new(1, 0.0).await;
    world.settings.periods.watch = mins(10);
    world.settings.periods.watch_slowest = mins(10);
    world.restart().await;
    world.cloud.crunch_all(SignedDuration::from_hours(6));
    world.run_for(mins(60)).await;
    let run = first_import(&world).await;
    let wait_until = run.legs[0].wait_until.expect("a leg on spot waits for so long");
    let events = world.store.events(&run.id).await.unwrap();
    let asked = events.iter().find(|e| matches!(e.kind, RunEventKind::StopRequested { .. }));
    assert_eq!(asked.expect("it starved").at, wait_until);
}

fn refusing_submissions() -> Faults {
    Faults::default().with(Operation::SubmitJob, Fault::Throttled, 1.0)
}

#[tokio::test]
async fn a_submission_that_stays_refused_is_decided_anew() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(19)).await;
    world.cloud.set_faults(refusing_submissions());
    world.run_for(mins(36)).await;
    let run = first_import(&world).await;
    let kinds = world.kinds(&run.id).await;
    let told = |select: fn(&RunEventKind) -> bool| kinds.iter().filter(|k| select(k)).count();
    let decided = told(|kind| matches!(kind, RunEventKind::Decided { .. }));
    assert!((3..=4).contains(&decided), "once in ten minutes: {decided}");
    assert_eq!(told(|kind| matches!(kind, RunEventKind::SubmitFailed { .. })), 1);
    assert_eq!(run.legs.len(), 1, "the same leg");

    world.cloud.set_faults(Faults::default());
    world.run_for(mins(60)).await;
    check(&world, at(BEGIN)).await;
    let run = first_import(&world).await;
    assert_eq!(run.state.label(), "succeeded");
    assert!(run.legs[0].submitted_at.unwrap() <= at("2026-06-01T01:00:30Z"), "within five minutes");
    let lags = world.count(|c| matches!(c, Counter::ScheduleLags));
    assert_eq!(lags, world.runs().await.len() as i128, "each run's lag counts once");
}

#[tokio::test]
async fn a_run_that_is_refused_for_half_a_day_is_given_up() {
    let mut world = World::new(1, 0.0).await;
    world.cloud.set_faults(Faults::default().with(Operation::SubmitJob, Fault::Denied, 1.0));
    world.run_for(SignedDuration::from_hours(13)).await;
    let run = first_import(&world).await;
    assert_eq!(run.state.label(), "rejected");
    let young = world.runs().await.into_iter().max_by_key(|run| run.scheduled_for).unwrap();
    assert!(young.state.is_open(), "{:?}", young.state);
    world.cloud.set_faults(Faults::default());
    world.run_for(SignedDuration::from_hours(2)).await;
    let sent = world.cloud.submissions();
    assert!(sent.iter().all(|job| !job.name.starts_with(run.id.as_str())));
    assert!(sent.iter().any(|job| job.name.starts_with(young.id.as_str())));
}

/// Credentials that expired must not cost an API call every few seconds for every run.
#[tokio::test]
async fn a_submission_that_stays_refused_is_sent_ever_more_slowly() {
    let mut world = World::new(1, 0.0).await;
    world.run_for(mins(19)).await;
    let counted = Arc::new(TroubledBatch::over(&world.ports.batch));
    world.ports.batch = counted.clone();
    world.restart().await;
    world.cloud.set_faults(refusing_submissions());
    world.run_for(mins(19)).await;
    let sent = counted.submits.load(Ordering::SeqCst);
    // After 0, 5, 15, 35 seconds, and so on, then every five minutes.
    assert!((8..=10).contains(&sent), "{sent} calls for one run in 18 minutes");
}
