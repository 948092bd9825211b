//! Looks at everything that the catalogue names, and writes down what was seen.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::catalogue::{Catalogue, Environment};
use crate::doctor::{
    Access, ComputeEnvironmentFacts, DefinitionFacts, EnvironmentFacts, Facts, LocalFacts, Look,
    Operation, Unseen,
};
use crate::domain::{Role, Site};
use crate::ports::{AccountInspector, FailureKind, ProbeAt, ServiceError};

/// The facts of an account and, as already seen, of this machine.
pub async fn gather(
    inspector: &dyn AccountInspector,
    catalogue: &Catalogue,
    local: LocalFacts,
) -> Facts {
    let identity = inspector.identity().await;
    let no_answer = || Unseen::Failed("no answer told the time".to_owned());
    let mut facts = Facts {
        // In AWS's words, also where it refuses the credentials.
        account: identity.account.map_err(|error| Unseen::Failed(error.to_string())),
        aws_clock_ahead: identity.aws_clock_ahead.ok_or_else(no_answer),
        roles: BTreeMap::new(),
        permissions: BTreeMap::new(),
        environments: BTreeMap::new(),
        definitions: BTreeMap::new(),
        local,
    };
    if facts.account.is_err() {
        return facts;
    }
    let mut refusals = Refusals::default();
    facts.roles = enter_accounts(inspector, catalogue).await;
    for environment in catalogue.environments.values() {
        if !can_be_entered(&facts.roles, &environment.site) {
            continue;
        }
        let seen = look_at_environment(inspector, environment, &mut refusals).await;
        facts.environments.insert(environment.name.clone(), seen);
    }
    facts.definitions =
        look_at_definitions(inspector, catalogue, &facts.roles, &mut refusals).await;
    facts.permissions = test_permissions(inspector, catalogue, &facts).await;
    // A policy may allow the test and refuse the real thing.
    facts.permissions.extend(refusals.0);
    facts
}

type Roles = BTreeMap<Role, Look<String>>;

/// Assumes each role once.
async fn enter_accounts(inspector: &dyn AccountInspector, catalogue: &Catalogue) -> Roles {
    let mut roles = BTreeMap::new();
    for site in catalogue.environments.values().map(|environment| &environment.site) {
        let Some(role) = &site.role else { continue };
        if !roles.contains_key(role) {
            let account = inspector.account_at(site).await;
            roles.insert(role.clone(), account.map_err(Unseen::from));
        }
    }
    roles
}

/// Where it cannot, every further look would fail for that one reason.
fn can_be_entered(roles: &Roles, site: &Site) -> bool {
    site.role.as_ref().is_none_or(|role| roles.get(role).is_none_or(Result::is_ok))
}

/// What was refused on the way.
#[derive(Default)]
struct Refusals(BTreeMap<(Operation, Site), Access>);

impl Refusals {
    fn look<T>(&mut self, site: &Site, answer: Result<T, ServiceError>) -> Look<T> {
        answer.map_err(|error| {
            let operation =
                Operation::ALL.into_iter().find(|known| known.name() == error.operation);
            if let (FailureKind::Denied, Some(operation)) = (error.kind, operation) {
                self.0.insert((operation, site.clone()), Access::Denied(error.to_string()));
            }
            Unseen::from(error)
        })
    }
}

async fn look_at_environment(
    inspector: &dyn AccountInspector,
    environment: &Environment,
    refusals: &mut Refusals,
) -> EnvironmentFacts {
    let (site, name) = (&environment.site, &environment.queue);
    let queue = refusals.look(site, inspector.inspect_queue(site, name).await);
    let Ok(found) = &queue else {
        // Nothing behind it can be looked at; the queue's own finding says why.
        let nothing = Unseen::Missing;
        return EnvironmentFacts {
            queue,
            compute_environments: Err(nothing.clone()),
            runnable: Err(nothing),
        };
    };
    let behind = inspector.inspect_compute_environments(site, &found.order).await;
    let waiting = inspector.runnable_jobs(site, name).await;
    EnvironmentFacts {
        compute_environments: refusals.look(site, behind),
        runnable: refusals.look(site, waiting),
        queue,
    }
}

async fn look_at_definitions(
    inspector: &dyn AccountInspector,
    catalogue: &Catalogue,
    roles: &Roles,
    refusals: &mut Refusals,
) -> BTreeMap<(Site, String), Look<DefinitionFacts>> {
    let mut definitions = BTreeMap::new();
    for job in catalogue.jobs.values().filter(|job| job.enabled) {
        let Some(class) = catalogue.class_of(job) else { continue };
        let known = catalogue.environments_of(class);
        for environment in known.filter(|environment| can_be_entered(roles, &environment.site)) {
            let stated = &job.submission.definition;
            let definition = environment.definitions.get(stated).unwrap_or(stated);
            let key = (environment.site.clone(), definition.clone());
            let Entry::Vacant(place) = definitions.entry(key) else { continue };
            let (site, name) = place.key();
            let answer = inspector.inspect_definition(site, name).await;
            let seen = refusals.look(site, answer);
            place.insert(seen);
        }
    }
    definitions
}

async fn test_permissions(
    inspector: &dyn AccountInspector,
    catalogue: &Catalogue,
    facts: &Facts,
) -> BTreeMap<(Operation, Site), Access> {
    let mut permissions = BTreeMap::new();
    for (operation, sites) in Operation::needed(catalogue) {
        for site in sites.into_iter().filter(|site| can_be_entered(&facts.roles, site)) {
            let access = if operation.can_be_tested() {
                let at = place(catalogue, facts, &site, operation);
                Access::from(inspector.probe(&site, operation, &at).await)
            } else {
                Access::NotTested
            };
            permissions.insert((operation, site), access);
        }
    }
    permissions
}

/// A queue of the place, and a cluster of the kind that the operation is about.
fn place(catalogue: &Catalogue, facts: &Facts, site: &Site, operation: Operation) -> ProbeAt {
    let mut here = catalogue.environments.values().filter(|environment| environment.site == *site);
    let cluster = |found: &ComputeEnvironmentFacts| {
        let fargate = found.capacity.is_some_and(|capacity| capacity.is_fargate());
        let fits = fargate == (operation == Operation::DescribeTasks);
        found.ecs_cluster_arn.clone().filter(|_| fits)
    };
    let clusters = here.clone().filter_map(|environment| {
        let seen = facts.environments.get(&environment.name)?;
        seen.compute_environments.as_ref().ok()?.iter().find_map(cluster)
    });
    ProbeAt { cluster: { clusters }.next(), queue: here.next().map(|found| found.queue.clone()) }
}
