//! Somebody who gives commands, as a careful client does: each under a key of its own, and again
//! under the same key until it is answered, and now and then once more.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use spotcron::control::{AuditRecord, Outcome};
use spotcron::daemon::{Asked, OnRecord, OperateError, Shared, operate};
use spotcron::domain::RunOutcome;
use spotcron::ports::{RunQuery, StoreError};
use spotcron::run::RunState;

use super::fate::{Fate, Fault};
use super::jobs::job_name;
use super::story::one_of;

/// What is asked for. Runs are chosen among those that there are when it is first asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Trigger(usize),
    /// The times from so many minutes ago, for so many minutes.
    Backfill {
        job: usize,
        ago: i64,
        mins: i64,
        at_once: u16,
    },
    Cancel(usize),
    Retry(usize),
    Move(usize),
    /// All jobs or one, and after so many minutes no longer.
    Pause {
        job: Option<usize>,
        mins: i64,
    },
    Resume(Option<usize>),
    Force {
        class: &'static str,
        mins: i64,
    },
    EndForce(&'static str),
}

impl Ask {
    pub fn draw(chance: &mut ChaCha8Rng, jobs: usize) -> Ask {
        let job = chance.random_range(0..jobs);
        match chance.random_range(0..12) {
            0..=2 => Ask::Trigger(job),
            3 | 4 => Ask::Backfill {
                job,
                ago: chance.random_range(30..200),
                mins: chance.random_range(10..90),
                at_once: chance.random_range(1..4),
            },
            5 | 6 => Ask::Cancel(chance.random_range(0..100)),
            7 | 8 => Ask::Retry(chance.random_range(0..100)),
            9 => Ask::Move(chance.random_range(0..100)),
            10 => Ask::Pause {
                job: chance.random_bool(0.8).then_some(job),
                mins: chance.random_range(10..100),
            },
            _ => Ask::Force {
                class: one_of(chance, &["flexible", "tight"]),
                mins: chance.random_range(10..90),
            },
        }
    }

    /// What ends it again, and after how many minutes.
    fn end(self) -> Option<(Ask, i64)> {
        match self {
            Ask::Pause { job, mins } => Some((Ask::Resume(job), mins)),
            Ask::Force { class, mins } => Some((Ask::EndForce(class), mins)),
            _ => None,
        }
    }
}

/// One command, however often it was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub key: String,
    pub ask: Ask,
    /// Which request it ends.
    pub ends: Option<usize>,
    /// Known once it was asked for.
    pub command: Option<Value>,
    /// How many edits there had been at each try.
    pub edits: BTreeSet<usize>,
    /// By the true time, and what was answered.
    pub answers: Vec<(Timestamp, AuditRecord)>,
}

impl Request {
    /// What it came to, if it was done.
    pub fn done(&self) -> Option<&AuditRecord> {
        let (_, record) = self.answers.first()?;
        matches!(record.outcome, Outcome::Done { .. }).then_some(record)
    }

    /// When it was known to be done, by the true time.
    pub fn done_by(&self) -> Option<Timestamp> {
        self.done()?;
        self.answers.first().map(|(at, _)| *at)
    }

    /// The run that it is about.
    pub fn run(&self) -> Option<&str> {
        self.command.as_ref()?.get("run")?.as_str()
    }
}

/// Somebody who waits for an answer asks again after this.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// So often somebody asks again who has been answered.
const ASKS_AGAIN: f64 = 0.4;

#[derive(Debug, Default)]
pub struct Client {
    pub requests: Vec<Request>,
    to_ask: BTreeSet<(Timestamp, usize)>,
}

impl Client {
    pub fn wants(&mut self, ask: Ask, at: Timestamp, ends: Option<usize>) {
        let index = self.requests.len();
        self.requests.push(Request {
            key: format!("key-{index}"),
            ask,
            ends,
            command: None,
            edits: BTreeSet::new(),
            answers: Vec::new(),
        });
        self.to_ask.insert((at, index));
    }

    /// What is to be asked for next, until `to`.
    pub fn next(&mut self, to: Timestamp) -> Option<(Timestamp, usize)> {
        let next = *self.to_ask.first().filter(|(at, _)| *at <= to)?;
        self.to_ask.remove(&next);
        // Should the daemon die of it, it is asked again.
        self.to_ask.insert((next.0.max(to) + PATIENCE, next.1));
        Some(next)
    }

    /// Asks `shared` for it at `now`, the true time, after so many edits.
    pub async fn ask(
        &mut self,
        index: usize,
        shared: &Shared,
        fate: &Fate,
        edits: usize,
        now: impl Fn() -> Timestamp,
    ) {
        let request = &mut self.requests[index];
        if request.command.is_none() {
            match command_of(request.ask, shared).await {
                Ok(Some(command)) => request.command = Some(command),
                Ok(None) => return self.drop(index),
                Err(_) => return,
            }
        }
        let Some(command) = &request.command else { return };
        request.edits.insert(edits);
        let asked = Asked {
            by: "operator".to_owned(),
            key: Some(request.key.clone()),
            fingerprint: command.to_string(),
            command: serde_json::from_value(command.clone()).unwrap(),
        };
        match operate(shared, asked).await {
            Ok(OnRecord { record, .. }) => {
                let is_first = request.answers.is_empty();
                request.answers.push((now(), record));
                let (ask, was_done) = (request.ask, request.done().is_some());
                if is_first {
                    fate.count(Fault::Command);
                }
                if let Some((end, mins)) = ask.end().filter(|_| is_first && was_done) {
                    self.wants(end, now() + SignedDuration::from_mins(mins), Some(index));
                }
                if !fate.strikes(ASKS_AGAIN) {
                    self.drop(index);
                }
            }
            Err(OperateError::KeyUsed) => {
                fate.violation(format!("{}: the key was used already", request.key));
                self.drop(index);
            }
            Err(OperateError::Starting | OperateError::Store(_)) => {}
        }
    }

    fn drop(&mut self, index: usize) {
        self.to_ask.retain(|(_, other)| *other != index);
    }
}

/// What is sent for `ask`. `None`: there is no such run.
async fn command_of(ask: Ask, shared: &Shared) -> Result<Option<Value>, StoreError> {
    let jobs = |job: Option<usize>| match job {
        Some(job) => json!({ "job": job_name(job) }),
        None => json!("all"),
    };
    let command = match ask {
        Ask::Trigger(job) => json!({ "command": "trigger", "job": job_name(job) }),
        Ask::Backfill { job, ago, mins, at_once } => {
            let minute = shared.clock.now().as_second().div_euclid(60) - ago;
            let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap().to_string();
            json!({
                "command": "backfill", "job": job_name(job), "from": at(minute),
                "to": at(minute + mins.min(ago)), "at_once": at_once,
            })
        }
        Ask::Cancel(which) | Ask::Move(which) => {
            let open = shared.book.open_where(|_| true);
            if open.is_empty() {
                return Ok(None);
            }
            let run = open[which % open.len()].id.as_str();
            match ask {
                Ask::Cancel(_) => json!({ "command": "cancel", "run": run }),
                _ => json!({ "command": "move", "run": run, "to": "on-demand" }),
            }
        }
        Ask::Retry(which) => {
            let mut runs = shared.book.store().runs(&RunQuery::default()).await?;
            let succeeded = RunOutcome::Succeeded;
            runs.retain(|run| match run.state {
                RunState::Ended { outcome, .. } => outcome != succeeded,
                _ => false,
            });
            if runs.is_empty() {
                return Ok(None);
            }
            json!({ "command": "retry", "run": runs[which % runs.len()].id.as_str() })
        }
        Ask::Pause { job, .. } => json!({ "command": "pause", "jobs": jobs(job) }),
        Ask::Resume(job) => json!({ "command": "resume", "jobs": jobs(job) }),
        Ask::Force { class, .. } => json!({ "command": "force-on-demand", "class": class }),
        Ask::EndForce(class) => json!({ "command": "end-force-on-demand", "class": class }),
    };
    Ok(Some(command))
}
