//! Logs: set up once from the settings, on standard error. And the one way to show why an error
//! happened: no error's own text repeats its cause, so that a chain can be printed in one line.

use std::error::Error;
use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::settings::{LogFormat, LogSettings};

/// Why the logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error(
        "log.level {level:?} cannot be read; use a level such as \"info\" or directives such as \
         \"spotcron=debug,warn\""
    )]
    Level {
        level: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("logs were set up twice")]
    Twice(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Sends the process's logs to standard error from now on.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let subscriber = subscriber(settings, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(TelemetryError::Twice)
}

/// What [`init`] installs, writing to `writer`. JSON lines are flat: a message's fields stand beside
/// it, so that a log search needs no path.
pub fn subscriber<W>(
    settings: &LogSettings,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter: Targets = settings
        .level
        .parse()
        .map_err(|source| TelemetryError::Level { level: settings.level.clone(), source })?;
    // The filter decides; the builder's own default would keep debug out.
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(writer)
        .with_ansi(false);
    Ok(match settings.format {
        LogFormat::Human => Box::new(builder.with_target(false).finish().with(filter)),
        LogFormat::Json => {
            let json = builder.json().flatten_event(true).with_current_span(false);
            Box::new(json.finish().with(filter))
        }
    })
}

/// An error and everything behind it, in one line: `the store could not be read: disk full`. A
/// cause whose text an outer error already ends with is not said twice.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (first, rest) = texts.split_first().unwrap();
        let source = (!rest.is_empty()).then(|| Box::new(layers(rest)));
        Layer { text: first, source }
    }

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let settings = LogSettings { format, level: level.to_owned() };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(run = "extract-1", "submitted");
            tracing::debug!("not asked for");
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_chain_says_every_cause_once() {
        assert_eq!(
            chain(&layers(&["the store failed", "disk full"])),
            "the store failed: disk full"
        );
        assert_eq!(chain(&layers(&["a: b", "b", "c"])), "a: b: c");
    }

    #[test]
    fn json_lines_are_flat() {
        let line = logged(LogFormat::Json, "info");
        let value: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
        assert_eq!((&value["message"], &value["run"]), (&"submitted".into(), &"extract-1".into()));
    }

    #[test]
    fn human_lines_name_the_fields_and_levels_are_respected() {
        let text = logged(LogFormat::Human, "spotcron=info");
        assert!(text.contains("INFO") && text.contains("submitted run=\"extract-1\""), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_level_that_cannot_be_read_is_refused_with_an_example() {
        let settings = LogSettings { format: LogFormat::Human, level: "spotcron=loud".to_owned() };
        let Err(error) = subscriber(&settings, io::stderr) else { panic!("was accepted") };
        assert!(chain(&error).contains("\"spotcron=loud\" cannot be read; use a level"));
    }
}
