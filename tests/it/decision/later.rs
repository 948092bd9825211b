//! First legs that are put off, because that is expected to cost less.

use jiff::Timestamp;
use spotcron::decision::{Decision, Guard, Reason, verify};
use spotcron::domain::{EnvironmentName, Ppm, Usd};
use spotcron::experience::{EnvironmentExperience, Sent};

use super::money::covered;
use super::{Case, chosen};
use crate::samples::{at, mins};

/// It is 02:00; the steady environment costs 0.081230769 for the hour, spot 0.028921998.
fn case(start_within: i64) -> Case {
    let mut case = Case::usual();
    case.start_within = Some(mins(start_within));
    case
}

fn cooling(mut case: Case) -> Case {
    let mut seen = EnvironmentExperience::default();
    seen.record_starvation(case.now - mins(5), mins(10));
    case.experience.environments.insert("spot".into(), seen);
    case
}

fn put_off(decision: &Decision) -> Option<(Timestamp, EnvironmentName, String)> {
    match &decision.reasons[..] {
        [Reason::WaitsForBetter { until, environment, saving }] => {
            assert_eq!((&decision.chosen, decision.wait_until), (&None, None));
            Some((*until, environment.clone(), saving.to_string()))
        }
        _ => None,
    }
}

fn until(
    time: &str,
    environment: &str,
    saving: &str,
) -> Option<(Timestamp, EnvironmentName, String)> {
    Some((at(&format!("2026-11-21T{time}Z")), environment.into(), saving.to_owned()))
}

fn objects(case: &Case, decision: &Decision, about: &str) {
    let found = verify(&case.question(), decision);
    assert!(found.iter().any(|violation| violation.0.contains(about)), "{about}: {found:?}");
}

#[test]
fn a_run_waits_for_hours_that_are_paid_for_if_it_may_wait_so_long() {
    let best = || until("03:00:00", "steady", "0.028921998");
    // A minute of the hour would not be covered; of a start at 02:30 half of it, and that is too little.
    let nearly = until("02:59:00", "steady", "0.027568152");
    for (minutes, expected) in [(30, None), (59, nearly), (60, best()), (240, best())] {
        let mut case = case(minutes);
        case.environments[1].covered = vec![covered("UTC", 180, 300)];
        assert_eq!(put_off(&case.decide()), expected, "{minutes}");
        case.start_within = None;
        assert_eq!(chosen(&case.decide()), "spot");
    }
}

#[test]
fn the_deadline_ends_a_wait_before_there_is_no_room_for_an_interruption() {
    let mut case = case(120);
    case.environments[1].covered = vec![covered("UTC", 180, 300)];
    // 126 minutes of room, and an hour of wait.
    case.deadline = Some(mins(186));
    assert_eq!(put_off(&case.decide()), until("03:00:00", "steady", "0.028921998"));
    case.deadline = Some(mins(185));
    assert_eq!(put_off(&case.decide()), until("02:59:00", "steady", "0.027568152"));
    case.deadline = Some(mins(126));
    assert_eq!(chosen(&case.decide()), "spot", "no time at all");
}

#[test]
fn the_earliest_of_the_best_starts_is_taken() {
    let mut case = case(240);
    case.environments.remove(0);
    // 30 minutes are covered from 02:20 on, as of a start at 02:50; now it is only 10.
    case.environments[0].covered = vec![covered("UTC", 170, 200)];
    assert_eq!(put_off(&case.decide()), until("02:20:00", "steady", "0.027076923"));
    // 40 % of 0.067692307 are saved.
    case.class.min_saving = Ppm(400_001);
    assert_eq!(chosen(&case.decide()), "steady");
    case.class.min_saving = Ppm(400_000);
    assert!(put_off(&case.decide()).is_none(), "rounded to the nano-dollar it is a little less");
    case.class.min_saving = Ppm(399_999);
    assert!(put_off(&case.decide()).is_some());
}

#[test]
fn what_others_use_is_not_waited_for() {
    let mut case = case(120);
    case.environments[1].covered = vec![covered("UTC", 180, 300)];
    case.in_use.insert("steady".into(), 6001);
    assert_eq!(chosen(&case.decide()), "spot");
}

#[test]
fn a_run_waits_until_spot_may_be_tried_again() {
    assert_eq!(chosen(&cooling(Case::usual()).decide()), "steady");
    let decision = cooling(case(10)).decide();
    assert_eq!(put_off(&decision), until("02:10:00", "spot", "0.052308771"));
    assert_eq!(chosen(&cooling(case(9)).decide()), "steady", "it is left alone for longer");
    let mut dear = cooling(case(10));
    dear.class.min_saving = Ppm::from_percent(90);
    assert_eq!(chosen(&dear.decide()), "steady");
    let mut forced = cooling(case(10));
    forced.class.max_price = Some("0.01".parse().unwrap());
    assert_eq!(chosen(&forced.decide()), "steady", "it is ruled out then, too");
}

/// Whoever waited for the cooldown with others finds one of them trying; it looks again every five minutes.
#[test]
fn a_run_that_is_not_the_probe_waits_for_what_that_finds() {
    let probed = |start_within| {
        let mut case = case(start_within);
        let mut seen = EnvironmentExperience::default();
        seen.record_starvation(case.now - mins(30), mins(10));
        case.experience.environments.insert("spot".into(), seen);
        case.in_flight.add(&"spot".into(), Sent { at: case.now - mins(5), started_at: None });
        case
    };
    let decision = probed(5).decide();
    assert!(matches!(decision.candidates[0].guards[..], [Guard::ProbeUnderWay { .. }]));
    assert_eq!(put_off(&decision), until("02:05:00", "spot", "0.052308771"));
    assert_eq!(chosen(&probed(4).decide()), "steady");
    let mut later = decision.clone();
    let [Reason::WaitsForBetter { until, .. }] = &mut later.reasons[..] else { panic!() };
    *until += mins(1);
    objects(&probed(60), &later, "a run is put off for");
}

#[test]
fn the_best_of_several_waits_is_taken() {
    let mut case = cooling(case(120));
    case.environments[1].covered = vec![covered("UTC", 180, 300)];
    assert_eq!(put_off(&case.decide()), until("03:00:00", "steady", "0.081230769"));
    case.environments[1].covered = vec![covered("UTC", 180, 190)];
    assert_eq!(put_off(&case.decide()), until("02:10:00", "spot", "0.052308771"));
}

#[test]
fn the_verifier_knows_when_a_run_may_wait_and_what_for() {
    let mut case = case(120);
    case.environments[1].covered = vec![covered("UTC", 180, 300)];
    let lawful = case.decide();
    let with = |until: &str, environment: &str, saving: &str| Decision {
        reasons: vec![Reason::WaitsForBetter {
            until: at(&format!("2026-11-21T{until}Z")),
            environment: environment.into(),
            saving: saving.parse::<Usd>().unwrap(),
        }],
        ..lawful.clone()
    };
    assert_eq!(verify(&case.question(), &with("03:00:00", "steady", "0.028921998")), []);
    objects(&case, &with("03:00:00", "steady", "0.028921999"), "a wait saves what is said");
    objects(&case, &with("02:30:00", "steady", "0.028921998"), "a wait saves what is said");
    objects(&case, &with("04:00:01", "steady", "0.028921998"), "within the freedom");
    objects(&case, &with("02:00:00", "steady", "0.028921998"), "within the freedom");
    objects(&case, &with("03:00:00", "spot", "0"), "for a known cost");
    let mut at_once = lawful.clone();
    at_once.chosen = Some("spot".into());
    objects(&case, &at_once, "goes nowhere now");
    case.start_within = None;
    objects(&case, &lawful, "within the freedom");
    let now = case.decide();
    case.start_within = Some(mins(120));
    objects(&case, &now, "is put off for what saves the class's margin");
    // A later start would save more than this one.
    case.environments[1].covered = vec![covered("UTC", 160, 300)];
    let half = with("02:20:00", "steady", "0.001845075");
    objects(&case, &half, "for the wait that saves most");
}
