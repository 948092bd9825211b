//! A small, believable night: a spot leg that was taken back and its on-demand fallback, a cheap
//! success, a provisional one, a failure without a price, a run going on, one held back, and one
//! whose submission nobody can vouch for.

mod market;
pub mod parts;

use jiff::Timestamp;
use spotcron::decision::{Candidate, Decision, Guard, Reason};
use spotcron::domain::{AttemptEnd, Capacity, InputSize, LegCause, Ppm, RunOutcome, Share, Usd};
use spotcron::experience::Level;
use spotcron::experience::durations::{Lengths, Scaling};
use spotcron::ledger::{EntryState, Unpriced};
use spotcron::run::{RunEventKind, RunState};
use spotcron::schedule::{SkipReason, Skipped};

pub use market::{catalogue, markets};
use parts::{AttemptPart, Teller, candidate, priced};

use super::memory::MemoryStore;

pub const EXTRACT: &str = "extract-20261121T020000Z";
pub const THUMBS: &str = "thumbs-20261121T030000Z";

/// A time of the night.
pub fn at(clock: &str) -> Timestamp {
    format!("2026-11-21T{clock}Z").parse().unwrap()
}

/// When somebody looks.
pub fn now() -> Timestamp {
    at("04:10:00")
}

/// The whole story.
pub fn store() -> MemoryStore {
    let mut teller = Teller::default();
    interrupted_then_on_demand(&mut teller);
    cheap_success(&mut teller);
    provisional(&mut teller);
    failed_without_a_price(&mut teller);
    going_on(&mut teller);
    held_back(&mut teller);
    uncertain(&mut teller);
    teller.store.markets = markets();
    teller.store.skips = vec![
        skip("rebuild", "01:05", "01:05", 1, SkipReason::Paused),
        skip("nightly-report", "00:10", "00:50", 5, SkipReason::CatchUpWindow),
    ];
    teller.store
}

fn skip(job: &str, first: &str, last: &str, count: u64, reason: SkipReason) -> Skipped {
    Skipped { job: job.into(), first: at(first), last: at(last), count, reason }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub fn spot_chosen(clock: &str) -> Decision {
    Decision {
        at: at(clock),
        chosen: Some("spot-a".into()),
        reasons: vec![Reason::Cheapest {
            expected_cost: usd("0.1094"),
            second: Some(("on-demand-a".into(), usd("0.2995"))),
        }],
        candidates: vec![
            candidate("spot-a", Capacity::Spot, "0.1031", 60_000, "0.1094", Vec::new()),
            candidate("on-demand-a", Capacity::OnDemand, "0.2995", 0, "0.2995", Vec::new()),
        ],
        wait_until: Some(at(clock) + jiff::SignedDuration::from_mins(20)),
        lengths: Some(Lengths {
            expected: jiff::SignedDuration::from_mins(52),
            planned: jiff::SignedDuration::from_mins(70),
            finished: 17,
            unfinished: 2,
            percentile: 95,
            scaling: Scaling::By(InputSize::parse("250000").unwrap()),
        }),
    }
}

fn fallback_chosen() -> Decision {
    let guards = vec![
        Guard::DeadlineTooNear { slack_secs: -720 },
        Guard::CoolingDown { until: at("02:46:10") },
    ];
    Decision {
        at: at("02:31:10"),
        chosen: Some("on-demand-a".into()),
        reasons: vec![Reason::Fallback { guard: guards[0].clone() }],
        candidates: vec![
            Candidate {
                stale_pools: 1,
                level: Some(Level {
                    factor: Ppm(1_700_000),
                    interruptions: 3,
                    watched_secs: 40 * 3600,
                    advised: Some(Ppm(1_300_000)),
                }),
                ..candidate("spot-a", Capacity::Spot, "0.1033", 170_000, "0.1265", guards)
            },
            candidate("on-demand-a", Capacity::OnDemand, "0.2995", 0, "0.2995", Vec::new()),
        ],
        wait_until: None,
        lengths: None,
    }
}

fn interrupted_then_on_demand(teller: &mut Teller) {
    teller.begin("extract", "nightly", "02:00:00", Some("06:00:00"));
    teller.say("02:00:00", RunEventKind::Due);
    teller.decide("02:00:00", 0, LegCause::Scheduled, spot_chosen("02:00:00"));
    teller.submit("02:00:01", 0, LegCause::Scheduled, "spot-a", Capacity::Spot);
    teller.start("02:03:20", 0, "m6i.xlarge", "eu-west-1a");
    let attempt = AttemptPart {
        leg: 0,
        started: Some("02:03:20"),
        stopped: Some("02:30:50"),
        end: Some(AttemptEnd::Interrupted),
        exit_code: None,
        reason: Some("Host EC2 (instance i-0a1b2c3d) terminated."),
        host: Some(("i-0a1b2c3d", "m6i.xlarge", "eu-west-1a")),
    };
    let share = Share::new(22, 52).unwrap();
    let cost = priced("0.020012", "0", "0.020012", share, "02:03:20", "02:30:50");
    teller.attempt("spot-a", Capacity::Spot, attempt, Some(EntryState::Final(cost)));
    let cause = LegCause::Interrupted;
    teller.decide("02:31:10", 1, cause, fallback_chosen());
    teller.submit("02:31:11", 1, cause, "on-demand-a", Capacity::OnDemand);
    teller.start("02:33:40", 1, "m6i.2xlarge", "eu-west-1b");
    let attempt = AttemptPart {
        leg: 1,
        started: Some("02:33:40"),
        stopped: Some("03:32:40"),
        end: Some(AttemptEnd::Succeeded),
        exit_code: Some(0),
        reason: Some("Essential container in task exited"),
        host: Some(("i-0d4e5f60", "m6i.2xlarge", "eu-west-1b")),
    };
    let share = Share::new(11, 52).unwrap();
    let cost = priced("0.089068462", "0.089068462", "0", share, "02:33:40", "03:32:40");
    teller.attempt("on-demand-a", Capacity::OnDemand, attempt, Some(EntryState::Final(cost)));
    teller.end("03:32:55", RunOutcome::Succeeded);
    let (cost, on_demand) = (Some(usd("0.089068462")), Some(usd("0.089068462")));
    teller.say("03:35:00", RunEventKind::Settled { leg: 1, cost, on_demand });
}

/// AWS's published example: c4.4xlarge, 625 s, 0.7960 on demand, 0.2526 spot.
fn cheap_success(teller: &mut Teller) {
    teller.begin("thumbs", "quick", "03:00:00", Some("04:00:00"));
    teller.say("03:00:00", RunEventKind::Due);
    teller.decide("03:00:00", 0, LegCause::Scheduled, spot_chosen("03:00:00"));
    teller.submit("03:00:01", 0, LegCause::Scheduled, "spot-a", Capacity::Spot);
    teller.start("03:01:00", 0, "c4.4xlarge", "us-east-1a");
    let attempt = AttemptPart {
        leg: 0,
        started: Some("03:01:00"),
        stopped: Some("03:11:25"),
        end: Some(AttemptEnd::Succeeded),
        exit_code: Some(0),
        reason: Some("Essential container in task exited"),
        host: Some(("i-0feedbee", "c4.4xlarge", "us-east-1a")),
    };
    let cost = priced("0.043854167", "0.138194444", "0", Share::WHOLE, "03:01:00", "03:11:25");
    teller.attempt("spot-a", Capacity::Spot, attempt, Some(EntryState::Final(cost)));
    teller.end("03:11:40", RunOutcome::Succeeded);
}

fn provisional(teller: &mut Teller) {
    teller.begin("report", "quick", "03:30:00", None);
    teller.say("03:30:00", RunEventKind::Due);
    teller.submit("03:30:01", 0, LegCause::Scheduled, "spot-a", Capacity::Spot);
    let attempt = AttemptPart {
        leg: 0,
        started: Some("03:31:00"),
        stopped: Some("03:51:00.250"),
        end: Some(AttemptEnd::Succeeded),
        exit_code: Some(0),
        reason: None,
        host: Some(("i-0cafe123", "m6i.xlarge", "eu-west-1a")),
    };
    let share = Share::new(22, 52).unwrap();
    let cost = priced("0.009521", "0.027082", "0", share, "03:31:00", "03:51:00.250");
    teller.attempt("spot-a", Capacity::Spot, attempt, Some(EntryState::Provisional(cost)));
    teller.end("03:51:20", RunOutcome::Succeeded);
}

fn failed_without_a_price(teller: &mut Teller) {
    teller.begin("audit", "nightly", "03:45:00", Some("07:45:00"));
    teller.say("03:45:00", RunEventKind::Due);
    teller.submit("03:45:01", 0, LegCause::Scheduled, "on-demand-a", Capacity::OnDemand);
    let attempt = AttemptPart {
        leg: 0,
        started: Some("03:46:00"),
        stopped: Some("03:48:30"),
        end: Some(AttemptEnd::Failed),
        exit_code: Some(137),
        reason: Some("OutOfMemoryError: Container killed due to memory usage"),
        host: None,
    };
    let state = EntryState::Unpriced { why: Unpriced::HostUnknown };
    teller.attempt("on-demand-a", Capacity::OnDemand, attempt, Some(state));
    teller.end("03:48:45", RunOutcome::Failed);
}

fn going_on(teller: &mut Teller) {
    teller.begin("thumbs", "quick", "04:00:00", Some("05:00:00"));
    teller.say("04:00:00", RunEventKind::Due);
    teller.decide("04:00:00", 0, LegCause::Scheduled, spot_chosen("04:00:00"));
    teller.submit("04:00:01", 0, LegCause::Scheduled, "spot-a", Capacity::Spot);
    teller.start("04:02:30", 0, "m6i.xlarge", "eu-west-1b");
    let attempt = AttemptPart::running("04:02:30", ("i-0b0b0b0b", "m6i.xlarge", "eu-west-1b"));
    teller.attempt("spot-a", Capacity::Spot, attempt, None);
}

fn held_back(teller: &mut Teller) {
    teller.begin("rebuild", "patient", "04:05:00", None);
    teller.say("04:05:00", RunEventKind::Due);
    let unusable = Guard::Unusable { reason: "job queue patient-spot is DISABLED".to_owned() };
    let mut unknown =
        candidate("spot-b", Capacity::Spot, "0", 100_000, "0", vec![unusable, Guard::PriceUnknown]);
    (unknown.price, unknown.price_age_secs) = (None, None);
    (unknown.on_demand, unknown.expected_cost) = (None, None);
    let decision = Decision {
        at: at("04:05:00"),
        chosen: None,
        reasons: vec![Reason::Hold { until: at("04:15:00") }],
        candidates: vec![unknown],
        wait_until: None,
        lengths: None,
    };
    teller.decide("04:05:00", 0, LegCause::Scheduled, decision);
    let cause = LegCause::Scheduled;
    teller.stand(RunState::NeedsLeg { cause, not_before: at("04:15:00") });
}

fn uncertain(teller: &mut Teller) {
    teller.begin("extract", "nightly", "04:08:00", Some("04:09:00"));
    teller.say("04:08:00", RunEventKind::Due);
    teller.submit("04:08:01", 0, LegCause::Scheduled, "spot-a", Capacity::Spot);
    let error = "SubmitJob: no answer within 15s".to_owned();
    teller.say("04:08:16", RunEventKind::OutcomeUnknown { leg: 0, error });
    teller.stand(RunState::Submitting { uncertain_since: Some(at("04:08:16")) });
    teller.say("04:09:00", RunEventKind::DeadlineMissed);
    teller.miss_deadline();
}
