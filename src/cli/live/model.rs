//! What the live view knows. Plain values: no terminal, no clock.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::cli::demo::Speed;
use crate::cli::prices::{discount, typical};
use crate::cli::render::sentence;
use crate::cli::render::table::Tone;
use crate::cli::summary::Totals;
use crate::domain::{
    AttemptEnd, Capacity, EnvironmentName, LegCause, Ppm, RunId, RunOutcome, UsdPerHour,
};
use crate::ledger::Tally;
use crate::market::EnvironmentMarket;
use crate::run::{RunEvent, RunEventKind};

/// Events kept for the view.
const KEPT_EVENTS: usize = 500;
/// Prices kept for a sparkline: one a refresh.
const KEPT_PRICES: usize = 120;

/// Everything on the screen.
#[derive(Debug, Clone)]
pub struct LiveModel {
    pub seed: u64,
    pub started_at: Timestamp,
    /// Virtual time.
    pub now: Timestamp,
    pub speed: Speed,
    pub paused: bool,
    /// `http://127.0.0.1:9188/metrics`, once it is served.
    pub metrics_url: Option<String>,
    pub totals: Totals,
    pub prices: BTreeMap<EnvironmentName, PriceLine>,
    /// Oldest first.
    pub events: VecDeque<EventLine>,
    /// How many events there were, the forgotten ones included.
    pub events_seen: u64,
    pub open: BTreeMap<RunId, OpenRun>,
}

/// One environment's prices, for two vCPUs.
#[derive(Debug, Clone)]
pub struct PriceLine {
    pub capacity: Capacity,
    pub spot: Option<UsdPerHour>,
    pub on_demand: Option<UsdPerHour>,
    /// Spot prices, oldest first, in units of 10⁻¹⁰ USD an hour.
    pub history: VecDeque<u64>,
    pub unusable: bool,
}

/// One event, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    pub at: Timestamp,
    pub run: RunId,
    pub text: String,
    pub tone: Tone,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// When it stands where it stands.
    pub since: Timestamp,
    pub doing: &'static str,
    pub leg: u16,
    pub place: Option<(EnvironmentName, Capacity)>,
    pub late: bool,
}

impl LiveModel {
    pub fn new(seed: u64, started_at: Timestamp, speed: Speed) -> Self {
        LiveModel {
            seed,
            started_at,
            now: started_at,
            speed,
            paused: false,
            metrics_url: None,
            totals: Totals::of(&Tally::default()),
            prices: BTreeMap::new(),
            events: VecDeque::new(),
            events_seen: 0,
            open: BTreeMap::new(),
        }
    }

    /// Takes in the daemon's totals.
    pub fn set_totals(&mut self, tally: &Tally) {
        self.totals = Totals::of(tally);
    }

    /// Takes in one environment's prices after a refresh.
    pub fn set_market(&mut self, market: &EnvironmentMarket) {
        let (spot, on_demand) = typical(market);
        let line = self.prices.entry(market.environment.clone()).or_insert_with(|| PriceLine {
            capacity: market.capacity,
            spot: None,
            on_demand: None,
            history: VecDeque::new(),
            unusable: false,
        });
        line.spot = spot;
        line.on_demand = on_demand;
        line.unusable = market.unusable.is_some();
        if let Some(units) = spot.and_then(|price| u64::try_from(price.units()).ok()) {
            line.history.push_back(units);
            if line.history.len() > KEPT_PRICES {
                line.history.pop_front();
            }
        }
    }

    /// Takes in one event of a run.
    pub fn apply(&mut self, event: &RunEvent) {
        self.now = self.now.max(event.at);
        self.follow(event);
        self.events_seen += 1;
        self.events.push_back(EventLine {
            at: event.at,
            run: event.run.clone(),
            text: sentence::event(&event.kind),
            tone: tone(&event.kind),
        });
        if self.events.len() > KEPT_EVENTS {
            self.events.pop_front();
        }
    }

    fn follow(&mut self, event: &RunEvent) {
        let fresh = OpenRun { since: event.at, doing: "due", leg: 0, place: None, late: false };
        let doing = match &event.kind {
            RunEventKind::Ended { .. } => {
                self.open.remove(&event.run);
                return;
            }
            RunEventKind::Due
            | RunEventKind::Adopted { .. }
            | RunEventKind::Triggered { .. }
            | RunEventKind::Backfilled { .. }
            | RunEventKind::Retried { .. } => {
                self.open.insert(event.run.clone(), fresh);
                return;
            }
            // Comes after the run's end: it must not open it again.
            RunEventKind::Settled { .. } => return,
            RunEventKind::Waits { .. } => "waiting for others",
            RunEventKind::Released => "deciding",
            RunEventKind::Decided { decision, .. } if decision.chosen.is_none() => "held back",
            RunEventKind::Decided { .. } => "submitting",
            RunEventKind::Submitted { .. } => "waiting for capacity",
            RunEventKind::OutcomeUnknown { .. } => "looking it up",
            RunEventKind::RunsAgain { .. } => "deciding",
            RunEventKind::SubmitFailed { .. } => "submitting",
            RunEventKind::Started { .. } => "running",
            RunEventKind::StopRequested { .. } => "stopping",
            RunEventKind::AttemptEnded { .. } => "deciding",
            RunEventKind::DeadlineMissed => {
                self.open.entry(event.run.clone()).or_insert(fresh).late = true;
                return;
            }
            RunEventKind::OverBudget { .. }
            | RunEventKind::GoesBack { .. }
            | RunEventKind::LookedUp { .. }
            | RunEventKind::DuplicateFound { .. }
            | RunEventKind::DeadlineUnreachable { .. }
            | RunEventKind::Skipped { .. }
            | RunEventKind::StopWanted { .. } => return,
        };
        let run = self.open.entry(event.run.clone()).or_insert(fresh);
        (run.doing, run.since) = (doing, event.at);
        if let RunEventKind::Submitted { leg, environment, capacity, .. } = &event.kind {
            run.leg = *leg;
            run.place = Some((environment.clone(), *capacity));
        }
    }
}

impl PriceLine {
    /// What spot saves against on demand.
    pub fn discount(&self) -> Option<Ppm> {
        discount(self.spot, self.on_demand)
    }
}

fn tone(kind: &RunEventKind) -> Tone {
    match kind {
        RunEventKind::Due
        | RunEventKind::Waits { .. }
        | RunEventKind::Released
        | RunEventKind::LookedUp { .. }
        | RunEventKind::Settled { .. } => Tone::Faint,
        RunEventKind::Adopted { .. }
        | RunEventKind::Triggered { .. }
        | RunEventKind::Backfilled { .. }
        | RunEventKind::Retried { .. }
        | RunEventKind::Submitted { .. }
        | RunEventKind::GoesBack { .. }
        | RunEventKind::Started { .. } => Tone::Plain,
        RunEventKind::Decided { cause: LegCause::Scheduled, decision, .. }
            if decision.chosen.is_some() =>
        {
            Tone::Plain
        }
        RunEventKind::Decided { .. }
        | RunEventKind::OverBudget { .. }
        | RunEventKind::OutcomeUnknown { .. }
        | RunEventKind::RunsAgain { .. }
        | RunEventKind::DuplicateFound { .. }
        | RunEventKind::StopRequested { .. }
        | RunEventKind::StopWanted { .. }
        | RunEventKind::Skipped { .. }
        | RunEventKind::SubmitFailed { will_repeat: true, .. } => Tone::Warn,
        RunEventKind::SubmitFailed { .. }
        | RunEventKind::DeadlineUnreachable { .. }
        | RunEventKind::DeadlineMissed => Tone::Bad,
        RunEventKind::AttemptEnded { end, .. } => match end {
            AttemptEnd::Succeeded => Tone::Good,
            AttemptEnd::Failed | AttemptEnd::TimedOut => Tone::Bad,
            _ => Tone::Warn,
        },
        RunEventKind::Ended { outcome } => match outcome {
            RunOutcome::Succeeded => Tone::Good,
            RunOutcome::Observed | RunOutcome::Cancelled | RunOutcome::Skipped => Tone::Warn,
            _ => Tone::Bad,
        },
    }
}
