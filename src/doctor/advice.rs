//! Environments that had better be split or widened, as prices and experience say.

use super::{Code, Examined, Finding, Seen};
use crate::decision::advice::{Addition, Advice, Split, WhyWiden, Widen};
use crate::domain::{InstanceType, JobName, Ppm, Usd, UsdPerHour};

/// Advice on an environment, and the job for which it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    pub job: JobName,
    pub advice: Advice,
}

pub(super) fn check(seen: &Seen<'_>, examined: &Examined<'_>) -> Vec<Finding> {
    let all = examined.facts.local.advice.get(&seen.environment.name);
    let findings = all.into_iter().flatten().map(|Advised { job, advice }| {
        let code = match advice {
            Advice::Split(_) => Code::SplitEnvironment,
            Advice::Widen(_) => Code::WidenEnvironment,
        };
        let (problem, fix) = advice_text(advice);
        Finding::new(code, seen.about(), format!("for work like that of job {job}, {problem}"), fix)
    });
    findings.collect()
}

/// What is wrong with the environment, to follow its name, and what to do.
pub fn advice_text(advice: &Advice) -> (String, String) {
    match advice {
        Advice::Split(split) => of_split(split),
        Advice::Widen(widen) => of_widen(widen),
    }
}

fn of_split(split: &Split) -> (String, String) {
    let Split { pools, pools_left, placements, types_left, zones_left, .. } = split;
    let types = all_of(&split.leave_out);
    let problem = format!(
        "a vCPU hour of useful work costs {} in the mixture of its {pools} pools, by {placements} attempts \
         placed there, and {} without {types}",
        usd(split.vcpu_hour_usd),
        usd(split.vcpu_hour_left_usd)
    );
    let fix = format!(
        "Leave {types} out of its compute environments, or give them an environment of their own: \
         {pools_left} pools of {types_left} types in {zones_left} zones are left"
    );
    (problem, fix)
}

fn of_widen(widen: &Widen) -> (String, String) {
    let few = format!("its {} and {}", count(widen.types, "type"), count(widen.zones, "zone"));
    let problem = match &widen.why {
        WhyWiden::Risky {
            times_the_prior,
            region_times_the_prior,
            interruptions,
            watched_secs,
        } => format!(
            "{few} are taken back more often than the region's: risk {} times the prior's for {} times \
             ({interruptions} interruptions in {} h watched)",
            times(*times_the_prior),
            times(*region_times_the_prior),
            watched_secs / 3600
        ),
        WhyWiden::Starves { trips } => format!("{few} had no capacity, {trips} times in a row"),
        WhyWiden::BetterElsewhere { vcpu_hour_usd, times_the_prior, placements } => format!(
            "a vCPU hour of useful work costs {} in {few}, by {placements} attempts placed there, at risk \
             {} times the prior's, while others cost less and are taken back less often",
            usd(*vcpu_hour_usd),
            times(*times_the_prior)
        ),
    };
    let fix = match widen.add.is_empty() {
        true => "Add zones and instance types to its compute environments".to_owned(),
        false => {
            let of = |add: &Addition| {
                let (price, risk) = (usd(add.vcpu_hour_usd), times(add.times_the_prior));
                format!("{} ({price}, risk {risk})", add.instance_type)
            };
            let add: Vec<String> = widen.add.iter().map(of).collect();
            format!(
                "Add to its compute environments, as others of the region have: {}",
                add.join(", ")
            )
        }
    };
    (problem, fix)
}

/// What is to be left out is named in full.
fn all_of(types: &[InstanceType]) -> String {
    types.iter().map(InstanceType::as_str).collect::<Vec<_>>().join(", ")
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Ten price units are one nano-dollar.
fn usd(price: UsdPerHour) -> String {
    format!("${}", Usd::from_nanos(i128::from(price.units() / 10)).rounded(5))
}

fn times(factor: Ppm) -> String {
    format!("{:.2}", factor.to_ratio())
}
