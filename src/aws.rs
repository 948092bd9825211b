//! The real AWS, behind the ports. SDK types never leave this folder; what AWS leaves out, fills in
//! or spells oddly is put right here, so that the core sees only facts.

mod batch;
mod batch_observe;
mod clients;
mod config;
mod ec2_instances;
mod ecs;
mod endpoints;
mod error;
mod inspect;
mod instance_types;
mod moment;
mod observe;
mod pacing;
mod pages;
mod price_list;
mod price_list_parse;
mod queues;
mod roles;
mod spot_prices;
mod submit;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use jiff::Timestamp;

use crate::clock::{Clock, WallClock};
use crate::domain::{Region, Site};
use crate::ports::{FailureKind, ServiceError};
use crate::settings::{AwsSettings, Limits};

pub use config::AwsError;
pub use endpoints::CustomEndpoint;
pub use observe::{ApiCall, CallObserver};

use clients::Clients;
use pacing::Pacing;

/// AWS, in every region that is asked for: with spotcron's own credentials, and with those of the
/// roles that they may assume. Cheap to clone; clones share their clients, their credentials and their
/// rate limits.
#[derive(Clone)]
pub struct AwsCloud {
    inner: Arc<Inner>,
}

struct Inner {
    clients: Clients,
    /// The Price List is one for all regions and accounts.
    pricing_pace: Pacing,
    home: Region,
    endpoints: Vec<CustomEndpoint>,
}

impl AwsCloud {
    /// Finds credentials and region by the SDK's default chain. Sends nothing yet: call
    /// [`AwsCloud::account_id`] to see that the credentials work. `observer` is told of every
    /// request, its repetitions included.
    pub async fn connect(
        settings: &AwsSettings,
        limits: &Limits,
        observer: Arc<dyn CallObserver>,
    ) -> Result<AwsCloud, AwsError> {
        let sdk = config::load(settings).await;
        let endpoints = endpoints::in_force(&sdk);
        endpoints::permit(&endpoints, settings.allow_custom_endpoints)?;
        AwsCloud::over(sdk, limits, observer, endpoints)
    }

    /// An emulator on loopback that serves everything at one URL (moto, a test's own server), with
    /// credentials that belong to nobody. Reads neither environment nor profiles for either.
    pub async fn emulated(
        url: &str,
        settings: &AwsSettings,
        limits: &Limits,
        observer: Arc<dyn CallObserver>,
    ) -> Result<AwsCloud, AwsError> {
        let endpoints = vec![CustomEndpoint { service: "all".to_owned(), url: url.to_owned() }];
        endpoints::permit_loopback(url)?;
        let sdk = config::load_emulated(url, settings).await;
        AwsCloud::over(sdk, limits, observer, endpoints)
    }

    fn over(
        sdk: SdkConfig,
        limits: &Limits,
        observer: Arc<dyn CallObserver>,
        endpoints: Vec<CustomEndpoint>,
    ) -> Result<AwsCloud, AwsError> {
        let home = sdk.region().map(|region| Region::from(region.as_ref()));
        Ok(AwsCloud {
            inner: Arc::new(Inner {
                home: home.ok_or(AwsError::NoRegion)?,
                clients: Clients::new(sdk, limits, observer),
                pricing_pace: Pacing::new(limits),
                endpoints,
            }),
        })
    }

    /// The region that the settings or the SDK's chain gave: the catalogue's default.
    pub fn home_region(&self) -> &Region {
        &self.inner.home
    }

    /// Endpoints in force that are not the SDK's own. Empty on a plain AWS account.
    pub fn custom_endpoints(&self) -> &[CustomEndpoint] {
        &self.inner.endpoints
    }

    /// The account that the credentials belong to (STS GetCallerIdentity, which no policy can
    /// refuse). Fails with `Denied` where there are no credentials or they have expired.
    pub async fn account_id(&self) -> Result<String, ServiceError> {
        let answer = self.inner.clients.sts().get_caller_identity().send().await;
        let answer = answer.map_err(|failure| error::service_error(IDENTITY, &failure))?;
        account_of(&answer)
    }

    /// The account that a place's calls reach. Fails with `RoleRefused` where its role cannot be
    /// assumed.
    async fn entered_account(&self, site: &Site) -> Result<String, ServiceError> {
        let answer = self.inner.clients.of(site).sts.get_caller_identity().send().await;
        let answer = answer.map_err(|failure| error::service_error(IDENTITY, &failure))?;
        account_of(&answer)
    }

    fn now(&self) -> Timestamp {
        WallClock.now()
    }
}

const IDENTITY: &str = "GetCallerIdentity";

fn account_of(identity: &GetCallerIdentityOutput) -> Result<String, ServiceError> {
    identity.account().filter(|account| !account.is_empty()).map(str::to_owned).ok_or_else(|| {
        ServiceError::new(
            IDENTITY,
            FailureKind::BadResponse,
            "the answer names no account; is this endpoint really AWS?",
        )
    })
}
