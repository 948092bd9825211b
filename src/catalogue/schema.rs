//! The JSON schema and the reference of the catalogue, from `raw`'s declarations.

use super::raw::{
    RawAfter, RawCalendar, RawCatalogue, RawCheckpoint, RawClass, RawCovered, RawEnvironment,
    RawEvaluateOnExit, RawJob, RawRetryStrategy, RawWindow,
};
use crate::document::{self, TomlTable, schema_text};

/// The JSON schema of a catalogue file, for editors.
pub fn schema() -> String {
    schema_text::<RawCatalogue>("spotcron catalogue")
}

/// Every key of a catalogue, as markdown.
pub fn reference_markdown() -> String {
    let mut text = document::reference_head(
        "Catalogue reference",
        "The keys of a catalogue file. A catalogue is one TOML file, several, or directories of \
         `*.toml`; `config/catalogue.toml` is an example. Durations are texts such as `\"45m\"` or \
         `\"1h 30m\"`, prices and percentages are read exactly as written.",
    );
    let mut section = |heading: &str, doc, keys| {
        text.push_str(&document::reference_markdown(heading, doc, keys));
    };
    section("[[environments]]", RawEnvironment::DOC, RawEnvironment::KEYS);
    section("[[environments.covered]]", RawCovered::DOC, RawCovered::KEYS);
    section("[[classes]]", RawClass::DOC, RawClass::KEYS);
    section("restart = { … }", RawCheckpoint::DOC, RawCheckpoint::KEYS);
    section("[[jobs]]", RawJob::DOC, RawJob::KEYS);
    section("after = [{ … }]", RawAfter::DOC, RawAfter::KEYS);
    section("[[calendars]]", RawCalendar::DOC, RawCalendar::KEYS);
    section("windows = [{ … }]", RawWindow::DOC, RawWindow::KEYS);
    section("[jobs.retry_strategy]", RawRetryStrategy::DOC, RawRetryStrategy::KEYS);
    section("evaluate_on_exit = [{ … }]", RawEvaluateOnExit::DOC, RawEvaluateOnExit::KEYS);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
