//! Tests that come to their end: what they show.

use std::sync::Arc;

use spotcron::cli::args::Format;
use spotcron::cli::render::{Report as _, text_of};
use spotcron::clock::Clock as _;
use spotcron::doctor::guide_markdown;
use spotcron::doctor::live::{LiveStep, Verdict};
use spotcron::domain::{Capacity, Usd};
use spotcron::ledger::Unpriced;
use spotcron::sim::{DefinitionSpec, Fault, Faults, Operation};

use super::stage::{Stage, failed, scenario, step, table};
use crate::cli::golden::assert_file;
use crate::samples::mins;

#[tokio::test]
async fn a_job_on_spot_shows_every_step_and_its_cost() {
    let stage = Stage::new("spot");
    let (report, script) = stage.tested().await;
    assert_eq!(failed(&report), []);
    assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::Passed));
    assert_eq!(report.findings.iter().map(|f| f.step).collect::<Vec<_>>(), LiveStep::ALL);
    assert_eq!(report.exit_code(), 0);
    let (cost, on_demand) = (report.cost_usd.unwrap(), report.on_demand_usd.unwrap());
    assert!(Usd::ZERO < cost && cost < on_demand, "{cost} of {on_demand}");
    let told = script.told.join("\n");
    let console = format!("{}{told}\n\n{}", script.preview, table(&report, None));
    assert_file("tests/it/doctor/live/spot.txt", &console);
    assert_file("tests/it/doctor/live/spot-80.txt", &table(&report, Some(80)));
    assert_file("tests/it/doctor/live/spot.json", &text_of(&report, Format::Json, None).unwrap());
    let guide = guide_markdown();
    assert!(guide.contains(&console), "src/doctor/live/guide.rs shows other than spot.txt");
}

#[tokio::test]
async fn a_job_on_demand_saves_nothing() {
    let (report, _) = Stage::new("steady").tested().await;
    assert_eq!(failed(&report), []);
    assert_eq!(report.cost_usd, report.on_demand_usd);
    assert!(report.cost_usd.unwrap() > Usd::ZERO);
    assert!(step(&report, LiveStep::Host).seen.contains(", on demand, i-"));
}

#[tokio::test]
async fn a_job_on_fargate_has_a_zone_and_a_price() {
    for (environment, saves) in [("fargate", false), ("fargate-spot", true)] {
        let (report, script) = Stage::new(environment).tested().await;
        assert_eq!(failed(&report), [], "{environment}");
        assert_eq!(report.cost_usd < report.on_demand_usd, saves, "{environment}");
        assert!(step(&report, LiveStep::Host).seen.starts_with("a Fargate task in us-east-1"));
        assert!(script.preview.contains("the task for 35m"), "{}", script.preview);
        assert_eq!(report.ran_on, None);
    }
}

#[tokio::test]
async fn the_ceiling_is_said_before_anything_is_submitted_and_holds() {
    let stage = Stage::new("spot");
    let (report, script) = stage.tested().await;
    // 0.384 USD an hour for 50 minutes.
    assert!(script.preview.contains("at most $0.3200: one m6i.2xlarge"), "{}", script.preview);
    let later = stage.clock.now() + mins(60);
    stage.clock.advance_to(later);
    let bill = stage.cloud.bill(later).total;
    assert!(report.cost_usd.unwrap() <= bill && bill <= Usd::from_nanos(320_000_000), "{bill}");
}

/// It is stored, to reach a leg's account again; whoever reads a report has no use for it.
#[tokio::test]
async fn an_external_id_is_in_nothing_that_is_shown() {
    const ROLE: &str = "arn:aws:iam::210987654321:role/spotcron";
    let mut stage = Stage::new("spot");
    let spot = Arc::make_mut(stage.catalogue.environments.get_mut("spot").unwrap());
    spot.site = format!("us-east-1 via {ROLE} external-id shared-7f3a").parse().unwrap();
    let (report, _) = stage.tested().await;
    let json = text_of(&report, Format::Json, None).unwrap();
    let site = &serde_json::from_str::<serde_json::Value>(&json).unwrap()["site"];
    assert_eq!(*site, format!("us-east-1 via {ROLE}"));
    let text = table(&report, None);
    assert!(text.contains(ROLE), "{text}");
    for shown in [json, text] {
        assert!(!shown.contains("7f3a"), "{shown}");
    }
}

#[tokio::test]
async fn a_command_that_fails_is_shown_with_its_exit_code() {
    let mut scenario = scenario();
    scenario.definitions[0].failure_probability = 1.0;
    scenario.definitions[0].failure_exit_code = 127;
    let stage = Stage::of(scenario, "steady");
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Run]);
    let run = step(&report, LiveStep::Run);
    assert!(run.seen.contains("Essential container in task exited (exit code 127"), "{}", run.seen);
    assert!(run.fix.as_ref().unwrap().contains("--own-command"));
    assert_eq!(report.exit_code(), 2);
    assert!(report.cost_usd.unwrap() > Usd::ZERO, "it ran, and is paid for");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_costs_nothing_and_says_where_to_look() {
    let mut scenario = scenario();
    scenario.definitions[0] =
        DefinitionSpec { pull_failure_probability: 1.0, ..scenario.definitions[0].clone() };
    let (report, _) = Stage::of(scenario, "steady").tested().await;
    assert_eq!(failed(&report), [LiveStep::Run]);
    let run = step(&report, LiveStep::Run);
    assert!(run.seen.contains("CannotPullContainerError"), "{}", run.seen);
    assert!(run.fix.as_ref().unwrap().contains("image can be pulled"));
    for skipped in [LiveStep::Host, LiveStep::Cost] {
        assert_eq!(step(&report, skipped).verdict, Verdict::Skipped);
    }
}

/// What is shown when one operation is denied throughout.
async fn denied(environment: &str, operation: Operation) -> (Vec<LiveStep>, String) {
    let faults = Faults::default().with(operation, Fault::Denied, 1.0);
    let (report, _) = Stage::faulty(environment, faults).tested().await;
    (failed(&report), table(&report, None))
}

#[tokio::test]
async fn an_attempt_without_a_price_is_said_to_be_so_with_the_permission_that_lacks() {
    for (environment, operation, steps, label, fix) in [
        (
            "spot",
            Operation::DescribeSpotPriceHistory,
            vec![LiveStep::Cost],
            Unpriced::SpotPriceUnknown,
            "ec2:DescribeSpotPriceHistory",
        ),
        (
            "spot",
            Operation::DescribeContainerInstances,
            vec![LiveStep::Host, LiveStep::Cost],
            Unpriced::HostUnknown,
            "ecs:DescribeContainerInstances",
        ),
        (
            "steady",
            Operation::GetProducts,
            vec![LiveStep::ListPrices, LiveStep::Cost],
            Unpriced::OnDemandPriceUnknown,
            "pricing:GetProducts",
        ),
        (
            "fargate",
            Operation::GetProducts,
            vec![LiveStep::ListPrices, LiveStep::Cost],
            Unpriced::FargatePriceUnknown,
            "pricing:GetProducts",
        ),
    ] {
        let (failed, text) = denied(environment, operation).await;
        assert_eq!(failed, steps, "{operation:?}: {text}");
        assert!(text.contains(label.label()), "{operation:?}: {text}");
        assert!(text.contains(fix), "{operation:?}: {text}");
    }
}

#[tokio::test]
async fn fargate_spot_without_a_stated_discount_has_no_price() {
    let mut stage = Stage::new("fargate-spot");
    let environment = stage.catalogue.environments.get_mut("fargate-spot").unwrap();
    Arc::make_mut(environment).fargate_spot_discount = None;
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Cost]);
    assert!(step(&report, LiveStep::Cost).fix.as_ref().unwrap().contains("fargate_spot_discount"));
}

#[tokio::test]
async fn capacity_of_another_kind_than_the_catalogue_says_is_found() {
    let mut scenario = scenario();
    // One queue with both: spot first, which is full at once.
    scenario.queues[0].compute_environments.push("queue-steady".to_owned());
    let stage = Stage::of(scenario, "spot");
    stage.cloud.crunch_all(jiff::SignedDuration::from_hours(2));
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Host], "{}", table(&report, None));
    let host = step(&report, LiveStep::Host);
    assert!(host.seen.contains(&format!("{} was expected", Capacity::Spot)), "{}", host.seen);
}
