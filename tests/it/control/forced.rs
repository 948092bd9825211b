//! Decisions of what somebody keeps on capacity that is not taken back.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use spotcron::decision::{ForcedOnDemand, ForcedScope, Guard, Question, Reason, decide, verify};
use spotcron::domain::{Capacity, LegCause, Usd};
use spotcron::experience::{Experience, InFlight};
use spotcron::market::Market;

use crate::samples::{self, at, mins};

fn forced() -> ForcedOnDemand {
    ForcedOnDemand { by: "alice".to_owned(), scope: ForcedScope::Class, until: None }
}

fn market() -> Market {
    let now = at("2026-11-21T02:00:00Z");
    let quotes = |name, capacity, spot: &[Option<&str>]| {
        samples::quotes(name, capacity, spot, Some("0.20"), now)
    };
    let spot = quotes("spot", Capacity::Spot, &[Some("0.05")]);
    samples::market(vec![spot, quotes("steady", Capacity::OnDemand, &[None])], now)
}

#[test]
fn spot_is_ruled_out_for_that_reason_however_cheap_it_is() {
    let class = samples::class("c", &["spot", "steady"]);
    let environments = [
        samples::environment("spot", Capacity::Spot),
        samples::environment("steady", Capacity::OnDemand),
    ];
    let (market, experience, word) = (market(), Experience::default(), forced());
    let free = Question {
        class: &class,
        environments: environments.iter().collect(),
        resources: samples::resources(),
        containers: 1,
        vcpu_millis_in_use: BTreeMap::new(),
        market: &market,
        experience: &experience,
        now: at("2026-11-21T02:00:00Z"),
        deadline_at: None,
        starts_by: None,
        spent: Usd::ZERO,
        cause: LegCause::Scheduled,
        legs: 0,
        progress: SignedDuration::ZERO,
        lengths: samples::lengths(&class),
        cooldown: mins(15),
        in_flight: &InFlight::default(),
        forced: None,
    };
    assert_eq!(decide(&free).chosen, Some("spot".into()));
    let asked = Question { forced: Some(&word), ..free.clone() };
    let decision = decide(&asked);
    assert_eq!(decision.chosen, Some("steady".into()));
    let guard = Guard::ForcedOnDemand(word.clone());
    assert_eq!(decision.reasons[0], Reason::Fallback { guard: guard.clone() });
    assert_eq!(decision.candidates[0].guards, [guard]);
    assert_eq!(verify(&asked, &decision), []);
    // The checker wants the word said, and said truly.
    assert_ne!(verify(&free, &decision), []);
    assert_ne!(verify(&asked, &decide(&free)), []);
    let other = ForcedOnDemand { by: "bob".to_owned(), ..word.clone() };
    assert_ne!(verify(&Question { forced: Some(&other), ..free }, &decision), []);
}

#[test]
fn where_spot_is_all_there_is_the_run_waits_rather_than_break_the_word() {
    let class = samples::class("c", &["spot"]);
    let spot = samples::environment("spot", Capacity::Spot);
    let (market, experience, word) = (market(), Experience::default(), forced());
    let decision = decide(&Question {
        class: &class,
        environments: vec![&spot],
        resources: samples::resources(),
        containers: 1,
        vcpu_millis_in_use: BTreeMap::new(),
        market: &market,
        experience: &experience,
        now: at("2026-11-21T02:00:00Z"),
        deadline_at: Some(at("2026-11-21T02:30:00Z")),
        starts_by: None,
        spent: Usd::ZERO,
        cause: LegCause::Scheduled,
        legs: 0,
        progress: SignedDuration::ZERO,
        lengths: samples::lengths(&class),
        cooldown: mins(15),
        in_flight: &InFlight::default(),
        forced: Some(&word),
    });
    assert_eq!(decision.chosen, None);
    let [Reason::Hold { .. }, Reason::DeadlineCannotBeMet { late_secs }] = decision.reasons[..]
    else {
        panic!("{:?}", decision.reasons)
    };
    assert_eq!(late_secs, 33 * 60, "63 minutes with 30 left");
}
