//! From an SDK error to what a caller may act on.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_batch::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::roles::NotAssumed;
use crate::ports::{FailureKind, ServiceError};

/// The names under which AWS's services say "too fast". Batch's own is not in its service model.
/// Source: the throttling errors of the SDK's retry specification, without those that can also
/// follow a request that took effect.
const THROTTLES: [&str; 13] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// The names of trouble with the credentials, which others, or the same renewed, would not have.
const BAD_CREDENTIALS: [&str; 14] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

const REFUSED_PERMISSION: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "OptInRequired", "UnauthorizedOperation"];

pub(super) fn is_throttle(status: u16, code: Option<&str>) -> bool {
    status == 429 || code.is_some_and(|code| THROTTLES.contains(&code))
}

pub(super) fn is_bad_credentials(code: Option<&str>) -> bool {
    code.is_some_and(|code| BAD_CREDENTIALS.contains(&code))
}

/// What an answer with this HTTP status and error code means.
pub(super) fn kind_of(status: u16, code: Option<&str>) -> FailureKind {
    let named = |names: &[&str]| code.is_some_and(|code| names.contains(&code));
    if is_throttle(status, code) {
        FailureKind::Throttled
    } else if is_bad_credentials(code) || named(&REFUSED_PERMISSION) || matches!(status, 401 | 403)
    {
        FailureKind::Denied
    } else if code.is_some_and(|code| code.contains("NotFound")) {
        FailureKind::NotFound
    } else {
        match status {
            // Without a code, a 4xx is not AWS's answer but that of something in between.
            400..=499 if code.is_some() && status != 408 => FailureKind::Rejected,
            400..=599 => FailureKind::Unavailable,
            _ => FailureKind::BadResponse,
        }
    }
}

/// The failure of any call, in words that can be read alone.
pub(super) fn service_error<E>(
    operation: &'static str,
    failure: &SdkError<E, HttpResponse>,
) -> ServiceError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(NotAssumed(error)) = find::<NotAssumed>(failure) {
        return ServiceError::new(operation, error.kind, error.message.clone());
    }
    let (kind, message) = match failure {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            (kind_of(status, context.err().code()), answer_text(status, context.err()))
        }
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            let kind = if (200..300).contains(&status) {
                FailureKind::BadResponse
            } else {
                kind_of(status, None)
            };
            (kind, format!("the answer (HTTP {status}) cannot be read: {}", chain(failure)))
        }
        SdkError::ConstructionFailure(_) => {
            (FailureKind::Rejected, format!("the request cannot be made: {}", chain(failure)))
        }
        SdkError::TimeoutError(_) => {
            (FailureKind::Unavailable, format!("no answer in time: {}", chain(failure)))
        }
        _ if lacks_credentials(failure) => {
            (FailureKind::Denied, format!("no usable AWS credentials: {}", chain(failure)))
        }
        _ => (FailureKind::Unavailable, format!("AWS cannot be reached: {}", chain(failure))),
    };
    ServiceError::new(operation, kind, message)
}

/// `Code: message (request id …)`.
fn answer_text(status: u16, error: &impl ProvideErrorMetadata) -> String {
    let mut text = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => format!("{code} (HTTP {status})"),
        (None, Some(message)) => format!("HTTP {status}: {message}"),
        (None, None) => format!("HTTP {status} without an AWS error code"),
    };
    if let Some(id) = error.meta().extra("aws_request_id") {
        text.push_str(&format!(" (request id {id})"));
    }
    text
}

fn lacks_credentials(failure: &(dyn Error + 'static)) -> bool {
    find::<CredentialsError>(failure).is_some()
}

/// The first error of type `T` among `error` and its causes.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref::<T>())
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// `error` and its causes, outermost first, without repetitions.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !texts.iter().any(|seen| seen.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_classified_by_code_before_status() {
        for (status, code, kind) in [
            (429, None, FailureKind::Throttled),
            (400, Some("ThrottlingException"), FailureKind::Throttled),
            (503, Some("RequestLimitExceeded"), FailureKind::Throttled),
            (400, Some("ExpiredTokenException"), FailureKind::Denied),
            (403, Some("UnauthorizedOperation"), FailureKind::Denied),
            (403, None, FailureKind::Denied),
            (400, Some("InvalidInstanceID.NotFound"), FailureKind::NotFound),
            (400, Some("ClusterNotFoundException"), FailureKind::NotFound),
            (400, Some("ClientException"), FailureKind::Rejected),
            (404, None, FailureKind::Unavailable),
            (408, Some("RequestTimeout"), FailureKind::Unavailable),
            (500, Some("ServerException"), FailureKind::Unavailable),
            (502, None, FailureKind::Unavailable),
            (302, None, FailureKind::BadResponse),
        ] {
            assert_eq!(kind_of(status, code), kind, "{status} {code:?}");
        }
    }
}
