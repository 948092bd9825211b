//! What every store must do, over the port alone: another database runs the same list.

mod experience;
mod schedules;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use spotcron::domain::{
    AccountRegion, Capacity, LegCause, RunId, RunOutcome, Usd, UsdPerHour, Window,
};
use spotcron::experience::Experience;
use spotcron::ledger::{Counter, EntryState, Unpriced};
use spotcron::market::{
    EnvironmentMarket, FargatePrice, FargateQuote, FargateRate, ListPrice, PoolQuote,
    PriceCoverage, PricePoint, PriceSeries,
};
use spotcron::ports::{RunQuery, Store, StoreError, Write};
use spotcron::run::{Run, RunEventKind};

use super::samples::{self, at, pool};
pub use experience::*;
pub use schedules::*;

fn ids(runs: &[Run]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

fn all_time() -> Window {
    Window::new(Timestamp::MIN, Timestamp::MAX)
}

pub async fn a_new_store_is_empty(store: &dyn Store) {
    assert_eq!(store.open_runs().await.unwrap(), []);
    assert_eq!(store.run(&"none".into()).await.unwrap(), None);
    assert_eq!(store.runs(&RunQuery::default()).await.unwrap(), []);
    assert_eq!(store.unsettled_attempts().await.unwrap(), []);
    assert_eq!(store.entries_between(all_time()).await.unwrap(), []);
    assert_eq!(store.counters().await.unwrap(), []);
    assert_eq!(store.experience().await.unwrap(), Experience::default());
    store.commit(Vec::new()).await.unwrap();
}

pub async fn runs_are_inserted_once_and_updated_in_turn(store: &dyn Store) {
    let first = samples::run("extract", 0);
    store.commit(vec![Write::InsertRun(first.clone())]).await.unwrap();
    assert_eq!(store.run(&first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.open_runs().await.unwrap(), std::slice::from_ref(&first));

    let again = store.commit(vec![Write::InsertRun(first.clone())]).await;
    assert!(matches!(again, Err(StoreError::Conflict(id)) if id == first.id));

    let second = samples::next(&first, None);
    let third = samples::next(&second, Some(RunOutcome::Succeeded));
    let early = store.commit(vec![Write::UpdateRun(third.clone())]).await;
    assert!(matches!(early, Err(StoreError::Conflict(id)) if id == first.id));
    store.commit(vec![Write::UpdateRun(second)]).await.unwrap();
    store.commit(vec![Write::UpdateRun(third.clone())]).await.unwrap();
    let late = store.commit(vec![Write::UpdateRun(third.clone())]).await;
    assert!(matches!(late, Err(StoreError::Conflict(id)) if id == first.id));

    assert_eq!(store.run(&first.id).await.unwrap(), Some(third));
    assert_eq!(store.open_runs().await.unwrap(), []);

    let stranger = samples::next(&samples::run("nobody", 0), None);
    let unknown = store.commit(vec![Write::UpdateRun(stranger)]).await;
    assert!(matches!(unknown, Err(StoreError::Conflict(_))));
}

pub async fn runs_are_listed_newest_first(store: &dyn Store) {
    let mut all = Vec::new();
    for hour in 0..4 {
        for job in ["a", "b"] {
            let run = samples::run(job, hour);
            store.commit(vec![Write::InsertRun(run.clone())]).await.unwrap();
            if hour == 0 {
                let ended = samples::next(&run, Some(RunOutcome::Failed));
                store.commit(vec![Write::UpdateRun(ended)]).await.unwrap();
            }
            all.push(run);
        }
    }
    all.reverse();
    let everything = store.runs(&RunQuery::default()).await.unwrap();
    assert_eq!(ids(&everything), ids(&all));

    let of_b = RunQuery { job: Some("b".into()), limit: Some(2), ..RunQuery::default() };
    assert_eq!(ids(&store.runs(&of_b).await.unwrap()), [all[0].id.as_str(), all[2].id.as_str()]);

    let of_class = RunQuery { class: Some("a-class".into()), ..RunQuery::default() };
    assert_eq!(store.runs(&of_class).await.unwrap().len(), 4);

    // Half-open: hour 1 is in, hour 3 is not.
    let between =
        RunQuery { since: Some(at(3600)), until: Some(at(3 * 3600)), ..RunQuery::default() };
    assert_eq!(ids(&store.runs(&between).await.unwrap()), ids(&all[2..6]));

    let open = RunQuery { open_only: true, ..RunQuery::default() };
    assert_eq!(ids(&store.runs(&open).await.unwrap()), ids(&all[..6]));
}

pub async fn a_batch_with_a_conflict_writes_nothing(store: &dyn Store) {
    let taken = samples::run("taken", 0);
    store.commit(vec![Write::InsertRun(taken.clone())]).await.unwrap();
    let fresh = samples::run("fresh", 0);
    let outcome = store
        .commit(vec![
            Write::InsertRun(fresh.clone()),
            Write::Event(samples::event(&fresh, 0, RunEventKind::Due)),
            Write::Count(samples::runs_counter("fresh"), 1),
            Write::Handled(vec![("fresh".into(), at(0))]),
            Write::InsertRun(taken.clone()),
        ])
        .await;
    assert!(matches!(outcome, Err(StoreError::Conflict(id)) if id == taken.id));
    assert_eq!(store.run(&fresh.id).await.unwrap(), None);
    assert_eq!(store.events(&fresh.id).await.unwrap(), []);
    assert_eq!(store.counters().await.unwrap(), []);
    assert!(store.handled().await.unwrap().is_empty());
    // And the store goes on.
    store.commit(vec![Write::InsertRun(fresh.clone())]).await.unwrap();
    assert_eq!(store.run(&fresh.id).await.unwrap(), Some(fresh));
}

pub async fn a_batch_may_name_things_in_any_order(store: &dyn Store) {
    let run = samples::run("extract", 0);
    let attempt = samples::attempt(&run, samples::key(&run, 0, None, 1), Some(60));
    let entry = samples::entry(&attempt, samples::unpriced());
    store
        .commit(vec![
            Write::Entry(entry.clone()),
            Write::Attempt(attempt.clone()),
            Write::Event(samples::event(&run, 0, RunEventKind::Due)),
            Write::InsertRun(run.clone()),
        ])
        .await
        .unwrap();
    assert_eq!(store.attempts(&run.id).await.unwrap(), [attempt]);
    assert_eq!(store.entries(&run.id).await.unwrap(), [entry]);
    assert_eq!(store.events(&run.id).await.unwrap().len(), 1);
    assert_eq!(store.unsettled_attempts().await.unwrap(), []);
}

pub async fn what_belongs_to_nothing_is_refused(store: &dyn Store) {
    let run = samples::run("ghost", 0);
    let attempt = samples::attempt(&run, samples::key(&run, 0, None, 1), Some(60));
    let entry = samples::entry(&attempt, samples::unpriced());
    for write in [
        Write::Event(samples::event(&run, 0, RunEventKind::Due)),
        Write::Attempt(attempt),
        Write::Entry(entry),
    ] {
        let outcome = store.commit(vec![write]).await;
        assert!(matches!(outcome, Err(StoreError::Failed { .. })), "{outcome:?}");
    }
    assert_eq!(store.attempts(&run.id).await.unwrap(), []);
    assert_eq!(store.entries_between(all_time()).await.unwrap(), []);
}

pub async fn events_come_back_oldest_first(store: &dyn Store) {
    let run = samples::run("extract", 0);
    let other = samples::run("other", 0);
    let decided = RunEventKind::Decided {
        leg: 0,
        cause: LegCause::Scheduled,
        decision: Box::new(samples::decision()),
    };
    let settled = RunEventKind::Settled { leg: 0, cost: Some(Usd::from_nanos(7)), on_demand: None };
    let story = [
        samples::event(&run, 1, RunEventKind::Due),
        samples::event(&run, 1, decided),
        samples::event(&run, 5, RunEventKind::DeadlineMissed),
        samples::event(&run, 9, settled),
    ];
    store
        .commit(vec![
            Write::InsertRun(run.clone()),
            Write::InsertRun(other.clone()),
            Write::Event(story[0].clone()),
            Write::Event(samples::event(&other, 1, RunEventKind::Due)),
            Write::Event(story[1].clone()),
        ])
        .await
        .unwrap();
    // Recorded late, happened earlier.
    store.commit(vec![Write::Event(story[3].clone())]).await.unwrap();
    store.commit(vec![Write::Event(story[2].clone())]).await.unwrap();
    assert_eq!(store.events(&run.id).await.unwrap(), story);
}

pub async fn attempts_are_unsettled_until_their_entry_is_for_good(store: &dyn Store) {
    let run = samples::run("array", 0);
    let running = samples::attempt(&run, samples::key(&run, 0, None, 1), None);
    let child = |child| samples::key(&run, 1, child, 1);
    let zero = samples::attempt(&run, child(Some(0)), Some(60));
    let one = samples::attempt(&run, child(Some(1)), Some(61));
    let parent = samples::attempt(&run, child(None), Some(62));
    let unsettled = async || store.unsettled_attempts().await.unwrap();
    let put = async |write| store.commit(vec![write]).await.unwrap();
    put(Write::InsertRun(run.clone())).await;
    for attempt in [&one, &zero, &parent, &running] {
        put(Write::Attempt(attempt.clone())).await;
    }

    let in_order = [running.clone(), parent.clone(), zero.clone(), one.clone()];
    assert_eq!(store.attempts(&run.id).await.unwrap(), in_order);
    assert_eq!(store.attempt(&zero.key).await.unwrap().as_ref(), Some(&zero));
    assert_eq!(store.attempt(&samples::key(&run, 9, None, 1)).await.unwrap(), None);
    // What still runs has nothing to settle.
    assert_eq!(unsettled().await, [parent.clone(), zero.clone(), one.clone()]);

    let provisional = EntryState::Provisional(samples::priced(10));
    put(Write::Entry(samples::entry(&zero, provisional))).await;
    // A price that is missing may still come; a machine that nobody saw will not.
    let unpriced = |why| EntryState::Unpriced { why };
    put(Write::Entry(samples::entry(&parent, unpriced(Unpriced::OnDemandPriceUnknown)))).await;
    assert_eq!(unsettled().await, [parent.clone(), zero.clone(), one.clone()]);
    put(Write::Entry(samples::entry(&parent, unpriced(Unpriced::HostUnknown)))).await;
    assert_eq!(unsettled().await, [zero.clone(), one.clone()]);
    put(Write::Entry(samples::entry(&zero, EntryState::Final(samples::priced(9))))).await;
    assert_eq!(unsettled().await, std::slice::from_ref(&one));

    // Knowing more of a settled attempt does not open it again; taking its price back does.
    let known = spotcron::run::AttemptRecord { exit_code: Some(1), ..zero.clone() };
    put(Write::Attempt(known.clone())).await;
    assert_eq!(store.attempt(&zero.key).await.unwrap().as_ref(), Some(&known));
    assert_eq!(unsettled().await, std::slice::from_ref(&one));
    put(Write::Entry(samples::entry(&zero, EntryState::Provisional(samples::priced(8))))).await;
    assert_eq!(unsettled().await, [known.clone(), one.clone()]);

    // Another job's attempt nobody has settled.
    put(Write::Entry(samples::entry(&one, EntryState::Final(samples::priced(9))))).await;
    let other = spotcron::run::AttemptRecord { batch_job_id: "other".into(), ..one };
    put(Write::Attempt(other.clone())).await;
    assert_eq!(unsettled().await, [known, other]);
    let stopped = samples::attempt(&run, running.key.clone(), Some(70));
    put(Write::Attempt(stopped.clone())).await;
    assert_eq!(unsettled().await.first(), Some(&stopped));
}

pub async fn entries_are_replaced_and_found_by_their_end(store: &dyn Store) {
    let run = samples::run("extract", 0);
    let mut writes = vec![Write::InsertRun(run.clone())];
    let mut entries = Vec::new();
    for (number, end) in [(1, 100), (2, 200), (3, 300)] {
        let attempt = samples::attempt(&run, samples::key(&run, 0, None, number), Some(end));
        // Negative: a correction can be.
        let state = EntryState::Provisional(samples::priced(-i128::from(end)));
        entries.push(samples::entry(&attempt, state));
        writes.push(Write::Attempt(attempt));
    }
    writes.extend(entries.iter().cloned().map(Write::Entry));
    store.commit(writes).await.unwrap();
    assert_eq!(store.entries(&run.id).await.unwrap(), entries);
    assert_eq!(store.provisional_entries().await.unwrap(), entries);

    let between = Window::new(at(100), at(300));
    assert_eq!(store.entries_between(between).await.unwrap(), entries[..2]);
    let backwards = Window::new(at(300), at(100));
    assert_eq!(store.entries_between(backwards).await.unwrap(), []);

    entries[1].state = EntryState::Final(samples::priced(5));
    entries[2].state = samples::unpriced();
    let settle = entries[1..].iter().cloned().map(Write::Entry).collect();
    store.commit(settle).await.unwrap();
    assert_eq!(store.entries_between(all_time()).await.unwrap(), entries);
    assert_eq!(store.provisional_entries().await.unwrap(), entries[..1]);
}

pub async fn counters_add_up_exactly(store: &dyn Store) {
    let nanos = Counter::CostNanos {
        job: "extract".into(),
        class: "nightly".into(),
        environment: "spot-a".into(),
        capacity: Capacity::Spot,
    };
    let decided = Counter::Decisions {
        class: "nightly".into(),
        environment: None,
        reason: "cheapest".into(),
    };
    let large = i128::from(i64::MAX) - 10;
    store
        .commit(vec![
            Write::Count(nanos.clone(), large),
            Write::Count(decided.clone(), 1),
            Write::Count(nanos.clone(), 3),
        ])
        .await
        .unwrap();
    store
        .commit(vec![
            Write::Count(nanos.clone(), -1),
            Write::Count(decided.clone(), 1),
            Write::Count(Counter::ScheduleLags, 0),
        ])
        .await
        .unwrap();
    let mut expected = vec![(nanos, large + 2), (decided, 2), (Counter::ScheduleLags, 0)];
    expected.sort();
    assert_eq!(store.counters().await.unwrap(), expected);
}

pub async fn numbers_that_do_not_fit_are_refused(store: &dyn Store) {
    let refused = async |writes| {
        let outcome = store.commit(writes).await;
        assert!(matches!(outcome, Err(StoreError::Failed { .. })), "{outcome:?}");
    };
    let run = samples::run("extract", 0);
    let attempt = samples::attempt(&run, samples::key(&run, 0, None, 1), Some(60));
    let edges = [
        (Counter::ScheduleLags, i128::from(i64::MAX)),
        (Counter::ScheduleLagMillis, i128::from(i64::MIN)),
    ];
    let mut writes: Vec<_> =
        edges.iter().cloned().map(|(counter, by)| Write::Count(counter, by)).collect();
    writes.extend([Write::InsertRun(run.clone()), Write::Attempt(attempt.clone())]);
    store.commit(writes).await.unwrap();

    // One more on either side, in the sum; and more than a sum can take at once.
    refused(vec![Write::Count(Counter::ScheduleLags, 1)]).await;
    refused(vec![Write::Count(Counter::ScheduleLagMillis, -1)]).await;
    let by = i128::from(i64::MAX);
    refused(vec![Write::Count(Counter::ScheduleLags, by)]).await;
    refused(vec![Write::Count(samples::runs_counter("x"), by + 1)]).await;
    let huge = EntryState::Final(samples::priced(i128::from(i64::MAX) * 2));
    refused(vec![Write::Entry(samples::entry(&attempt, huge))]).await;
    refused(vec![Write::Handled(vec![("extract".into(), Timestamp::MAX)])]).await;
    refused(vec![Write::InsertRun(Run { version: u64::MAX, ..samples::run("late", 1) })]).await;

    let mut counters = store.counters().await.unwrap();
    counters.sort_by_key(|(_, value)| -value);
    assert_eq!(counters, edges);
    assert_eq!(store.entries(&run.id).await.unwrap(), []);
}

pub async fn instances_are_live_until_their_end(store: &dyn Store) {
    let [a, b] = ["i-a", "i-b"].map(|id| samples::instance(id, None));
    store.commit(vec![Write::Instance(b.clone()), Write::Instance(a.clone())]).await.unwrap();
    let recent = async |secs| store.recent_instances(at(secs)).await.unwrap();
    assert_eq!(recent(0).await, [a.clone(), b.clone()]);
    let ended = samples::instance("i-a", Some(60));
    store.commit(vec![Write::Instance(ended.clone())]).await.unwrap();
    assert_eq!(recent(61).await, std::slice::from_ref(&b));
    assert_eq!(recent(60).await, [ended.clone(), b.clone()], "it ended lately");
    assert_eq!(store.all_instances().await.unwrap(), [ended.clone(), b.clone()]);
    let asked = ["i-b".into(), "i-none".into(), "i-a".into()];
    assert_eq!(store.instances(&asked).await.unwrap(), [b, ended]);
}

pub async fn shapes_come_back(store: &dyn Store) {
    let put = |gpus| {
        let shape = spotcron::domain::InstanceShape { gpus, ..samples::shape() };
        (Write::Shape("g4dn.xlarge".into(), shape.clone()), shape)
    };
    store.commit(vec![put(0).0]).await.unwrap();
    let (write, shape) = put(1);
    store.commit(vec![write]).await.unwrap();
    let expected = BTreeMap::from([("g4dn.xlarge".into(), shape)]);
    assert_eq!(store.shapes().await.unwrap(), expected);
}

fn point(zone: &str, instance_type: &str, secs: i64, units: i64) -> PricePoint {
    PricePoint {
        pool: pool(zone, instance_type),
        price: UsdPerHour::from_units(units),
        effective_from: at(secs),
    }
}

pub async fn price_points_are_an_archive(store: &dyn Store) {
    let ours = |secs, units| point("eu-west-1a", "m6i.large", secs, units);
    let points = vec![
        ours(30, 3),
        ours(10, 1),
        ours(20, 2),
        point("eu-west-1a", "m6i.xlarge", 15, 99),
        point("eu-west-1b", "m6i.large", 15, 98),
    ];
    store.commit(vec![Write::PricePoints(home(), points)]).await.unwrap();
    // A known point is ignored, even with another price.
    let again = vec![ours(20, 77), ours(40, 4)];
    store.commit(vec![Write::PricePoints(home(), again)]).await.unwrap();

    let series = async |from, to| {
        let window = Window::new(at(from), at(to));
        store.price_series(&home(), &pool("eu-west-1a", "m6i.large"), window).await.unwrap()
    };
    let expected = |points: &[(i64, i64)]| {
        let points =
            points.iter().map(|(at_secs, units)| (at(*at_secs), UsdPerHour::from_units(*units)));
        PriceSeries::from_points(points)
    };
    assert_eq!(series(25, 40).await, expected(&[(20, 2), (30, 3)]));
    assert_eq!(series(20, 41).await, expected(&[(20, 2), (30, 3), (40, 4)]));
    assert_eq!(series(0, 11).await, expected(&[(10, 1)]));
    assert_eq!(series(0, 10).await, expected(&[]));
    assert_eq!(series(500, 600).await, expected(&[(40, 4)]));
    let everything =
        store.price_series(&home(), &pool("eu-west-1a", "m6i.large"), all_time()).await.unwrap();
    assert_eq!(everything.points().len(), 4);
    let nowhere =
        store.price_series(&home(), &pool("eu-west-1c", "m6i.large"), all_time()).await.unwrap();
    assert_eq!(nowhere, PriceSeries::default());
}

pub async fn latest_prices_are_one_a_pool_of_the_region(store: &dyn Store) {
    let points = vec![
        point("us-east-1a", "m6i.large", 10, 1),
        point("us-east-1a", "m6i.large", 30, 3),
        point("us-east-1a", "m6i.large", 20, 2),
        point("us-east-1a", "c6i.large", 5, 5),
        point("us-east-1b", "m6i.large", 7, 7),
        // Regions whose names begin alike, and neighbours on both sides.
        point("us-east-10a", "m6i.large", 9, 9),
        point("us-east-2a", "m6i.large", 9, 9),
        point("eu-west-1a", "m6i.large", 9, 9),
    ];
    store.commit(vec![Write::PricePoints(home(), points.clone())]).await.unwrap();
    let latest = store.latest_prices(&"us-east-1".into()).await.unwrap();
    assert_eq!(latest, [points[3].clone(), points[1].clone(), points[4].clone()]);
    assert_eq!(store.latest_prices(&"us-east".into()).await.unwrap(), []);
}

/// Zones of two accounts may have one name and lie apart.
pub async fn prices_of_accounts_are_kept_apart(store: &dyn Store) {
    let other = AccountRegion { account: Some("123456789012".into()), region: "eu-west-1".into() };
    let pool = pool("eu-west-1a", "m6i.large");
    let point = |secs, units| vec![point("eu-west-1a", "m6i.large", secs, units)];
    let (ours, theirs) = (point(10, 1), point(20, 2));
    store.commit(vec![Write::PricePoints(home(), ours.clone())]).await.unwrap();
    store.commit(vec![Write::PricePoints(other.clone(), theirs.clone())]).await.unwrap();
    assert_eq!(store.latest_prices(&home()).await.unwrap(), ours);
    assert_eq!(store.latest_prices(&other).await.unwrap(), theirs);
    for (place, points) in [(&home(), ours), (&other, theirs)] {
        let series = store.price_series(place, &pool, all_time()).await.unwrap();
        let points = points.into_iter().map(|point| (point.effective_from, point.price));
        assert_eq!(series, PriceSeries::from_points(points));
    }
    let coverage = |place: &AccountRegion, secs| PriceCoverage {
        place: place.clone(),
        instance_type: "m6i.large".into(),
        complete_until: at(secs),
    };
    let both = vec![coverage(&other, 20), coverage(&home(), 10)];
    store.commit(both.iter().cloned().map(Write::PriceCoverage).collect()).await.unwrap();
    assert_eq!(store.price_coverage().await.unwrap(), both);
}

fn home() -> AccountRegion {
    "eu-west-1".into()
}

pub async fn price_coverage_never_goes_back(store: &dyn Store) {
    let coverage = |region: &str, instance_type: &str, secs| PriceCoverage {
        place: region.into(),
        instance_type: instance_type.into(),
        complete_until: at(secs),
    };
    let writes = |all: &[PriceCoverage]| all.iter().cloned().map(Write::PriceCoverage).collect();
    let first = [coverage("us-east-1", "m6i.large", 30), coverage("eu-west-1", "m6i.large", 10)];
    store.commit(writes(&first)).await.unwrap();
    let second = [coverage("us-east-1", "m6i.large", 20), coverage("eu-west-1", "m6i.large", 40)];
    store.commit(writes(&second)).await.unwrap();
    let expected = [second[1].clone(), first[0].clone()];
    assert_eq!(store.price_coverage().await.unwrap(), expected);
}

pub async fn list_prices_hold_from_their_date(store: &dyn Store) {
    let price = |region: &str, instance_type: &str, secs, units| ListPrice {
        region: region.into(),
        instance_type: instance_type.into(),
        price: UsdPerHour::from_units(units),
        effective_from: at(secs),
    };
    let old = price("eu-west-1", "m6i.large", 10, 1);
    let new = price("eu-west-1", "m6i.large", 20, 2);
    let other = price("eu-west-1", "c6i.large", 15, 3);
    let elsewhere = price("us-east-1", "m6i.large", 12, 4);
    let writes = [&old, &new, &other, &elsewhere].map(|price| Write::ListPrice(price.clone()));
    store.commit(writes.to_vec()).await.unwrap();
    let prices = async |secs| store.list_prices(&"eu-west-1".into(), at(secs)).await.unwrap();
    assert_eq!(prices(9).await, []);
    assert_eq!(prices(14).await, std::slice::from_ref(&old));
    assert_eq!(prices(19).await, [other.clone(), old]);
    assert_eq!(prices(20).await, [other.clone(), new.clone()]);
    // The Price List corrected itself.
    let corrected = price("eu-west-1", "m6i.large", 20, 9);
    store.commit(vec![Write::ListPrice(corrected.clone())]).await.unwrap();
    assert_eq!(prices(99).await, [other, corrected]);
}

pub async fn fargate_prices_come_newest_first(store: &dyn Store) {
    let price = |region: &str, architecture: &str, secs, units| FargatePrice {
        region: region.into(),
        architecture: architecture.into(),
        vcpu_hour: UsdPerHour::from_units(units),
        gib_hour: UsdPerHour::from_units(units + 1),
        effective_from: at(secs),
    };
    let arm = price("eu-west-1", "arm64", 5, 10);
    let old = price("eu-west-1", "x86_64", 5, 20);
    let new = price("eu-west-1", "x86_64", 6, 30);
    let elsewhere = price("us-east-1", "x86_64", 5, 40);
    let writes = [&old, &elsewhere, &new, &arm].map(|price| Write::FargatePrice(price.clone()));
    store.commit(writes.to_vec()).await.unwrap();
    assert_eq!(store.fargate_prices(&"eu-west-1".into()).await.unwrap(), [arm, new, old]);
}

pub async fn environment_markets_are_replaced(store: &dyn Store) {
    let rate = |units| FargateRate {
        vcpu_hour: UsdPerHour::from_units(units),
        gib_hour: UsdPerHour::from_units(units + 1),
    };
    let market = |environment: &str, unusable: Option<&str>| EnvironmentMarket {
        environment: environment.into(),
        capacity: Capacity::FargateSpot,
        pools: vec![PoolQuote {
            pool: pool("eu-west-1a", "m6i.large"),
            shape: Arc::new(samples::shape()),
            spot: Some(UsdPerHour::from_units(2526)),
            jumped_from: Some(UsdPerHour::from_units(25)),
            on_demand: None,
            seen_at: Some(at(3)),
            on_demand_seen_at: Some(at(2)),
        }],
        fargate: Some(FargateQuote { list: rate(1), spot: Some(rate(3)), seen_at: at(4) }),
        unusable: unusable.map(str::to_owned),
    };
    let (a, b) = (market("a", None), market("b", None));
    store.commit([&a, &b].map(|m| Write::EnvironmentMarket(m.clone())).to_vec()).await.unwrap();
    let a = market("a", Some("queue DISABLED"));
    store.commit(vec![Write::EnvironmentMarket(a.clone())]).await.unwrap();
    let expected = BTreeMap::from([("a".into(), a), ("b".into(), b)]);
    assert_eq!(store.environment_markets().await.unwrap(), expected);
}

/// For tests elsewhere in this suite: a run with one event and one count, all or nothing.
pub fn small_batch(number: i64) -> (RunId, Vec<Write>) {
    let run = samples::run("crash", number);
    let writes = vec![
        Write::Event(samples::event(&run, number, RunEventKind::Due)),
        Write::Count(Counter::ScheduleLags, 1),
        Write::InsertRun(run.clone()),
    ];
    (run.id, writes)
}
