//! `spotcron plan --diff`: what a changed catalogue would fire, skip, and never fire twice.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::error::CliError;
use super::open;
use super::plan::PlanArgs;
use super::render::{self, FAINT, Page, STRONG, value};
use crate::catalogue::Catalogue;
use crate::schedule::{self, Change, JobDiff};
use crate::settings::Settings;

/// The answer of `plan --diff`.
#[derive(Debug, Serialize)]
pub struct DiffReport {
    /// The moment at which the new catalogue is thought to be taken over.
    pub from: Timestamp,
    pub until: Timestamp,
    /// Jobs whose schedule changes, by name.
    pub jobs: Vec<JobDiff>,
    /// Enabled jobs of the new catalogue whose schedule stays.
    pub unchanged: usize,
}

/// How far a diff looks ahead by default.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Compares the catalogue of the settings with the one that `--diff` names.
pub fn run(args: &PlanArgs, settings: &Settings, now: Timestamp) -> Result<DiffReport, CliError> {
    let before = open::catalogue(settings)?;
    let after = open::catalogue(&Settings { catalogue: args.diff.clone(), ..settings.clone() })?;
    let from = args.from.map_or(now, |from| from.after(now));
    let ahead = args.ahead.unwrap_or(AHEAD);
    let window = settings.schedule.catch_up_window;
    let mut report = compare(&before, &after, from, ahead, window);
    if let Some(name) = &args.job {
        report.jobs.retain(|job| job.job.as_str() == name);
    }
    Ok(report)
}

/// What changes when `after` replaces `before` at `from`, looking `ahead`.
pub fn compare(
    before: &Catalogue,
    after: &Catalogue,
    from: Timestamp,
    ahead: SignedDuration,
    catch_up_window: SignedDuration,
) -> DiffReport {
    let until = from.checked_add(ahead).unwrap_or(Timestamp::MAX);
    let jobs = schedule::diff(before, after, from, until, catch_up_window);
    let enabled = after.jobs.values().filter(|job| job.enabled).count();
    let changed = jobs.iter().filter(|job| job.change != Change::Ends).count();
    DiffReport { from, until, jobs, unchanged: enabled - changed }
}

/// Of many times only so many are named; JSON has all.
const NAMED: usize = 3;

impl render::Report for DiffReport {
    fn write(&self, page: &mut Page) {
        page.line(format!(
            "If the new catalogue is taken over at {}; times up to {}.",
            value::time(self.from),
            value::time(self.until)
        ));
        if self.jobs.is_empty() {
            page.gap();
            page.line("No schedule changes.");
        }
        for job in &self.jobs {
            write_job(job, page);
        }
        page.gap();
        let unchanged = value::count(self.unchanged, "other schedule");
        page.styled(FAINT, format!("{unchanged} of the new catalogue: no change."));
    }
}

fn write_job(job: &JobDiff, page: &mut Page) {
    page.gap();
    let change = match job.change {
        Change::Begins => "begins",
        Change::Ends => "ends",
        Change::Replaced => "is replaced: the old schedule ends, a new one begins",
        Change::Adjusted => "keeps its rules within other bounds, exclusions or delays",
    };
    page.line(format!("{STRONG}{}{STRONG:#}  {change}", job.job));
    if let Some(before) = &job.before {
        page.line(format!("  - {before}"));
    }
    if let Some(after) = &job.after {
        page.line(format!("  + {after}"));
    }
    if !job.fires.is_empty() {
        page.line(format!("  will run, and would not have:  {}", listed(&job.fires)));
    }
    if !job.no_longer.is_empty() {
        page.line(format!("  would have run, and will not:  {}", listed(&job.no_longer)));
    }
    if job.as_before > 0 {
        let times = value::count(job.as_before, "time");
        page.styled(FAINT, format!("  {times} of both schedules, each run once"));
    }
    if job.passed > 0 {
        let times = value::count(job.passed, "time");
        page.styled(
            FAINT,
            format!("  {times} of the new schedule already passed and will not run"),
        );
    }
}

fn listed(times: &[Timestamp]) -> String {
    let named: Vec<String> = times.iter().take(NAMED).map(|at| value::time(*at)).collect();
    let more = times.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    named.join(", ") + &more
}
