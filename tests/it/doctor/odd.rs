//! Odd facts: whatever AWS answers, there is a report.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spotcron::catalogue::{EvaluateOnExit, RetryStrategy};
use spotcron::doctor::{
    Access, ComputeEnvironmentFacts, DefinitionFacts, EnvironmentFacts, LocalFacts, Look,
    Operation, Platform, QueueFacts, StoreFacts, Unseen, WaitingJob, examine,
};
use spotcron::domain::{Architecture, Capacity, InstanceShape, Resources};

use super::sample::{healthy, site};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("ENABLED".to_owned()),
        Just("VALID".to_owned()),
        Just("INVALID".to_owned()),
        Just("BEST_FIT".to_owned()),
        Just("arn:aws:iam::1:role/x".to_owned()),
        Just("CLIENT_ERROR - instance profile sts:AssumeRole IamFleetRole".to_owned()),
        Just("ACTION_REQUIRED".to_owned()),
        Just("x86_64".to_owned()),
        Just("*".to_owned()),
        "\\PC{0,12}",
    ]
}

fn look<T: Clone + std::fmt::Debug>(
    of: impl Strategy<Value = T>,
) -> impl Strategy<Value = Look<T>> {
    (of, 0..8, text()).prop_map(|(value, way, text)| match way {
        0 => Err(Unseen::Denied),
        1 => Err(Unseen::Missing),
        2 => Err(Unseen::Failed(text)),
        _ => Ok(value),
    })
}

fn duration() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        Just(SignedDuration::MIN),
        Just(SignedDuration::MAX),
        (-1000_i64..1000).prop_map(SignedDuration::from_secs),
    ]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        Just(Timestamp::UNIX_EPOCH),
        (1_795_000_000_i64..1_796_000_000).prop_map(|at| Timestamp::from_second(at).unwrap()),
    ]
}

fn resources() -> impl Strategy<Value = Resources> {
    (any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(vcpu_millis, memory_mib, gpus)| Resources { vcpu_millis, memory_mib, gpus })
}

fn compute() -> impl Strategy<Value = ComputeEnvironmentFacts> {
    let shape = (any::<u32>(), any::<u32>(), any::<u32>(), text()).prop_map(
        |(vcpus, memory_mib, gpus, architecture)| InstanceShape {
            vcpus,
            memory_mib,
            gpus,
            architecture,
        },
    );
    let shapes = vec((text(), shape), 0..4).prop_map(|types| {
        types.into_iter().map(|(name, shape)| (name.into(), shape)).collect::<BTreeMap<_, _>>()
    });
    let zones = vec(text(), 0..3).prop_map(|zones| zones.into_iter().map(Into::into).collect());
    let names = (text(), text(), text(), text(), option::of(text()));
    let roles = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    let sizes = (any::<Option<i32>>(), any::<Option<i32>>(), any::<Option<i32>>());
    let capacity = option::of(prop::sample::select(Capacity::ALL.to_vec()));
    (names, roles, sizes, capacity, look(shapes), look(zones)).prop_map(
        |(names, roles, sizes, capacity, shapes, zones)| ComputeEnvironmentFacts {
            name: names.0,
            arn: names.1,
            capacity,
            state: names.2,
            status: names.3,
            status_reason: names.4,
            instance_types: Vec::new(),
            shapes,
            allocation_strategy: roles.0,
            instance_role: roles.1,
            service_role: roles.2,
            spot_fleet_role: roles.3,
            subnets: Vec::new(),
            zones,
            min_vcpus: sizes.0,
            max_vcpus: sizes.1,
            desired_vcpus: sizes.2,
            ecs_cluster_arn: None,
        },
    )
}

fn environment() -> impl Strategy<Value = EnvironmentFacts> {
    let queue = (text(), text(), option::of(text()), vec(text(), 0..3)).prop_map(
        |(state, status, status_reason, order)| QueueFacts { state, status, status_reason, order },
    );
    let job = (text(), text(), option::of(moment()), option::of(text()))
        .prop_map(|(id, name, since, status_reason)| WaitingJob { id, name, since, status_reason });
    (look(queue), look(vec(compute(), 0..3)), look(vec(job, 0..9))).prop_map(
        |(queue, compute_environments, runnable)| EnvironmentFacts {
            queue,
            compute_environments,
            runnable,
        },
    )
}

fn retries() -> impl Strategy<Value = RetryStrategy> {
    let entry = (option::of(text()), option::of(text()), option::of(text()), any::<bool>());
    let entry = entry.prop_map(|(on_exit_code, on_reason, on_status_reason, retry)| {
        EvaluateOnExit { on_exit_code, on_reason, on_status_reason, retry }
    });
    (any::<u8>(), vec(entry, 0..4))
        .prop_map(|(attempts, evaluate_on_exit)| RetryStrategy { attempts, evaluate_on_exit })
}

fn definition() -> impl Strategy<Value = DefinitionFacts> {
    let platform = prop::sample::select(vec![Platform::Ec2, Platform::Fargate]);
    let architecture = prop::sample::select(vec![Architecture::X86_64, Architecture::Arm64]);
    (
        any::<Option<i32>>(),
        text(),
        vec(platform, 0..3),
        option::of(architecture),
        option::of(resources()),
        option::of(retries()),
        option::of(duration()),
    )
        .prop_map(
            |(revision, status, platforms, architecture, resources, retry_strategy, timeout)| {
                DefinitionFacts {
                    revision,
                    status,
                    platforms,
                    architecture,
                    resources,
                    retry_strategy,
                    timeout,
                }
            },
        )
}

fn access() -> impl Strategy<Value = Access> {
    (0..4, text()).prop_map(|(way, text)| match way {
        0 => Access::Allowed,
        1 => Access::Denied(text),
        2 => Access::Unclear(text),
        _ => Access::NotTested,
    })
}

fn local() -> impl Strategy<Value = LocalFacts> {
    (0..4, text(), any::<bool>(), option::of(text()), any::<Option<u64>>()).prop_map(
        |(way, text, folder_exists, file_system, free_bytes)| LocalFacts {
            store: match way {
                0 => StoreFacts::None,
                1 => StoreFacts::OfSimulation,
                2 => StoreFacts::OfAccount(text),
                _ => StoreFacts::Unusable(text),
            },
            folder_exists,
            file_system,
            free_bytes,
            breakers: Default::default(),
            advice: Default::default(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn odd_facts_give_a_report(
        account in look(text()),
        clock in look(duration()),
        accesses in vec(access(), Operation::ALL.len()),
        environments in vec(environment(), 3),
        definitions in vec(look(definition()), 4),
        local in local(),
        job in (option::of(resources()), option::of(retries())),
        now in moment(),
    ) {
        let mut world = healthy();
        world.facts.account = account;
        world.facts.aws_clock_ahead = clock;
        world.facts.local = local;
        for (operation, access) in Operation::ALL.into_iter().zip(accesses) {
            world.facts.permissions.insert((operation, site()), access);
        }
        for (seen, odd) in world.facts.environments.values_mut().zip(environments) {
            *seen = odd;
        }
        for (seen, odd) in world.facts.definitions.values_mut().zip(definitions) {
            *seen = odd;
        }
        world.submission("rebuild").resources = job.0;
        world.submission("rebuild").retry_strategy = job.1;
        let findings = examine(&world.facts, &world.catalogue, &world.settings, now);
        for finding in findings {
            prop_assert!(!finding.fix.is_empty() && !finding.why.is_empty());
            prop_assert_eq!(finding.severity, finding.code.severity());
        }
    }
}
