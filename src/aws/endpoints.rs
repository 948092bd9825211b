//! Which endpoints are in force that are not the SDK's own. A forgotten `AWS_ENDPOINT_URL` would
//! send a production daemon's jobs to an emulator, or its requests to a stranger.

use std::net::IpAddr;

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use axum::http::Uri;

use super::AwsError;

/// The services called, then those that hand out credentials: whoever can redirect the latter
/// chooses the account.
const SERVICES: [&str; 7] = ["Batch", "EC2", "ECS", "Pricing", "STS", "SSO", "SSO OIDC"];

/// An endpoint that was configured, by environment, profile or code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomEndpoint {
    /// The SDK's service id (`Batch`), or `all`.
    pub service: String,
    pub url: String,
}

/// What `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>` and the profile's `endpoint_url` keys come
/// to, found the way each service client finds it. One entry where all services share one.
pub(super) fn in_force(sdk: &SdkConfig) -> Vec<CustomEndpoint> {
    let found: Vec<CustomEndpoint> = SERVICES
        .iter()
        .filter_map(|service| {
            endpoint_of(sdk, service)
                .map(|url| CustomEndpoint { service: (*service).to_owned(), url })
        })
        .collect();
    match found.first() {
        Some(first)
            if found.len() == SERVICES.len() && found.iter().all(|e| e.url == first.url) =>
        {
            vec![CustomEndpoint { service: "all".to_owned(), url: first.url.clone() }]
        }
        _ => found,
    }
}

fn endpoint_of(sdk: &SdkConfig, service: &str) -> Option<String> {
    if sdk.get_origin("endpoint_url").is_client_config() {
        return sdk.endpoint_url().map(str::to_owned);
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    sdk.service_config()
        .and_then(|configured| configured.load_config(key))
        .or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// Refuses custom endpoints unless they are allowed, and plain http beyond loopback always.
pub(super) fn permit(endpoints: &[CustomEndpoint], allowed: bool) -> Result<(), AwsError> {
    for endpoint in endpoints {
        let place = Place::of(&endpoint.url)?;
        if !place.encrypted && !place.loopback {
            return Err(AwsError::PlainHttp(endpoint.url.clone()));
        }
    }
    if !endpoints.is_empty() && !allowed {
        let list: Vec<String> =
            endpoints.iter().map(|e| format!("{} ({})", e.url, e.service)).collect();
        return Err(AwsError::CustomEndpoint(list.join(", ")));
    }
    Ok(())
}

/// Accepts only this machine.
pub(super) fn permit_loopback(url: &str) -> Result<(), AwsError> {
    if Place::of(url)?.loopback { Ok(()) } else { Err(AwsError::NotLoopback(url.to_owned())) }
}

struct Place {
    encrypted: bool,
    loopback: bool,
}

impl Place {
    fn of(url: &str) -> Result<Place, AwsError> {
        let bad = || AwsError::BadEndpoint(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        Ok(Place { encrypted, loopback })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(url: &str) -> Vec<CustomEndpoint> {
        vec![CustomEndpoint { service: "Batch".into(), url: url.into() }]
    }

    #[test]
    fn custom_endpoints_need_permission() {
        assert_eq!(permit(&[], false), Ok(()));
        let refused = permit(&one("http://127.0.0.1:5000"), false).unwrap_err();
        assert!(refused.to_string().contains("http://127.0.0.1:5000 (Batch)"), "{refused}");
        for url in [
            "http://127.0.0.1:5000",
            "http://LocalHost:1",
            "http://[::1]:9",
            "https://batch.example",
        ] {
            assert_eq!(permit(&one(url), true), Ok(()), "{url}");
        }
    }

    #[test]
    fn plain_http_beyond_loopback_is_refused_even_with_permission() {
        for url in ["http://10.0.0.7:5000", "http://moto", "http://127.0.0.1.example.com"] {
            assert_eq!(permit(&one(url), true), Err(AwsError::PlainHttp(url.into())));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for url in ["", "127.0.0.1:5000", "ftp://127.0.0.1", "http://", "not a url"] {
            assert_eq!(permit(&one(url), true), Err(AwsError::BadEndpoint(url.into())), "{url}");
        }
    }

    #[test]
    fn emulators_live_on_loopback() {
        assert_eq!(permit_loopback("http://127.0.0.1:1"), Ok(()));
        let elsewhere = "https://example.com";
        assert_eq!(permit_loopback(elsewhere), Err(AwsError::NotLoopback(elsewhere.into())));
    }

    #[derive(Debug)]
    struct OnlyFor(&'static str);
    impl aws_types::service_config::LoadServiceConfig for OnlyFor {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            (key.service_id() == self.0).then(|| "https://special.example".to_owned())
        }
    }

    #[test]
    fn a_service_specific_endpoint_is_found_beside_the_general_one() {
        let general = SdkConfig::builder().endpoint_url("https://general.example").build();
        assert_eq!(
            in_force(&general),
            [CustomEndpoint { service: "all".into(), url: "https://general.example".into() }]
        );
        let special = SdkConfig::builder().service_config(OnlyFor("Pricing")).build();
        assert_eq!(
            in_force(&special),
            [CustomEndpoint { service: "Pricing".into(), url: "https://special.example".into() }]
        );
        assert_eq!(in_force(&SdkConfig::builder().build()), []);
    }
}
