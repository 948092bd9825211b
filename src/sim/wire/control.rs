//! What a test may do to the account besides calling AWS: under `/_spotcron/`, unsigned.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::Accounts;
use super::mishap::{MishapRule, Mishaps};
use crate::clock::Clock;
use crate::domain::{InstanceId, Pool};
use crate::sim::{RoleSpec, SimCloud};

/// Where the control endpoint's paths begin.
pub(super) const PREFIX: &str = "/_spotcron/";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Crunch {
    /// How long the capacity stays away.
    seconds: u32,
    /// `zone/type`; every spot pool when absent.
    pool: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reclaim {
    /// The spot instance that EC2 takes back.
    instance: String,
    /// How long after its notice.
    #[serde(default = "two_minutes")]
    notice_seconds: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    /// `zone/type`.
    pool: String,
    usd_per_hour: String,
}

const fn two_minutes() -> u32 {
    120
}

/// Answers a request of the control endpoint; `path` is what follows the prefix.
pub(super) fn control(
    accounts: &Accounts,
    mishaps: &Arc<Mishaps>,
    clock: &dyn Clock,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Response<Bytes> {
    // `accounts/ID/…` is about that account, everything else about the first one.
    let (account, path) = match path.strip_prefix("accounts/").and_then(|of| of.split_once('/')) {
        Some(named) => named,
        None => (accounts.home(), path),
    };
    let outcome = match accounts.cloud(account) {
        Some(cloud) => act(accounts, cloud, (account, mishaps), clock, (method, path), body),
        None => Err(format!("there is no account {account}")),
    };
    let (status, body) = match outcome {
        Ok(value) => (StatusCode::OK, value),
        Err(message) => (StatusCode::BAD_REQUEST, json!({ "error": message })),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn act(
    accounts: &Accounts,
    cloud: &SimCloud,
    (account, mishaps): (&str, &Arc<Mishaps>),
    clock: &dyn Clock,
    (method, path): (&Method, &str),
    body: &Bytes,
) -> Result<Value, String> {
    match (method, path) {
        (&Method::PUT, "mishaps") => read(body).map(|rules: Vec<MishapRule>| {
            mishaps.set(rules);
            json!({})
        }),
        (&Method::GET, "calls") => Ok(json!(mishaps.calls())),
        (&Method::POST, "crunch") => read(body).and_then(|crunch| apply_crunch(cloud, &crunch)),
        (&Method::POST, "reclaim") => read(body).and_then(|reclaim: Reclaim| {
            let notice = SignedDuration::from_secs(i64::from(reclaim.notice_seconds));
            if cloud.reclaim(&InstanceId::new(reclaim.instance.clone()), notice) {
                Ok(json!({}))
            } else {
                Err(format!("{} is no running spot instance", reclaim.instance))
            }
        }),
        (&Method::PUT, "definition") => read(body).map(|definition| {
            cloud.set_definition(definition);
            json!({})
        }),
        (&Method::PUT, "price") => read(body).and_then(|price| apply_price(cloud, &price)),
        (&Method::GET, "bill") => serde_json::to_value(cloud.bill(clock.now()))
            .map_err(|error| format!("the bill cannot be shown: {error}")),
        (&Method::PUT, "roles") => read(body).map(|roles: Vec<RoleSpec>| {
            accounts.set_roles(account, roles);
            json!({})
        }),
        _ => Err(format!("{method} {PREFIX}{path} is not known")),
    }
}

fn read<T: for<'a> Deserialize<'a>>(body: &Bytes) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body cannot be read: {error}"))
}

fn apply_crunch(cloud: &SimCloud, crunch: &Crunch) -> Result<Value, String> {
    let duration = SignedDuration::from_secs(i64::from(crunch.seconds));
    let Some(name) = &crunch.pool else {
        cloud.crunch_all(duration);
        return Ok(json!({}));
    };
    if cloud.crunch(&pool(name)?, duration) {
        Ok(json!({}))
    } else {
        Err(format!("no environment uses the pool {name}"))
    }
}

fn apply_price(cloud: &SimCloud, price: &Price) -> Result<Value, String> {
    let usd = price.usd_per_hour.parse().map_err(|error| format!("usd_per_hour: {error}"))?;
    if cloud.set_price(&pool(&price.pool)?, usd) {
        Ok(json!({}))
    } else {
        Err(format!("no environment uses the pool {}, or its prices are recorded", price.pool))
    }
}

fn pool(name: &str) -> Result<Pool, String> {
    let (zone, instance_type) =
        name.split_once('/').ok_or_else(|| format!("{name} is no pool: write zone/type"))?;
    Ok(Pool { zone: zone.into(), instance_type: instance_type.into() })
}
