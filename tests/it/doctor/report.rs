//! The report, as a table and as JSON.

use anstream::adapter::strip_str;
use spotcron::cli::args::Format;
use spotcron::cli::doctor::Report;
use spotcron::cli::render::{Report as _, text_of};
use spotcron::doctor::{Access, Operation, Severity};

use super::sample::{ACCOUNT, World, healthy, retries};
use crate::cli::golden::assert_file;

fn report(world: &World) -> Report {
    Report::new(Some(ACCOUNT.to_owned()), world.findings())
}

fn table(report: &Report, width: Option<u16>) -> String {
    strip_str(&text_of(report, Format::Table, width).unwrap()).to_string()
}

/// A note, warnings and errors, in several things.
fn troubled() -> World {
    let mut world = healthy();
    world.permit(Operation::SubmitJob, Access::NotTested);
    world.permit(Operation::CancelJob, Access::NotTested);
    world.submission("rebuild").retry_strategy = Some(retries(3, Vec::new()));
    world.compute("spot-a").zones = Ok(vec!["us-east-1a".into()]);
    world.queue("spot-a").state = "DISABLED".to_owned();
    world.compute("demand-a").instance_role =
        Some("arn:aws:iam::123456789012:role/ecsInstanceRole".to_owned());
    world.compute("demand-a").desired_vcpus = Some(8);
    world.waits("demand-a", 95, None);
    world.waits("demand-a", 40, None);
    world
}

#[test]
fn the_report_is_grouped_with_the_worst_first() {
    let report = report(&troubled());
    assert_file("tests/it/doctor/report.txt", &table(&report, None));
    assert_file("tests/it/doctor/report-80.txt", &table(&report, Some(80)));
    let json = text_of(&report, Format::Json, None).unwrap();
    assert_file("tests/it/doctor/report.json", &json);
}

#[test]
fn a_healthy_set_up_is_said_to_be_so() {
    let expected = format!("Nothing is wrong with the set-up of account {ACCOUNT}.\n");
    assert_eq!(table(&report(&healthy()), None), expected);
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let code_of = |change: fn(&mut World)| {
        let mut world = healthy();
        change(&mut world);
        report(&world).exit_code()
    };
    let note: fn(&mut World) = |w| w.permit(Operation::SubmitJob, Access::NotTested);
    assert_eq!(code_of(|_| {}), 0);
    assert_eq!(code_of(note), 0);
    assert_eq!(code_of(|w| w.compute("demand-a").min_vcpus = Some(1)), 1);
    assert_eq!(code_of(|w| w.queue("spot-a").state = "DISABLED".to_owned()), 2);
}

#[test]
fn one_thing_has_its_findings_together() {
    let findings = troubled().findings();
    let mut groups: Vec<_> = findings.chunk_by(|a, b| a.about == b.about).collect();
    let number = groups.len();
    assert!(groups.iter().all(|group| group.is_sorted_by_key(|finding| finding.severity)));
    assert!(groups.iter().map(|group| group[0].severity).is_sorted(), "the worst first");
    groups.sort_by_key(|group| group[0].about.clone());
    groups.dedup_by_key(|group| group[0].about.clone());
    assert_eq!(groups.len(), number, "no group comes twice");
    assert_eq!(findings.last().unwrap().severity, Severity::Note);
}

#[test]
fn no_control_character_of_aws_reaches_the_terminal() {
    let mut world = healthy();
    world.waits("spot-a", 40, Some("ACTION_REQUIRED \u{1b}[2J\r\nhidden"));
    let text = table(&report(&world), None);
    assert!(text.contains("ACTION_REQUIRED  [2J  hidden"), "{text}");
}
