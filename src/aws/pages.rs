//! Pages of an answer that come to an end. The SDK's paginators stop in silence at a token that they
//! have just seen, and read on for ever when two take turns: either way the rows in hand would pass
//! for all of them, and a job on a page that never came would count as absent and be sent again.

use std::collections::BTreeSet;

use crate::ports::{FailureKind, ServiceError};

/// The tokens of the pages of one answer.
pub(super) struct Tokens {
    operation: &'static str,
    seen: BTreeSet<String>,
}

impl Tokens {
    pub(super) fn of(operation: &'static str) -> Self {
        Tokens { operation, seen: BTreeSet::new() }
    }

    /// Takes down the token of a page. Fails at one that was there before.
    pub(super) fn follow(&mut self, token: Option<&str>) -> Result<(), ServiceError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(()) };
        if self.seen.insert(token.to_owned()) {
            return Ok(());
        }
        let problem = "a page leads to one that was already read: the answer has no end";
        Err(ServiceError::new(self.operation, FailureKind::BadResponse, problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_comes_again_is_an_error() {
        let mut tokens = Tokens::of("ListJobs");
        for token in [Some("a"), Some("b"), Some(""), Some(""), None] {
            assert_eq!(tokens.follow(token), Ok(()), "{token:?}");
        }
        let error = tokens.follow(Some("a")).unwrap_err();
        assert_eq!(error.kind, FailureKind::BadResponse);
        assert!(error.to_string().starts_with("ListJobs: a page leads to one"), "{error}");
    }
}
