//! Service clients, one set per place, made when first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_config::SdkConfig;

use super::observe::{CallObserver, CountCalls};
use crate::domain::{Region, Site};

/// The clients of one place.
pub(super) struct SiteClients {
    pub(super) batch: aws_sdk_batch::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) ecs: aws_sdk_ecs::Client,
}

pub(super) struct Clients {
    sdk: SdkConfig,
    observer: Arc<dyn CallObserver>,
    sites: RwLock<BTreeMap<Site, Arc<SiteClients>>>,
    pricing: RwLock<BTreeMap<&'static str, aws_sdk_pricing::Client>>,
    sts: aws_sdk_sts::Client,
}

impl Clients {
    pub(super) fn new(sdk: SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        let sts = aws_sdk_sts::Client::from_conf(
            aws_sdk_sts::config::Builder::from(&sdk)
                .interceptor(CountCalls(observer.clone()))
                .build(),
        );
        Clients { sdk, observer, sites: RwLock::default(), pricing: RwLock::default(), sts }
    }

    pub(super) fn sts(&self) -> &aws_sdk_sts::Client {
        &self.sts
    }

    pub(super) fn of(&self, site: &Site) -> Arc<SiteClients> {
        cached(&self.sites, site.clone(), || Arc::new(self.build(&site.region)))
    }

    fn build(&self, region: &Region) -> SiteClients {
        let home = aws_config::Region::new(region.as_str().to_owned());
        let count = CountCalls(self.observer.clone());
        SiteClients {
            batch: aws_sdk_batch::Client::from_conf(
                aws_sdk_batch::config::Builder::from(&self.sdk)
                    .region(home.clone())
                    .interceptor(count.clone())
                    .build(),
            ),
            ec2: aws_sdk_ec2::Client::from_conf(
                aws_sdk_ec2::config::Builder::from(&self.sdk)
                    .region(home.clone())
                    .interceptor(count.clone())
                    .build(),
            ),
            ecs: aws_sdk_ecs::Client::from_conf(
                aws_sdk_ecs::config::Builder::from(&self.sdk)
                    .region(home)
                    .interceptor(count)
                    .build(),
            ),
        }
    }

    /// The Price List that knows `region`. It has no FIPS endpoints, whatever the rest uses.
    pub(super) fn pricing(&self, region: &Region) -> aws_sdk_pricing::Client {
        let home = price_list_home(region);
        cached(&self.pricing, home, || {
            aws_sdk_pricing::Client::from_conf(
                aws_sdk_pricing::config::Builder::from(&self.sdk)
                    .region(aws_config::Region::new(home))
                    .use_fips(false)
                    .interceptor(CountCalls(self.observer.clone()))
                    .build(),
            )
        })
    }
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
