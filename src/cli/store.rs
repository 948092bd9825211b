//! `spotcron store`: copies of the store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CliError, open};
use crate::ports::StoreIdentity;
use crate::store::{self, Description};

const BACKUP_HELP: &str = "\
The copy is consistent even while the daemon runs.

Example:
  spotcron store backup /backups/spotcron-2026-11-21.db";

const RESTORE_HELP: &str = "\
Stop the daemon first. What is restored is checked before anything is replaced, and the store
that it replaces is kept beside it.

Example:
  spotcron store restore /backups/spotcron-2026-11-21.db --force";

/// The verbs of `store`.
#[derive(Debug, Clone, Subcommand)]
pub enum StoreVerb {
    /// Copy the store to a new file while it is in use
    #[command(after_help = BACKUP_HELP)]
    Backup(BackupArgs),
    /// Put a copy back in the store's place
    #[command(after_help = RESTORE_HELP)]
    Restore(RestoreArgs),
}

/// Arguments of `store backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The file to create; it must not exist
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    #[command(flatten)]
    pub source: super::args::Source,
}

/// Arguments of `store restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The copy
    #[arg(value_name = "FROM")]
    pub from: PathBuf,
    /// Replace a store that exists
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub source: super::args::Source,
}

/// Runs one of them. Returns what to tell the person who asked.
pub fn run(verb: &StoreVerb) -> Result<String, CliError> {
    match verb {
        StoreVerb::Backup(args) => {
            let path = open::store_path(&args.source)?;
            let copy = store::backup(&path, &args.to)?;
            Ok(format!("Copied {} to {}: {}.\n", path.display(), args.to.display(), said(&copy)))
        }
        StoreVerb::Restore(args) => {
            let path = open::store_path(&args.source)?;
            let done = store::restore(&args.from, &path, args.force)?;
            let from = args.from.display();
            let mut text = format!("{} is now {from}: {}.\n", path.display(), said(&done.backup));
            if let Some(kept) = done.kept {
                text.push_str(&format!(
                    "The store that was there is kept as {}.\n",
                    kept.display()
                ));
            }
            Ok(text)
        }
    }
}

fn said(what: &Description) -> String {
    let of = match &what.identity {
        StoreIdentity::Account { account_id } => format!("account {account_id}"),
        StoreIdentity::Simulation { seed } => format!("a simulation with seed {seed}"),
    };
    format!("{} bytes, of {of}, checked", what.bytes)
}
