//! Verbs that read, as tables and as JSON.

use anstream::adapter::strip_str;
use clap::Parser;
use spotcron::catalogue::Catalogue;
use spotcron::cli::args::Format;
use spotcron::cli::render::{self, Report, failure_text};
use spotcron::cli::{Cli, CliError, Verb, explain, plan, prices, runs, savings, skipped};

use super::golden::assert_golden;
use super::memory::MemoryStore;
use super::story;

/// The verb that a command line parses to.
fn verb(line: &str) -> Verb {
    let words = line.split_whitespace();
    Cli::try_parse_from(std::iter::once("spotcron").chain(words)).unwrap().verb
}

pub fn wait<T>(verb: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verb)
}

pub fn golden<R: Report>(name: &str, report: &R) {
    let table = render::text_of(report, Format::Table, None).unwrap();
    assert_golden(&format!("{name}.txt"), &strip_str(&table).to_string());
    let json = render::text_of(report, Format::Json, None).unwrap();
    assert_golden(&format!("{name}.json"), &json);
}

fn failure(error: &CliError) -> String {
    strip_str(&failure_text(error)).to_string()
}

fn planned(line: &str, store: bool) -> Result<plan::Report, CliError> {
    planned_by(line, store.then(story::store).as_ref())
}

pub fn planned_with(line: &str, store: &MemoryStore) -> Result<plan::Report, CliError> {
    planned_by(line, Some(store))
}

fn planned_by(line: &str, store: Option<&MemoryStore>) -> Result<plan::Report, CliError> {
    let Verb::Plan(args) = verb(line) else { panic!("{line}") };
    let catalogue = story::catalogue();
    let inputs = plan::Inputs {
        spot_advisor: None,
        catalogue: &catalogue,
        cooldown: jiff::SignedDuration::from_mins(15),
        now: story::now(),
        decide: spotcron::decision::decide,
    };
    wait(plan::run(&args, store.map(|store| store as _), inputs))
}

fn saved(line: &str) -> Result<savings::Report, CliError> {
    let Verb::Savings(args) = verb(line) else { panic!("{line}") };
    let catalogue = story::catalogue();
    wait(savings::run(&args, &story::store(), Some(&catalogue), story::now()))
}

fn listed(line: &str) -> runs::Report {
    let Verb::Runs(args) = verb(line) else { panic!("{line}") };
    wait(runs::run(&args, &story::store(), story::now())).unwrap()
}

#[test]
fn skipped_times_are_listed_with_their_reasons() {
    let Verb::Skipped(args) = verb("skipped --since 7d") else { panic!("no such verb") };
    let report = wait(skipped::run(&args, &story::store(), story::now())).unwrap();
    golden("skipped", &report);
}

pub fn explained(
    run: &str,
    store: &MemoryStore,
    catalogue: Result<&Catalogue, String>,
) -> Result<explain::Report, CliError> {
    let Verb::Explain(args) = verb(&format!("explain {run}")) else { panic!("{run}") };
    let ground = catalogue.map(|catalogue| plan::Inputs {
        spot_advisor: None,
        catalogue,
        cooldown: jiff::SignedDuration::from_mins(15),
        now: story::now(),
        decide: spotcron::decision::decide,
    });
    wait(explain::run(&args, store, &ground))
}

#[test]
fn plan_shows_every_candidate_and_the_choice() {
    golden("plan", &planned("plan --jobs 3", true).unwrap());
}

#[test]
fn a_narrow_terminal_gets_the_reasons_below_their_rows() {
    for width in [80, 110, 160] {
        let report = planned("plan --jobs 1", true).unwrap();
        let table = render::text_of(&report, Format::Table, Some(width)).unwrap();
        assert_golden(&format!("plan-{width}.txt"), &strip_str(&table).to_string());
    }
}

#[test]
fn plan_says_what_would_change_a_decision() {
    let report = planned("plan --job extract --what-would-change", true).unwrap();
    golden("plan-turning", &report);
}

#[test]
fn plan_follows_the_job_s_zone_over_a_change_of_the_clocks() {
    golden(
        "plan-clocks",
        &planned("plan --job extract --from 2027-03-26 --count 4", true).unwrap(),
    );
}

#[test]
fn plan_works_before_the_daemon_first_ran() {
    golden("plan-without-store", &planned("plan --job thumbs", false).unwrap());
}

#[test]
fn plan_names_the_job_that_was_probably_meant() {
    assert_eq!(
        failure(&planned("plan --job extrakt", true).unwrap_err()),
        "error: the catalogue has no job named extrakt\nhint: did you mean extract?\n"
    );
    assert_eq!(
        failure(&planned("plan --job retired", true).unwrap_err()),
        "error: job retired is disabled\n\
         hint: set `enabled = true` in the catalogue to have it run\n"
    );
}

#[test]
fn prices_show_every_pool_with_its_discount_and_age() {
    let Verb::Prices(args) = verb("prices") else { panic!() };
    golden("prices", &wait(prices::run(&args, &story::store(), story::now())).unwrap());
}

#[test]
fn runs_show_their_attempts_and_log_streams() {
    golden("runs", &listed("runs"));
}

#[test]
fn runs_can_be_narrowed_down() {
    let ids = |line: &str| -> Vec<String> {
        listed(line).runs.iter().map(|run| run.id.to_string()).collect()
    };
    assert_eq!(
        ids("runs --open --class quick"),
        ["thumbs-20261121T040000Z"],
        "only what has not ended, of one class"
    );
    assert_eq!(ids("runs --job extract --since 1h"), ["extract-20261121T040800Z"]);
    assert_eq!(ids("runs --limit 1"), ["extract-20261121T040800Z"]);
    assert!(listed("runs --limit 1").limited);
    assert!(ids("runs --job nothing").is_empty());
}

#[test]
fn savings_add_up_and_show_losses_as_such() {
    golden("savings", &saved("savings").unwrap());
    golden("savings-label", &saved("savings --by label:team --since 2026-11-21T03:00Z").unwrap());
    let report = saved("savings --by job").unwrap();
    let sum: spotcron::domain::Usd = report.groups.iter().map(|group| group.cost_usd).sum();
    assert_eq!(sum, report.total.cost_usd);
    let attempts: u64 = report.groups.iter().map(|group| group.attempts).sum();
    assert_eq!(attempts, report.total.attempts);
}

/// In parts, and the parts of parts, it is the same money.
#[test]
fn savings_by_several_things_add_up_to_those_by_one() {
    golden("savings-month-label", &saved("savings --by month,label:team").unwrap());
    let by_team = saved("savings --by label:team").unwrap();
    let by_both = saved("savings --by label:team,day,job").unwrap();
    assert_eq!(by_both.by, "label:team,day,job");
    assert!(by_both.groups.len() > by_team.groups.len());
    for team in &by_team.groups {
        let parts = by_both.groups.iter().filter(|group| group.keys[0] == team.group);
        let cost: spotcron::domain::Usd = parts.map(|group| group.cost_usd).sum();
        assert_eq!(cost, team.cost_usd, "{}", team.group);
    }
    let days = by_both.groups.iter().map(|group| group.keys[1].as_str());
    assert!(days.into_iter().all(|day| day.parse::<jiff::civil::Date>().is_ok()));
}

#[test]
fn savings_of_the_published_example_are_exact() {
    let report = saved("savings --by job").unwrap();
    let thumbs = report.groups.iter().find(|group| group.group == "thumbs").unwrap();
    assert_eq!(thumbs.saved_usd.rounded(6), "0.094340");
    assert_eq!(thumbs.saved_percent.as_ref().unwrap().to_string(), "68.3");
}

#[test]
fn savings_by_a_label_that_no_class_has_are_refused_with_the_ones_there_are() {
    for (key, hint) in [("tema", "did you mean label:team?"), ("xyz", "its labels are team")] {
        let error = saved(&format!("savings --by label:{key}")).unwrap_err();
        assert_eq!(
            failure(&error),
            format!("error: no class of the catalogue has a label named {key}\nhint: {hint}\n")
        );
    }
}

#[test]
fn savings_of_no_time_are_refused() {
    let error = saved("savings --since 1h --until 2h").unwrap_err();
    assert_eq!(failure(&error), "error: --until is not after --since\n");
    assert_eq!(error.blame.exit_code(), 2);
}

#[test]
fn explain_tells_the_story_from_the_decision_to_the_cent() {
    let (store, catalogue) = (story::store(), story::catalogue());
    let explained = |run| explained(run, &store, Ok(&catalogue));
    golden("explain", &explained(story::EXTRACT).unwrap());
    golden("explain-cheap", &explained(story::THUMBS).unwrap());
    golden("explain-provisional", &explained("report").unwrap());
    golden("explain-unpriced", &explained("audit").unwrap());
    golden("explain-held", &explained("rebuild-20261121").unwrap());
    golden("explain-uncertain", &explained("extract-20261121T0408").unwrap());
}

#[test]
fn explain_helps_with_ids_that_are_not_quite_right() {
    let (store, catalogue) = (story::store(), story::catalogue());
    let explained = |run| explained(run, &store, Ok(&catalogue));
    assert_eq!(
        failure(&explained("extract-20261121T020001Z").unwrap_err()),
        "error: there is no run extract-20261121T020001Z\n\
         hint: did you mean extract-20261121T020000Z?\n"
    );
    assert_eq!(
        failure(&explained("thumbs").unwrap_err()),
        "error: 2 runs begin with thumbs\n\
         hint: say which: thumbs-20261121T040000Z, thumbs-20261121T030000Z\n"
    );
    let error = explained("x").unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("`spotcron runs` lists the runs that the store holds"));
    assert_eq!(error.blame.exit_code(), 2);
}
