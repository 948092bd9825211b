//! What EC2 says of an instance, during its life and for about an hour after it.

use aws_sdk_ec2::types::{Filter, Instance};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::AwsCloud;
use super::error::service_error;
use super::moment::from_sdk;
use super::pages::Tokens;
use crate::domain::{InstanceEnd, InstanceFacts, InstanceId, InstanceType, Lifecycle, Site, Zone};
use crate::ports::{FailureKind, ServiceError};

const OPERATION: &str = "DescribeInstances";
/// EC2 allows 200 values in a filter.
const IDS_PER_CALL: usize = 100;

impl AwsCloud {
    pub(super) async fn ec2_instances(
        &self,
        site: &Site,
        ids: &[InstanceId],
    ) -> Result<Vec<InstanceFacts>, ServiceError> {
        let clients = self.inner.clients.of(site);
        let mut facts = Vec::new();
        for some in ids.chunks(IDS_PER_CALL) {
            let values = some.iter().map(|id| id.as_str().to_owned()).collect();
            // By filter: asking by id, one instance that is gone fails the whole call.
            let by_id = Filter::builder().name("instance-id").set_values(Some(values)).build();
            let mut pages = clients.ec2.describe_instances().filters(by_id).into_paginator().send();
            let mut tokens = Tokens::of(OPERATION);
            loop {
                self.inner.clients.of(site).pacing.lookup().await;
                let Some(page) = pages.next().await else { break };
                let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
                tokens.follow(page.next_token())?;
                let now = self.now();
                for instance in page.reservations().iter().flat_map(|r| r.instances()) {
                    facts.push(facts_of(instance, site, now).map_err(|problem| {
                        ServiceError::new(OPERATION, FailureKind::BadResponse, problem)
                    })?);
                }
            }
        }
        Ok(facts)
    }
}

fn facts_of(instance: &Instance, site: &Site, now: Timestamp) -> Result<InstanceFacts, String> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let id = text(instance.instance_id()).ok_or("an instance has no id")?;
    let lacks = |what: &str| format!("the instance {id} has no {what}");
    let zone = text(instance.placement().and_then(|placement| placement.availability_zone()));
    let kind = text(instance.instance_type().map(|kind| kind.as_str()));
    let launched_at = instance.launch_time().and_then(from_sdk);
    let end = end_of(instance);
    // Where EC2 does not say when it ended, it was no later than now.
    let ended_at = end.map(|_| stated_end(instance).filter(|at| *at <= now).unwrap_or(now));
    Ok(InstanceFacts {
        instance_type: InstanceType::from(kind.ok_or_else(|| lacks("type"))?),
        zone: Zone::from(zone.ok_or_else(|| lacks("zone"))?),
        launched_at: launched_at.ok_or_else(|| lacks("launch time"))?,
        lifecycle: match instance.instance_lifecycle().map(|lifecycle| lifecycle.as_str()) {
            None | Some("") => Lifecycle::OnDemand,
            Some("spot") => Lifecycle::Spot,
            Some(other) => Lifecycle::Other(other.to_owned()),
        },
        ended_at,
        end,
        seen_at: ended_at.unwrap_or(now),
        site: site.clone(),
        id: InstanceId::from(id),
    })
}

/// `None` while it is billed, which it is from `pending` until it begins to stop or shut down.
fn end_of(instance: &Instance) -> Option<InstanceEnd> {
    let state = instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str());
    if !matches!(state, "shutting-down" | "terminated" | "stopping" | "stopped") {
        return None;
    }
    let code = instance.state_reason().and_then(|reason| reason.code()).unwrap_or_default();
    Some(match code {
        "Server.SpotInstanceTermination" | "Server.SpotInstanceShutdown" => InstanceEnd::Reclaimed,
        requested if requested.starts_with("Client.") => InstanceEnd::Requested,
        _ => InstanceEnd::Unknown,
    })
}

/// The time in `User initiated (2026-03-01 12:34:56 GMT)`.
fn stated_end(instance: &Instance) -> Option<Timestamp> {
    let (_, after) = instance.state_transition_reason()?.rsplit_once('(')?;
    let (time, _) = after.split_once(" GMT)")?;
    let time = DateTime::strptime("%Y-%m-%d %H:%M:%S", time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::primitives::DateTime as SdkTime;
    use aws_sdk_ec2::types::builders::InstanceBuilder;
    use aws_sdk_ec2::types::{InstanceState, Placement, StateReason};

    fn instance(state: &str) -> InstanceBuilder {
        Instance::builder()
            .instance_id("i-0a")
            .instance_type("c5.large".into())
            .placement(Placement::builder().availability_zone("us-east-1a").build())
            .launch_time(SdkTime::from_secs(1_000))
            .state(InstanceState::builder().name(state.into()).build())
    }

    fn facts(instance: InstanceBuilder) -> InstanceFacts {
        facts_of(&instance.build(), &"us-east-1".into(), now()).unwrap()
    }

    fn now() -> Timestamp {
        "2026-03-01T13:00:00Z".parse().unwrap()
    }

    #[test]
    fn no_lifecycle_means_on_demand() {
        let running = facts(instance("running"));
        assert_eq!(running.lifecycle, Lifecycle::OnDemand);
        assert_eq!((running.end, running.ended_at, running.seen_at), (None, None, now()));
        assert_eq!(running.launched_at, Timestamp::from_second(1_000).unwrap());
        let spot = facts(instance("running").instance_lifecycle("spot".into()));
        assert_eq!(spot.lifecycle, Lifecycle::Spot);
        let block = facts(instance("running").instance_lifecycle("capacity-block".into()));
        assert_eq!(block.lifecycle, Lifecycle::Other("capacity-block".into()));
    }

    #[test]
    fn who_ended_an_instance_is_in_its_state_reason() {
        for (code, end) in [
            ("Server.SpotInstanceTermination", InstanceEnd::Reclaimed),
            ("Server.SpotInstanceShutdown", InstanceEnd::Reclaimed),
            ("Client.UserInitiatedShutdown", InstanceEnd::Requested),
            ("Client.InstanceInitiatedShutdown", InstanceEnd::Requested),
            ("Server.InternalError", InstanceEnd::Unknown),
        ] {
            let reason = StateReason::builder().code(code).build();
            let ended = facts(instance("terminated").state_reason(reason));
            assert_eq!(ended.end, Some(end), "{code}");
            assert_eq!(ended.ended_at, Some(now()));
        }
        assert_eq!(facts(instance("shutting-down")).end, Some(InstanceEnd::Unknown));
    }

    #[test]
    fn the_stated_time_of_the_end_is_used_when_there_is_one() {
        let stated: Timestamp = "2026-03-01T12:34:56Z".parse().unwrap();
        for (reason, at) in [
            ("User initiated (2026-03-01 12:34:56 GMT)", stated),
            ("Service (odd) (2026-03-01 12:34:56 GMT)", stated),
            ("User initiated (2027-03-01 12:34:56 GMT)", now()),
            ("User initiated (yesterday GMT)", now()),
            ("", now()),
        ] {
            let ended = facts(instance("terminated").state_transition_reason(reason));
            assert_eq!(ended.ended_at, Some(at), "{reason}");
            assert_eq!(ended.seen_at, at);
        }
    }

    #[test]
    fn an_instance_that_lacks_a_fact_is_a_data_error() {
        let bare = Instance::builder().instance_id("i-0a").instance_type("c5.large".into()).build();
        let problem = facts_of(&bare, &"us-east-1".into(), now()).unwrap_err();
        assert_eq!(problem, "the instance i-0a has no zone");
    }
}
