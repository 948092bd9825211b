//! Before anything is submitted: whether the queue can take the job, and what it may cost at most.

use std::collections::BTreeMap;

use super::{LiveReport, Session};
use crate::cli::render::value::count;
use crate::doctor::live::{Ceiling, LiveFinding, LiveStep, on_fargate, on_instances};
use crate::domain::{InstanceShape, InstanceType};
use crate::market::{FargatePrice, ListPrice};
use crate::ports::{QueueDescription, ServiceError};

/// What is known before the job is submitted.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub shapes: BTreeMap<InstanceType, InstanceShape>,
    pub list: Vec<ListPrice>,
    pub fargate: Option<FargatePrice>,
    pub ceiling: Option<Ceiling>,
}

impl Session<'_> {
    /// `None` when the queue could not take the job: the report then says why.
    pub(super) async fn look(&self, report: &mut LiveReport) -> Option<Look> {
        let environment = &self.plan.environment;
        let batch = &self.cloud.batch;
        let queue = match batch.describe_queue(&environment.site, &environment.queue).await {
            Ok(queue) => queue,
            Err(error) => {
                report.add(LiveFinding::failed(
                    LiveStep::Queue,
                    format!("{error}; nothing was submitted"),
                    SET_UP,
                ));
                return None;
            }
        };
        if let Some(why) = queue.unusable_for(environment.capacity) {
            report.add(LiveFinding::failed(
                LiveStep::Queue,
                format!("{why}; nothing was submitted"),
                SET_UP,
            ));
            return None;
        }
        let mut look = Look::default();
        let expanded = self.shapes(&queue).await;
        report.add(judge_queue(&environment.queue, &expanded));
        look.shapes = expanded.unwrap_or_default();
        let prices = self.prices(&mut look).await;
        report.add(prices);
        Some(look)
    }

    async fn shapes(
        &self,
        queue: &QueueDescription,
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        let environment = &self.plan.environment;
        if environment.capacity.is_fargate() {
            return Ok(BTreeMap::new());
        }
        // What Batch may launch, also where the catalogue names less.
        let patterns = queue.instance_types_of(environment.capacity);
        self.cloud.batch.expand_instance_types(&environment.site, &patterns).await
    }

    /// Fetches the list prices, and says what they are good for.
    async fn prices(&self, look: &mut Look) -> LiveFinding {
        let environment = &self.plan.environment;
        let region = &environment.site.region;
        if environment.capacity.is_fargate() {
            let architecture = environment.architecture.label();
            let found = match self.cloud.list_prices.fargate_prices(region).await {
                Ok(prices) => prices.into_iter().find(|price| price.architecture == architecture),
                Err(error) => return unpriced(error.to_string()),
            };
            let Some(price) = found else {
                return unpriced(format!("the Price List has no {architecture} price of Fargate"));
            };
            look.ceiling = self
                .plan
                .request
                .resources
                .and_then(|needs| on_fargate(&price, &needs, self.plan.timeout));
            look.fargate = Some(price);
            let seen = format!("the Price List has Fargate's {architecture} price");
            return LiveFinding::passed(LiveStep::ListPrices, seen);
        }
        let types: Vec<InstanceType> = look.shapes.keys().cloned().collect();
        let mut problems = Vec::new();
        for answer in self.cloud.list_prices.on_demand_prices(region, &types).await {
            match answer {
                Ok(price) => look.list.push(price),
                Err(problem) => problems.push(problem),
            }
        }
        // Without one of them the dearest is not known.
        if let Some(first) = problems.first() {
            let missing =
                format!("{} of {} types have no price: {first}", problems.len(), types.len());
            return unpriced(missing);
        }
        look.ceiling = on_instances(&look.list, self.plan.timeout);
        match look.list.len() {
            0 => unpriced("no instance type is known that could be priced".to_owned()),
            1 => LiveFinding::passed(LiveStep::ListPrices, "the Price List has the type's price"),
            all => {
                let seen = format!("the Price List has the prices of all {all} types");
                LiveFinding::passed(LiveStep::ListPrices, seen)
            }
        }
    }
}

const SET_UP: &str =
    "Run `spotcron doctor`, which looks at queues and compute environments closely";

fn unpriced(seen: String) -> LiveFinding {
    LiveFinding::failed(
        LiveStep::ListPrices,
        seen,
        "Allow pricing:GetProducts; what costs are called unknown here stay so for the daemon's runs",
    )
}

fn judge_queue(
    queue: &str,
    expanded: &Result<BTreeMap<InstanceType, InstanceShape>, ServiceError>,
) -> LiveFinding {
    let step = LiveStep::Queue;
    match expanded {
        Ok(types) if types.is_empty() => LiveFinding::passed(step, format!("{queue} takes jobs")),
        Ok(types) => {
            let behind = count(types.len(), "instance type");
            LiveFinding::passed(step, format!("{queue} takes jobs, with {behind} behind it"))
        }
        Err(error) => LiveFinding::failed(
            step,
            format!("what is behind it cannot be told: {error}"),
            "Allow ec2:DescribeInstanceTypes (docs/guide/permissions.md)",
        ),
    }
}
