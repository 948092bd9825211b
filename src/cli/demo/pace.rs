//! How virtual time passes: as fast as it can, or at a speed that a person can follow.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Speed;
use crate::cli::live::{LiveModel, LiveView, ViewInput};
use crate::daemon::{Pace, Shared};

/// One redraw of the screen, and one look at the keyboard.
const FRAME: Duration = Duration::from_millis(50);
/// At full speed the server gets a turn so often.
const STEPS_A_TURN: u32 = 500;

/// No screen and no waiting.
#[derive(Debug, Default)]
pub struct Headless {
    steps: u32,
}

#[async_trait]
impl Pace for Headless {
    async fn before(&mut self, _from: Timestamp, _to: Timestamp) -> bool {
        self.steps = (self.steps + 1) % STEPS_A_TURN;
        if self.steps == 0 {
            tokio::task::yield_now().await;
        }
        true
    }
}

/// The live view, redrawn while time passes.
pub struct Live {
    shared: Arc<Shared>,
    model: LiveModel,
    view: LiveView,
    told: u64,
    priced_at: Option<Timestamp>,
    /// Virtual time gained since the last frame, at full speed.
    steps: u32,
    filming: bool,
}

impl Live {
    pub fn new(shared: Arc<Shared>, model: LiveModel, view: LiveView) -> Self {
        Live { shared, model, view, told: 0, priced_at: None, steps: 0, filming: false }
    }

    /// Looks at every step and never waits: for a picture rather than a person.
    pub fn filming(mut self) -> Self {
        self.filming = true;
        self
    }

    pub fn into_model(mut self, now: Timestamp) -> LiveModel {
        self.frame(now);
        self.model
    }

    /// Takes over what happened, draws, and does what was typed. `false` to end.
    fn frame(&mut self, now: Timestamp) -> bool {
        let (events, told) = self.shared.book.events_since(self.told);
        self.told = told;
        for event in &events {
            self.model.apply(event);
        }
        self.model.now = now;
        self.model.set_totals(&self.shared.book.tally());
        let market = self.shared.market.load();
        if market.refreshed_at != self.priced_at {
            self.priced_at = market.refreshed_at;
            for quotes in market.environments.values() {
                self.model.set_market(quotes);
            }
        }
        match self.view.tick(&self.model) {
            Ok(ViewInput::Nothing) => true,
            Ok(ViewInput::Quit) | Err(_) => false,
            Ok(ViewInput::TogglePause) => {
                self.model.paused = !self.model.paused;
                true
            }
            Ok(ViewInput::Faster) => {
                self.model.speed = self.model.speed.faster();
                true
            }
            Ok(ViewInput::Slower) => {
                self.model.speed = self.model.speed.slower();
                true
            }
        }
    }
}

#[async_trait]
impl Pace for Live {
    async fn before(&mut self, from: Timestamp, to: Timestamp) -> bool {
        if self.filming {
            return self.frame(to);
        }
        let mut now = from;
        loop {
            match self.model.speed {
                Speed::Max if !self.model.paused => {
                    self.steps = (self.steps + 1) % STEPS_A_TURN;
                    if self.steps > 0 {
                        return true;
                    }
                    now = to;
                }
                _ => {}
            }
            if !self.frame(now) {
                return false;
            }
            if now >= to && !self.model.paused {
                tokio::task::yield_now().await;
                return true;
            }
            let wait = self.until_next_frame(now, to);
            tokio::time::sleep(wait).await;
            if let (Speed::Times(times), false) = (self.model.speed, self.model.paused) {
                let gained = wait.as_micros() as i64 * i64::from(times);
                now = (now + SignedDuration::from_micros(gained)).min(to);
            }
        }
    }
}

impl Live {
    fn until_next_frame(&self, now: Timestamp, to: Timestamp) -> Duration {
        let Speed::Times(times) = self.model.speed else { return FRAME };
        if self.model.paused {
            return FRAME;
        }
        let left = to.duration_since(now).as_micros().max(0) as u64 / u64::from(times.max(1));
        FRAME.min(Duration::from_micros(left.max(1)))
    }
}
