//! An account with a past, for the scripts that only look: machines and tasks in every state, pools
//! with and without capacity. Its time stands still while a script runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use spotcron::clock::WallClock;
use spotcron::domain::{BatchJobId, Pool, Resources};
use spotcron::ports::{BatchService, InstanceDirectory};
use spotcron::sim::Scenario;

use super::run_script;
use crate::sim::account::{Account, ready, request};

const START: &str = "2026-11-20T09:00:00Z";
const NOW: &str = "2026-11-20T12:00:00Z";

/// An account and the ids of the jobs in it.
struct Past {
    account: Account,
    jobs: BTreeMap<&'static str, BatchJobId>,
}

impl Past {
    fn at(&self, time: &str) {
        self.account.clock.advance_to(format!("2026-11-20T{time}Z").parse().unwrap());
    }

    /// A job named as it is, on a machine of its own where it has one.
    fn submit(&mut self, name: &'static str, queue: &str, definition: &str) {
        let mut asked = request(queue, definition, name);
        if !queue.starts_with("fargate") {
            let gpus = u32::from(name == "gpu");
            asked.resources = Some(Resources { vcpu_millis: 2000, memory_mib: 6144, gpus });
        }
        self.jobs.insert(name, self.account.submit(&asked).unwrap());
    }

    /// Takes the capacity of the pool that a job runs in, or of its Fargate Spot zone.
    fn crunch(&self, name: &str, seconds: i64) {
        let job = self.account.job(&self.jobs[name]);
        let on_instance = job.container.as_ref().unwrap().container_instance_arn.is_some();
        let pool = if on_instance {
            let host = self.account.host(&job);
            Pool { zone: host.zone, instance_type: host.instance_type }
        } else {
            let arns = [job.container.unwrap().task_arn.unwrap()];
            let tasks = ready(self.account.cloud.fargate_tasks(&self.account.site, &arns));
            let zone = tasks.unwrap()[0].zone.clone().unwrap();
            Pool { zone, instance_type: "fargate-spot".into() }
        };
        let duration = jiff::SignedDuration::from_secs(seconds);
        assert!(self.account.cloud.crunch(&pool, duration), "{pool}");
    }

    /// What the scripts must know: the time, and where each job ran.
    fn facts(&self) -> Value {
        let ran = self.jobs.iter().map(|(name, id)| {
            let job = self.account.job(id);
            let container = job.container.unwrap_or_default();
            let facts = json!({
                "host": container.container_instance_arn,
                "task": container.task_arn,
                "status": job.status.label(),
            });
            ((*name).to_owned(), facts)
        });
        json!({ "now": NOW, "jobs": ran.collect::<serde_json::Map<_, _>>() })
    }
}

fn past() -> Past {
    let scenario = Scenario::parse(include_str!("market.toml")).unwrap();
    let mut past = Past { account: Account::at(START, scenario, 1), jobs: BTreeMap::new() };
    // Nobody remembers this one at noon.
    past.submit("forgotten", "on-demand", "short");
    past.at("10:00:00");
    past.submit("steady", "on-demand", "long");
    past.submit("gpu", "gpu", "long");
    // On the same machine, which outlives it.
    past.submit("neighbour", "gpu", "short");
    past.submit("task", "fargate", "long");
    past.at("11:10:00");
    past.submit("reclaimed", "spot", "long");
    past.submit("task-reclaimed", "fargate-spot", "long");
    past.submit("task-done", "fargate", "short");
    past.submit("task-failed", "fargate", "broken");
    past.submit("task-unpullable", "fargate", "unpullable");
    past.at("11:11:30");
    past.submit("finished", "on-demand", "short");
    past.submit("stopped", "on-demand", "long");
    past.at("11:15:00");
    past.crunch("reclaimed", 600);
    past.crunch("task-reclaimed", 600);
    let stop = past.jobs["stopped"].clone();
    let region = past.account.site.clone();
    ready(past.account.cloud.terminate(&region, &stop, "stopped by hand")).unwrap();
    past.at("11:16:00");
    // Its pool is not the one that went.
    past.submit("running", "spot", "long");
    past.at("11:20:00");
    past.account.job(&stop);
    past.submit("task-on-spot", "fargate-spot", "long");
    past.submit("task-noticed", "fargate-spot", "long");
    past.at("11:59:00");
    past.crunch("task-noticed", 600);
    past.at("11:59:50");
    // This pool has no capacity at noon.
    let dry = Pool { zone: "us-east-1f".into(), instance_type: "c6i.large".into() };
    assert!(past.account.cloud.crunch(&dry, jiff::SignedDuration::from_hours(9)));
    past.at("11:59:56");
    past.submit("new", "on-demand", "long");
    past.account.job(&past.jobs["new"]);
    past.at("12:00:00");
    past
}

/// Runs `tests/wire/<script>.py ENDPOINT FACTS` against that account.
async fn script(name: &str) {
    let past = past();
    let facts = past.facts().to_string();
    run_script(name, past.account.cloud.clone(), Arc::new(WallClock), &[facts]).await;
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                script(stringify!($name)).await;
            }
        )*
    };
}

scripts!(containers, instance_types, instances, placement_scores, price_list, spot_prices, zones);

/// The same seed and the same calls tell the same story; what the scripts see depends on nothing
/// else.
#[test]
fn the_past_is_the_same_each_time() {
    assert_eq!(past().facts(), past().facts());
}
