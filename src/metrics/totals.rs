//! From the exact totals to samples.

use prometheus::Result;

use crate::domain::AttemptEnd;
use crate::ledger::{Counter, Tally};

use super::descriptors as metric;
use super::families::Families;

const NANOS_PER_USD: f64 = 1e9;
const MILLIS_PER_SECOND: f64 = 1e3;

/// The label of a decision that chose no environment.
const NO_ENVIRONMENT: &str = "none";

pub(super) fn collect<'a>(tally: &'a Tally, families: &mut Families<'a>) -> Result<()> {
    for (counter, total) in tally.iter() {
        collect_one(counter, total, families)?;
    }
    families.add(&metric::SAVINGS, &[], usd(tally.realized_savings().nanos()))
}

pub(super) fn usd(nanos: i128) -> f64 {
    nanos as f64 / NANOS_PER_USD
}

fn collect_one<'a>(counter: &'a Counter, total: i128, to: &mut Families<'a>) -> Result<()> {
    let count = total as f64;
    let seconds = count / MILLIS_PER_SECOND;
    match counter {
        Counter::Runs { job, class, environment, outcome } => {
            let last = environment.as_ref().map_or("", |name| name.as_str());
            to.add(&metric::RUNS, &[job.as_str(), class.as_str(), last, outcome.label()], count)
        }
        Counter::RunsSkipped { job, reason } => {
            to.add(&metric::RUNS_SKIPPED, &[job.as_str(), reason.label()], count)
        }
        Counter::Submissions { class, environment, capacity, cause } => {
            let labels = [class.as_str(), environment.as_str(), capacity.label(), cause.label()];
            to.add(&metric::SUBMISSIONS, &labels, count)
        }
        Counter::Attempts { class, environment, capacity, end } => {
            let labels = [class.as_str(), environment.as_str(), capacity.label(), end.label()];
            if *end == AttemptEnd::Interrupted {
                to.add(&metric::INTERRUPTIONS, &labels[..2], count)?;
            }
            to.add(&metric::ATTEMPTS, &labels, count)
        }
        Counter::Fallbacks { class, cause } => {
            to.add(&metric::FALLBACKS, &[class.as_str(), cause.label()], count)
        }
        Counter::DeadlinesMet { class } => to.add(&metric::DEADLINES_MET, &[class.as_str()], count),
        Counter::DeadlinesMissed { class } => {
            to.add(&metric::DEADLINES_MISSED, &[class.as_str()], count)
        }
        Counter::BudgetsExceeded { class } => {
            to.add(&metric::BUDGETS_EXCEEDED, &[class.as_str()], count)
        }
        Counter::DeadlinesUnreachable { class } => {
            to.add(&metric::DEADLINES_UNREACHABLE, &[class.as_str()], count)
        }
        Counter::Decisions { class, environment, reason } => {
            let chosen = environment.as_ref().map_or(NO_ENVIRONMENT, |name| name.as_str());
            to.add(&metric::DECISIONS, &[class.as_str(), chosen, reason], count)
        }
        Counter::DuplicatesTerminated { job } => {
            to.add(&metric::DUPLICATES, &[job.as_str()], count)
        }
        Counter::OutcomesUnknown { job } => {
            to.add(&metric::OUTCOMES_UNKNOWN, &[job.as_str()], count)
        }
        Counter::RunsAgain { job } => to.add(&metric::RUNS_AGAIN, &[job.as_str()], count),
        Counter::QueueWaitMillis { environment } => {
            to.add(&metric::QUEUE_WAIT, &[environment.as_str()], seconds)
        }
        Counter::QueueWaits { environment } => {
            to.add(&metric::QUEUE_WAITS, &[environment.as_str()], count)
        }
        Counter::ScheduleLagMillis => to.add(&metric::SCHEDULE_LAG, &[], seconds),
        Counter::ScheduleLags => to.add(&metric::SCHEDULE_LAGS, &[], count),
        Counter::UnpricedAttempts { class, environment, reason } => {
            to.add(&metric::UNPRICED, &[class.as_str(), environment.as_str(), reason], count)
        }
        Counter::ResolvedUnpricedAttempts { class, environment, reason } => {
            to.add(&metric::RESOLVED, &[class.as_str(), environment.as_str(), reason], count)
        }
        Counter::CostNanos { .. }
        | Counter::OnDemandNanos { .. }
        | Counter::WasteNanos { .. }
        | Counter::CorrectedNanos { .. }
        | Counter::NetCorrectionNanos { .. } => collect_money(counter, usd(total), to),
    }
}

fn collect_money<'a>(counter: &'a Counter, usd: f64, to: &mut Families<'a>) -> Result<()> {
    match counter {
        Counter::CostNanos { job, class, environment, capacity } => {
            let labels = [job.as_str(), class.as_str(), environment.as_str(), capacity.label()];
            to.add(&metric::COST, &labels, usd)
        }
        Counter::OnDemandNanos { job, class, environment } => {
            to.add(&metric::ON_DEMAND, &[job.as_str(), class.as_str(), environment.as_str()], usd)
        }
        Counter::WasteNanos { job, class, environment } => {
            to.add(&metric::WASTE, &[job.as_str(), class.as_str(), environment.as_str()], usd)
        }
        Counter::CorrectedNanos { amount, direction, job, class, environment, capacity } => {
            let (amount, direction) = (amount.label(), direction.label());
            let (job, class, environment) = (job.as_str(), class.as_str(), environment.as_str());
            let labels = [amount, direction, job, class, environment, capacity.label()];
            to.add(&metric::CORRECTIONS, &labels, usd)
        }
        _ => Ok(()),
    }
}
