//! One broken set-up per finding: the healthy one with one thing changed, which must give exactly
//! that finding and no other.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use spotcron::catalogue::EvaluateOnExit;
use spotcron::decision::advice::{Addition, Advice, Split, WhyWiden, Widen};
use spotcron::doctor::{Access, Code, Operation, Platform, StoreFacts, Unseen};
use spotcron::domain::{Architecture, Capacity, Ppm, Resources, Site};
use spotcron::experience::Breaker;

use super::sample::{World, compute, definition, healthy, host_lost, rest, retries, shape, site};

/// The finding's code, and what breaks the healthy set-up.
type Case = (&'static str, fn(&mut World));

const PROFILE_ROLE: &str = "arn:aws:iam::123456789012:role/ecsInstanceRole";
const FLEET_ROLE: &str = "arn:aws:iam::123456789012:role/spot-fleet";

fn words() -> String {
    "AccessDenied: not authorized".to_owned()
}

fn failed() -> Unseen {
    Unseen::Failed("DescribeThings: no answer in time".to_owned())
}

fn entry(exit_code: &str, retry: bool) -> EvaluateOnExit {
    EvaluateOnExit { on_exit_code: Some(exit_code.to_owned()), retry, ..EvaluateOnExit::default() }
}

const LOCAL: &[Case] = &[
    ("credentials-unusable", |w| {
        w.facts.account = Err(Unseen::Failed("ExpiredToken".to_owned()));
        w.facts.permissions.clear();
        w.facts.environments.clear();
        w.facts.definitions.clear();
    }),
    // Every look at the account fails then, for the one reason.
    ("credentials-unusable", |w| {
        w.facts.account = Err(failed());
        w.facts.aws_clock_ahead = Err(failed());
        w.seen("spot-a").queue = Err(failed());
    }),
    ("clock-off", |w| w.facts.aws_clock_ahead = Ok(SignedDuration::from_secs(31))),
    ("clock-off", |w| w.facts.aws_clock_ahead = Ok(SignedDuration::from_secs(-300))),
    ("clock-far-off", |w| w.facts.aws_clock_ahead = Ok(SignedDuration::from_secs(-301))),
    ("store-folder-missing", |w| {
        w.facts.local.folder_exists = false;
        w.facts.local.store = StoreFacts::None;
        w.facts.local.free_bytes = None;
    }),
    ("store-unusable", |w| w.facts.local.store = StoreFacts::Unusable("is damaged".to_owned())),
    ("store-of-another-account", |w| {
        w.facts.local.store = StoreFacts::OfAccount("999999999999".to_owned());
    }),
    ("store-of-another-account", |w| w.facts.local.store = StoreFacts::OfSimulation),
    ("store-on-network", |w| w.facts.local.file_system = Some("nfs4".to_owned())),
    ("store-on-network", |w| w.facts.local.file_system = Some("fuse.sshfs".to_owned())),
    ("disk-low", |w| w.facts.local.free_bytes = Some((1 << 30) - 1)),
];

const PERMISSIONS: &[Case] = &[
    ("permission-denied", |w| w.permit(Operation::ListJobs, Access::Denied(words()))),
    ("permission-denied", |w| {
        w.permit(Operation::DescribeJobQueues, Access::Denied(words()));
        w.seen("spot-a").queue = Err(Unseen::Denied);
        w.seen("spot-a").compute_environments = Err(Unseen::Missing);
        w.seen("spot-a").runnable = Err(Unseen::Missing);
    }),
    ("permission-denied-for-costs", |w| {
        w.permit(Operation::DescribeTasks, Access::Denied(words()));
    }),
    ("permission-denied-for-comfort", |w| {
        w.permit(Operation::DescribeSubnets, Access::Denied(words()));
        w.compute("spot-a").zones = Err(Unseen::Denied);
    }),
    ("permission-denied-for-comfort", |w| {
        w.permit(Operation::DescribeJobDefinitions, Access::Denied(words()));
        w.facts.definitions.values_mut().for_each(|seen| *seen = Err(Unseen::Denied));
    }),
    ("role-refused", |w| {
        let role = w.moved_to_account("spot-a");
        w.facts.environments.remove("spot-a");
        w.facts.roles.insert(role, Err(Unseen::Refused("cannot be assumed".to_owned())));
    }),
    ("not-looked-at", |w| {
        let role = w.moved_to_account("spot-a");
        w.facts.environments.remove("spot-a");
        w.facts.roles.insert(role, Err(failed()));
    }),
    ("permission-unclear", |w| w.permit(Operation::GetProducts, Access::Unclear(words()))),
    ("permission-not-tested", |w| {
        w.permit(Operation::SubmitJob, Access::NotTested);
        w.permit(Operation::TerminateJob, Access::NotTested);
    }),
    ("not-looked-at", |w| w.facts.aws_clock_ahead = Err(failed())),
    ("not-looked-at", |w| {
        w.seen("spot-a").queue = Err(failed());
        w.seen("spot-a").compute_environments = Err(Unseen::Missing);
        w.seen("spot-a").runnable = Err(Unseen::Missing);
    }),
    ("not-looked-at", |w| w.seen("spot-a").compute_environments = Err(failed())),
    ("not-looked-at", |w| w.seen("spot-a").runnable = Err(failed())),
    ("not-looked-at", |w| w.compute("spot-a").shapes = Err(failed())),
    ("not-looked-at", |w| w.compute("spot-a").zones = Err(failed())),
    ("not-looked-at", |w| {
        w.facts.definitions.insert((site(), "own:2".to_owned()), Err(failed()));
    }),
];

const QUEUES: &[Case] = &[
    ("queue-missing", |w| {
        w.seen("demand-a").queue = Err(Unseen::Missing);
        w.seen("demand-a").compute_environments = Err(Unseen::Missing);
        w.seen("demand-a").runnable = Err(Unseen::Missing);
    }),
    ("queue-disabled", |w| w.queue("spot-a").state = "DISABLED".to_owned()),
    ("queue-invalid", |w| w.queue("spot-a").status = "INVALID".to_owned()),
    ("queue-without-capacity", |w| {
        w.seen("spot-a").compute_environments = Ok(vec![compute("spot-a", Capacity::OnDemand)]);
    }),
    ("queue-without-capacity", |w| w.compute("spot-a").capacity = None),
    ("queue-without-capacity", |w| {
        w.queue("fargate-a").order.clear();
        w.seen("fargate-a").compute_environments = Ok(Vec::new());
    }),
    ("queue-mixes-capacity", |w| {
        let other = compute("other", Capacity::OnDemand);
        w.seen("spot-a").compute_environments.as_mut().unwrap().push(other);
    }),
    ("queue-mixes-capacity", |w| {
        let other = compute("other", Capacity::Fargate);
        w.seen("fargate-a").compute_environments.as_mut().unwrap().push(other);
    }),
];

const COMPUTE_ENVIRONMENTS: &[Case] = &[
    ("compute-environment-missing", |w| {
        w.seen("spot-a").compute_environments = Ok(Vec::new());
    }),
    ("compute-environment-missing", |w| w.queue("spot-a").order.push("gone".to_owned())),
    ("compute-environment-disabled", |w| w.compute("spot-a").state = "DISABLED".to_owned()),
    ("compute-environment-invalid", |w| {
        invalid(w, "INTERNAL_ERROR - Failed compute environment workflow");
    }),
    ("compute-environment-invalid", |w| w.compute("spot-a").status = "DELETING".to_owned()),
    ("instance-role-is-a-role", |w| {
        w.compute("spot-a").instance_role = Some(PROFILE_ROLE.to_owned());
    }),
    ("instance-role-is-a-role", |w| {
        w.compute("demand-a").instance_role = Some(PROFILE_ROLE.to_owned());
        let reason = "CLIENT_ERROR - The requested instance profile is invalid";
        w.compute("demand-a").status = "INVALID".to_owned();
        w.compute("demand-a").status_reason = Some(reason.to_owned());
    }),
    ("instance-profile-missing", |w| w.compute("demand-a").instance_role = None),
    ("instance-profile-missing", |w| {
        invalid(w, "CLIENT_ERROR - Invalid IAM Instance Profile name");
    }),
    ("role-not-assumable", |w| {
        invalid(w, "CLIENT_ERROR - Not authorized to perform sts:AssumeRole");
    }),
    ("spot-fleet-role", |w| {
        w.compute("spot-a").allocation_strategy = None;
    }),
    ("spot-fleet-role", |w| {
        w.compute("spot-a").allocation_strategy = Some("BEST_FIT".to_owned());
        w.compute("spot-a").spot_fleet_role = Some("spot-fleet".to_owned());
    }),
    ("spot-fleet-role", |w| {
        w.compute("spot-a").allocation_strategy = Some("BEST_FIT".to_owned());
        w.compute("spot-a").spot_fleet_role = Some(FLEET_ROLE.to_owned());
        invalid(w, "CLIENT_ERROR - Parameter: SpotFleetRequestConfig.IamFleetRole is invalid");
    }),
    ("best-fit-on-spot", |w| {
        w.compute("spot-a").allocation_strategy = Some("BEST_FIT".to_owned());
        w.compute("spot-a").spot_fleet_role = Some(FLEET_ROLE.to_owned());
    }),
    ("architectures-mixed", |w| {
        let shapes = w.compute("spot-a").shapes.as_mut().unwrap();
        shapes.insert("m6g.xlarge".into(), shape("arm64"));
    }),
    ("few-zones", |w| w.compute("spot-a").zones = Ok(vec!["us-east-1a".into()])),
    ("few-zones", |w| w.compute("fargate-a").zones = Ok(Vec::new())),
    ("breaker-open", |w| {
        let until = "2026-11-21T02:15:00Z".parse().unwrap();
        w.breaker("spot-a", Breaker::Open { until, trips: 3 });
    }),
    ("breaker-open", |w| w.breaker("spot-a", Breaker::HalfOpen { since: None, trips: 1 })),
    ("split-environment", |w| w.advise("spot-a", split())),
    ("widen-environment", |w| w.advise("spot-a", widen())),
    ("few-types", |w| {
        w.compute("spot-a").shapes.as_mut().unwrap().pop_first();
    }),
    ("few-types", |w| w.compute("spot-a").shapes.as_mut().unwrap().clear()),
    ("idle-vcpus", |w| w.compute("demand-a").min_vcpus = Some(4)),
    ("max-vcpus-too-small", |w| w.compute("spot-a").max_vcpus = Some(1)),
    ("max-vcpus-too-small", |w| w.compute("demand-a").max_vcpus = Some(-1)),
];

fn split() -> Advice {
    Advice::Split(Split {
        leave_out: vec!["m6i.4xlarge".into(), "r6i.large".into()],
        types_left: 4,
        zones_left: 3,
        pools_left: 12,
        pools: 16,
        placements: 120,
        vcpu_hour_usd: "0.0312".parse().unwrap(),
        vcpu_hour_left_usd: "0.0251".parse().unwrap(),
    })
}

fn widen() -> Advice {
    Advice::Widen(Widen {
        why: WhyWiden::Starves { trips: 3 },
        types: 1,
        zones: 2,
        add: vec![Addition {
            instance_type: "m5.large".into(),
            vcpu_hour_usd: "0.0251".parse().unwrap(),
            times_the_prior: Ppm(850_000),
            interruptions: 12,
            watched_secs: 800_000,
        }],
    })
}

/// What is said of it: what is wrong, and what to do.
fn said(advice: Advice) -> (String, String) {
    let mut world = healthy();
    world.advise("spot-a", advice);
    let [finding] = &world.findings()[..] else { panic!() };
    (finding.problem.clone(), finding.fix.clone())
}

#[test]
fn advice_names_types_and_says_what_a_vcpu_hour_costs() {
    let (problem, fix) = said(split());
    assert_eq!(
        problem,
        "for work like that of job rebuild, a vCPU hour of useful work costs $0.03120 in the mixture of \
         its 16 pools, by 120 attempts placed there, and $0.02510 without m6i.4xlarge, r6i.large"
    );
    assert_eq!(
        fix,
        "Leave m6i.4xlarge, r6i.large out of its compute environments, or give them an environment of \
         their own: 12 pools of 4 types in 3 zones are left"
    );
    let (problem, fix) = said(widen());
    assert!(
        problem.ends_with("its 1 type and 2 zones had no capacity, 3 times in a row"),
        "{problem}"
    );
    assert_eq!(
        fix,
        "Add to its compute environments, as others of the region have: m5.large ($0.02510, risk 0.85)"
    );
    let mut nowhere = widen();
    let Advice::Widen(of) = &mut nowhere else { panic!() };
    of.add.clear();
    of.why = WhyWiden::Risky {
        times_the_prior: Ppm(1_800_000),
        region_times_the_prior: Ppm(1_000_000),
        interruptions: 12,
        watched_secs: 360_000,
    };
    let (problem, fix) = said(nowhere);
    assert!(
        problem.contains("risk 1.80 times the prior's for 1.00 times (12 interruptions in 100 h")
    );
    assert_eq!(fix, "Add zones and instance types to its compute environments");
}

fn invalid(world: &mut World, reason: &str) {
    world.compute("spot-a").status = "INVALID".to_owned();
    world.compute("spot-a").status_reason = Some(reason.to_owned());
}

const DEFINITIONS: &[Case] = &[
    ("definition-missing", |w| {
        let key = (site(), "work-on-demand:4".to_owned());
        w.facts.definitions.insert(key, Err(Unseen::Missing));
    }),
    ("definition-inactive", |w| {
        w.definition("work-on-demand:4").status = "INACTIVE".to_owned();
    }),
    ("definition-not-pinned", |w| {
        w.submission("thumbs").definition = "small".to_owned();
        let small = Ok(definition(Platform::Fargate));
        w.facts.definitions.insert((site(), "small".to_owned()), small);
    }),
    ("definition-not-pinned", |w| {
        let arn = "arn:aws:batch:us-east-1:123456789012:job-definition/small".to_owned();
        w.submission("thumbs").definition = arn.clone();
        w.facts.definitions.insert((site(), arn), Ok(definition(Platform::Fargate)));
    }),
    ("definition-platform", |w| w.definition("small:1").platforms = vec![Platform::Ec2]),
    ("definition-platform", |w| w.definition("small:1").platforms.clear()),
    ("definition-platform", |w| w.definition("own:2").platforms = vec![Platform::Fargate]),
    ("definition-architecture", |w| {
        w.definition("small:1").architecture = Some(Architecture::Arm64);
    }),
    ("definition-architecture", |w| {
        w.definition("own:2").architecture = Some(Architecture::Arm64);
    }),
    // Fargate's default is x86_64.
    ("definition-architecture", |w| {
        let name = "fargate-a".into();
        let environment =
            w.catalogue.environments.get_mut::<spotcron::domain::EnvironmentName>(&name);
        Arc::make_mut(environment.unwrap()).architecture = Architecture::Arm64;
    }),
    ("job-fits-no-type", |w| {
        w.submission("rebuild").resources =
            Some(Resources { vcpu_millis: 2000, memory_mib: 16_385, gpus: 0 });
    }),
    // What the job does not state, its definition reserves.
    ("job-fits-no-type", |w| {
        w.submission("rebuild").resources = None;
        w.definition("own:2").resources =
            Some(Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 1 });
    }),
    ("definition-timeout-too-short", |w| {
        w.definition("own:2").timeout = Some(SignedDuration::from_mins(59));
    }),
];

const RETRIES: &[Case] = &[
    ("retries-repeat-failures", |w| {
        w.submission("rebuild").retry_strategy = Some(retries(2, Vec::new()));
    }),
    ("retries-repeat-failures", |w| {
        w.submission("rebuild").retry_strategy = Some(retries(3, vec![host_lost()]));
    }),
    ("retries-repeat-failures", |w| {
        let entries = vec![host_lost(), entry("1", false)];
        w.submission("rebuild").retry_strategy = Some(retries(3, entries));
    }),
    ("retries-repeat-failures", |w| {
        let entries = vec![host_lost(), entry("*", true), rest()];
        w.submission("rebuild").retry_strategy = Some(retries(3, entries));
    }),
    ("retries-repeat-failures", |w| {
        w.submission("rebuild").retry_strategy = None;
        w.definition("own:2").retry_strategy = Some(retries(5, Vec::new()));
    }),
    ("retries-ignore-reclaims", |w| {
        w.submission("rebuild").retry_strategy = Some(retries(3, vec![rest()]));
    }),
    ("retries-ignore-reclaims", |w| {
        w.submission("rebuild").retry_strategy = Some(retries(3, vec![rest(), host_lost()]));
    }),
    ("retries-ignore-reclaims", |w| {
        w.submission("rebuild").retry_strategy = Some(retries(1, vec![host_lost(), rest()]));
    }),
    ("retries-ignore-reclaims", |w| w.submission("rebuild").retry_strategy = None),
    // On Fargate the host is not lost, the task is.
    ("retries-ignore-reclaims", |w| {
        let class = w.catalogue.classes.get_mut("small").unwrap();
        Arc::make_mut(class).retry_owner = spotcron::catalogue::RetryOwner::Batch;
        let strategy = Some(retries(3, vec![host_lost(), rest()]));
        w.submission("thumbs").retry_strategy = strategy;
    }),
    ("definition-retries-overridden", |w| {
        w.definition("work-on-demand:4").retry_strategy = Some(retries(3, Vec::new()));
    }),
];

const STUCK: &[Case] = &[
    ("stuck-for-capacity", |w| {
        w.waits("spot-a", 31, Some("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service reported"));
    }),
    ("stuck-for-max-vcpus", |w| {
        w.waits("spot-a", 31, Some("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s)"));
    }),
    ("stuck-for-size", |w| {
        w.waits("spot-a", 31, Some("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job"));
    }),
    // Behind the head, the rest waits for its turn.
    ("stuck-for-service-role", |w| {
        w.waits("spot-a", 600, Some("MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"));
        w.waits("spot-a", 900, None);
    }),
    ("stuck-for-invalid-environment", |w| {
        w.waits(
            "spot-a",
            31,
            Some("ACTION_REQUIRED - CE(s) associated with the job queue are invalid."),
        );
    }),
    ("stuck-without-reason", |w| {
        w.waits("demand-a", 31, None);
        w.waits("demand-a", 40, None);
        w.waits("demand-a", 30, None);
    }),
    ("stuck-without-reason", |w| w.waits("demand-a", 31, Some("SOMETHING:NEW"))),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    [LOCAL, PERMISSIONS, QUEUES, COMPUTE_ENVIRONMENTS, DEFINITIONS, RETRIES, STUCK]
        .into_iter()
        .flatten()
}

#[test]
fn a_healthy_set_up_has_no_finding() {
    assert_eq!(healthy().findings(), []);
}

#[test]
fn every_broken_set_up_has_exactly_its_finding() {
    for (number, (code, breaks)) in cases().enumerate() {
        let mut world = healthy();
        breaks(&mut world);
        let findings = world.findings();
        let found: Vec<&str> = findings.iter().map(|finding| finding.code.label()).collect();
        assert_eq!(found, [*code], "case {number}: {findings:#?}");
    }
}

/// A command that is run as it stands there, with the credentials at hand, must not change a queue of
/// the same name in another account.
#[test]
fn a_fix_in_another_account_names_the_role_and_never_its_external_id() {
    const WHERE: &str = "(with credentials of account 210987654321, where spotcron is \
                         arn:aws:iam::210987654321:role/spotcron)";
    let breaks: [fn(&mut World); 4] = [
        |w| w.queue("spot-a").state = "DISABLED".to_owned(),
        |w| w.compute("spot-a").state = "DISABLED".to_owned(),
        |w| w.compute("spot-a").min_vcpus = Some(4),
        |w| w.waits("spot-a", 240, None),
    ];
    for (number, change) in breaks.into_iter().enumerate() {
        let mut world = healthy();
        change(&mut world);
        let at_home = world.findings();
        world.moved_to_account("spot-a");
        let environment = Arc::make_mut(world.catalogue.environments.get_mut("spot-a").unwrap());
        environment.site.role.as_mut().unwrap().external_id = Some("shared-7f3a".into());
        let there = world.findings();
        let [own] = &at_home[..] else { panic!("{at_home:#?}") };
        let found = there.iter().find(|found| found.code == own.code).unwrap();
        assert_eq!(found.fix, format!("{} {WHERE}", own.fix), "change {number}");
        let shown = serde_json::to_string(&there).unwrap();
        assert!(!shown.contains("7f3a"), "{shown}");
    }
}

/// Both accounts have the definition, and both have to be put right.
#[test]
fn a_definition_of_two_accounts_is_told_of_once_in_each() {
    let mut world = healthy();
    world.definition("work:1").status = "INACTIVE".to_owned();
    let role = world.moved_to_account("demand-a");
    let demand = Arc::make_mut(world.catalogue.environments.get_mut("demand-a").unwrap());
    demand.definitions.clear();
    let there = (Site { role: Some(role), ..site() }, "work:1".to_owned());
    let facts = world.facts.definitions[&(site(), "work:1".to_owned())].clone();
    world.facts.definitions.insert(there, facts);
    let findings = world.findings();
    let inactive = findings.iter().filter(|found| found.code == Code::DefinitionInactive);
    let fixes: Vec<&str> = inactive.map(|found| found.fix.as_str()).collect();
    assert_eq!(fixes.len(), 2, "{findings:#?}");
    assert_eq!(fixes.iter().filter(|fix| fix.contains("210987654321")).count(), 1, "{fixes:?}");
}

#[test]
fn every_finding_has_a_broken_set_up() {
    let told: BTreeSet<&str> = cases().map(|(code, _)| *code).collect();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.label()).collect();
    assert_eq!(told, known);
}

/// What looks like trouble and is none.
#[test]
fn what_is_meant_is_no_finding() {
    let harmless: [fn(&mut World); 13] = [
        |w| w.facts.local.store = StoreFacts::None,
        |w| w.facts.local.file_system = None,
        |w| w.facts.aws_clock_ahead = Ok(SignedDuration::from_secs(30)),
        |w| w.queue("spot-a").status = "UPDATING".to_owned(),
        |w| w.compute("demand-a").allocation_strategy = None,
        |w| w.compute("demand-a").zones = Ok(vec!["us-east-1a".into()]),
        |w| w.compute("spot-a").max_vcpus = Some(2),
        |w| w.waits("spot-a", 30, None),
        |w| w.definition("own:2").platforms.clear(),
        |w| {
            let entries = vec![host_lost(), entry("1", true), rest()];
            w.submission("rebuild").retry_strategy = Some(retries(3, entries));
        },
        |w| {
            w.job("thumbs").enabled = false;
            w.definition("small:1").status = "INACTIVE".to_owned();
        },
        |w| {
            w.submission("rebuild").timeout = Some(SignedDuration::from_hours(2));
            w.definition("own:2").timeout = Some(SignedDuration::from_mins(5));
        },
        |w| w.definition("work:1").retry_strategy = Some(retries(1, Vec::new())),
    ];
    for (number, change) in harmless.into_iter().enumerate() {
        let mut world = healthy();
        change(&mut world);
        assert_eq!(world.findings(), [], "change {number}");
    }
}

#[test]
fn one_of_several_compute_environments_can_make_up_for_another() {
    let mut world = healthy();
    let mut second = compute("second", Capacity::Spot);
    second.zones = Ok(vec!["us-east-1c".into()]);
    world.compute("spot-a").zones = Ok(vec!["us-east-1a".into()]);
    world.compute("spot-a").max_vcpus = Some(1);
    world.queue("spot-a").order.push("ce-second".to_owned());
    world.seen("spot-a").compute_environments.as_mut().unwrap().push(second);
    assert_eq!(world.findings(), []);
}
