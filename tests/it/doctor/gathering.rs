//! How the facts are gathered, over an account that answers from a table.

use std::sync::Mutex;

use async_trait::async_trait;
use jiff::SignedDuration;
use spotcron::cli::doctor::gather;
use spotcron::doctor::{
    Access, Code, ComputeEnvironmentFacts, DefinitionFacts, Facts, Look, Operation, QueueFacts,
    Unseen, WaitingJob,
};
use spotcron::domain::Site;
use spotcron::ports::{AccountInspector, FailureKind, Identity, ProbeAt, ServiceError};

use super::sample::{World, healthy, site};

/// Answers with the facts of a world.
struct Account {
    facts: Facts,
    /// Operations that fail, with how.
    failing: Vec<(&'static str, FailureKind)>,
    calls: Mutex<Vec<(&'static str, ProbeAt)>>,
}

impl Account {
    fn of(world: &World, failing: &[(&'static str, FailureKind)]) -> Self {
        let failing = failing.to_vec();
        Account { facts: world.facts.clone(), failing, calls: Mutex::default() }
    }

    fn answer<T>(&self, operation: &'static str, found: Option<T>) -> Result<T, ServiceError> {
        self.calls.lock().unwrap().push((operation, ProbeAt::default()));
        let failing = self.failing.iter().find(|(name, _)| *name == operation);
        if let Some((_, kind)) = failing {
            return Err(ServiceError::new(operation, *kind, "as the test says"));
        }
        found.ok_or_else(|| ServiceError::new(operation, FailureKind::NotFound, "not there"))
    }

    fn environment(&self, queue: &str) -> Option<&spotcron::doctor::EnvironmentFacts> {
        self.facts.environments.get(queue.strip_prefix("queue-")?)
    }
}

#[async_trait]
impl AccountInspector for Account {
    async fn identity(&self) -> Identity {
        Identity {
            account: self.answer("GetCallerIdentity", self.facts.account.clone().ok()),
            aws_clock_ahead: self.facts.aws_clock_ahead.clone().ok(),
        }
    }

    async fn account_at(&self, site: &Site) -> Result<String, ServiceError> {
        let role = site.role.as_ref().map(|role| role.arn.account().to_owned());
        self.answer("AssumeRole", role)
    }

    async fn probe(
        &self,
        site: &Site,
        operation: Operation,
        at: &ProbeAt,
    ) -> Result<(), ServiceError> {
        assert!(operation.can_be_tested(), "{operation:?} has an effect");
        let name = operation.name();
        self.calls.lock().unwrap().push((name, at.clone()));
        match &self.facts.permissions[&(operation, site.clone())] {
            Access::Allowed => Ok(()),
            Access::Denied(_) => Err(ServiceError::new(name, FailureKind::Denied, "no")),
            _ => Err(ServiceError::new(name, FailureKind::Unavailable, "no answer")),
        }
    }

    async fn inspect_queue(&self, _: &Site, queue: &str) -> Result<QueueFacts, ServiceError> {
        let found = self.environment(queue).and_then(|seen| seen.queue.clone().ok());
        self.answer("DescribeJobQueues", found)
    }

    async fn inspect_compute_environments(
        &self,
        _: &Site,
        names: &[String],
    ) -> Result<Vec<ComputeEnvironmentFacts>, ServiceError> {
        let all = self.facts.environments.values();
        let all = all.flat_map(|seen| seen.compute_environments.iter().flatten());
        let found = all.filter(|found| names.iter().any(|name| found.is_named(name)));
        self.answer("DescribeComputeEnvironments", Some(found.cloned().collect()))
    }

    async fn inspect_definition(
        &self,
        site: &Site,
        definition: &str,
    ) -> Result<DefinitionFacts, ServiceError> {
        let found: Option<&Look<_>> =
            self.facts.definitions.get(&(site.clone(), definition.to_owned()));
        self.answer("DescribeJobDefinitions", found.and_then(|seen| seen.clone().ok()))
    }

    async fn runnable_jobs(&self, _: &Site, queue: &str) -> Result<Vec<WaitingJob>, ServiceError> {
        let found = self.environment(queue).and_then(|seen| seen.runnable.clone().ok());
        self.answer("ListJobs", found)
    }
}

/// The world as gathered, and the calls that it took.
fn gathered(
    change: impl Fn(&mut World),
    failing: &[(&'static str, FailureKind)],
) -> (World, Vec<(&'static str, ProbeAt)>) {
    let mut world = healthy();
    change(&mut world);
    let account = Account::of(&world, failing);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = world.facts.local.clone();
    world.facts = runtime.block_on(gather(&account, &world.catalogue, local));
    (world, account.calls.into_inner().unwrap())
}

fn codes(world: &World) -> Vec<Code> {
    world.findings().iter().map(|finding| finding.code).collect()
}

#[test]
fn everything_that_the_catalogue_names_is_looked_at() {
    let (world, _) = gathered(|_| {}, &[]);
    let mut expected = healthy();
    for operation in Operation::ALL.into_iter().filter(|operation| !operation.can_be_tested()) {
        expected.permit(operation, Access::NotTested);
    }
    assert_eq!(world.facts, expected.facts);
    assert_eq!(codes(&world), [Code::PermissionNotTested], "a real account has this note only");
}

#[test]
fn without_credentials_nothing_else_is_asked() {
    let (world, calls) = gathered(|_| {}, &[("GetCallerIdentity", FailureKind::Denied)]);
    assert_eq!(codes(&world), [Code::CredentialsUnusable]);
    assert_eq!(calls, [("GetCallerIdentity", ProbeAt::default())]);
    let skewed = |w: &mut World| w.facts.aws_clock_ahead = Ok(SignedDuration::from_hours(1));
    let (world, _) = gathered(skewed, &[("GetCallerIdentity", FailureKind::Denied)]);
    assert_eq!(codes(&world), [Code::CredentialsUnusable, Code::ClockFarOff], "that is why");
}

#[test]
fn a_missing_queue_is_all_that_is_said_of_its_environment() {
    let (world, _) = gathered(|w| w.seen("spot-a").queue = Err(Unseen::Missing), &[]);
    assert_eq!(codes(&world), [Code::QueueMissing, Code::PermissionNotTested]);
}

/// Every look there would fail for the one reason; the other environments are looked at.
#[test]
fn where_the_role_is_refused_nothing_else_is_looked_at() {
    let moved = |w: &mut World| _ = w.moved_to_account("spot-a");
    let (world, calls) = gathered(moved, &[("AssumeRole", FailureKind::RoleRefused)]);
    assert_eq!(codes(&world), [Code::RoleRefused, Code::PermissionNotTested]);
    assert_eq!(calls.iter().filter(|(name, _)| *name == "AssumeRole").count(), 1);
    let seen: Vec<&str> = world.facts.environments.keys().map(|name| name.as_str()).collect();
    assert!(!seen.contains(&"spot-a") && seen.contains(&"demand-a"), "{seen:?}");
    assert!(world.facts.permissions.keys().all(|(_, site)| site.role.is_none()));
}

#[test]
fn a_look_that_is_refused_counts_although_the_test_was_allowed() {
    let (world, _) = gathered(|_| {}, &[("DescribeJobDefinitions", FailureKind::Denied)]);
    assert_eq!(codes(&world), [Code::PermissionDeniedForComfort, Code::PermissionNotTested]);
    let key = (Operation::DescribeJobDefinitions, site());
    assert!(matches!(world.facts.permissions[&key], Access::Denied(_)));
}

#[test]
fn what_is_throttled_is_said_not_to_be_looked_at() {
    let (world, _) = gathered(|_| {}, &[("ListJobs", FailureKind::Throttled)]);
    let mut found = codes(&world);
    found.retain(|code| *code != Code::PermissionNotTested);
    assert_eq!(found, [Code::NotLookedAt; 3], "of each environment");
}

#[test]
fn permissions_are_tested_where_they_are_used() {
    let (_, calls) = gathered(|_| {}, &[]);
    let at = |name: &str| {
        let found = calls.iter().rev().find(|(operation, _)| *operation == name);
        found.unwrap().1.clone()
    };
    assert!(at("ListJobs").queue.is_some_and(|queue| queue.starts_with("queue-")));
    assert!(at("DescribeTasks").cluster.is_some_and(|cluster| cluster.ends_with("/fargate-a")));
    let hosts = at("DescribeContainerInstances").cluster.unwrap();
    assert!(hosts.ends_with("/demand-a") || hosts.ends_with("/spot-a"), "{hosts}");
}

#[test]
fn refusals_are_told_from_other_failures() {
    let access = |kind| Access::from(Err(ServiceError::new("ListJobs", kind, "words")));
    assert_eq!(Access::from(Ok(())), Access::Allowed);
    assert!(
        matches!(access(FailureKind::Denied), Access::Denied(words) if words.contains("words"))
    );
    for allowed in [FailureKind::Rejected, FailureKind::NotFound] {
        assert_eq!(access(allowed), Access::Allowed);
    }
    for unclear in [FailureKind::Throttled, FailureKind::Unavailable, FailureKind::BadResponse] {
        assert!(matches!(access(unclear), Access::Unclear(_)), "{unclear:?}");
    }
}
