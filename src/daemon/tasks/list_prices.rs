//! On-demand and Fargate list prices, once a day and whenever new types are discovered.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::daemon::desk::regions;
use crate::daemon::{Activation, FirstLook, Shared, Task, TaskError};
use crate::ports::{Activator, FailureKind, PriceProblem, ServiceError, Write};

pub struct ListPrices {
    shared: Arc<Shared>,
}

impl ListPrices {
    pub fn new(shared: Arc<Shared>) -> Self {
        ListPrices { shared }
    }
}

fn is_denial(error: &ServiceError) -> bool {
    error.kind == FailureKind::Denied
}

#[async_trait]
impl Task for ListPrices {
    fn name(&self) -> &'static str {
        "list-prices"
    }

    fn period(&self) -> SignedDuration {
        self.shared.settings.periods.list_prices
    }

    fn bell(&self) -> Activator {
        self.shared.bells.list_prices.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let shared = &self.shared;
        let complete = shared.environments_are_known();
        let catalogue = shared.catalogue.load_full();
        let mut problems = Vec::new();
        let mut denied = None;
        let mut writes = Vec::new();
        for region in regions(&catalogue) {
            let types = shared.desk.types_behind(&catalogue, |e| e.site.region == region);
            let answers = shared.cloud.list_prices.on_demand_prices(&region, &types).await;
            let mut prices = Vec::new();
            for answer in answers {
                match answer {
                    Ok(price) => prices.push(price),
                    Err(PriceProblem::Failed(_, error)) if is_denial(&error) => {
                        denied = Some(error);
                    }
                    Err(problem) => problems.push(problem.to_string()),
                }
            }
            writes.extend(prices.iter().cloned().map(Write::ListPrice));
            shared.desk.take_list(prices, now);
            let uses_fargate = catalogue
                .environments
                .values()
                .any(|e| e.site.region == region && e.capacity.is_fargate());
            if uses_fargate {
                match shared.cloud.list_prices.fargate_prices(&region).await {
                    Ok(prices) => {
                        writes.extend(prices.iter().cloned().map(Write::FargatePrice));
                        shared.desk.take_fargate(&region, prices, now);
                    }
                    Err(error) if is_denial(&error) => denied = Some(error),
                    Err(error) => problems.push(error.to_string()),
                }
            }
        }
        if !writes.is_empty() {
            shared.book.store().commit(writes).await?;
        }
        shared.refresh_market(now);
        if complete {
            shared.note_look(FirstLook::ListPrices);
        }
        shared.bells.dispatch.ring();
        shared.bells.settle.ring();
        // Said alone: it is what readiness and a person act on.
        if let Some(error) = denied {
            return Err(TaskError::Service(error));
        }
        match problems.split_first() {
            None => Ok(Activation::default()),
            Some((first, [])) => Err(TaskError::Other(first.clone())),
            Some((first, rest)) => {
                Err(TaskError::Other(format!("{first} (and {} more like it)", rest.len())))
            }
        }
    }
}
