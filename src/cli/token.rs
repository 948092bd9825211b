//! `spotcron token`: tokens that may operate the daemon.

use clap::{Args, Subcommand, ValueEnum};

use super::error::CliError;
use crate::settings::tokens;

const NEW_HELP: &str = "\
The token is printed once and kept nowhere. What goes into the daemon's file of tokens
(`http.tokens` of the settings) is its hash.

Example:
  spotcron token new --name alice --scope operate";

/// The verbs of `token`.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenVerb {
    /// Make a token, and the table to add to the file of tokens
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
}

/// Arguments of `token new`.
#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// Who has it; it stands in the audit
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// What it may do: look, or look and give commands
    #[arg(long, value_name = "SCOPE")]
    pub scope: ScopeName,
}

/// A scope on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeName {
    Read,
    Operate,
}

fn name(text: &str) -> Result<String, String> {
    if tokens::is_name(text) {
        return Ok(text.to_owned());
    }
    Err("letters, digits, `-`, `_`, `.` and `@`, at most 80".to_owned())
}

/// Runs one of them. Returns what to tell the person who asked.
pub fn run(verb: &TokenVerb) -> Result<String, CliError> {
    let TokenVerb::New(args) = verb;
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| CliError::failed("the system has no random numbers").caused_by(error))?;
    let (token, sha256) = tokens::mint(random);
    let scope = match args.scope {
        ScopeName::Read => "read",
        ScopeName::Operate => "operate",
    };
    Ok(format!(
        "The token of {name}. It is not shown again:\n\n  {token}\n\nAdd this to the daemon's file \
         of tokens:\n\n[[tokens]]\nname = \"{name}\"\nscopes = [\"{scope}\"]\nsha256 = \
         \"{sha256}\"\n",
        name = args.name
    ))
}
