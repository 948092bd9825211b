//! Logs: set up once from the settings, on standard error. And the one way to show why an error
//! happened: no error's own text repeats its cause, so that a chain can be printed in one line.

use std::error::Error;
use std::io;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
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

/// What [`init`] installs, writing to `writer`. No level makes the crates that speak with AWS show
/// their requests. JSON lines are flat: a message's fields stand beside
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
    // The filters decide; the builder's own default would keep debug out.
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(writer)
        .with_ansi(false);
    Ok(match settings.format {
        LogFormat::Human => {
            Box::new(builder.with_target(false).finish().with(filter).with(filter_fn(may_be_shown)))
        }
        LogFormat::Json => {
            let json = builder.json().flatten_event(true).with_current_span(false);
            Box::new(json.finish().with(filter).with(filter_fn(may_be_shown)))
        }
    })
}

/// Crates that speak with AWS, by the beginnings of their names. Below `info` they show requests
/// and answers whole, with the environment variables and parameters that every output must keep to
/// itself.
const TALKATIVE: [&str; 4] = ["aws_", "hyper", "h2", "rustls"];

/// Whatever the settings ask for: a level is often raised in a hurry.
fn may_be_shown(metadata: &Metadata<'_>) -> bool {
    let from = metadata.target().split("::").next().unwrap_or_default();
    let talks = TALKATIVE.iter().any(|name| from.starts_with(name));
    !talks || *metadata.level() <= Level::INFO
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
        captured(format, level, || {
            tracing::info!(run = "extract-1", "submitted");
            tracing::debug!("not asked for");
        })
    }

    fn captured(format: LogFormat, level: &str, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let settings = LogSettings { format, level: level.to_owned() };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
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
    fn no_level_shows_what_is_sent_to_aws() {
        let secret = "PASSWORD=hunter2";
        for level in [
            "trace",
            "debug",
            "aws_smithy_runtime=trace",
            "aws_smithy_runtime::client::orchestrator=trace,info",
            "warn,spotcron=trace,aws_sigv4=trace,hyper=trace,hyper_util=debug,h2=trace,rustls=trace",
        ] {
            for format in [LogFormat::Human, LogFormat::Json] {
                let text = captured(format, level, || {
                    tracing::trace!(target: "aws_smithy_runtime::client::orchestrator",
                        request = secret, "transmitting request");
                    tracing::debug!(target: "aws_smithy_runtime::client::orchestrator", secret);
                    tracing::trace!(target: "aws_sigv4::http_request::sign", canonical = secret);
                    tracing::debug!(target: "aws_sdk_batch", secret);
                    tracing::trace!(target: "hyper::proto::h1::io", secret);
                    tracing::debug!(target: "hyper_util::client::legacy", secret);
                    tracing::trace!(target: "h2::codec::framed_write", secret);
                    tracing::debug!(target: "rustls::client::hs", secret);
                    let span = tracing::debug_span!(target: "aws_smithy_runtime", "invoke", secret);
                    span.in_scope(|| tracing::error!("an error of the caller"));
                    tracing::error!(target: "aws_smithy_runtime", "an error of a library");
                });
                assert!(!text.contains("hunter2"), "{level}: {text}");
                assert!(text.contains("an error of a"), "{level}: {text}");
            }
        }
    }

    #[test]
    fn spotcrons_own_module_for_aws_may_say_everything() {
        let text = captured(LogFormat::Human, "spotcron=trace", || {
            tracing::trace!(target: "spotcron::aws::submit", "sent");
            tracing::trace!(target: "spotcron::daemon", "h2 and hyper in a text are no target");
        });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_level_that_cannot_be_read_is_refused_with_an_example() {
        let settings = LogSettings { format: LogFormat::Human, level: "spotcron=loud".to_owned() };
        let Err(error) = subscriber(&settings, io::stderr) else { panic!("was accepted") };
        assert!(chain(&error).contains("\"spotcron=loud\" cannot be read; use a level"));
    }
}
