//! The verbs that change what a running daemon does: commands, sent to it over HTTP.

mod client;
mod verbs;

pub use client::{Client, Remote};
pub use verbs::{
    BackfillArgs, CancelArgs, ForceArgs, Key, MoveArgs, PauseArgs, ResumeArgs, RetryArgs,
    TriggerArgs, WhichJobs,
};

use serde::Serialize;

use super::args::Format;
use super::error::CliError;
use super::render::{self, FAINT, Page};
use crate::control::{Command, Shown};
use crate::daemon::http::Problem;

/// What the daemon said to a command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Report {
    Done(Box<Shown>),
    Refused(Problem),
}

/// Sends `command`. For people a refusal is an error like any other; programs that ask for JSON get
/// it as JSON.
pub async fn run(remote: &Remote, key: &Key, command: &Command) -> Result<Report, CliError> {
    let client = Client::open(remote)?;
    let key = key.or_random()?;
    let answer = client.post("/api/v1/commands", &command.to_send(), &key).await?;
    match answer.read::<Shown>() {
        Ok(shown) => Ok(Report::Done(Box::new(shown))),
        Err(refused) => match (remote.format.format, refused.problem) {
            (Format::Json, Some(problem)) if !problem.is_input() => Ok(Report::Refused(problem)),
            _ => Err(refused.error),
        },
    }
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        match self {
            Report::Done(shown) => {
                shown.said.iter().for_each(|line| page.line(line));
                if shown.repeated {
                    page.styled(FAINT, "This had been asked for before; nothing was done again.");
                }
            }
            Report::Refused(problem) => page.line(&problem.detail),
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Report::Done(_) => 0,
            Report::Refused(_) => 1,
        }
    }
}
