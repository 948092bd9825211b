//! How this adapter says no: texts that name the file, what was found, that it is untouched, and
//! what to do.

use std::error::Error;
use std::path::Path;

use crate::ports::{StoreError, StoreIdentity};

/// Wraps a failure with what was being done.
pub(super) fn failed<E>(doing: &'static str) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    move |source| StoreError::Failed { doing, source: source.into() }
}

pub(super) fn refused(text: String) -> StoreError {
    StoreError::Refused(text)
}

/// A refusal of a file as it is.
pub(super) fn refused_file(path: &Path, found: &str, advice: &str) -> StoreError {
    refused(format!("{} {found}. Nothing was changed. {advice}.", path.display()))
}

/// `identity` in words that fit after "the data of".
pub(super) fn in_words(identity: &StoreIdentity) -> String {
    match identity {
        StoreIdentity::Account { account_id } => format!("AWS account {account_id}"),
        StoreIdentity::Simulation { seed } => format!("a simulation with seed {seed}"),
    }
}
