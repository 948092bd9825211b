//! The catalogue's tables as they are written. Doc comments here are the reference and the schema.

mod choices;

use crate::document::{
    Amount, Day, DurationText, Entries, HoursText, Located, OneOrMany, Percent, Price, SecretText,
    TomlTable, Vcpus, Whole, toml_table,
};
use crate::domain::Moment;

pub use choices::{
    ActionText, AfterText, ArchitectureText, CapacityText, CatchUpText, ConditionText, DstText,
    OverlapText, PolicyText, RestartText, RetryOwnerText, ScalarText, WeekdayText,
    WhenOutcomeUnknownText, WhenPriceUnknownText,
};

type List<T> = Vec<Located<T>>;

toml_table! {
    /// A catalogue of spotcron: where work may run, under which policy, and what runs when. It may
    /// be spread over several files.
    pub struct RawCatalogue {
        /// Where jobs may run: AWS Batch job queues.
        environments: List<RawEnvironment>, optional "";
        /// The policies that jobs share.
        classes: List<RawClass>, optional "";
        /// What runs, and when.
        jobs: List<RawJob>, optional "";
        /// Times that jobs leave out, by name: holidays, freezes.
        calendars: List<RawCalendar>, optional "";
    }
}

toml_table! {
    /// An AWS Batch job queue with one kind of capacity: the only thing that a decision can choose.
    /// Keep one queue for spot and one for on-demand, because Batch gives no choice inside a queue.
    pub struct RawEnvironment as "environment" {
        /// Letters, digits, `-` and `_`, at most 80. Metrics and decisions call it so.
        name: String, required "\"spot-general\"";
        /// The Batch job queue: its name, or its ARN.
        queue: String, required "\"batch-spot\"";
        /// What the queue's compute environments buy: `spot`, `on-demand`, `fargate-spot` or
        /// `fargate`.
        capacity: CapacityText, required "\"spot\"";
        /// The queue's AWS region.
        region: String, required "\"eu-west-1\"";
        /// The ARN of the IAM role through which the queue's account is entered, where that is not
        /// the account of spotcron's own credentials. Its trust policy must let those assume it.
        assume_role: String, optional "\"arn:aws:iam::123456789012:role/spotcron\"";
        /// What the role's trust policy asks for as `sts:ExternalId`, if it does. Submissions keep
        /// the one that they were made with, so let the policy accept the old one until they ended.
        external_id: String, optional "\"spotcron-7f3a\"";
        /// Exact EC2 instance types, instead of those found in the queue's compute environments.
        instance_types: List<String>, optional "[\"m6i.xlarge\", \"c6i.xlarge\"]";
        /// Availability zones, instead of those of the compute environments' subnets.
        zones: List<String>, optional "[\"eu-west-1a\"]";
        /// A job's `definition`, and the definition that is submitted here instead of it: definitions
        /// belong to one region and one processor architecture.
        definitions: Entries<String>, optional "{ \"import:3\" = \"import-arm:5\" }";
        /// Only for `fargate-spot`, whose price AWS does not publish: your discount off Fargate's list
        /// price, in percent.
        fargate_spot_discount_percent: Percent, optional "60";
        /// Only for `fargate` and `fargate-spot`: the processor of its containers, `x86_64` or `arm64`,
        /// which have prices of their own.
        architecture: ArchitectureText, default "\"x86_64\"";
        /// What a run there costs besides its capacity, in USD: data that has to cross a region or a zone.
        /// It is added to the expected cost of each submission.
        data_cost_usd_per_run: Amount, default "0";
        /// Only for `on-demand` and `fargate`: hours in which a Savings Plan or Reserved Instances pay for
        /// vCPUs that would be idle. What runs on them then costs nothing more, and decisions reckon so.
        covered: List<RawCovered>, default "[]";
    }
}

toml_table! {
    /// Hours of the week in which capacity is paid for by a commitment, and idle. Where several overlap the
    /// largest counts.
    pub struct RawCovered {
        /// How many vCPUs are paid for and left over then. What spotcron has running there is taken off.
        vcpus: Vcpus, required "64";
        /// From and until when; past midnight they end on the next day.
        hours: HoursText, default "\"00:00-24:00\"";
        /// Days on which the hours begin; every day without it.
        days: OneOrMany<WeekdayText>, optional "[\"saturday\", \"sunday\"]";
        /// Where the hours are.
        time_zone: String, default "\"UTC\"";
    }
}

toml_table! {
    /// The policy that a class of jobs shares.
    pub struct RawClass as "class" {
        /// Letters, digits, `-` and `_`, at most 80.
        name: String, required "\"nightly-report\"";
        /// Environments that its jobs may use. Of equally good ones the earlier is taken.
        environments: List<String>, required "[\"spot-general\", \"on-demand-general\"]";
        /// How long one uninterrupted attempt runs, without waiting and starting up. What a job's attempts
        /// show takes its place bit by bit; it counts as three of them.
        expected_duration: DurationText, required "\"45m\"";
        /// Deadlines are planned with a length that so many runs in a hundred do not exceed, from 50 to
        /// 99, once attempts have shown how long they take.
        planning_percentile: Whole<50, 99>, default "95";
        /// How long after its scheduled time a run must have succeeded. Spot is left in time to
        /// still finish on demand.
        deadline: DurationText, optional "\"4h\"";
        /// How long after its scheduled time a run may be put off, where waiting for spot or for covered hours is
        /// expected to save `min_saving_percent`. The deadline stays.
        start_within: DurationText, optional "\"2h\"";
        /// From a job's start on an instance to its container running: boot and image pull.
        start_up: DurationText, default "\"3m\"";
        /// What survives an interruption: `"from-zero"`, or the interval between two checkpoints and
        /// the time to restore one.
        restart: RestartText, default "\"from-zero\"";
        /// How it is decided whether spot is worth trying: `model`, by the expected cost of the best course
        /// from here; `fit-only`, while a full run on demand still fits after a late interruption; `greedy`,
        /// until the last moment for a run on demand; `uniform-progress`, for work with checkpoints, while
        /// it keeps an even pace towards its deadline.
        policy: PolicyText, default "\"model\"";
        /// Who repeats a failed attempt. `spotcron` submits each attempt by itself and can change the
        /// environment; `batch` sends the job's `retry_strategy`, which repeats on the same queue.
        retry_owner: RetryOwnerText, default "\"spotcron\"";
        /// Submissions of one run at most: interruptions, moves to on-demand and retries together,
        /// from 1 to 100.
        max_legs: Whole<1, 100>, default "6";
        /// How often an attempt that failed by itself (non-zero exit) is repeated, from 0 to 99.
        /// Interruptions do not count.
        failure_retries: Whole<0, 99>, default "0";
        /// How long a submission may wait in RUNNABLE on spot before it is moved. Under `greedy` and
        /// `uniform-progress` the default is the deadline.
        wait_budget: DurationText, default "\"15m\"";
        /// Spot above this price, in USD per hour for the job's share of the instance, is not used.
        max_price_usd_per_hour: Price, optional "\"0.25\"";
        /// The most that a run should cost, in USD. Once another try on spot would bring it above that, the run
        /// goes on demand; it is never stopped for it, because its deadline holds.
        max_cost_usd_per_run: Amount, optional "\"2.50\"";
        /// Spot must be expected to save at least this much of the on-demand cost, in percent.
        min_saving_percent: Percent, default "10";
        /// For so long its legs stay with the environment that they went to last, while that may be
        /// chosen, so that environments of nearly the same cost do not take turns. "0s" never stays.
        min_time_between_switches: DurationText, default "\"0s\"";
        /// A cheaper environment that saves at least this much, in percent, is gone to at once all the
        /// same.
        min_saving_to_switch_percent: Percent, default "20";
        /// Your discount off the on-demand list price (Savings Plan, contract), in percent.
        on_demand_discount_percent: Percent, default "0";
        /// A spot price that was not confirmed for this long is left out; an environment with no
        /// other counts as without a price. List prices do not age, nor does Fargate Spot's, which
        /// is your discount off one.
        max_price_age: DurationText, default "\"30m\"";
        /// What to do while no price is known: `on-demand`, `spot`, or `hold` (wait for a price, and
        /// go on demand when the deadline would otherwise be lost).
        when_price_unknown: WhenPriceUnknownText, default "\"on-demand\"";
        /// What becomes of a run when nobody can tell any more whether its submission ran: `never-resend`
        /// ends it as `unknown`, `run-again` submits it once more, so that its work may be done twice.
        when_outcome_unknown: WhenOutcomeUnknownText, default "\"never-resend\"";
        /// Whether two attempts may run at once without harm. Not used yet: spotcron never runs two at
        /// once, whatever is stated here.
        idempotent_outputs: bool, default "false";
        /// Free labels for reports, such as the team that pays.
        labels: Entries<String>, default "{}";
    }
}

toml_table! {
    /// A job: when it runs, and what is submitted to AWS Batch.
    pub struct RawJob as "job" {
        /// Begins with a letter or digit; then also `-` and `_`; at most 80. It begins the name of
        /// every Batch job.
        name: String, required "\"hourly-import\"";
        /// The class whose policy it follows.
        class: String, required "\"nightly-report\"";
        /// Five fields (minute, hour, day of month, month, day of week), six with seconds first, or
        /// `@daily` and the like. A list of several runs the job at the times of all. Of `cron`, `every`
        /// and `at` one is needed at least.
        cron: OneOrMany<String>, optional "\"0 2 * * *\"";
        /// Runs the job in even intervals, at least one second long, whatever clocks do.
        every: DurationText, optional "\"90m\"";
        /// Where the intervals of `every` begin, counted from 1970-01-01 00:00 UTC.
        phase: DurationText, default "\"0s\"";
        /// Runs the job once at a moment, or at each of a list. Without an offset it is a clock time of
        /// `time_zone`.
        at: OneOrMany<Moment>, optional "\"2027-01-04T06:00\"";
        /// Runs the job at the times of these jobs, once their runs of the same scheduled time have
        /// succeeded, or as `when` says: `{ job = "load", when = "finished" }`. With several, at the times
        /// that all of them have. Instead of `cron`, `every` and `at`.
        after: List<AfterText>, default "[]";
        /// A run that is due while an earlier one is open: `allow-all` lets them run side by side, `skip`
        /// leaves the new one out, `buffer-one` lets one wait and `buffer-all` all, `cancel-other` cancels
        /// what has not started and waits for the rest, `terminate-other` terminates what is there.
        overlap: OverlapText, default "\"allow-all\"";
        /// The time zone in which `cron`, and clock times without an offset, are read.
        time_zone: String, default "\"UTC\"";
        /// Nights when clocks change. `vixie`: a job at fixed hours runs at the end of a gap that
        /// swallows its time, and once on a repeated hour; one whose hour is `*` or a step follows
        /// elapsed time. `skip`: times in a gap are left out, repeated ones run once, as EventBridge
        /// Scheduler has it.
        dst: DstText, default "\"vixie\"";
        /// Nothing is due before this moment.
        start: Moment, optional "\"2027-01-01\"";
        /// Nothing is due at or after this moment.
        end: Moment, optional "\"2027-12-31T18:00\"";
        /// Calendars whose times are left out.
        exclude: List<String>, default "[]";
        /// Runs start up to so much later than scheduled, each job always by the same time of its own,
        /// so that jobs of one minute do not start together. Scheduled times and deadlines stay.
        spread: DurationText, default "\"0s\"";
        /// Times that nobody was there for: `all` inside the catch-up window run, only the `latest`, or
        /// `none`.
        catch_up: CatchUpText, default "\"all\"";
        /// How far back missed times still run, instead of the settings' `schedule.catch_up_window`.
        catch_up_window: DurationText, optional "\"6h\"";
        /// Runs the job once for each combination of these values, at every scheduled time. Templates call
        /// them `{{ set.NAME }}`.
        matrix: Entries<OneOrMany<ScalarText>>, optional "{ region = [\"eu\", \"us\"], size = [1, 2] }";
        /// Combinations of `matrix` that are left out: every one that has all these values.
        matrix_exclude: List<Entries<ScalarText>>, default "[]";
        /// Runs the job once for each line of a file, at every scheduled time: CSV with a header
        /// (`.csv`), or JSON Lines (`.jsonl`, `.ndjson`). Its path begins where this file is. At most
        /// 50,000 lines, all different. Instead of `matrix`.
        parameters_file: String, optional "\"reports.csv\"";
        /// One of `parameters`, or a field of its parameter sets, that says how large a run's input is: a
        /// number to which its work is about in proportion, such as rows or bytes. How long runs take is then
        /// learnt by size. Sizes are stored.
        input_size_parameter: String, optional "\"rows\"";
        /// `false` keeps the job in the catalogue without running it.
        enabled: bool, default "true";
        /// The Batch job definition: `name:revision`, a name or an ARN. Without a revision the newest
        /// one runs, and nobody can tell later which.
        definition: String, required "\"import:3\"";
        /// Values for the definition's `Ref::` placeholders. Never shown in any output. These values, and
        /// those of `environment`, `command` and `tags`, may hold templates such as
        /// `{{ date - 1d | strftime('%Y/%m/%d') }}`.
        parameters: Entries<SecretText>, default "{}";
        /// Names of parameters that whoever triggers the job by hand may give other values for that run.
        /// Commands and environment variables cannot be overridden.
        overridable_parameters: List<String>, default "[]";
        /// Environment variables of the container. Never shown in any output; secrets belong into
        /// the definition's `secrets`, not here.
        environment: Entries<SecretText>, default "{}";
        /// Replaces the definition's command.
        command: List<String>, optional "[\"python\", \"import.py\"]";
        /// vCPUs that the container reserves: whole ones on EC2, also `0.25` and `0.5` on Fargate.
        /// Overrides the definition, and tells decisions the job's share of an instance.
        vcpus: Vcpus, optional "2";
        /// Memory that the container reserves, in MiB.
        memory_mib: Whole<4, 100_000_000>, optional "4096";
        /// GPUs that the container reserves. Not on Fargate.
        gpus: Whole<0, 1024>, default "0";
        /// Children of an array job, from 2 to 10000. With `index_map` its indices, up to 1000000.
        array_size: Whole<2, 1_000_000>, optional "100";
        /// Whether the workload finds its index through the environment variable `SPOTCRON_INDEX_MAP`. Then
        /// the array is cut into runs of `array_chunk` indices, and a further leg carries only those that
        /// are not done.
        index_map: bool, default "false";
        /// With `index_map`, how many indices a run has at most, from 2 to 2000.
        array_chunk: Whole<2, 2_000>, default "500";
        /// Sent to Batch only where the class says `retry_owner = "batch"`.
        retry_strategy: RawRetryStrategy, optional "";
        /// After this Batch ends an attempt, at least 60 seconds, whole seconds. Not repeated by
        /// Batch.
        timeout: DurationText, optional "\"2h\"";
        /// Only for queues with a fair-share policy, which need it.
        share_identifier: String, optional "\"analytics\"";
        /// From 0 to 9999, only together with `share_identifier`.
        scheduling_priority: Whole<0, 9999>, optional "10";
        /// Tags of the Batch job, at most 48: two of the 50 are spotcron's own.
        tags: Entries<String>, default "{}";
    }
}

toml_table! {
    /// A job that another one runs after.
    pub struct RawAfter {
        /// Its name.
        job: String, required "\"extract\"";
        /// What its run must have done: `succeeded`, `finished` (whatever came of it) or `failed`.
        when: ConditionText, default "\"succeeded\"";
    }
}

toml_table! {
    /// Times at which jobs that name it in `exclude` are not due. A time that any of its keys names is
    /// left out.
    pub struct RawCalendar as "calendar" {
        /// Letters, digits, `-` and `_`, at most 80.
        name: String, required "\"bank-holidays\"";
        /// Where its days and clock times are. Without it they are in each job's own time zone.
        time_zone: String, optional "\"Europe/London\"";
        /// Whole days: one date, or every year's without the year.
        dates: List<Day>, default "[]";
        /// Whole days of each week.
        weekdays: List<WeekdayText>, default "[]";
        /// Stretches of time, such as a freeze of production.
        windows: List<RawWindow>, default "[]";
    }
}

toml_table! {
    /// A stretch of time.
    pub struct RawWindow {
        /// Its first moment.
        from: Moment, required "\"2026-12-20T18:00\"";
        /// The first moment after it.
        until: Moment, required "\"2027-01-04T06:00\"";
    }
}

toml_table! {
    /// Batch's own retries.
    pub struct RawRetryStrategy {
        /// Attempts, the first included, from 1 to 10.
        attempts: Whole<1, 10>, required "3";
        /// At most 5 entries; the first that matches decides, and no match repeats.
        evaluate_on_exit: List<RawEvaluateOnExit>, optional "";
    }
}

toml_table! {
    /// One rule about a failed attempt. Every pattern that is given must match; `*` only at the end.
    pub struct RawEvaluateOnExit {
        /// Digits, with an optional `*` at the end.
        on_exit_code: String, optional "\"137\"";
        /// The container's reason.
        on_reason: String, optional "\"CannotPullContainerError:*\"";
        /// The job's status reason.
        on_status_reason: String, optional "\"Host EC2*\"";
        /// `retry` or `exit`.
        action: ActionText, required "\"retry\"";
    }
}

toml_table! {
    /// A job that saves its progress.
    pub struct RawCheckpoint {
        /// The time between two checkpoints: at most this much work is lost.
        checkpoint_interval: DurationText, required "\"10m\"";
        /// The time to pick up from a checkpoint.
        restore: DurationText, default "\"0s\"";
    }
}

/// Keys by the table that they belong to, for keys that stand in the wrong one.
pub const KEYS_BY_TABLE: &[(&str, &[&str])] = &[
    ("`[[environments]]`", RawEnvironment::NAMES),
    ("`covered`", RawCovered::NAMES),
    ("`[[classes]]`", RawClass::NAMES),
    ("`[[jobs]]`", RawJob::NAMES),
    ("`[[calendars]]`", RawCalendar::NAMES),
    ("`[jobs.retry_strategy]`", RawRetryStrategy::NAMES),
    ("`evaluate_on_exit`", RawEvaluateOnExit::NAMES),
    ("`restart`", RawCheckpoint::NAMES),
    ("`after`", RawAfter::NAMES),
];
