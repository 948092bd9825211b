//! Words that a key may hold, and what they mean.

use std::borrow::Cow;

use jiff::civil::Weekday;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::{RawAfter, RawCheckpoint};
use crate::catalogue::{Policy, RetryOwner, WhenOutcomeUnknown, WhenPriceUnknown};
use crate::document::{FromToml, Located, Reader};
use crate::domain::{Architecture, Capacity, Condition};
use crate::schedule::{CatchUp, DstRule, Overlap};

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
    /// When spot is tried.
    PolicyText(Policy) = "policy" {
        "model" => Policy::Model,
        "fit-only" => Policy::FitOnly,
        "greedy" => Policy::Greedy,
        "uniform-progress" => Policy::UniformProgress,
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
    /// What becomes of a run of which nobody can tell whether it ran.
    WhenOutcomeUnknownText(WhenOutcomeUnknown) = "when-outcome-unknown" {
        "never-resend" => WhenOutcomeUnknown::NeverResend,
        "run-again" => WhenOutcomeUnknown::RunAgain,
    }
    /// Whether to repeat: `true` for retry.
    ActionText(bool) = "action" { "retry" => true, "exit" => false }
    /// Nights when clocks change.
    DstText(DstRule) = "dst" { "vixie" => DstRule::Vixie, "skip" => DstRule::Skip }
    /// What missed times do.
    CatchUpText(CatchUp) = "catch-up" {
        "all" => CatchUp::All,
        "latest" => CatchUp::Latest,
        "none" => CatchUp::None,
    }
    /// What an upstream run must have done.
    ConditionText(Condition) = "condition" {
        "succeeded" => Condition::Succeeded,
        "finished" => Condition::Finished,
        "failed" => Condition::Failed,
    }
    /// What a run does while an earlier one is open.
    OverlapText(Overlap) = "overlap" {
        "allow-all" => Overlap::AllowAll,
        "skip" => Overlap::Skip,
        "buffer-one" => Overlap::BufferOne,
        "buffer-all" => Overlap::BufferAll,
        "cancel-other" => Overlap::CancelOther,
        "terminate-other" => Overlap::TerminateOther,
    }
    /// A day of the week.
    WeekdayText(Weekday) = "weekday" {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
    }
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

/// A job's name, or a table with `job` and `when`.
#[derive(Debug, Clone)]
pub struct AfterText(pub RawAfter);

impl FromToml for AfterText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(_) => RawAfter::from_toml(value, reader).map(AfterText),
            DeValue::String(text) => {
                let job = Some(Located { value: text.to_string(), span: value.span() });
                Some(AfterText(RawAfter { job, table_span: value.span(), ..RawAfter::default() }))
            }
            _ => {
                let expected = "a job's name, or { job = \"extract\", when = \"finished\" }";
                reader.wrong_type(value, expected, None)
            }
        }
    }
}

impl JsonSchema for AfterText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "after-text".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<RawAfter>();
        json_schema!({ "anyOf": [{ "type": "string" }, table] })
    }
}

/// A value of a parameter set: a text, number or flag, kept as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalarText(pub String);

impl FromToml for ScalarText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(integer) => integer.to_string(),
            DeValue::Float(float) => float.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            _ => return reader.wrong_type(value, "a text, number or flag", None),
        };
        Some(ScalarText(text))
    }
}

impl JsonSchema for ScalarText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "scalar".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
