//! Looks behind each environment's queue: compute environments, instance types, zones.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Environment;
use crate::daemon::{Activation, Discovered, FirstLook, Shared, Task, TaskError};
use crate::domain::{InstanceShape, InstanceType};
use crate::ports::{Activator, FailureKind, QueueDescription, ServiceError, Write};

pub struct Discovery {
    shared: Arc<Shared>,
}

impl Discovery {
    pub fn new(shared: Arc<Shared>) -> Self {
        Discovery { shared }
    }

    /// `true` when other prices are wanted than before.
    async fn discover(
        &self,
        environment: &Environment,
        stored: &mut BTreeMap<InstanceType, InstanceShape>,
    ) -> Result<bool, TaskError> {
        let batch = &self.shared.cloud.batch;
        let site = &environment.site;
        let queue = batch.describe_queue(site, &environment.queue).await?;
        let patterns = patterns(environment, &queue);
        let types = if patterns.is_empty() {
            BTreeMap::new()
        } else {
            batch.expand_instance_types(site, &patterns).await?
        };
        let zones = environment.zones.clone().unwrap_or_else(|| {
            let mut zones: Vec<_> =
                queue.environments.iter().flat_map(|ce| ce.zones.iter().cloned()).collect();
            zones.sort();
            zones.dedup();
            zones
        });
        stored.extend(types.iter().map(|(name, shape)| (name.clone(), shape.clone())));
        let discovered = Discovered {
            types: types.into_iter().map(|(name, shape)| (name, Arc::new(shape))).collect(),
            zones,
            unusable: queue.unusable_for(environment.capacity),
        };
        Ok(self.shared.desk.take_discovered(environment.name.clone(), discovered))
    }
}

fn patterns(environment: &Environment, queue: &QueueDescription) -> Vec<String> {
    if environment.capacity.is_fargate() {
        return Vec::new();
    }
    if let Some(types) = &environment.instance_types {
        return types.iter().map(|name| name.as_str().to_owned()).collect();
    }
    queue.instance_types_of(environment.capacity)
}

#[async_trait]
impl Task for Discovery {
    fn name(&self) -> &'static str {
        "discovery"
    }

    fn period(&self) -> SignedDuration {
        self.shared.settings.periods.discovery
    }

    fn bell(&self) -> Activator {
        self.shared.bells.discovery.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let catalogue = self.shared.catalogue.load_full();
        let store = self.shared.book.store();
        let known = store.shapes().await?;
        let mut shapes = BTreeMap::new();
        let mut failure: Option<TaskError> = None;
        let mut wanted = false;
        for environment in catalogue.environments.values() {
            match self.discover(environment, &mut shapes).await {
                Ok(changed) => wanted |= changed,
                Err(TaskError::Service(error)) => {
                    if error.kind == FailureKind::RoleRefused {
                        self.shared.desk.note_unreachable(&environment.name, error.message.clone());
                    }
                    let error = TaskError::Service(in_environment(environment, error));
                    failure = Some(error.over(failure));
                }
                Err(error) => failure = Some(error.over(failure)),
            }
        }
        let fresh: Vec<Write> = shapes
            .into_iter()
            .filter(|(name, shape)| known.get(name) != Some(shape))
            .map(|(name, shape)| Write::Shape(name, shape))
            .collect();
        if !fresh.is_empty() {
            store.commit(fresh).await?;
        }
        self.shared.note_look(FirstLook::Environments);
        if wanted {
            self.shared.bells.list_prices.ring();
            self.shared.bells.spot_prices.ring();
        }
        self.shared.refresh_market(now);
        self.shared.bells.dispatch.ring();
        match failure {
            Some(error) => Err(error),
            None => Ok(Activation::default()),
        }
    }
}

fn in_environment(environment: &Environment, error: ServiceError) -> ServiceError {
    ServiceError { message: format!("{} ({})", error.message, environment.name), ..error }
}
