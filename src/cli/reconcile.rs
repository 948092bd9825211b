//! `spotcron reconcile`: AWS's own bill beside the ledger.

mod files;
mod gather;
mod page;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Number;

use super::args::{FormatArg, Source, When, when};
use super::error::CliError;
use super::render::value;
use crate::billing::{self, Comparison, Counts, Covered, Missing, Unknown};
use crate::cost::PriceMode;
use crate::domain::{EnvironmentName, Usd, Window};
use crate::ledger::{DayDrift, Sums};
use crate::ports::{Store, StoreError, Write};

const HELP: &str = "\
The files are those that AWS delivers to S3: the spot data feed, or a Cost and Usage Report
(CUR 2.0, as CSV, packed or not, or as Parquet). What a file is, its content says. Fetch them first:
  aws s3 cp --recursive s3://BUCKET/PREFIX/ bill/

Examples:
  spotcron reconcile bill/*.gz                            each day and environment
  spotcron reconcile bill/*.gz --by environment --since 7d
  spotcron reconcile cur/*.parquet --by day --all --format json
  spotcron reconcile bill/*.gz --keep                     for the daemon's metrics";

/// So many of what could not be matched are listed.
const LISTED: usize = 10;

/// Arguments of `reconcile`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct ReconcileArgs {
    /// Billing files: of the spot data feed, or of a Cost and Usage Report
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub source: Source,
    /// Only lines whose hour begins since: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<When>,
    /// Only lines whose hour begins before: a time, a date, or a distance back
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<When>,
    /// One line for each: day, environment, or day,environment
    #[arg(long, value_name = "WHAT", default_value = "day,environment")]
    pub by: By,
    /// List all that could not be matched, not only the ten dearest
    #[arg(long)]
    pub all: bool,
    /// Keep the result in the store: the daemon's metrics show the newest day's drift from its next start
    ///
    /// The daemon must not run meanwhile. Where it does, the report is printed and not kept. Days that --since
    /// or --until cuts are not kept either.
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub format: FormatArg,
}

/// What the lines of the report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Day,
    Environment,
    Both,
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "day" => Ok(By::Day),
            "environment" => Ok(By::Environment),
            "day,environment" | "environment,day" => Ok(By::Both),
            other => Err(format!(
                "`{other}` is nothing to group by; use day, environment or day,environment"
            )),
        }
    }
}

/// The answer of `reconcile`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub kind: Option<billing::FileKind>,
    /// The first hour of the files, and the end of their last; `null` where they have no line of use.
    pub covered: Option<Covered>,
    #[serde(flatten)]
    pub counts: Counts,
    /// Instances and Fargate tasks.
    pub groups: Vec<Group>,
    pub total: Group,
    /// Containers on instances, by AWS's split of cost; empty where the files have none.
    pub tasks: Vec<Group>,
    pub tasks_total: Group,
    /// Billed, and not known to the ledger.
    pub unknown: Unmatched<Unknown>,
    pub unknown_tasks: Unmatched<Unknown>,
    /// Known to the ledger, and in none of the files.
    pub missing: Unmatched<Missing>,
    /// Whether it was kept; `null` where nobody asked for that.
    pub kept: Option<bool>,
    /// Why it was not kept.
    pub not_kept: Option<String>,
    #[serde(skip)]
    by: By,
    #[serde(skip)]
    days: Vec<DayDrift>,
    /// Of what was asked.
    #[serde(skip)]
    window: Window,
}

/// One line of the report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Group {
    /// `null` where days are added up.
    pub day: Option<Date>,
    /// `null` where environments are added up, and for instances that no attempt is known on.
    pub environment: Option<EnvironmentName>,
    pub billed_usd: Usd,
    pub ledger_usd: Usd,
    pub idle_usd: Usd,
    pub unpriced_usd: Usd,
    pub rounding_usd: Usd,
    pub drift_usd: Usd,
    /// Of what was billed; `null` where that is nothing.
    pub drift_percent: Option<Number>,
    #[serde(skip)]
    sums: Sums,
}

impl Group {
    fn of(day: Option<Date>, environment: Option<EnvironmentName>, sums: Sums) -> Self {
        Group {
            day,
            environment,
            billed_usd: sums.billed,
            ledger_usd: sums.ledger,
            idle_usd: sums.idle,
            unpriced_usd: sums.unpriced,
            rounding_usd: sums.rounding,
            drift_usd: sums.drift,
            drift_percent: sums.ratio().map(value::percent_number),
            sums,
        }
    }
}

/// What has no counterpart: how many, for how much, and the dearest of them.
#[derive(Debug, Serialize)]
pub struct Unmatched<T> {
    pub count: usize,
    pub usd: Usd,
    pub listed: Vec<T>,
}

impl<T> Unmatched<T> {
    fn of(mut items: Vec<T>, all: bool, usd: impl Fn(&T) -> Usd) -> Self {
        let (count, sum) = (items.len(), items.iter().map(&usd).sum());
        items.sort_by_key(|item| std::cmp::Reverse(usd(item)));
        if !all {
            items.truncate(LISTED);
        }
        Unmatched { count, usd: sum, listed: items }
    }
}

/// What the comparison needs beside the store.
#[derive(Debug, Clone, Copy)]
pub struct Inputs {
    /// How the ledger prices spot.
    pub price_mode: PriceMode,
    pub now: Timestamp,
}

/// Reads the files and lays them beside the ledger.
pub async fn run(
    args: &ReconcileArgs,
    store: &dyn Store,
    inputs: Inputs,
) -> Result<Report, CliError> {
    let since = args.since.map_or(Timestamp::MIN, |since| since.before(inputs.now));
    let until = args.until.map_or(Timestamp::MAX, |until| until.before(inputs.now));
    let window = Window::new(since, until);
    if window.is_empty() {
        return Err(CliError::input("--until is not after --since"));
    }
    let bill = files::read(&args.files, window)?;
    let facts = gather::gather(store, &bill, inputs).await?;
    let comparison = billing::compare(&bill, &facts.instances(), &facts.tasks());
    Ok(Report { window, ..Report::of(args, bill.kind, bill.counts, comparison) })
}

impl Report {
    fn of(
        args: &ReconcileArgs,
        kind: Option<billing::FileKind>,
        counts: Counts,
        found: Comparison,
    ) -> Self {
        let total = |days: &[DayDrift]| {
            let mut sums = Sums::default();
            days.iter().for_each(|day| sums.add(&day.sums));
            Group::of(None, None, sums)
        };
        Report {
            kind,
            covered: found.covered,
            counts,
            total: total(&found.days),
            tasks_total: total(&found.tasks),
            groups: grouped(args.by, &found.days),
            tasks: grouped(args.by, &found.tasks),
            unknown: Unmatched::of(found.unknown, args.all, |unknown| unknown.billed),
            unknown_tasks: Unmatched::of(found.unknown_tasks, args.all, |unknown| unknown.billed),
            missing: Unmatched::of(found.missing, args.all, |missing| missing.cost),
            kept: None,
            not_kept: None,
            by: args.by,
            days: found.days,
            window: Window::new(Timestamp::MIN, Timestamp::MAX),
        }
    }

    /// The days that neither `--since` nor `--until` cuts: a part of one must not stand for all of it.
    fn whole_days(&self) -> Vec<DayDrift> {
        let is_whole = |it: &&DayDrift| {
            let day = [Ok(it.day), it.day.tomorrow()].map(|day| day?.to_zoned(TimeZone::UTC));
            let [Ok(from), Ok(until)] = day else { return false };
            self.window.start <= from.timestamp() && until.timestamp() <= self.window.end
        };
        self.days.iter().filter(is_whole).cloned().collect()
    }

    /// Keeps the result of each whole day and environment in `store`, in the place of what was known of it;
    /// or notes why that cannot be.
    pub async fn keep(
        &mut self,
        store: Result<Arc<dyn Store>, StoreError>,
        now: Timestamp,
    ) -> Result<(), CliError> {
        let store = match store {
            Ok(store) => store,
            Err(StoreError::Refused(why)) => {
                (self.kept, self.not_kept) = (Some(false), Some(why));
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        };
        let write = Write::Reconciled(now, self.whole_days());
        store
            .commit(vec![write])
            .await
            .map_err(|error| CliError::failed("the result could not be kept").caused_by(error))?;
        self.kept = Some(true);
        Ok(())
    }
}

fn grouped(by: By, days: &[DayDrift]) -> Vec<Group> {
    let mut groups: BTreeMap<_, Sums> = BTreeMap::new();
    for DayDrift { day, environment, sums } in days {
        let key = match by {
            By::Day => (Some(*day), None),
            By::Environment => (None, environment.clone()),
            By::Both => (Some(*day), environment.clone()),
        };
        groups.entry(key).or_default().add(sums);
    }
    groups.into_iter().map(|((day, environment), sums)| Group::of(day, environment, sums)).collect()
}
