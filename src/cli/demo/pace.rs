//! How virtual time passes: as fast as it can, or at a speed that a person can follow.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Interval, MissedTickBehavior};

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
    /// Steps since the last frame, at full speed.
    steps: u32,
    owed: Duration,
    frames: Interval,
    filming: bool,
}

impl Live {
    pub fn new(shared: Arc<Shared>, model: LiveModel, view: LiveView) -> Self {
        let mut frames = tokio::time::interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Live {
            shared,
            model,
            view,
            told: 0,
            priced_at: None,
            steps: 0,
            owed: Duration::ZERO,
            frames,
            filming: false,
        }
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
        // Real time that is owed to this step; paid a frame at a time, so that many small steps
        // cost one redraw and the speed holds.
        let owed = self.real_time(to.duration_since(from));
        self.owed += owed;
        while self.model.paused || self.owed >= FRAME {
            self.frames.tick().await;
            let left = self.virtual_time(self.owed.saturating_sub(FRAME));
            if !self.frame((to - left).max(from)) {
                return false;
            }
            if !self.model.paused {
                self.owed = self.owed.saturating_sub(FRAME);
            }
        }
        true
    }
}

impl Live {
    /// How long a span of virtual time takes at the model's speed.
    fn real_time(&mut self, span: SignedDuration) -> Duration {
        match self.model.speed {
            Speed::Times(times) => Duration::try_from(span).unwrap_or_default() / times.max(1),
            Speed::Max => {
                self.steps = (self.steps + 1) % STEPS_A_TURN;
                if self.steps == 0 { FRAME } else { Duration::ZERO }
            }
        }
    }

    fn virtual_time(&self, span: Duration) -> SignedDuration {
        match self.model.speed {
            Speed::Times(times) => {
                SignedDuration::try_from(span.saturating_mul(times)).unwrap_or_default()
            }
            Speed::Max => SignedDuration::ZERO,
        }
    }
}
