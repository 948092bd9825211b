//! `spotcron plan`: the next runs, and where each would go if it were due now.

use std::path::PathBuf;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::args::{FormatArg, Source, When, duration, when};
use super::error::CliError;
use super::explain::nearest;
use super::known::{AllRuns, Known};
use super::render::advice::AdviceView;
use super::render::decision::DecisionView;
use super::render::{self, FAINT, Page, STRONG, sentence, value};
use crate::catalogue::{Catalogue, Job, Portion};
use crate::control::Pause;
use crate::decision::advice::Work;
use crate::decision::{Decision, Question, TurningPoint, turning_points};
use crate::domain::{ClassName, JobName, LegCause, RunId};
use crate::experience::SpotAdvisor;
use crate::experience::durations::RunSize;
use crate::ports::Store;
use crate::run::{Around, NextLeg, Run, Trigger, run_of, size_of};

const HELP: &str = "\
Each run is decided as if it were due now, on the prices that the store holds now: a run of
next week will be decided again, on that week's prices.

Examples:
  spotcron plan                                  the ten jobs that come first
  spotcron plan --job nightly-report --count 5   the next five runs of one job
  spotcron plan --from 2026-03-29T00:00Z         around a change of the clocks
  spotcron plan --job nightly-report --what-would-change
                                                 at which price it would go elsewhere
  spotcron plan --diff new.toml                  what an edited catalogue would run, and what not";

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct PlanArgs {
    #[command(flatten)]
    pub source: Source,
    /// How many jobs, the soonest first
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "job")]
    pub jobs: usize,
    /// Only this job
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// The runs after this time instead of after now: a time, a date, or a distance ahead
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub from: Option<When>,
    /// How many runs of each job
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub count: u16,
    /// Show instead what this catalogue would change about schedules, if it were taken over now; a
    /// file or a directory, several times for several
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jobs", "count"])]
    pub diff: Vec<PathBuf>,
    /// Also say at which prices and deadline each decision would be another
    #[arg(long, conflicts_with = "diff")]
    pub what_would_change: bool,
    /// How far ahead a diff looks [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "diff")]
    pub ahead: Option<SignedDuration>,
    #[command(flatten)]
    pub format: FormatArg,
}

impl PlanArgs {
    /// The next run of one job, with what would change where it goes.
    pub fn of_job(job: &str, source: &Source, format: &FormatArg) -> PlanArgs {
        PlanArgs {
            source: source.clone(),
            jobs: 1,
            job: Some(job.to_owned()),
            from: None,
            count: 1,
            diff: Vec::new(),
            what_would_change: true,
            ahead: None,
            format: format.clone(),
        }
    }
}

/// What `plan` needs besides the store.
pub struct Inputs<'a> {
    pub catalogue: &'a Catalogue,
    /// How long trouble keeps an environment out.
    pub cooldown: SignedDuration,
    /// Spot Advisor's table, where the settings name one.
    pub spot_advisor: Option<SpotAdvisor>,
    pub now: Timestamp,
    /// [`crate::decision::decide`], or a test's.
    pub decide: fn(&Question<'_>) -> Decision,
}

/// The answer of `plan`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub now: Timestamp,
    /// When prices were last refreshed; `null` where there are none yet.
    pub prices_at: Option<Timestamp>,
    /// In order of time, then job.
    pub runs: Vec<PlannedRun>,
    /// Enabled jobs that are not among `runs`.
    pub jobs_not_shown: usize,
}

/// One run to come.
#[derive(Debug, Serialize)]
pub struct PlannedRun {
    pub job: JobName,
    pub class: ClassName,
    pub schedule: String,
    pub scheduled_for: Timestamp,
    /// In the job's zone.
    pub local_time: String,
    pub time_zone: String,
    pub deadline_at: Option<Timestamp>,
    /// Whether what the job reserves was assumed rather than known.
    pub resources_assumed: bool,
    /// How many runs the scheduled time has: one for each parameter set and chunk of an array.
    pub runs: usize,
    /// While this lasts, the job's times pass without a run.
    pub paused: Option<Pause>,
    pub decision: DecisionView,
    /// What would change the decision, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turning_points: Option<Vec<TurningPoint>>,
    /// What had better be changed of its environments, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<AdviceView>,
}

/// The next runs. Without a store no price is known, and the plan says so.
pub async fn run(
    args: &PlanArgs,
    store: Option<&dyn Store>,
    inputs: Inputs<'_>,
) -> Result<Report, CliError> {
    let mut known = match store {
        Some(store) => Known::read(store).await?,
        None => Known::default(),
    };
    known.set_spot_advisor(inputs.spot_advisor.as_ref());
    let jobs = selected(args, inputs.catalogue)?;
    let enabled = jobs.len();
    let from = args.from.map_or(inputs.now, |from| from.after(inputs.now));
    let mut upcoming: Vec<(Vec<Timestamp>, &Job)> = jobs
        .into_iter()
        .map(|job| (next_times(job, from, args.count), job))
        .filter(|(times, _)| !times.is_empty())
        .collect();
    upcoming
        .sort_by(|(a, job_a), (b, job_b)| (a.first(), &job_a.name).cmp(&(b.first(), &job_b.name)));
    upcoming.truncate(if args.job.is_some() { 1 } else { args.jobs });
    let jobs_not_shown = enabled - upcoming.len();
    let mut runs = Vec::new();
    let all = AllRuns::of(&known.open, &known.experience, inputs.catalogue);
    for (times, job) in upcoming {
        for at in times {
            runs.push(planned(job, at, args.what_would_change, &inputs, (&known, &all))?);
        }
    }
    runs.sort_by(|a, b| (a.scheduled_for, &a.job).cmp(&(b.scheduled_for, &b.job)));
    Ok(Report { now: inputs.now, prices_at: known.market.refreshed_at, runs, jobs_not_shown })
}

fn selected<'a>(args: &PlanArgs, catalogue: &'a Catalogue) -> Result<Vec<&'a Job>, CliError> {
    let Some(name) = &args.job else {
        return Ok(catalogue.jobs.values().map(|job| &**job).filter(|job| job.enabled).collect());
    };
    match catalogue.jobs.get(name.as_str()) {
        Some(job) if job.enabled => Ok(vec![job]),
        Some(_) => Err(CliError::input(format!("job {name} is disabled"))
            .hint("set `enabled = true` in the catalogue to have it run")),
        None => {
            let error = CliError::input(format!("the catalogue has no job named {name}"));
            Err(match nearest(name, catalogue.jobs.keys().map(JobName::as_str)) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error.hint("`spotcron plan` shows the jobs that come next"),
            })
        }
    }
}

fn next_times(job: &Job, from: Timestamp, count: u16) -> Vec<Timestamp> {
    let next = |after: &Timestamp| job.schedule.next_after(*after);
    std::iter::successors(next(&from), next).take(count.into()).collect()
}

fn planned(
    job: &Job,
    scheduled_for: Timestamp,
    what_would_change: bool,
    inputs: &Inputs<'_>,
    (known, all): (&Known, &AllRuns),
) -> Result<PlannedRun, CliError> {
    let Some(class) = inputs.catalogue.class_of(job) else {
        return Err(CliError::input(format!("job {} names no class of the catalogue", job.name)));
    };
    let after = |from: Timestamp| class.deadline.and_then(|span| from.checked_add(span).ok());
    let id = RunId::of(&job.name, scheduled_for);
    let due_now = Run::new(
        id,
        job.name.clone(),
        class.name.clone(),
        Trigger::Schedule,
        inputs.now,
        inputs.now,
    );
    let run = Run { deadline_at: after(inputs.now), ..due_now };
    let leg = NextLeg {
        catalogue: inputs.catalogue,
        run: &run,
        class,
        job,
        cause: LegCause::Scheduled,
        containers: job.containers(),
    };
    let forced = known.controls.forced(&class.name, inputs.now);
    let lengths = run.lengths_of(class, first_size(job, scheduled_for), &known.durations);
    let around = known.around(all, lengths, inputs.cooldown, inputs.now);
    let question = leg.question(Around { forced: forced.as_ref(), ..around });
    let decision = (inputs.decide)(&question);
    let turning_points =
        what_would_change.then(|| turning_points(&question, &decision, inputs.decide));
    let work = Work::of(job, class, &known.durations);
    let seen = known.seen(inputs.catalogue, inputs.now);
    let advice = if what_would_change { AdviceView::of(&seen, &work) } else { Vec::new() };
    let local = scheduled_for.to_zoned(job.schedule.time_zone.clone());
    Ok(PlannedRun {
        job: job.name.clone(),
        class: job.class.clone(),
        schedule: job.schedule.to_string(),
        scheduled_for,
        runs: job.runs_each_time(),
        local_time: local.strftime("%Y-%m-%d %H:%M %:z").to_string(),
        time_zone: job.schedule.zone_name().to_owned(),
        deadline_at: after(scheduled_for),
        resources_assumed: job.submission.resources.is_none(),
        paused: known.controls.pause_of(&job.name).cloned(),
        decision: DecisionView::of(&decision),
        turning_points,
        advice,
    })
}

/// How large the input of the first of its runs is.
fn first_size(job: &Job, scheduled_for: Timestamp) -> RunSize {
    let portion = Portion { set: job.sets.first().cloned(), indices: None };
    let group = RunId::from(job.name.as_str());
    let run = run_of(job, Trigger::Schedule, scheduled_for, &group, portion, scheduled_for);
    size_of(&run, job)
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        match self.prices_at {
            Some(at) => page.line(format!(
                "The next runs, decided as if due now ({}), on prices of {}.",
                value::time(self.now),
                value::time(at)
            )),
            None => page.line(
                "The next runs, decided as if due now. No price is known yet: the daemon has not \
                 run with this store.",
            ),
        }
        if self.runs.is_empty() {
            page.gap();
            page.line("No enabled job is due after that time.");
        }
        for run in &self.runs {
            run.write(page);
        }
        if self.jobs_not_shown > 0 {
            page.gap();
            let more = value::count(self.jobs_not_shown, "more enabled job");
            page.styled(FAINT, format!("{more}; show them with --jobs N or --job NAME."));
        }
    }
}

impl PlannedRun {
    fn write(&self, page: &mut Page) {
        page.gap();
        let local = match self.time_zone.as_str() {
            "UTC" => String::new(),
            zone => format!(" ({} {zone})", self.local_time),
        };
        let runs = match self.runs {
            1 => String::new(),
            runs => format!(" ({runs} runs)"),
        };
        let deadline = self
            .deadline_at
            .map_or_else(|| "no deadline".to_owned(), |at| format!("deadline {}", value::time(at)));
        page.line(format!(
            "{STRONG}{}{STRONG:#}{runs}  {}{local}  class {}, {deadline}",
            self.job,
            value::time(self.scheduled_for),
            self.class,
        ));
        if let Some(pause) = &self.paused {
            let note = if pause.note.is_empty() { "" } else { ": " };
            page.line(format!(
                "  Paused by {} since {}{note}{}. Until that ends it will not start.",
                pause.by,
                value::time(pause.since),
                pause.note
            ));
        }
        self.decision.write(page, 2);
        if let Some(points) = &self.turning_points {
            for line in sentence::turning_points(points) {
                page.line(format!("  {line}"));
            }
        }
        AdviceView::write(&self.advice, page);
        if self.resources_assumed {
            page.styled(FAINT, format!("  {}", sentence::RESOURCES_ASSUMED));
        }
    }
}
