//! The demo's summary.

use spotcron::cli::args::Format;
use spotcron::cli::render;
use spotcron::cli::summary::{Bill, DemoSummary, Facts};
use spotcron::domain::{AttemptEnd, Capacity, LegCause, RunOutcome, Usd};
use spotcron::ledger::{Counter, Tally};

use super::golden::assert_golden;

pub fn tally() -> Tally {
    let (class, job) = ("nightly", "extract");
    let (spot, steady) = (("spot-a", Capacity::Spot), ("on-demand-a", Capacity::OnDemand));
    let runs = |outcome| Counter::Runs {
        job: job.into(),
        class: class.into(),
        environment: Some("spot-a".into()),
        outcome,
    };
    let submissions = |(environment, capacity): (&str, _), cause| Counter::Submissions {
        class: class.into(),
        environment: environment.into(),
        capacity,
        cause,
    };
    let attempts = |(environment, capacity): (&str, _), end| Counter::Attempts {
        class: class.into(),
        environment: environment.into(),
        capacity,
        end,
    };
    let cost = |(environment, capacity): (&str, _)| Counter::CostNanos {
        job: job.into(),
        class: class.into(),
        environment: environment.into(),
        capacity,
    };
    let on_demand = |environment: &str| Counter::OnDemandNanos {
        job: job.into(),
        class: class.into(),
        environment: environment.into(),
    };
    let waste =
        Counter::WasteNanos { job: job.into(), class: class.into(), environment: "spot-a".into() };
    let unpriced = Counter::UnpricedAttempts {
        class: class.into(),
        environment: "spot-a".into(),
        reason: "host-unknown".to_owned(),
    };
    [
        (runs(RunOutcome::Succeeded), 71),
        (runs(RunOutcome::Failed), 1),
        (submissions(spot, LegCause::Scheduled), 70),
        (submissions(spot, LegCause::Interrupted), 3),
        (submissions(steady, LegCause::Interrupted), 4),
        (attempts(spot, AttemptEnd::Succeeded), 66),
        (attempts(spot, AttemptEnd::Interrupted), 7),
        (attempts(steady, AttemptEnd::Succeeded), 4),
        (Counter::Fallbacks { class: class.into(), cause: LegCause::Interrupted }, 4),
        (Counter::DeadlinesMet { class: class.into() }, 70),
        (Counter::DeadlinesMissed { class: class.into() }, 1),
        (unpriced, 1),
        (cost(spot), 4_385_416_700),
        (cost(steady), 358_204_000),
        (on_demand("spot-a"), 13_819_444_400),
        (on_demand("on-demand-a"), 358_204_000),
        (waste, 210_004_120),
    ]
    .into_iter()
    .collect()
}

fn summary(tally: &Tally) -> DemoSummary {
    let facts = Facts {
        seed: 7,
        virtual_from: "2026-03-02T00:00:00Z".parse().unwrap(),
        virtual_to: "2026-03-05T00:00:00Z".parse().unwrap(),
        provisional_cost: Usd::from_nanos(20_004_000),
        bill: Bill {
            total_usd: Usd::from_nanos(6_100_000_000),
            ledger_usd: Usd::from_nanos(4_763_624_700),
            idle_usd: Usd::from_nanos(1_300_000_000),
            unpriced_usd: Usd::from_nanos(36_375_290),
            rounding_usd: Usd::from_nanos(10),
            unexplained_usd: Usd::ZERO,
        },
    };
    DemoSummary::of(tally, facts)
}

#[test]
fn the_summary_names_everything_even_what_did_not_happen() {
    let summary = summary(&tally());
    let table = render::text_of(&summary, Format::Table, None).unwrap();
    assert_golden("summary.txt", &anstream::adapter::strip_str(&table).to_string());
    assert_golden("summary.json", &render::text_of(&summary, Format::Json, None).unwrap());
}

#[test]
fn a_demo_without_any_run_has_no_percentage() {
    let summary = summary(&Tally::default());
    assert_eq!(summary.realized_savings_percent, None);
    assert_eq!(summary.runs.values().sum::<i128>(), 0);
}
