//! The machines behind containers, looked up once while they can be seen and kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::daemon::tasks::machines::known_machines_behind;
use crate::daemon::{Change, Shared};
use crate::domain::{
    BatchJobId, ContainerObservation, InstanceEnd, InstanceFacts, InstanceId, JobObservation, Site,
};
use crate::ports::{FargateTask, ServiceError, Write};
use crate::run::{HostRecord, Leg, Run};

/// DescribeContainerInstances and DescribeInstances take so many at once.
const PER_CALL: usize = 100;
/// A host that no attempt has named for so long is forgotten.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(6);

#[derive(Debug)]
struct Known {
    host: HostRecord,
    named_at: Timestamp,
}

/// Container instance ARN → machine.
#[derive(Debug, Default)]
pub struct Hosts {
    known: HashMap<String, Known>,
    /// How machines ended, by container instance ARN, and Fargate tasks, by their own.
    ends: BTreeMap<String, InstanceEnd>,
    /// By ARN, with when a job last named it.
    tasks: HashMap<String, (FargateTask, Timestamp)>,
    pruned_at: Option<Timestamp>,
}

impl Hosts {
    pub fn host(&self, arn: &str) -> Option<HostRecord> {
        self.known.get(arn).map(|known| known.host.clone())
    }

    /// A Fargate task, as ECS last showed it.
    pub fn task(&self, arn: &str) -> Option<&FargateTask> {
        self.tasks.get(arn).map(|(task, _)| task)
    }

    /// How the instances and tasks behind ARNs ended, where that is known.
    pub fn ends(&self) -> &BTreeMap<String, InstanceEnd> {
        &self.ends
    }

    /// Whether it is not known yet how the machine or the Fargate task behind a container ended, and
    /// AWS may still say so.
    pub fn end_may_come(&self, container: &ContainerObservation) -> bool {
        let (host, task) = (&container.container_instance_arn, &container.task_arn);
        match (host, task) {
            (Some(host), _) => !self.ends.contains_key(host),
            (None, Some(task)) => self.task(task).is_none_or(|task| task.stopped_at.is_none()),
            (None, None) => false,
        }
    }

    /// Looks up every machine that the jobs name and nobody knows yet, and how those ended whose
    /// loss ended an attempt.
    pub async fn look_up(
        &mut self,
        shared: &Arc<Shared>,
        runs: &[Arc<Run>],
        jobs: &HashMap<BatchJobId, JobObservation>,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<(), ServiceError> {
        self.prune(now);
        let legs: HashMap<&str, &Leg> = runs
            .iter()
            .filter_map(|run| run.last_leg())
            .filter_map(|leg| Some((leg.job_id.as_ref()?.as_str(), leg)))
            .collect();
        // What fails for one chunk or place is told, and stops none of the others.
        let mut failure = self.look_up_tasks(shared, &legs, jobs, now).await.err();
        let mut wanted: BTreeMap<Site, BTreeSet<String>> = BTreeMap::new();
        let mut lost: BTreeMap<Site, BTreeSet<InstanceId>> = BTreeMap::new();
        for job in jobs.values() {
            let parent = job.id.as_str().split(':').next().unwrap_or_default();
            let Some(leg) = legs.get(parent) else { continue };
            let site = &leg.site;
            for (container, is_lost) in containers(job) {
                let Some(arn) = &container.container_instance_arn else { continue };
                match self.known.get_mut(arn) {
                    Some(known) => {
                        known.named_at = now;
                        if is_lost && !self.ends.contains_key(arn) {
                            let ids = lost.entry(site.clone()).or_default();
                            ids.insert(known.host.instance_id.clone());
                        }
                    }
                    None => {
                        wanted.entry(site.clone()).or_default().insert(arn.clone());
                    }
                }
            }
        }
        for (site, arns) in wanted {
            let arns: Vec<String> = arns.into_iter().collect();
            for chunk in arns.chunks(PER_CALL) {
                let looked = self.look_up_hosts(shared, &site, chunk, now, change).await;
                if let Err(error) = looked {
                    failure = Some(error.over(failure));
                }
            }
        }
        for (site, ids) in lost {
            let ids: Vec<InstanceId> = ids.into_iter().collect();
            for chunk in ids.chunks(PER_CALL) {
                match shared.cloud.instances.instances(&site, chunk).await {
                    Ok(facts) => self.note_ends(shared, facts, change),
                    Err(error) => failure = Some(error.over(failure)),
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Fargate's tasks have no host; what they have is the beginning of their bill, and whether they
    /// were taken back, which Batch does not always say.
    async fn look_up_tasks(
        &mut self,
        shared: &Arc<Shared>,
        legs: &HashMap<&str, &Leg>,
        jobs: &HashMap<BatchJobId, JobObservation>,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let mut failure = None;
        let mut wanted: BTreeMap<Site, BTreeSet<String>> = BTreeMap::new();
        for job in jobs.values() {
            let parent = job.id.as_str().split(':').next().unwrap_or_default();
            let Some(leg) = legs.get(parent).filter(|leg| leg.capacity.is_fargate()) else {
                continue;
            };
            for (container, is_lost) in containers(job) {
                let Some(arn) = &container.task_arn else { continue };
                let known = self.tasks.get_mut(arn).map(|(task, named_at)| {
                    *named_at = now;
                    task.pull_started_at.is_some() && (!is_lost || task.stopped_at.is_some())
                });
                if known != Some(true) {
                    wanted.entry(leg.site.clone()).or_default().insert(arn.clone());
                }
            }
        }
        for (site, arns) in wanted {
            let arns: Vec<String> = arns.into_iter().collect();
            for chunk in arns.chunks(PER_CALL) {
                let tasks = match shared.cloud.instances.fargate_tasks(&site, chunk).await {
                    Ok(tasks) => tasks,
                    Err(error) => {
                        failure = Some(error.over(failure));
                        continue;
                    }
                };
                for task in tasks {
                    if task.interrupted {
                        self.ends.insert(task.task_arn.clone(), InstanceEnd::Reclaimed);
                    }
                    self.tasks.insert(task.task_arn.clone(), (task, now));
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn look_up_hosts(
        &mut self,
        shared: &Arc<Shared>,
        site: &Site,
        arns: &[String],
        now: Timestamp,
        change: &mut Change,
    ) -> Result<(), ServiceError> {
        let (hosts, facts) = known_machines_behind(shared, site, arns).await?;
        let known = hosts.into_iter().map(|(arn, host)| (arn, Known { host, named_at: now }));
        self.known.extend(known);
        self.note_ends(shared, facts, change);
        Ok(())
    }

    /// Takes instance facts down: for the ledger, and how they ended for the classification.
    fn note_ends(&mut self, shared: &Shared, facts: Vec<InstanceFacts>, change: &mut Change) {
        for facts in facts {
            if let Some(end) = facts.end {
                for (arn, known) in &self.known {
                    if known.host.instance_id == facts.id {
                        self.ends.insert(arn.clone(), end);
                    }
                }
            }
            if let Some(facts) = shared.note_instance(&facts) {
                change.write(Write::Instance(facts));
            }
        }
    }

    fn prune(&mut self, now: Timestamp) {
        if self.pruned_at.is_some_and(|at| now.duration_since(at) < FORGET_AFTER) {
            return;
        }
        self.pruned_at = Some(now);
        self.known.retain(|_, known| now.duration_since(known.named_at) < FORGET_AFTER);
        self.tasks.retain(|_, (_, named_at)| now.duration_since(*named_at) < FORGET_AFTER);
        let (known, tasks) = (&self.known, &self.tasks);
        self.ends.retain(|arn, _| known.contains_key(arn) || tasks.contains_key(arn));
    }
}

/// Every container that a job shows, and whether its machine may be the reason of its end.
fn containers(job: &JobObservation) -> impl Iterator<Item = (&ContainerObservation, bool)> {
    let finished = job.attempts.iter().map(|attempt| {
        let host_lost =
            attempt.status_reason.as_deref().is_some_and(|reason| reason.starts_with("Host EC2"));
        let silent = !matches!(attempt.container.exit_code, Some(0..=136 | 138..=142));
        (&attempt.container, host_lost || silent)
    });
    job.container.iter().map(|container| (container, false)).chain(finished)
}
