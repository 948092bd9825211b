//! The JSON schema and the reference of the configuration file, from `raw`'s declarations.

use super::raw::{
    RawAws, RawDecision, RawHttp, RawLedger, RawLimits, RawLog, RawPeriods, RawSchedule,
    RawSettings, RawStore, RawSubmission,
};
use crate::document::{self, TomlTable, schema_text};

/// The JSON schema of the configuration file, for editors.
pub fn schema() -> String {
    schema_text::<RawSettings>("spotcron configuration")
}

/// Every key of the configuration file, as markdown.
pub fn reference_markdown() -> String {
    let mut text = document::reference_head(
        "Configuration reference",
        "The keys of the daemon's configuration file; `config/spotcron.toml` lists them with their \
         defaults. Durations are texts such as `\"15s\"` or `\"1h 30m\"`.",
    );
    let mut section = |heading: &str, doc, keys| {
        text.push_str(&document::reference_markdown(heading, doc, keys));
    };
    let (keys, _) = RawSettings::KEYS.split_at(2);
    section("top of the file", RawSettings::DOC, keys);
    section("[aws]", RawAws::DOC, RawAws::KEYS);
    section("[store]", RawStore::DOC, RawStore::KEYS);
    section("[http]", RawHttp::DOC, RawHttp::KEYS);
    section("[log]", RawLog::DOC, RawLog::KEYS);
    section("[periods]", RawPeriods::DOC, RawPeriods::KEYS);
    section("[limits]", RawLimits::DOC, RawLimits::KEYS);
    section("[submission]", RawSubmission::DOC, RawSubmission::KEYS);
    section("[schedule]", RawSchedule::DOC, RawSchedule::KEYS);
    section("[decision]", RawDecision::DOC, RawDecision::KEYS);
    section("[ledger]", RawLedger::DOC, RawLedger::KEYS);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
