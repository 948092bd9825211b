//! One SDK configuration for all services: the default chain, with explicit timeouts.

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_sts::config::Credentials;
use jiff::SignedDuration;

use crate::settings::AwsSettings;

/// Where an emulator is told that it lies when nobody says otherwise.
const EMULATED_REGION: &str = "us-east-1";

/// Why no connection to AWS can be set up. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    #[error(
        "no AWS region is configured: set `region` under [aws], AWS_REGION, or a region in the \
         profile"
    )]
    NoRegion,
    #[error(
        "requests would go to {0} instead of AWS; if that is meant, set `allow_custom_endpoints = \
         true` under [aws], otherwise unset AWS_ENDPOINT_URL* and `endpoint_url` in the profile \
         (or set AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true)"
    )]
    CustomEndpoint(String),
    #[error(
        "the endpoint {0} is plain http beyond this machine: requests and credentials' signatures \
         could be read and replayed; use https"
    )]
    PlainHttp(String),
    #[error("`{0}` is not an endpoint: expected http(s)://host[:port]")]
    BadEndpoint(String),
    #[error("the emulator {0} is not on this machine's loopback interface")]
    NotLoopback(String),
}

/// The default chain: environment, profile, SSO, web identity, container, instance metadata.
pub(super) async fn load(settings: &AwsSettings) -> SdkConfig {
    loader(settings).load().await
}

/// Everything at `url`, with made-up credentials.
pub(super) async fn load_emulated(url: &str, settings: &AwsSettings) -> SdkConfig {
    let region = settings.region.as_ref().map_or(EMULATED_REGION, |region| region.as_str());
    loader(settings)
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("emulated", "emulated", None, None, "emulated"))
        .use_fips(false)
        .use_dual_stack(false)
        .endpoint_url(url)
        .load()
        .await
}

fn loader(settings: &AwsSettings) -> ConfigLoader {
    // Pinned: a later version may change retries, timeouts or the TLS stack under our feet.
    let loader =
        aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts(settings));
    match &settings.region {
        Some(region) => loader.region(aws_config::Region::new(region.as_str().to_owned())),
        None => loader,
    }
}

/// The SDK itself has no read or operation timeout: a silent peer would hold a call for ever.
fn timeouts(settings: &AwsSettings) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(positive(settings.connect_timeout))
        .read_timeout(positive(settings.attempt_timeout))
        .operation_attempt_timeout(positive(settings.attempt_timeout))
        .operation_timeout(positive(settings.operation_timeout))
        .build()
}

/// Settings are validated to be positive; a zero timeout would fail every call.
fn positive(duration: SignedDuration) -> std::time::Duration {
    duration.max(SignedDuration::from_millis(1)).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn every_timeout_is_set() {
        let set = timeouts(&Settings::default().aws);
        assert_eq!(set.connect_timeout(), Some(std::time::Duration::from_secs(3)));
        assert_eq!(set.read_timeout(), Some(std::time::Duration::from_secs(15)));
        assert_eq!(set.operation_attempt_timeout(), Some(std::time::Duration::from_secs(15)));
        assert_eq!(set.operation_timeout(), Some(std::time::Duration::from_secs(60)));
    }

    #[test]
    fn no_timeout_is_ever_zero() {
        assert_eq!(positive(SignedDuration::ZERO), std::time::Duration::from_millis(1));
        assert_eq!(positive(SignedDuration::from_secs(-5)), std::time::Duration::from_millis(1));
    }
}
