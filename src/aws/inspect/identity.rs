//! The account, and AWS's time, from one answer: who signs with a wrong clock is refused, and the
//! refusal says what time it is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_batch::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_batch::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_batch::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use crate::aws::error::service_error;
use crate::aws::{AwsCloud, IDENTITY, account_of};
use crate::clock::{Clock, WallClock};
use crate::ports::Identity;

impl AwsCloud {
    pub(super) async fn identity_and_time(&self) -> Identity {
        let heard = HeardTime::default();
        let call = self.inner.clients.sts().get_caller_identity().customize();
        let answer = call.interceptor(heard.clone()).send().await;
        let account = answer
            .map_err(|failure| service_error(IDENTITY, &failure))
            .and_then(|identity| account_of(&identity));
        Identity { account, aws_clock_ahead: heard.get() }
    }
}

/// How far the clock of the last answer was ahead of ours.
#[derive(Clone, Default)]
struct HeardTime(Arc<Mutex<Option<SignedDuration>>>);

impl HeardTime {
    fn get(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HeardTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeardTime")
    }
}

#[dyn_dispatch_hint]
impl Intercept for HeardTime {
    fn name(&self) -> &'static str {
        "HeardTime"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().and_then(|response| response.headers().get("date"));
        if let Some(ahead) = date.and_then(|date| ahead_of(date, WallClock.now())) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        Ok(())
    }
}

/// How far an answer's `Date` (RFC 9110, in whole seconds) is ahead of `now`.
fn ahead_of(date: &str, now: Timestamp) -> Option<SignedDuration> {
    let theirs = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(theirs.duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_tells_how_far_the_clocks_are_apart() {
        let now: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
        let ahead = |date| ahead_of(date, now).map(|ahead| ahead.as_secs());
        assert_eq!(ahead("Sat, 21 Nov 2026 02:00:31 GMT"), Some(31));
        assert_eq!(ahead("Sat, 21 Nov 2026 01:54:59 GMT"), Some(-301));
        for date in ["", "yesterday", "2026-11-21T02:00:00Z"] {
            assert_eq!(ahead(date), None, "{date}");
        }
    }
}
