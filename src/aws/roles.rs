//! Credentials of a role in another account, by AssumeRole. The SDK's own provider makes a client of
//! its own, whose calls nobody would count, and logs every refusal itself; this one goes through
//! spotcron's client, with its timeouts, endpoint rules and observer. The SDK's identity cache keeps
//! what it gives and asks again shortly before it expires.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::result::SdkError;

use super::error::{is_bad_credentials, service_error};
use crate::domain::Role;
use crate::ports::{FailureKind, ServiceError};

const OPERATION: &str = "AssumeRole";

/// Assumes one role.
#[derive(Debug)]
pub(super) struct AssumedRole {
    pub(super) sts: Client,
    pub(super) role: Role,
    /// What CloudTrail of the other account shows: the same for the whole life of a daemon.
    pub(super) session: String,
}

/// Why there are no credentials of a role. Found again by whoever words the failure of the call that
/// needed them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotAssumed(pub(super) ServiceError);

impl AssumedRole {
    async fn assume(&self) -> Result<Credentials, ServiceError> {
        let role = &self.role;
        let call = self
            .sts
            .assume_role()
            .role_arn(role.arn.as_str())
            .role_session_name(&self.session)
            .set_external_id(role.external_id.as_deref().map(str::to_owned));
        let answer = call.send().await.map_err(|failure| {
            let of_the_role = match &failure {
                SdkError::ServiceError(context) => !is_bad_credentials(context.err().code()),
                _ => false,
            };
            let mut error = service_error(OPERATION, &failure);
            if of_the_role && matches!(error.kind, FailureKind::Denied | FailureKind::Rejected) {
                error.kind = FailureKind::RoleRefused;
            }
            self.told(error)
        })?;
        let given = answer.credentials.filter(|given| !given.access_key_id.is_empty());
        let given = given.ok_or_else(|| {
            let problem = "the answer has no credentials";
            self.told(ServiceError::new(OPERATION, FailureKind::BadResponse, problem))
        })?;
        let expires = given.expiration.try_into().ok();
        let (key, secret) = (given.access_key_id, given.secret_access_key);
        Ok(Credentials::new(key, secret, Some(given.session_token), expires, OPERATION))
    }

    /// Which role it was, and what to look at.
    fn told(&self, mut error: ServiceError) -> ServiceError {
        let arn = &self.role.arn;
        // The same refusal is the same text: it is logged when it begins or changes, and kept with
        // the environment's quotes.
        if let Some((text, _)) = error.message.split_once(" (request id ") {
            error.message = text.to_owned();
        }
        error.message = match error.kind {
            FailureKind::RoleRefused => format!(
                "{arn} cannot be assumed: {} (its trust policy must let spotcron's own role or user \
                 assume it, with the `external_id` of the catalogue if it asks for one, and theirs \
                 must allow sts:AssumeRole on it)",
                error.message
            ),
            _ => format!("no credentials of {arn} for now: {}", error.message),
        };
        error
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let assumed = self.assume().await;
            assumed.map_err(|error| CredentialsError::provider_error(NotAssumed(error))) as Provided
        })
    }
}
