//! The catalogue's tables as they are written. Doc comments here are the reference and the schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::{RetryOwner, WhenPriceUnknown};
use crate::document::{
    DurationText, Entries, FromToml, Located, Percent, Price, Reader, SecretText, TomlTable, Vcpus,
    Whole, toml_table,
};
use crate::domain::{Architecture, Capacity};

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
    }
}

toml_table! {
    /// The policy that a class of jobs shares.
    pub struct RawClass as "class" {
        /// Letters, digits, `-` and `_`, at most 80.
        name: String, required "\"nightly-report\"";
        /// Environments that its jobs may use. Of equally good ones the earlier is taken.
        environments: List<String>, required "[\"spot-general\", \"on-demand-general\"]";
        /// How long one uninterrupted attempt runs, without waiting and starting up.
        expected_duration: DurationText, required "\"45m\"";
        /// How long after its scheduled time a run must have succeeded. Spot is left in time to
        /// still finish on demand.
        deadline: DurationText, optional "\"4h\"";
        /// From a job's start on an instance to its container running: boot and image pull.
        start_up: DurationText, default "\"3m\"";
        /// What survives an interruption: `"from-zero"`, or the interval between two checkpoints and
        /// the time to restore one.
        restart: RestartText, default "\"from-zero\"";
        /// Who repeats a failed attempt. `spotcron` submits each attempt by itself and can change the
        /// environment; `batch` sends the job's `retry_strategy`, which repeats on the same queue.
        retry_owner: RetryOwnerText, default "\"spotcron\"";
        /// Submissions of one run at most: interruptions, moves to on-demand and retries together,
        /// from 1 to 100.
        max_legs: Whole<1, 100>, default "6";
        /// How often an attempt that failed by itself (non-zero exit) is repeated, from 0 to 99.
        /// Interruptions do not count.
        failure_retries: Whole<0, 99>, default "0";
        /// How long a submission may wait in RUNNABLE on spot before it is moved.
        wait_budget: DurationText, default "\"15m\"";
        /// Spot above this price, in USD per hour for the job's share of the instance, is not used.
        max_price_usd_per_hour: Price, optional "\"0.25\"";
        /// Spot must be expected to save at least this much of the on-demand cost, in percent.
        min_saving_percent: Percent, default "10";
        /// Your discount off the on-demand list price (Savings Plan, contract), in percent.
        on_demand_discount_percent: Percent, default "0";
        /// A spot price that was not confirmed for this long is left out; an environment with no
        /// other counts as without a price. List prices do not age, nor does Fargate Spot's, which
        /// is your discount off one.
        max_price_age: DurationText, default "\"30m\"";
        /// What to do while no price is known: `on-demand`, `spot`, or `hold` (wait for a price, and
        /// go on demand when the deadline would otherwise be lost).
        when_price_unknown: WhenPriceUnknownText, default "\"on-demand\"";
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
        /// `@daily` and the like.
        cron: String, required "\"0 2 * * *\"";
        /// The time zone in which `cron` is read.
        time_zone: String, default "\"UTC\"";
        /// `false` keeps the job in the catalogue without running it.
        enabled: bool, default "true";
        /// The Batch job definition: `name:revision`, a name or an ARN. Without a revision the newest
        /// one runs, and nobody can tell later which.
        definition: String, required "\"import:3\"";
        /// Values for the definition's `Ref::` placeholders. Never shown in any output.
        parameters: Entries<SecretText>, default "{}";
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
        /// Children of an array job, from 2 to 10000.
        array_size: Whole<2, 10_000>, optional "100";
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

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident($type:ty) = $schema:literal { $($text:literal => $value:expr),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $type);

        impl FromToml for $name {
            fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
                reader.choice(value, &[$(($text, $value)),+]).map($name)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $schema.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": [$($text),+] })
            }
        }
    )+};
}

choices! {
    /// A kind of capacity.
    CapacityText(Capacity) = "capacity" {
        "spot" => Capacity::Spot,
        "on-demand" => Capacity::OnDemand,
        "fargate-spot" => Capacity::FargateSpot,
        "fargate" => Capacity::Fargate,
    }
    /// A processor architecture.
    ArchitectureText(Architecture) = "architecture" {
        "x86_64" => Architecture::X86_64,
        "arm64" => Architecture::Arm64,
    }
    /// Who repeats.
    RetryOwnerText(RetryOwner) = "retry-owner" {
        "spotcron" => RetryOwner::Spotcron,
        "batch" => RetryOwner::Batch,
    }
    /// Without a price.
    WhenPriceUnknownText(WhenPriceUnknown) = "when-price-unknown" {
        "on-demand" => WhenPriceUnknown::OnDemand,
        "spot" => WhenPriceUnknown::Spot,
        "hold" => WhenPriceUnknown::Hold,
    }
    /// Whether to repeat: `true` for retry.
    ActionText(bool) = "action" { "retry" => true, "exit" => false }
}

/// `"from-zero"` or a table with `checkpoint_interval` and `restore`.
#[derive(Debug, Clone)]
pub enum RestartText {
    FromZero,
    Checkpoint(RawCheckpoint),
}

impl FromToml for RestartText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(_) => {
                RawCheckpoint::from_toml(value, reader).map(RestartText::Checkpoint)
            }
            DeValue::String(text) if text == "from-zero" => Some(RestartText::FromZero),
            _ => {
                let hint = "write \"from-zero\", or \
                            { checkpoint_interval = \"10m\", restore = \"2m\" }";
                reader.invalid(value.span(), "is no restart behaviour", Some(hint.to_owned()))
            }
        }
    }
}

impl JsonSchema for RestartText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "restart".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let checkpoint = generator.subschema_for::<RawCheckpoint>();
        json_schema!({ "anyOf": [{ "const": "from-zero" }, checkpoint] })
    }
}

/// Keys by the table that they belong to, for keys that stand in the wrong one.
pub const KEYS_BY_TABLE: &[(&str, &[&str])] = &[
    ("`[[environments]]`", RawEnvironment::NAMES),
    ("`[[classes]]`", RawClass::NAMES),
    ("`[[jobs]]`", RawJob::NAMES),
    ("`[jobs.retry_strategy]`", RawRetryStrategy::NAMES),
    ("`evaluate_on_exit`", RawEvaluateOnExit::NAMES),
    ("`restart`", RawCheckpoint::NAMES),
];
