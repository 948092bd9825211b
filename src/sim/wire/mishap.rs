//! What can go wrong between a client and AWS, on demand: refusals, lost and broken answers, answers
//! that lack or invent something. A rule says for which operation, which of its calls, and what.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::protocol::{Fault, Service};
use crate::sim::random::{Seed, happens};

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "what")]
pub enum Mishap {
    /// Refused for the account's rate limit; nothing happened.
    Throttled,
    /// An internal error; nothing happened.
    ErrorBefore,
    /// An internal error, although the request took effect.
    ErrorAfter,
    /// The connection breaks before the request took effect.
    DropBefore,
    /// The request took effect, and the connection breaks before the answer.
    DropAfter,
    /// The request took effect, and no answer ever comes.
    Hang,
    /// The answer comes byte by byte, over so many seconds.
    Slow { secs: u32 },
    /// The answer breaks off in its middle.
    Truncated,
    /// The answer is neither JSON nor XML.
    Malformed,
    /// The answer lacks these members, wherever they would stand.
    Without { members: Vec<String> },
    /// These members have a value that no client knows.
    Unknown { members: Vec<String> },
    /// The credentials' time is up.
    Expired,
    /// The credentials may not do this.
    Denied,
    /// The client's clock is said to be wrong.
    Skewed,
    /// Half of the answer's first list, and a token that gives the rest.
    HalfPage,
    /// Every page has a token that gives the same page again.
    TokenLoop,
}

/// Which calls suffer a mishap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MishapRule {
    /// AWS's name of the operation: `SubmitJob`.
    pub operation: String,
    #[serde(flatten)]
    pub mishap: Mishap,
    /// Only this call of the operation, from 1, counted since the rules were set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How likely each call suffers it; certainly when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

/// The rules in force, and how often each operation was called under them.
#[derive(Debug)]
pub(super) struct Mishaps {
    seed: Seed,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<MishapRule>,
    calls: BTreeMap<String, Calls>,
}

#[derive(Debug)]
struct Calls {
    count: u64,
    rng: ChaCha8Rng,
}

impl Mishaps {
    pub(super) fn new(seed: u64, rules: Vec<MishapRule>) -> Self {
        let inner = Inner { rules, calls: BTreeMap::new() };
        Mishaps { seed: Seed(seed), inner: Mutex::new(inner) }
    }

    /// Replaces the rules; calls are counted anew.
    pub(super) fn set(&self, rules: Vec<MishapRule>) {
        *self.lock() = Inner { rules, calls: BTreeMap::new() };
    }

    /// Calls by operation since the rules were set.
    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        let inner = self.lock();
        inner.calls.iter().map(|(operation, calls)| (operation.clone(), calls.count)).collect()
    }

    /// Counts a call, and says what goes wrong with it: the first rule that applies.
    pub(super) fn next(&self, operation: &str) -> Option<Mishap> {
        let mut inner = self.lock();
        let Inner { rules, calls } = &mut *inner;
        let calls = calls
            .entry(operation.to_owned())
            .or_insert_with(|| Calls { count: 0, rng: self.seed.stream("mishap", operation) });
        calls.count += 1;
        let Calls { count, rng } = calls;
        let applies = |rule: &&MishapRule| {
            rule.operation == operation
                && rule.nth.is_none_or(|nth| nth == *count)
                && rule.probability.is_none_or(|probability| happens(rng, probability))
        };
        // `find` would want a closure that changes nothing.
        let mut applies = applies;
        rules.iter().filter(|rule| applies(rule)).map(|rule| rule.mishap.clone()).next()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mishap {
    /// The error that the client gets instead of an answer, in its service's words. `None` where it
    /// is not an error that AWS words.
    pub(super) fn refusal(&self, service: Service) -> Option<Fault> {
        let ec2 = service == Service::Ec2;
        Some(match self {
            Mishap::Throttled if ec2 => {
                Fault::new(503, "RequestLimitExceeded", "Request limit exceeded.")
            }
            Mishap::Throttled if service == Service::Batch => {
                Fault::new(429, "TooManyRequestsException", "Too Many Requests")
            }
            Mishap::Throttled => Fault::new(400, "ThrottlingException", "Rate exceeded"),
            Mishap::ErrorBefore | Mishap::ErrorAfter if ec2 => {
                Fault::new(500, "InternalError", "An internal error has occurred")
            }
            Mishap::ErrorBefore | Mishap::ErrorAfter => {
                Fault::new(500, "ServerException", "An internal error has occurred")
            }
            Mishap::Expired if ec2 => Fault::new(400, "RequestExpired", "Request has expired."),
            Mishap::Expired => {
                let message = "The security token included in the request is expired";
                Fault::new(403, "ExpiredTokenException", message)
            }
            Mishap::Denied if ec2 => {
                let message = "You are not authorized to perform this operation.";
                Fault::new(403, "UnauthorizedOperation", message)
            }
            Mishap::Denied => {
                let message = "User: arn:aws:iam::123456789012:user/simulated is not authorized to \
                               perform this operation";
                Fault::new(403, "AccessDeniedException", message)
            }
            Mishap::Skewed => {
                let message = "Signature expired: the request's time is not within 15 minutes of \
                               the server's";
                Fault::new(403, "InvalidSignatureException", message)
            }
            _ => return None,
        })
    }

    /// Whether the operation is carried out before the mishap.
    pub(super) const fn takes_effect(&self) -> bool {
        !matches!(
            self,
            Mishap::Throttled
                | Mishap::ErrorBefore
                | Mishap::DropBefore
                | Mishap::Expired
                | Mishap::Denied
                | Mishap::Skewed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> MishapRule {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn rules_read_as_they_are_documented() {
        let slow = rule(r#"{"operation": "ListJobs", "what": "slow", "secs": 3, "nth": 2}"#);
        assert_eq!(slow.mishap, Mishap::Slow { secs: 3 });
        let half = rule(r#"{"operation": "ListJobs", "what": "without", "members": ["jobId"]}"#);
        assert_eq!(half.mishap, Mishap::Without { members: vec!["jobId".to_owned()] });
    }

    #[test]
    fn a_rule_strikes_the_call_that_it_names() {
        let rules = vec![rule(r#"{"operation": "SubmitJob", "what": "drop-after", "nth": 2}"#)];
        let mishaps = Mishaps::new(1, rules);
        let met: Vec<_> = (0..3).map(|_| mishaps.next("SubmitJob")).collect();
        assert_eq!(met, [None, Some(Mishap::DropAfter), None]);
        assert_eq!(mishaps.next("ListJobs"), None);
        assert_eq!(mishaps.calls()["SubmitJob"], 3);
    }

    #[test]
    fn chance_is_drawn_from_the_seed() {
        let rules =
            vec![rule(r#"{"operation": "ListJobs", "what": "throttled", "probability": 0.5}"#)];
        let met = |seed| {
            let mishaps = Mishaps::new(seed, rules.clone());
            (0..40).filter(|_| mishaps.next("ListJobs").is_some()).count()
        };
        assert_eq!(met(1), met(1));
        assert!((8..32).contains(&met(1)), "{}", met(1));
    }
}
