//! How a verb fails: what was wrong, what to do next, and whose mistake it was.

use std::error::Error;

use crate::ports::StoreError;

/// Whose mistake it was, which is all that the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Something failed while running: exit code 1.
    Runtime,
    /// The arguments, the configuration or a file are wrong: exit code 2.
    Input,
}

impl Blame {
    pub const fn exit_code(self) -> u8 {
        match self {
            Blame::Runtime => 1,
            Blame::Input => 2,
        }
    }
}

/// A verb's failure.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    pub blame: Blame,
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CliError {
    /// Something failed while running.
    pub fn failed(message: impl Into<String>) -> Self {
        CliError { blame: Blame::Runtime, message: message.into(), hint: None, source: None }
    }

    /// The arguments, the configuration or a file are wrong.
    pub fn input(message: impl Into<String>) -> Self {
        CliError { blame: Blame::Input, ..CliError::failed(message) }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what caused it.
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            // A refusal says by itself what to do.
            StoreError::Refused(text) => CliError::input(text.trim_end_matches('.')),
            other => CliError::failed("the store could not be read").caused_by(other),
        }
    }
}
