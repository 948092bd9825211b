//! Whoever attends the test: agrees to it, is told what happens, waits, and may end it.

use std::io;

use async_trait::async_trait;
use clap::ColorChoice;
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Preview;
use crate::cli::render::{self, Page, value};

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The time has come.
    Enough,
    /// Somebody wants the test to end.
    Interrupted,
}

/// Attends a test.
#[async_trait]
pub trait Attendant: Send {
    /// Whether to go on, now that it is known what will be done and what it may cost.
    fn agrees(&mut self, preview: &Preview) -> bool;
    /// Something happened.
    fn tell(&mut self, at: Timestamp, line: &str);
    /// Lets time pass.
    async fn wait(&mut self, duration: SignedDuration) -> Waited;
}

/// A person, or a pipeline that has agreed beforehand. Everything is told on standard error, so that
/// standard output has the report alone.
pub struct Terminal {
    agreed: bool,
    color: ColorChoice,
    /// Listened to once a job may have been submitted; before, they end the process as ever.
    signals: Option<[Signal; 2]>,
}

impl Terminal {
    /// `agreed` skips the question.
    pub fn new(agreed: bool, color: ColorChoice) -> Self {
        Terminal { agreed, color, signals: None }
    }

    /// From now on SIGINT and SIGTERM end the test, not the process: there may be a job to stop.
    fn listen(&mut self) -> io::Result<()> {
        self.signals = Some([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]);
        Ok(())
    }
}

#[async_trait]
impl Attendant for Terminal {
    fn agrees(&mut self, preview: &Preview) -> bool {
        let mut page = Page::new(None);
        preview.write(&mut page);
        render::aside(&page.into_text(), self.color);
        if !self.agreed && !render::asked("Submit it? Type yes to go on: ", self.color) {
            return false;
        }
        let listening = self.listen();
        if let Err(error) = &listening {
            render::aside(&format!("signals cannot be handled: {error}\n"), self.color);
        }
        listening.is_ok()
    }

    fn tell(&mut self, at: Timestamp, line: &str) {
        render::aside(&format!("{}  {line}\n", value::clock(at)), self.color);
    }

    async fn wait(&mut self, duration: SignedDuration) -> Waited {
        let sleep = tokio::time::sleep(duration.unsigned_abs());
        let Some([interrupt, terminate]) = &mut self.signals else {
            sleep.await;
            return Waited::Enough;
        };
        tokio::select! {
            _ = interrupt.recv() => Waited::Interrupted,
            _ = terminate.recv() => Waited::Interrupted,
            () = sleep => Waited::Enough,
        }
    }
}
