//! Tells the shell of every request sent, its repetitions included, for `api_calls`.

use std::fmt;
use std::sync::Arc;

use aws_sdk_batch::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_batch::config::{ConfigBag, Intercept, Region, RuntimeComponents};
use aws_sdk_batch::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;

use super::error::kind_of;
use crate::ports::FailureKind;

/// One request and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiCall<'a> {
    /// AWS's name of the operation: `DescribeJobs`.
    pub operation: &'a str,
    /// That it was sent to: of the Price List, where that is served.
    pub region: &'a str,
    /// The account of the role that it was made with; empty for spotcron's own.
    pub account: &'a str,
    pub outcome: Result<(), FailureKind>,
    /// From 1; more than 1 is a repetition by the SDK.
    pub attempt: u32,
}

/// Whoever counts requests. Called on the request's own task: must not block.
pub trait CallObserver: Send + Sync + 'static {
    fn call(&self, call: &ApiCall<'_>);
}

impl<F: Fn(&ApiCall<'_>) + Send + Sync + 'static> CallObserver for F {
    fn call(&self, call: &ApiCall<'_>) {
        self(call);
    }
}

#[derive(Clone)]
pub(super) struct CountCalls {
    pub(super) observer: Arc<dyn CallObserver>,
    /// As in [`ApiCall`].
    pub(super) account: Arc<str>,
}

impl fmt::Debug for CountCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CountCalls")
    }
}

#[dyn_dispatch_hint]
impl Intercept for CountCalls {
    fn name(&self) -> &'static str {
        "CountCalls"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let succeeded = context.output_or_error().is_some_and(|end| end.is_ok());
        let outcome = match (succeeded, context.response()) {
            (true, _) => Ok(()),
            (false, None) => Err(FailureKind::Unavailable),
            (false, Some(response)) => {
                let status = response.status().as_u16();
                Err(kind_of(status, error_code(response).as_deref()))
            }
        };
        self.observer.call(&ApiCall {
            operation: config.load::<Metadata>().map_or("unknown", Metadata::name),
            region: config.load::<Region>().map_or("unknown", |region| region.as_ref()),
            account: &self.account,
            outcome,
            attempt: config.load::<RequestAttempts>().map_or(1, |count| count.attempts()),
        });
        Ok(())
    }
}

/// The error code of an answer: a header (REST JSON), `__type` (AWS JSON) or `<Code>` (EC2's XML).
fn error_code(response: &HttpResponse) -> Option<String> {
    if let Some(named) = response.headers().get("x-amzn-errortype") {
        return named.split(':').next().map(str::to_owned);
    }
    let body = std::str::from_utf8(response.body().bytes()?).ok()?;
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(body) {
        let code = json.get("__type").or_else(|| json.get("code"))?.as_str()?;
        return code.rsplit('#').next().map(str::to_owned);
    }
    let (_, after) = body.split_once("<Code>")?;
    after.split_once("</Code>").map(|(code, _)| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;

    fn answer(body: &'static str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(400).unwrap(), body.into())
    }

    #[test]
    fn error_codes_are_found_in_every_protocol() {
        let mut rest = answer("{}");
        rest.headers_mut().insert("x-amzn-errortype", "ClientException:http://x/");
        assert_eq!(error_code(&rest).as_deref(), Some("ClientException"));
        let json = answer(r#"{"__type":"com.amazonaws.ecs#ClusterNotFoundException"}"#);
        assert_eq!(error_code(&json).as_deref(), Some("ClusterNotFoundException"));
        let xml = answer(
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
        );
        assert_eq!(error_code(&xml).as_deref(), Some("RequestLimitExceeded"));
        for body in ["", "<html>", "[]", "<Code>open"] {
            assert_eq!(error_code(&answer(body)), None, "{body}");
        }
    }
}
