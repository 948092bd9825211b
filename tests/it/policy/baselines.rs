//! The published rules: cases reckoned by hand, ties included, and costs that were computed elsewhere.

use std::collections::BTreeMap;

use serde::Deserialize;
use spotcron::policy::baseline::{Baseline, Beyond};
use spotcron::policy::{Lasting, Mode, Phase};

use super::{job, play};
use crate::samples;

const GREEDY: Baseline = Baseline::Greedy;
const PACE: Baseline = Baseline::UniformProgress;
const EAGER: Baseline = Baseline::UniformProgressNoHysteresis;
const ORACLE: Baseline = Baseline::UniformProgressLifetimeOracle;

/// Ten ticks of work in twenty, half a tick to change over; the on-demand price is three times the other.
fn at(elapsed: i64, done: i64, mode: Mode, phase: Phase) -> Lasting {
    let mut now = job(600, 6000, 300, 12_000);
    (now.elapsed_secs, now.work_secs, now.mode, now.phase) = (elapsed, 6000 - done, mode, phase);
    now
}

fn beyond(life_secs: i64, slice_forced: bool) -> Beyond {
    Beyond { life_secs, on_demand: 3, spot: 1, slice_forced }
}

fn rule(baseline: Baseline, now: Lasting) -> Mode {
    baseline.decide(&now, &beyond(0, false))
}

use Mode::{Idle, OnDemand, Spot};
use Phase::{Down, Up};

#[test]
fn all_rules_stay_on_spot_even_when_it_is_late() {
    for baseline in [GREEDY, PACE, EAGER, ORACLE, Baseline::TimeSliced(3)] {
        assert_eq!(rule(baseline, at(0, 0, Spot, Up)), Spot);
        assert_eq!(rule(baseline, at(11_400, 0, Spot, Up)), Spot);
    }
    assert_eq!(rule(Baseline::OnDemand, at(0, 0, Spot, Up)), OnDemand);
    assert_eq!(rule(Baseline::OnDemand, at(0, 0, Idle, Up)), OnDemand);
}

/// Work and two changeovers are 6600 s, 11 ticks: caught at 11 whole ticks left, not at 12.
#[test]
fn the_safety_net_catches_at_a_tie_before_it_looks_at_capacity() {
    for baseline in [GREEDY, PACE, EAGER, ORACLE, Baseline::TimeSliced(1)] {
        let long = beyond(1_000_000, false);
        assert_eq!(baseline.decide(&at(5400, 0, Idle, Up), &long), OnDemand, "{baseline:?}");
        assert_eq!(baseline.decide(&at(4801, 0, Idle, Up), &long), OnDemand, "{baseline:?}");
        assert_eq!(baseline.decide(&at(4800, 0, Idle, Up), &long), Spot, "{baseline:?}");
        assert_eq!(baseline.decide(&at(5400, 0, OnDemand, Up), &long), OnDemand, "{baseline:?}");
    }
    // One second less work, and the same 11 ticks; 600 s less, and it is 10.
    assert_eq!(rule(GREEDY, at(5400, 599, Idle, Down)), OnDemand);
    assert_eq!(rule(GREEDY, at(5400, 600, Idle, Down)), Idle);
}

#[test]
fn greedy_takes_what_there_is_and_never_leaves_on_demand() {
    assert_eq!(rule(GREEDY, at(0, 0, Idle, Up)), Spot);
    assert_eq!(rule(GREEDY, at(4800, 0, Idle, Down)), Idle, "behind, and it does not mind");
    assert_eq!(rule(GREEDY, at(0, 0, OnDemand, Up)), OnDemand);
}

/// At 1200 s an even pace is 600 s of work; two changeovers further, 900 s.
#[test]
fn uniform_progress_keeps_the_pace_strictly() {
    assert_eq!(rule(PACE, at(0, 0, Idle, Down)), Idle, "nobody is behind at the start");
    assert_eq!(rule(PACE, at(1200, 600, Idle, Down)), Idle, "a tie is not behind");
    assert_eq!(rule(PACE, at(1200, 599, Idle, Down)), OnDemand);
    assert_eq!(rule(PACE, at(1200, 0, Idle, Up)), Spot, "behind, but there is capacity");
    assert_eq!(rule(PACE, at(1200, 900, OnDemand, Up)), OnDemand, "a tie is not ahead");
    assert_eq!(rule(PACE, at(1200, 901, OnDemand, Up)), Spot);
    assert_eq!(rule(PACE, at(1200, 5000, OnDemand, Down)), OnDemand, "never idle from there");
}

#[test]
fn without_hysteresis_it_goes_back_at_once_and_idles_when_ahead() {
    assert_eq!(rule(EAGER, at(1200, 0, OnDemand, Up)), Spot, "even behind");
    assert_eq!(rule(EAGER, at(1200, 599, OnDemand, Down)), OnDemand);
    assert_eq!(rule(EAGER, at(1200, 600, OnDemand, Down)), Idle);
    assert_eq!(rule(EAGER, at(1200, 600, Idle, Down)), Idle);
    assert_eq!(rule(EAGER, at(1200, 599, Idle, Down)), OnDemand);
}

/// k·d / (k − 1) is 450 s, and twice that from on demand; strict.
#[test]
fn the_oracle_takes_only_what_earns_its_changeovers_back() {
    let oracle = |life_secs, now| ORACLE.decide(&now, &beyond(life_secs, false));
    assert_eq!(oracle(450, at(1200, 600, Idle, Up)), Idle);
    assert_eq!(oracle(451, at(1200, 600, Idle, Up)), Spot);
    assert_eq!(oracle(450, at(1200, 599, Idle, Up)), OnDemand, "too short, and behind");
    assert_eq!(oracle(900, at(1200, 0, OnDemand, Up)), OnDemand);
    assert_eq!(oracle(901, at(1200, 0, OnDemand, Up)), Spot, "even behind");
    assert_eq!(oracle(0, at(1200, 5000, OnDemand, Down)), OnDemand, "never idle from there");
}

/// Two slices of 3000 s of work in 6000 s: with 3600 s and two changeovers it is 6 ticks.
#[test]
fn time_slices_force_their_own_part_on_demand() {
    let sliced = Baseline::TimeSliced(2);
    assert_eq!(rule(sliced, at(1800, 0, Idle, Down)), Idle);
    assert_eq!(rule(sliced, at(1800, 0, Idle, Up)), Spot);
    assert_eq!(rule(sliced, at(2400, 0, Idle, Up)), OnDemand, "six ticks left and six needed");
    let forced = |now| sliced.decide(&now, &beyond(0, true));
    assert_eq!(forced(at(600, 0, OnDemand, Up)), OnDemand);
    assert_eq!(forced(at(2400, 3000, OnDemand, Up)), Spot, "the slice's work is done");
    assert_eq!(forced(at(2400, 3000, OnDemand, Down)), Idle);
    // At 6000 s the second slice begins: all 6000 s of work in the 6000 s left.
    assert_eq!(rule(sliced, at(6000, 3000, Idle, Down)), Idle);
    assert_eq!(rule(Baseline::TimeSliced(0), at(0, 0, Idle, Up)), Spot, "no slices are one");
}

#[derive(Deserialize)]
struct Collection {
    gap_seconds: i64,
    series: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    id: String,
    first: u8,
    runs: Vec<usize>,
}

#[derive(Deserialize)]
struct Windows {
    starts: Vec<usize>,
}

#[derive(Deserialize)]
struct Row {
    policy: String,
    series: String,
    window: usize,
    deadline_h: i64,
    changeover_h: f64,
    cost_usd: f64,
}

fn named(policy: &str) -> Option<Baseline> {
    Some(match policy {
        "on_demand" => Baseline::OnDemand,
        "greedy" => GREEDY,
        "uniform_progress" => PACE,
        "uniform_progress_no_hysteresis" => EAGER,
        "uniform_progress_lifetime_oracle" => ORACLE,
        _ => return None,
    })
}

/// Ticks of capacity on end from each tick on; zero where there is none.
fn lives(series: &Series) -> Vec<i64> {
    let mut lives = Vec::new();
    for (index, run) in series.runs.iter().enumerate() {
        let up = (index % 2 == 0) == (series.first == 1);
        lives.extend((0..*run).map(|tick| if up { (run - tick) as i64 } else { 0 }));
    }
    lives
}

/// Dollars of a published row.
fn cost(row: &Row, baseline: Baseline, gap: i64, lives: &[i64]) -> f64 {
    let start =
        job(gap, 172_800, (row.changeover_h * 3600.0).round() as i64, row.deadline_h * 3600);
    let played = play(
        start,
        |modes| Phase::of(lives[modes.len()] > 0),
        |now| {
            let life_secs = lives[(now.elapsed_secs / gap) as usize] * gap;
            let beyond = Beyond { life_secs, on_demand: 30_600, spot: 9731, slice_forced: false };
            baseline.decide(now, &beyond)
        },
    );
    assert!(played.done_secs <= start.allowed_secs, "{} missed its deadline", row.policy);
    let (spot, steady) = (played.count(Spot) as f64, played.count(OnDemand) as f64);
    (spot * 0.9731 + steady * 3.06) * gap as f64 / 3600.0
}

#[test]
fn costs_on_recorded_capacity_are_the_published_ones() {
    let Some(folder) = samples::shared("traces") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let traces: Collection =
        serde_json::from_slice(&read("aws_1node_2022-10-26_600s.json")).unwrap();
    let windows: Windows = serde_json::from_slice(&read("cbl_windows.json")).unwrap();
    let lives: BTreeMap<&str, Vec<i64>> =
        traces.series.iter().map(|series| (series.id.as_str(), lives(series))).collect();
    let golden = read("golden_cbl_costs.csv");
    let (mut checked, mut left_out) = (0, 0);
    for row in csv::Reader::from_reader(golden.as_slice()).deserialize() {
        let row: Row = row.unwrap();
        let Some(baseline) = named(&row.policy) else {
            assert_eq!(row.policy, "omniscient_dp");
            left_out += 1;
            continue;
        };
        let lives = &lives[row.series.as_str()][windows.starts[row.window]..];
        let cost = cost(&row, baseline, traces.gap_seconds, lives);
        let Row { policy, series, window, cost_usd, .. } = &row;
        assert!(
            (cost - cost_usd).abs() < 0.01,
            "{policy} {series} {window}: {cost} for {cost_usd}"
        );
        checked += 1;
    }
    assert_eq!((checked, left_out), (1680, 336));
}
