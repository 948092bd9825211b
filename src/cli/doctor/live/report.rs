//! What the test showed, for people and as JSON; and before it, what it will do.

use serde::{Serialize, Serializer};

use super::reckon::Reckoning;
use super::watch::Watched;
use crate::cli::render::table::{Grid, Tone, plain, toned};
use crate::cli::render::value::{count, duration, usd};
use crate::cli::render::{self, Page};
use crate::doctor::live::{Ceiling, LiveFinding, LivePlan, Verdict};
use crate::domain::{
    BatchJobId, BatchJobName, Capacity, EnvironmentName, InstanceId, InstanceType, Resources, Site,
    Usd, Zone,
};

/// What the job ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RanOn {
    pub instance_id: InstanceId,
    pub instance_type: InstanceType,
    pub zone: Zone,
}

/// The whole test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveReport {
    pub account: String,
    pub environment: EnvironmentName,
    pub queue: String,
    /// As for people: without the external id of its role.
    #[serde(serialize_with = "as_shown")]
    pub site: Site,
    pub capacity: Capacity,
    pub definition: String,
    pub job_name: BatchJobName,
    /// Absent when Batch has no job of it.
    pub job_id: Option<BatchJobId>,
    /// Nobody agreed, and nothing was submitted.
    pub declined: bool,
    pub passed: usize,
    pub failed: usize,
    pub findings: Vec<LiveFinding>,
    /// Absent on Fargate, and where it could not be told.
    pub ran_on: Option<RanOn>,
    /// As the ledger counts it: the job's share of its instance. Absent where it has no price.
    pub cost_usd: Option<Usd>,
    /// What the same seconds would have cost on demand.
    pub on_demand_usd: Option<Usd>,
}

fn as_shown<S: Serializer>(site: &Site, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(site)
}

impl LiveReport {
    pub(super) fn of(account: &str, plan: &LivePlan) -> Self {
        let request = &plan.request;
        LiveReport {
            account: account.to_owned(),
            environment: plan.environment.name.clone(),
            queue: request.queue.clone(),
            site: request.site.clone(),
            capacity: plan.environment.capacity,
            definition: request.definition.clone(),
            job_name: request.name.clone(),
            job_id: None,
            declined: false,
            passed: 0,
            failed: 0,
            findings: Vec::new(),
            ran_on: None,
            cost_usd: None,
            on_demand_usd: None,
        }
    }

    /// Adds what one step showed.
    pub(super) fn add(&mut self, finding: LiveFinding) {
        match finding.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Skipped => {}
        }
        self.findings.push(finding);
    }

    pub(super) fn note(&mut self, watched: &Watched, reckoning: &Reckoning) {
        self.job_id = watched.id.clone();
        self.ran_on = reckoning.host().map(|host| RanOn {
            instance_id: host.instance_id.clone(),
            instance_type: host.instance_type.clone(),
            zone: host.zone.clone(),
        });
        (self.cost_usd, self.on_demand_usd) = reckoning.amounts().unzip();
    }

    fn summary(&self) -> String {
        if self.declined {
            return "Nothing was submitted.".to_owned();
        }
        if self.failed == 0 {
            return match (self.cost_usd, self.on_demand_usd) {
                (Some(cost), Some(on_demand)) => format!(
                    "Everything works. The job cost {}; on demand it would have cost {}.",
                    usd(cost),
                    usd(on_demand)
                ),
                _ => "Everything works.".to_owned(),
            };
        }
        format!("{} of {} failed.", self.failed, count(self.findings.len(), "step"))
    }
}

impl render::Report for LiveReport {
    fn write(&self, page: &mut Page) {
        page.heading(format!(
            "environment {} ({}, {}), account {}",
            self.environment, self.capacity, self.site, self.account
        ));
        let mut grid = Grid::new().name("").name("").prose("").without_header();
        for finding in &self.findings {
            let tone = match finding.verdict {
                Verdict::Passed => Tone::Good,
                Verdict::Failed => Tone::Bad,
                Verdict::Skipped => Tone::Faint,
            };
            let verdict = toned(tone, finding.verdict.label());
            grid.row([verdict, toned(Tone::Strong, finding.step.label()), plain(&finding.seen)]);
            if let Some(fix) = &finding.fix {
                grid.row([plain(""), toned(Tone::Faint, "fix"), plain(fix)]);
            }
        }
        page.table(2, &grid);
        page.gap();
        page.line(self.summary());
        if self.ran_on.is_some() {
            page.line(
                "The whole instance is billed until Batch ends it, which is in no job's cost.",
            );
        }
    }

    fn exit_code(&self) -> u8 {
        match (self.failed, self.declined) {
            (0, false) => 0,
            (0, true) => 1,
            _ => 2,
        }
    }
}

/// What will be done, for whoever has to agree to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    lines: Vec<(&'static str, String)>,
}

impl Preview {
    pub(super) fn of(report: &LiveReport, plan: &LivePlan, ceiling: Option<&Ceiling>) -> Self {
        let request = &plan.request;
        let command = match &request.command {
            Some(command) => format!("`{}` as its command", command.join(" ")),
            None => "its own command".to_owned(),
        };
        let resources = request.resources.as_ref().map(needs).unwrap_or_default();
        let most = match ceiling {
            Some(Ceiling { amount, instance_type: Some(instance_type), billed_for }) => format!(
                "at most {}: one {instance_type}, the dearest type behind the queue, on demand for {}",
                usd(*amount),
                duration(*billed_for)
            ),
            Some(Ceiling { amount, instance_type: None, billed_for }) => {
                format!("at most {}: the task for {}", usd(*amount), duration(*billed_for))
            }
            None => "cannot be told: see the prices that failed, in the report".to_owned(),
        };
        let lines = vec![
            ("account", report.account.clone()),
            (
                "environment",
                format!("{}, {} in {}", report.environment, report.capacity, report.site),
            ),
            ("queue", request.queue.clone()),
            ("definition", format!("{} with {command}{resources}", request.definition)),
            ("name", request.name.to_string()),
            ("time", format!("stopped when it is not over after {}", duration(plan.timeout))),
            ("cost", most),
        ];
        Preview { lines }
    }

    /// Writes it for people.
    pub fn write(&self, page: &mut Page) {
        page.line("One job will be submitted, watched to its end, and priced:");
        let mut grid = Grid::new().name("").prose("").without_header();
        for (name, text) in &self.lines {
            grid.row([toned(Tone::Faint, name), plain(text)]);
        }
        page.table(2, &grid);
        page.gap();
    }
}

/// `, 1 vCPU and 512 MiB`.
fn needs(resources: &Resources) -> String {
    let vcpus = f64::from(resources.vcpu_millis) / 1000.0;
    format!(", {vcpus} vCPU and {} MiB", resources.memory_mib)
}
