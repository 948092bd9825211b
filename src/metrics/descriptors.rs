//! Every metric's name, type, labels and help.

/// What a metric does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises; restored from the store after a restart unless the help says otherwise.
    Counter,
    /// May fall.
    Gauge,
}

/// One metric. Labels take names of the catalogue and closed sets, never ids: their number is
/// bounded by the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

macro_rules! descriptors {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) const $constant: Descriptor = Descriptor {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)+

        /// Every metric, in the order of the reference.
        pub const DESCRIPTORS: &[Descriptor] = &[$($constant),+];
    };
}

descriptors! {
    RUNS = Counter "spotcron_runs_total" ["job", "class", "environment", "outcome"]
        "Runs that ended, by outcome and the environment of the last submission (empty: none). A run that was retried counts with each of its ends.";
    RUNS_SKIPPED = Counter "spotcron_runs_skipped_total" ["job", "reason"]
        "Scheduled times that were not run, and why.";
    OPEN_RUNS = Gauge "spotcron_open_runs" ["class", "state"]
        "Runs that have not ended, by state.";
    PAUSED_JOBS = Gauge "spotcron_paused_jobs" []
        "Enabled jobs that somebody paused, by themselves or with all.";
    FORCED_ON_DEMAND = Gauge "spotcron_class_forced_on_demand" ["class"]
        "1 while somebody keeps the class on capacity that is not taken back.";
    SUBMISSIONS = Counter "spotcron_submissions_total" ["class", "environment", "capacity", "cause"]
        "Submissions to AWS Batch, by what made them necessary.";
    ATTEMPTS = Counter "spotcron_attempts_total" ["class", "environment", "capacity", "end"]
        "Attempts that ended, by how.";
    INTERRUPTIONS = Counter "spotcron_interruptions_total" ["class", "environment"]
        "Attempts that ended because AWS took the capacity back.";
    FALLBACKS = Counter "spotcron_fallbacks_total" ["class", "cause"]
        "Submissions that went to capacity that is not taken back after one that was, by cause.";
    DEADLINES_MET = Counter "spotcron_deadlines_met_total" ["class"]
        "Runs with a deadline that succeeded before it.";
    DEADLINES_MISSED = Counter "spotcron_deadlines_missed_total" ["class"]
        "Runs whose deadline passed before they had succeeded.";
    BUDGETS_EXCEEDED = Counter "spotcron_run_budgets_exceeded_total" ["class"]
        "Runs of which a submission was expected to bring them above max_cost_usd_per_run.";
    DEADLINES_UNREACHABLE = Counter "spotcron_deadline_unreachable_total" ["class"]
        "Runs of which it was found, when a leg was decided, that no capacity can meet their deadline any more.";
    DECISIONS = Counter "spotcron_decisions_total" ["class", "environment", "reason"]
        "Decisions by the environment chosen (none: held back) and the main reason.";
    DUPLICATES = Counter "spotcron_duplicates_terminated_total" ["job"]
        "Batch jobs that were terminated because a submission had arrived twice.";
    OUTCOMES_UNKNOWN = Counter "spotcron_submission_outcomes_unknown_total" ["job"]
        "Submissions whose outcome was not known at first and was looked up.";
    RUNS_AGAIN = Counter "spotcron_unknown_run_again_total" ["job"]
        "Submissions of which nobody can tell whether they ran, and after which the run was sent once more, as its class says.";

    COST = Counter "spotcron_cost_usd_total" ["job", "class", "environment", "capacity"]
        "Final cost of attempts in USD, as first counted; see spotcron_corrections_usd_total.";
    ON_DEMAND = Counter "spotcron_on_demand_equivalent_usd_total" ["job", "class", "environment"]
        "What the same seconds would have cost on demand in USD, of attempts that ended by themselves.";
    WASTE = Counter "spotcron_waste_usd_total" ["job", "class", "environment"]
        "Final cost in USD of attempts that bought nothing: interrupted, moved, or lost to infrastructure.";
    CORRECTIONS = Counter "spotcron_corrections_usd_total" ["amount", "direction", "job", "class", "environment", "capacity"]
        "What final amounts turned out to be higher (up) or lower (down) by after they were counted, in USD.";
    SAVINGS = Gauge "spotcron_realized_savings_usd" []
        "On-demand equivalent less cost in USD over all final attempts, corrections included; falls when an attempt is wasted.";
    PROVISIONAL_COST = Gauge "spotcron_provisional_cost_usd" []
        "Cost in USD of attempts that may still turn out to be free (first-hour rule); not in the counters yet.";
    PROVISIONAL_ON_DEMAND = Gauge "spotcron_provisional_on_demand_equivalent_usd" []
        "On-demand equivalent in USD of attempts whose cost is provisional; not in the counters yet.";
    PROVISIONAL_ATTEMPTS = Gauge "spotcron_provisional_attempts" []
        "Attempts whose cost is provisional.";
    UNPRICED = Counter "spotcron_unpriced_attempts_total" ["class", "environment", "reason"]
        "Attempts that could not be priced, by what is not known. They are in no amount.";
    RESOLVED = Counter "spotcron_unpriced_attempts_resolved_total" ["class", "environment", "reason"]
        "Attempts that were counted as unpriced and have a price after all.";

    SPOT_PRICE = Gauge "spotcron_spot_price_usd_per_hour" ["environment"]
        "Spot price of an instance (Fargate Spot: of a vCPU) in USD per hour, the mean over the environment's pools.";
    ON_DEMAND_PRICE = Gauge "spotcron_on_demand_price_usd_per_hour" ["environment"]
        "On-demand list price of an instance (Fargate: of a vCPU) in USD per hour, the mean over the same pools.";
    DISCOUNT = Gauge "spotcron_spot_discount_ratio" ["environment"]
        "Spot discount off the on-demand price, 0 to 1; negative where spot is dearer.";
    PRICE_AGE = Gauge "spotcron_price_age_seconds" ["environment", "price"]
        "Time since a refresh last confirmed the environment's prices (spot, on-demand), of the instance type where that is longest ago.";

    BILLING_DRIFT = Gauge "spotcron_billing_drift_ratio" ["environment"]
        "What of the newest reconciled day's bill nothing explains, as a part of what was billed; negative where the ledger has more. From `spotcron reconcile FILE --keep`.";
    BILLING_AGE = Gauge "spotcron_billing_age_seconds" ["environment"]
        "Time since the end of the newest day (UTC) that was reconciled with AWS's bill.";

    BREAKER = Gauge "spotcron_breaker_state" ["environment", "state"]
        "1 for the state of the environment's breaker: closed, open (trouble; nothing is sent there), half-open (one leg may try it).";

    QUEUE_WAIT = Counter "spotcron_queue_wait_seconds_total" ["environment"]
        "Time that submissions waited for capacity, in seconds; divide by spotcron_queue_waits_total.";
    QUEUE_WAITS = Counter "spotcron_queue_waits_total" ["environment"]
        "Submissions whose wait for capacity ended.";
    SCHEDULE_LAG = Counter "spotcron_schedule_lag_seconds_total" []
        "Time from scheduled times to the durable intent to submit, in seconds; divide by spotcron_schedule_lags_total.";
    SCHEDULE_LAGS = Counter "spotcron_schedule_lags_total" []
        "Runs whose schedule lag was measured.";
    NEXT_WAKE = Gauge "spotcron_schedule_next_wake_timestamp_seconds" []
        "When the schedule wakes next, in Unix time.";

    API_CALLS = Counter "spotcron_api_calls_total" ["operation", "outcome"]
        "Calls to AWS by operation and outcome, since the process started.";
    OPTIONAL_DENIED = Gauge "spotcron_optional_permission_denied" ["operation", "account", "region"]
        "1 while AWS denies an operation that runs can do without (for want of a permission, or because credentials have expired), 0 while it permits it; operations called so far.";
    TASK_SUCCESS = Gauge "spotcron_task_last_success_timestamp_seconds" ["task"]
        "When each of the daemon's own tasks last succeeded, in Unix time.";
    TASK_FAILURES = Counter "spotcron_task_failures_total" ["task"]
        "Activations of the daemon's own tasks that failed, since the process started.";
    RELOAD_SUCCESS = Gauge "spotcron_reload_success" []
        "1 if the catalogue's last reload was taken over, 0 if it was refused and the old one stays.";
    RELOAD_TIME = Gauge "spotcron_reload_timestamp_seconds" []
        "When a reload of the catalogue was last tried, in Unix time.";
    CUSTOM_ENDPOINT = Gauge "spotcron_custom_endpoint" []
        "1 if calls go to an endpoint that is not AWS's own.";
    READY = Gauge "spotcron_ready" []
        "1 once everything needed to submit is in place; 0 before, while AWS refuses a permission, and while stopping.";
    BUILD_INFO = Gauge "spotcron_build_info" ["version"]
        "Always 1; the label says which build runs.";
}
