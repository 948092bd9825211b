//! A healthy set-up: spot, on-demand and Fargate Spot, of one account.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::{
    Catalogue, Class, Environment, EvaluateOnExit, Job, RetryOwner, RetryStrategy, Submission,
};
use spotcron::decision::advice::Advice;
use spotcron::doctor::{
    Access, Advised, ComputeEnvironmentFacts, DefinitionFacts, EnvironmentFacts, Facts, Finding,
    LocalFacts, Operation, Platform, QueueFacts, StoreFacts, WaitingJob, examine,
};
use spotcron::domain::{Capacity, InstanceShape, Resources, Role, RoleArn, Site};
use spotcron::experience::Breaker;
use spotcron::settings::Settings;

use crate::samples::{at, class, environment, job, mins};

pub const ACCOUNT: &str = "123456789012";

pub struct World {
    pub catalogue: Catalogue,
    pub settings: Settings,
    pub facts: Facts,
}

impl World {
    pub fn findings(&self) -> Vec<Finding> {
        examine(&self.facts, &self.catalogue, &self.settings, now())
    }

    pub fn seen(&mut self, name: &str) -> &mut EnvironmentFacts {
        self.facts.environments.get_mut(name).unwrap()
    }

    pub fn breaker(&mut self, name: &str, breaker: Breaker) {
        self.facts.local.breakers.insert(name.into(), breaker);
    }

    pub fn advise(&mut self, name: &str, advice: Advice) {
        let advised = Advised { job: "rebuild".into(), advice };
        self.facts.local.advice.entry(name.into()).or_default().push(advised);
    }

    pub fn queue(&mut self, name: &str) -> &mut QueueFacts {
        self.seen(name).queue.as_mut().unwrap()
    }

    /// The only compute environment of an environment.
    pub fn compute(&mut self, name: &str) -> &mut ComputeEnvironmentFacts {
        &mut self.seen(name).compute_environments.as_mut().unwrap()[0]
    }

    pub fn definition(&mut self, name: &str) -> &mut DefinitionFacts {
        self.facts.definitions.get_mut(&(site(), name.to_owned())).unwrap().as_mut().unwrap()
    }

    /// Puts an environment into another account.
    pub fn moved_to_account(&mut self, name: &str) -> Role {
        let arn = RoleArn::parse("arn:aws:iam::210987654321:role/spotcron").unwrap();
        let role = Role { arn, external_id: None };
        let environment = Arc::make_mut(self.catalogue.environments.get_mut(name).unwrap());
        environment.site.role = Some(role.clone());
        role
    }

    pub fn job(&mut self, name: &str) -> &mut Job {
        Arc::make_mut(self.catalogue.jobs.get_mut(name).unwrap())
    }

    pub fn submission(&mut self, name: &str) -> &mut Submission {
        Arc::make_mut(&mut self.job(name).submission)
    }

    pub fn permit(&mut self, operation: Operation, access: Access) {
        self.facts.permissions.insert((operation, site()), access);
    }

    /// A job in the environment's queue.
    pub fn waits(&mut self, name: &str, minutes: i64, reason: Option<&str>) {
        let jobs = self.seen(name).runnable.as_mut().unwrap();
        jobs.push(WaitingJob {
            id: format!("job-{}", jobs.len()),
            name: "extract-20261121T000000Z-l0-00c0ffee".to_owned(),
            since: Some(now() - mins(minutes)),
            status_reason: reason.map(str::to_owned),
        });
    }
}

pub fn now() -> Timestamp {
    at("2026-11-21T02:00:00Z")
}

pub fn site() -> Site {
    Site::from("us-east-1")
}

pub fn healthy() -> World {
    let catalogue = catalogue();
    let permissions = Operation::needed(&catalogue).into_iter().flat_map(|(operation, regions)| {
        regions.into_iter().map(move |region| ((operation, region), Access::Allowed))
    });
    let work = definition(Platform::Ec2);
    let definitions = [
        ("work:1", work.clone()),
        ("work-on-demand:4", work.clone()),
        ("own:2", work),
        ("small:1", definition(Platform::Fargate)),
    ];
    let facts = Facts {
        account: Ok(ACCOUNT.to_owned()),
        aws_clock_ahead: Ok(SignedDuration::from_secs(-1)),
        roles: std::collections::BTreeMap::new(),
        permissions: permissions.collect(),
        environments: catalogue
            .environments
            .values()
            .map(|environment| (environment.name.clone(), seen(environment)))
            .collect(),
        definitions: definitions
            .into_iter()
            .map(|(name, facts)| ((site(), name.to_owned()), Ok(facts)))
            .collect(),
        local: LocalFacts {
            store: StoreFacts::OfAccount(ACCOUNT.to_owned()),
            folder_exists: true,
            file_system: Some("ext4".to_owned()),
            free_bytes: Some(50 << 30),
            breakers: Default::default(),
            advice: Default::default(),
        },
    };
    World { catalogue, settings: Settings::default(), facts }
}

fn catalogue() -> Catalogue {
    let mut on_demand = environment("demand-a", Capacity::OnDemand);
    on_demand.definitions.insert("work:1".to_owned(), "work-on-demand:4".to_owned());
    let environments = [
        environment("spot-a", Capacity::Spot),
        on_demand,
        environment("fargate-a", Capacity::FargateSpot),
    ];
    let own = Class { retry_owner: RetryOwner::Batch, ..class("own", &["spot-a"]) };
    let classes = [class("nightly", &["spot-a", "demand-a"]), own, class("small", &["fargate-a"])];
    let mut rebuild = job("rebuild", "own", "0 2 * * *", "UTC");
    let submission = Arc::make_mut(&mut rebuild.submission);
    submission.definition = "own:2".to_owned();
    submission.retry_strategy = Some(retries(3, vec![host_lost(), rest()]));
    let mut thumbs = job("thumbs", "small", "0 * * * *", "UTC");
    let submission = Arc::make_mut(&mut thumbs.submission);
    submission.definition = "small:1".to_owned();
    submission.resources = Some(Resources { vcpu_millis: 250, memory_mib: 512, gpus: 0 });
    let jobs = [job("extract", "nightly", "0 2 * * *", "UTC"), rebuild, thumbs];
    Catalogue {
        environments: environments.map(|e| (e.name.clone(), Arc::new(e))).into(),
        classes: classes.map(|c| (c.name.clone(), Arc::new(c))).into(),
        jobs: jobs.map(|j| (j.name.clone(), Arc::new(j))).into(),
        parameter_files: Vec::new(),
        fingerprint: "healthy".to_owned(),
    }
}

pub fn retries(attempts: u8, evaluate_on_exit: Vec<EvaluateOnExit>) -> RetryStrategy {
    RetryStrategy { attempts, evaluate_on_exit }
}

pub fn host_lost() -> EvaluateOnExit {
    let status = Some("Host EC2*".to_owned());
    EvaluateOnExit { on_status_reason: status, retry: true, ..EvaluateOnExit::default() }
}

/// Everything else exits.
pub fn rest() -> EvaluateOnExit {
    EvaluateOnExit { on_reason: Some("*".to_owned()), ..EvaluateOnExit::default() }
}

fn seen(environment: &Environment) -> EnvironmentFacts {
    let compute = compute(environment.name.as_str(), environment.capacity);
    EnvironmentFacts {
        queue: Ok(QueueFacts {
            state: "ENABLED".to_owned(),
            status: "VALID".to_owned(),
            status_reason: Some("JobQueue Healthy".to_owned()),
            order: vec![compute.arn.clone()],
        }),
        compute_environments: Ok(vec![compute]),
        runnable: Ok(Vec::new()),
    }
}

pub fn compute(name: &str, capacity: Capacity) -> ComputeEnvironmentFacts {
    let ec2 = !capacity.is_fargate();
    let types =
        ["m6i.xlarge", "c6i.xlarge", "r6i.xlarge"].map(|name| (name.into(), shape("x86_64")));
    ComputeEnvironmentFacts {
        name: format!("ce-{name}"),
        arn: format!("arn:aws:batch:us-east-1:{ACCOUNT}:compute-environment/ce-{name}"),
        capacity: Some(capacity),
        state: "ENABLED".to_owned(),
        status: "VALID".to_owned(),
        status_reason: Some("ComputeEnvironment Healthy".to_owned()),
        instance_types: if ec2 { vec!["optimal".to_owned()] } else { Vec::new() },
        shapes: Ok(if ec2 { types.into() } else { BTreeMap::new() }),
        allocation_strategy: ec2.then(|| match capacity {
            Capacity::Spot => "SPOT_PRICE_CAPACITY_OPTIMIZED".to_owned(),
            _ => "BEST_FIT_PROGRESSIVE".to_owned(),
        }),
        instance_role: ec2.then(|| format!("arn:aws:iam::{ACCOUNT}:instance-profile/batch")),
        service_role: None,
        spot_fleet_role: None,
        subnets: vec!["subnet-a".to_owned(), "subnet-b".to_owned()],
        zones: Ok(vec!["us-east-1a".into(), "us-east-1b".into()]),
        min_vcpus: ec2.then_some(0),
        max_vcpus: Some(256),
        desired_vcpus: ec2.then_some(0),
        ecs_cluster_arn: Some(format!("arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/{name}")),
    }
}

pub fn shape(architecture: &str) -> InstanceShape {
    let architecture = architecture.to_owned();
    InstanceShape { vcpus: 4, memory_mib: 16_384, gpus: 0, architecture }
}

pub fn definition(platform: Platform) -> DefinitionFacts {
    DefinitionFacts {
        revision: Some(1),
        status: "ACTIVE".to_owned(),
        platforms: vec![platform],
        architecture: None,
        resources: Some(Resources { vcpu_millis: 1000, memory_mib: 2048, gpus: 0 }),
        retry_strategy: None,
        timeout: None,
    }
}
