//! Service clients, one set per place, made when first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::IdentityCache;

use super::observe::{CallObserver, CountCalls};
use super::pacing::Pacing;
use super::roles::AssumedRole;
use crate::domain::{AccountRegion, Region, Role, Site};
use crate::settings::Limits;

/// The clients of one place, and how fast they may call.
pub(super) struct SiteClients {
    pub(super) batch: aws_sdk_batch::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) sts: aws_sdk_sts::Client,
    /// Of the account and region, whatever the role.
    pub(super) pacing: Arc<Pacing>,
}

pub(super) struct Clients {
    sdk: SdkConfig,
    limits: Limits,
    observer: Arc<dyn CallObserver>,
    sites: RwLock<BTreeMap<Site, Arc<SiteClients>>>,
    pacings: RwLock<BTreeMap<AccountRegion, Arc<Pacing>>>,
    pricing: RwLock<BTreeMap<&'static str, aws_sdk_pricing::Client>>,
    sts: aws_sdk_sts::Client,
}

impl Clients {
    pub(super) fn new(sdk: SdkConfig, limits: &Limits, observer: Arc<dyn CallObserver>) -> Self {
        Clients {
            sts: sts_client(&sdk, &observer),
            sdk,
            limits: limits.clone(),
            observer,
            sites: RwLock::default(),
            pacings: RwLock::default(),
            pricing: RwLock::default(),
        }
    }

    /// STS with spotcron's own credentials.
    pub(super) fn sts(&self) -> &aws_sdk_sts::Client {
        &self.sts
    }

    pub(super) fn of(&self, site: &Site) -> Arc<SiteClients> {
        cached(&self.sites, site.clone(), || Arc::new(self.build(site)))
    }

    fn build(&self, site: &Site) -> SiteClients {
        let sdk = match &site.role {
            None => self.sdk.clone(),
            Some(role) => self.entered_by(role),
        };
        let home = aws_config::Region::new(site.region.as_str().to_owned());
        let sdk = sdk.into_builder().region(home).build();
        let place = site.account_region();
        let account: Arc<str> = place.account.as_deref().unwrap_or_default().into();
        let count = CountCalls { observer: self.observer.clone(), account };
        SiteClients {
            batch: aws_sdk_batch::Client::from_conf(
                aws_sdk_batch::config::Builder::from(&sdk).interceptor(count.clone()).build(),
            ),
            ec2: aws_sdk_ec2::Client::from_conf(
                aws_sdk_ec2::config::Builder::from(&sdk).interceptor(count.clone()).build(),
            ),
            ecs: aws_sdk_ecs::Client::from_conf(
                aws_sdk_ecs::config::Builder::from(&sdk).interceptor(count).build(),
            ),
            sts: sts_client(&sdk, &self.observer),
            pacing: cached(&self.pacings, place, || Arc::new(Pacing::new(&self.limits))),
        }
    }

    /// The same configuration, endpoints included, with the role's credentials. STS is asked in the
    /// home region, where spotcron's own credentials are known to work.
    fn entered_by(&self, role: &Role) -> SdkConfig {
        let home = self.sdk.region().map_or("unknown", |region| region.as_ref());
        let assumed = AssumedRole {
            sts: self.sts.clone(),
            role: role.clone(),
            session: format!("spotcron-{home}"),
        };
        // The client's own timeouts come first: they say what it was that took so long.
        let timeouts = self.sdk.timeout_config().and_then(|set| set.operation_timeout());
        let patience = timeouts.unwrap_or_default() + Duration::from_secs(5);
        let cache = IdentityCache::lazy().load_timeout(patience).build();
        let provider = SharedCredentialsProvider::new(assumed);
        self.sdk.clone().into_builder().credentials_provider(provider).identity_cache(cache).build()
    }

    /// The Price List that knows `region`. It has no FIPS endpoints, whatever the rest uses.
    pub(super) fn pricing(&self, region: &Region) -> aws_sdk_pricing::Client {
        let home = price_list_home(region);
        cached(&self.pricing, home, || {
            aws_sdk_pricing::Client::from_conf(
                aws_sdk_pricing::config::Builder::from(&self.sdk)
                    .region(aws_config::Region::new(home))
                    .use_fips(false)
                    .interceptor(count_own(&self.observer))
                    .build(),
            )
        })
    }
}

fn sts_client(sdk: &SdkConfig, observer: &Arc<dyn CallObserver>) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::from_conf(
        aws_sdk_sts::config::Builder::from(sdk).interceptor(count_own(observer)).build(),
    )
}

/// For calls with spotcron's own credentials.
fn count_own(observer: &Arc<dyn CallObserver>) -> CountCalls {
    CountCalls { observer: observer.clone(), account: Arc::from("") }
}

/// The Price List is served in few regions, and the endpoint rules happily name others
/// (`api.pricing.us-west-2…`) that do not exist.
fn price_list_home(region: &Region) -> &'static str {
    if region.as_str().starts_with("cn-") { "cn-northwest-1" } else { "us-east-1" }
}

fn cached<K: Ord, V: Clone>(map: &RwLock<BTreeMap<K, V>>, key: K, make: impl FnOnce() -> V) -> V {
    // A panic elsewhere leaves whole entries only, so a poisoned lock is as good as a sound one.
    if let Some(found) = map.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return found.clone();
    }
    map.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert_with(make).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS counts by account and region, whatever the role.
    #[test]
    fn the_pace_is_one_for_an_account_in_a_region() {
        let sdk = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
            .region(aws_config::Region::new("us-east-1"))
            .build();
        let observer = Arc::new(|_: &crate::aws::ApiCall<'_>| {});
        let clients = Clients::new(sdk, &crate::settings::Settings::default().limits, observer);
        let pace = |site: &str| clients.of(&site.parse().unwrap()).pacing.clone();
        let role = |name: &str| format!("us-east-1 via arn:aws:iam::210987654321:role/{name}");
        assert!(Arc::ptr_eq(&pace(&role("a")), &pace(&role("b"))));
        assert!(!Arc::ptr_eq(&pace(&role("a")), &pace("us-east-1")));
        assert!(!Arc::ptr_eq(&pace("eu-west-1"), &pace("us-east-1")));
        let of = |site: &str| clients.of(&site.parse().unwrap());
        assert!(!Arc::ptr_eq(&of(&role("a")), &of(&role("b"))), "each with its credentials");
    }

    #[test]
    fn the_price_list_is_asked_where_it_is() {
        for (region, home) in [
            ("us-east-1", "us-east-1"),
            ("us-west-2", "us-east-1"),
            ("eu-central-1", "us-east-1"),
            ("cn-north-1", "cn-northwest-1"),
        ] {
            assert_eq!(price_list_home(&region.into()), home);
        }
    }
}
