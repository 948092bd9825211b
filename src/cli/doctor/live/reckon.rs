//! What the job ran on and what it cost: the attempts that the watcher would take down, and the lines
//! that the ledger would write.

use std::collections::BTreeMap;

use super::Session;
use super::look::Look;
use super::watch::{Machines, Watched};
use crate::cli::render::value;
use crate::doctor::live::{LiveFinding, LivePlan, LiveStep};
use crate::domain::{
    Capacity, InstanceEnd, InstanceFacts, InstanceShape, Lifecycle, Pool, Usd, Window,
};
use crate::ledger::{Entry, Evidence, Unpriced, settle};
use crate::market::PriceSeries;
use crate::ports::ServiceError;
use crate::run::{AttemptRecord, HostRecord, LegFacts, attempt_records};

/// The attempts and their lines.
#[derive(Debug, Default)]
pub(super) struct Reckoning {
    pub attempts: Vec<AttemptRecord>,
    pub entries: Vec<Entry>,
    /// What kept ECS or EC2 from telling the machine.
    pub host_error: Option<ServiceError>,
    /// What kept EC2 from telling spot prices.
    pub price_error: Option<ServiceError>,
}

impl Reckoning {
    /// Those that a container ran in.
    fn ran(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.attempts.iter().filter(|attempt| attempt.started_at.is_some())
    }

    /// Cost and on-demand equivalent of every line. `None` when one of them has no price.
    pub fn amounts(&self) -> Option<(Usd, Usd)> {
        let priced: Option<Vec<_>> = self.entries.iter().map(Entry::priced).collect();
        let priced = priced.filter(|priced| !priced.is_empty())?;
        let cost = priced.iter().map(|line| line.cost).sum();
        Some((cost, priced.iter().map(|line| line.on_demand).sum()))
    }

    pub fn host(&self) -> Option<&HostRecord> {
        self.attempts.iter().rev().find_map(|attempt| attempt.host.as_ref())
    }
}

impl Session<'_> {
    /// Takes the attempts down and prices each.
    pub(super) async fn reckon(&self, look: &Look, watched: &Watched) -> Reckoning {
        let mut found =
            Reckoning { host_error: watched.machines.error.clone(), ..Reckoning::default() };
        found.attempts = attempts(self.plan, look, watched);
        for attempt in &found.attempts {
            let Some(ran) = attempt.window() else { continue };
            let spot = match &attempt.host {
                Some(host) if host.lifecycle == Lifecycle::Spot => {
                    match self.spot_series(host, ran).await {
                        Ok(series) => Some(series),
                        Err(error) => {
                            found.price_error = Some(error);
                            None
                        }
                    }
                }
                _ => None,
            };
            let entry = settle(attempt, &self.evidence(attempt, look, watched, spot.as_ref()));
            found.entries.extend(entry);
        }
        found
    }

    /// The pool's prices from the instance's launch to the attempt's end.
    async fn spot_series(
        &self,
        host: &HostRecord,
        ran: Window,
    ) -> Result<PriceSeries, ServiceError> {
        let pool = Pool { zone: host.zone.clone(), instance_type: host.instance_type.clone() };
        let window = Window::new(host.launched_at.min(ran.start), ran.end);
        let types = [host.instance_type.clone()];
        let site = &self.plan.request.site;
        let points = self.cloud.spot_prices.spot_prices(site, &types, window).await?;
        let of_pool = points.into_iter().filter(|point| point.pool == pool);
        Ok(PriceSeries::from_points(of_pool.map(|point| (point.effective_from, point.price))))
    }

    fn evidence<'a>(
        &self,
        attempt: &AttemptRecord,
        look: &'a Look,
        watched: &'a Watched,
        spot: Option<&'a PriceSeries>,
    ) -> Evidence<'a> {
        let host = attempt.host.as_ref();
        let instance: Option<&InstanceFacts> = host.and_then(|host| {
            watched.machines.facts.iter().find(|facts| facts.id == host.instance_id)
        });
        let of_type = |host: &HostRecord| {
            look.list.iter().find(|price| price.instance_type == host.instance_type)
        };
        let terms = attempt.terms.unwrap_or_default();
        Evidence {
            instance,
            shape: host.and_then(|host| look.shapes.get(&host.instance_type)),
            spot,
            price_mode: self.price_mode,
            on_demand: host.and_then(of_type).map(|price| price.price),
            fargate: look.fargate.as_ref(),
            on_demand_discount: terms.on_demand_discount,
            fargate_spot_discount: terms.fargate_spot_discount,
            checkpoints: terms.checkpoints,
        }
    }
}

/// The attempts as the watcher takes them down.
fn attempts(plan: &LivePlan, look: &Look, watched: &Watched) -> Vec<AttemptRecord> {
    let Some(job) = &watched.job else { return Vec::new() };
    let machines = &watched.machines;
    let ends = ends(machines);
    let facts = LegFacts { run: &plan.run, leg: plan.leg(), child: None, instance_ends: &ends };
    let mut records = attempt_records(facts, job);
    for record in &mut records {
        let shape = |host: &HostRecord| -> Option<InstanceShape> {
            look.shapes.get(&host.instance_type).cloned()
        };
        record.host = record
            .container_instance_arn
            .as_ref()
            .and_then(|arn| machines.hosts.get(arn))
            .map(|host| HostRecord { shape: shape(host), ..host.clone() });
        if plan.environment.capacity.is_fargate() {
            let task = record.task_arn.as_ref().and_then(|arn| machines.tasks.get(arn));
            record.pull_started_at = task.and_then(|task| task.pull_started_at);
            record.zone = task.and_then(|task| task.zone.clone());
        }
    }
    records
}

/// How machines and tasks ended, by ARN: what tells a reclaim from a failure.
fn ends(machines: &Machines) -> BTreeMap<String, InstanceEnd> {
    let of_host =
        |host: &HostRecord| machines.facts.iter().find(|facts| facts.id == host.instance_id)?.end;
    let hosts = machines.hosts.iter().filter_map(|(arn, host)| Some((arn.clone(), of_host(host)?)));
    let taken = machines.tasks.values().filter(|task| task.interrupted);
    hosts.chain(taken.map(|task| (task.task_arn.clone(), InstanceEnd::Reclaimed))).collect()
}

/// What the machine and the price showed.
pub(super) fn judge(plan: &LivePlan, reckoning: &Reckoning) -> [LiveFinding; 2] {
    [judge_host(plan, reckoning), judge_cost(reckoning)]
}

fn judge_host(plan: &LivePlan, reckoning: &Reckoning) -> LiveFinding {
    let step = LiveStep::Host;
    let Some(attempt) = reckoning.ran().last() else {
        return LiveFinding::skipped(step, "no container ran");
    };
    let capacity = plan.environment.capacity;
    if let (true, Some(zone)) = (capacity.is_fargate(), &attempt.zone) {
        return LiveFinding::passed(step, format!("a Fargate task in {zone}"));
    }
    let Some(host) = &attempt.host else {
        let why = reckoning.host_error.as_ref().map(ToString::to_string);
        return LiveFinding::failed(
            step,
            why.unwrap_or_else(|| "ECS and EC2 show nothing of it".to_owned()),
            if capacity.is_fargate() {
                "Allow ecs:DescribeTasks (docs/guide/permissions.md)"
            } else {
                "Allow ecs:DescribeContainerInstances and ec2:DescribeInstances \
                 (docs/guide/permissions.md)"
            },
        );
    };
    let (bought, expected) = match (&host.lifecycle, capacity) {
        (Lifecycle::Spot, _) => ("spot", capacity == Capacity::Spot),
        (Lifecycle::OnDemand, _) => ("on demand", capacity == Capacity::OnDemand),
        (Lifecycle::Other(other), _) => (other.as_str(), false),
    };
    let seen = format!("{} in {}, {bought}, {}", host.instance_type, host.zone, host.instance_id);
    if expected {
        return LiveFinding::passed(step, seen);
    }
    LiveFinding::failed(
        step,
        format!("{seen}, where {capacity} was expected"),
        "Give each kind of capacity a queue, and an environment of the catalogue, of its own",
    )
}

fn judge_cost(reckoning: &Reckoning) -> LiveFinding {
    let step = LiveStep::Cost;
    if reckoning.ran().next().is_none() {
        return LiveFinding::skipped(
            step,
            "no container ran, so that the ledger has nothing to count",
        );
    }
    if reckoning.entries.is_empty() {
        return LiveFinding::skipped(
            step,
            "it has not ended, so that the ledger cannot count it yet",
        );
    }
    if let Some((cost, on_demand)) = reckoning.amounts() {
        let (cost, on_demand) = (value::usd_exact(cost), value::usd_exact(on_demand));
        let later = match reckoning.entries.iter().any(Entry::is_provisional) {
            true => "; free should EC2 take the instance back in its first hour",
            false => "",
        };
        return LiveFinding::passed(step, format!("{cost}, on demand {on_demand}{later}"));
    }
    let why = reckoning.entries.iter().find_map(Entry::unpriced);
    let error = reckoning.price_error.as_ref().map(|error| format!(": {error}"));
    let label = why.map_or("unknown", Unpriced::label);
    LiveFinding::failed(
        step,
        format!("it has no price ({label}){}", error.unwrap_or_default()),
        why.map_or("Run it again", unpriced_fix),
    )
}

const fn unpriced_fix(why: Unpriced) -> &'static str {
    match why {
        Unpriced::HostUnknown => "See the step before: the price follows from the machine",
        Unpriced::ShareUnknown => "Allow ec2:DescribeInstanceTypes (docs/guide/permissions.md)",
        Unpriced::SpotPriceUnknown => {
            "Allow ec2:DescribeSpotPriceHistory (docs/guide/permissions.md)"
        }
        Unpriced::OnDemandPriceUnknown | Unpriced::FargatePriceUnknown => {
            "Allow pricing:GetProducts (docs/guide/permissions.md)"
        }
        Unpriced::FargateSpotDiscountUnknown => {
            "Say `fargate_spot_discount_percent` in the environment: AWS publishes no price of Fargate Spot"
        }
        Unpriced::UnsupportedLifecycle => {
            "Nothing: spotcron knows no price of capacity that was bought in this way"
        }
    }
}
