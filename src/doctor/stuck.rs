//! Jobs that wait in RUNNABLE, with the likely cause. Batch gives a reason to the job at the head of
//! a queue, and not for every cause.
//! Source: AWS Batch user guide, "Jobs stuck in a RUNNABLE status".

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::finding::not_looked_at;
use super::{Code, Finding, Seen, WaitingJob};

/// Longer than an instance needs to come up.
const LONG: SignedDuration = SignedDuration::from_mins(30);

pub(super) fn check(seen: &Seen<'_>, now: Timestamp) -> Vec<Finding> {
    let jobs = match &seen.facts.runnable {
        Ok(jobs) => jobs,
        failed => {
            let what = format!("the waiting jobs of job queue {}", seen.environment.queue);
            return not_looked_at(seen.about(), &what, failed).into_iter().collect();
        }
    };
    let mut waiting: Vec<(SignedDuration, &WaitingJob)> = jobs
        .iter()
        .filter_map(|job| Some((now.duration_since(job.since?), job)))
        .filter(|(waited, _)| *waited > LONG)
        .collect();
    waiting.sort_by_key(|(waited, job)| (std::cmp::Reverse(*waited), job.id.clone()));
    let mut causes: BTreeMap<Code, Vec<(SignedDuration, &WaitingJob)>> = BTreeMap::new();
    for (waited, job) in &waiting {
        causes.entry(code_of(job.status_reason.as_deref())).or_default().push((*waited, job));
    }
    // Behind a head with a reason, the rest only waits for its turn.
    if causes.len() > 1 {
        causes.remove(&Code::StuckWithoutReason);
    }
    causes.iter().filter_map(|(code, jobs)| stuck(seen, *code, jobs, waiting.len())).collect()
}

fn code_of(reason: Option<&str>) -> Code {
    const CAUSES: [(&str, Code); 5] = [
        ("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", Code::StuckForCapacity),
        ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", Code::StuckForMaxVcpus),
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", Code::StuckForSize),
        ("MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS", Code::StuckForServiceRole),
        ("ACTION_REQUIRED", Code::StuckForInvalidEnvironment),
    ];
    let reason = reason.unwrap_or_default().trim_start();
    let known = CAUSES.iter().find(|(prefix, _)| reason.starts_with(prefix));
    known.map_or(Code::StuckWithoutReason, |(_, code)| *code)
}

fn stuck(
    seen: &Seen<'_>,
    code: Code,
    jobs: &[(SignedDuration, &WaitingJob)],
    all: usize,
) -> Option<Finding> {
    let (waited, first) = jobs.first()?;
    let others = match all - 1 {
        0 => String::new(),
        others => format!(", and {others} more"),
    };
    let says = match first.status_reason.as_deref() {
        Some(reason) => format!("Batch says: {reason}"),
        None => "Batch does not say why".to_owned(),
    };
    Some(Finding::new(
        code,
        seen.about(),
        format!(
            "job {} ({}{others}) is in RUNNABLE, and was submitted or last ran {} min ago. {says}",
            first.name,
            first.id,
            waited.as_mins()
        ),
        fix(seen, code),
    ))
}

fn fix(seen: &Seen<'_>, code: Code) -> String {
    let queue = &seen.environment.queue;
    match code {
        Code::StuckForCapacity => "Allow more instance types and zones".to_owned(),
        Code::StuckForMaxVcpus => {
            format!("Raise `maxvCpus` of the compute environments behind {queue}, or reserve less")
        }
        Code::StuckForSize => {
            format!("Allow larger instance types behind {queue}, or have the job reserve less")
        }
        Code::StuckForServiceRole => {
            "Give the service role the policy AWSBatchServiceRole, or leave it out of the compute \
             environment"
                .to_owned()
        }
        Code::StuckForInvalidEnvironment => {
            format!("Correct the compute environments behind {queue}; their findings say how")
        }
        _ => silent(seen),
    }
}

/// The causes of which Batch says nothing; `desiredvCpus` tells how far it came.
fn silent(seen: &Seen<'_>) -> String {
    let desired: i64 = seen.own().filter_map(|own| own.desired_vcpus).map(i64::from).sum();
    let asked = match desired {
        1.. => format!(
            "Batch asks for {desired} vCPUs (`desiredvCpus`): its instances do not launch, do not \
             join ECS, or are all taken. "
        ),
        _ => String::new(),
    };
    format!(
        "{asked}Look at vCPU quotas (`aws service-quotas list-service-quotas --service-code ec2`), the \
         subnets' route to ECS (NAT, public addresses or VPC endpoints), and the instance profile's \
         role"
    )
}
