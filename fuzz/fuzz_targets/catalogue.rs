//! Any bytes as a catalogue and as a configuration: no panic, a consistent answer, and no control
//! characters in the report.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spotcron::diagnostic::{self, Source};
use spotcron::{catalogue, settings};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let loaded = catalogue::load_sources(vec![Source::new("fuzz.toml", text.as_ref())]);
    assert_eq!(loaded.catalogue.is_none(), diagnostic::has_errors(&loaded.diagnostics));
    let report = diagnostic::render(&loaded.diagnostics, false);
    assert!(!report.contains('\u{1b}'));
    diagnostic::to_json(&loaded.diagnostics);
    let (settings, findings) = settings::load_source(Source::new("fuzz.toml", text.as_ref()));
    assert_eq!(settings.is_none(), diagnostic::has_errors(&findings));
    diagnostic::render(&findings, false);
});
