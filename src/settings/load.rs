//! From the configuration file to settings, or to a complete report.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use toml::Spanned;
use toml::de::DeValue;

use super::Settings;
use super::raw::{KEYS_BY_TABLE, RawAws, RawDecision, RawHttp, RawLog, RawPeriods, RawSettings};
use crate::diagnostic::{Diagnostic, Source, has_errors};
use crate::document::{
    DurationText, FromToml, Located, Parsed, Reader, Whole, is_region, parse, read_file, shown,
};
use crate::domain::Region;

/// The settings of the file at `path`, with the catalogue's and the store's relative paths starting
/// at its directory. `None` when any finding is an error.
pub fn load(path: &Path) -> (Option<Settings>, Vec<Diagnostic>) {
    match read_file(path) {
        Ok(source) => load_source(source),
        Err(finding) => (None, vec![finding]),
    }
}

/// The settings in a text that is already read.
pub fn load_source(source: Source) -> (Option<Settings>, Vec<Diagnostic>) {
    let source = Arc::new(source);
    let tree = match parse(&source) {
        Parsed::Tree(tree) => tree,
        Parsed::Broken(errors) => {
            let place = |(finding, span): (Diagnostic, Range<usize>)| finding.at(&source, span);
            return (None, errors.into_iter().map(place).collect());
        }
    };
    let span = tree.span();
    let root = Spanned::new(span, DeValue::Table(tree.into_inner()));
    let mut reader = Reader::new(Arc::clone(&source)).with_elsewhere(KEYS_BY_TABLE);
    let raw = RawSettings::from_toml(&root, &mut reader).unwrap_or_default();
    let mut check = Check { source: &source, findings: reader.into_findings() };
    let settings = resolve(raw, &mut check);
    let findings = check.findings;
    (if has_errors(&findings) { None } else { Some(settings) }, findings)
}

struct Check<'a> {
    source: &'a Arc<Source>,
    findings: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, span: &Range<usize>, message: &str, hint: &str) {
        let finding = Diagnostic::error("invalid-value", message).at(self.source, span.clone());
        self.findings.push(if hint.is_empty() { finding } else { finding.hint(hint) });
    }

    /// Replaces `target` by a duration that was given; timers cannot run every 0 seconds.
    fn duration(
        &mut self,
        key: &str,
        given: Option<Located<DurationText>>,
        target: &mut SignedDuration,
    ) {
        let Some(Located { value: DurationText(duration), span }) = given else { return };
        if duration.is_zero() {
            self.error(&span, &format!("`{key}` must be longer than 0"), "");
        }
        *target = duration;
    }
}

fn resolve(raw: RawSettings, check: &mut Check<'_>) -> Settings {
    let mut settings = Settings::default();
    let folder = check.source.path.parent().unwrap_or(Path::new("")).to_path_buf();
    if let Some(Located { value: paths, span }) = raw.catalogue {
        if paths.is_empty() {
            let hint = "name at least one file or directory";
            check.error(&span, "`catalogue` is empty: nothing could run", hint);
        }
        settings.catalogue = paths.into_iter().map(|path| path.value.into()).collect();
    }
    if let Some(path) = raw.store.and_then(|store| store.value.path) {
        if path.value.is_empty() {
            check.error(&path.span, "`store.path` is empty", "name the SQLite file");
        }
        settings.store_path = path.value.into();
    }
    settings.catalogue.iter_mut().for_each(|path| *path = folder.join(&*path));
    settings.store_path = folder.join(&settings.store_path);
    check.duration("shutdown_grace", raw.shutdown_grace, &mut settings.shutdown_grace);
    resolve_aws(value(raw.aws), &mut settings, check);
    resolve_http(value(raw.http), &folder, &mut settings, check);
    resolve_log(value(raw.log), &mut settings, check);
    resolve_periods(value(raw.periods), &mut settings, check);
    let limits = value(raw.limits);
    per_second(limits.submit_per_second, &mut settings.limits.submit_per_second);
    per_second(limits.stop_per_second, &mut settings.limits.stop_per_second);
    per_second(limits.describe_per_second, &mut settings.limits.describe_per_second);
    resolve_submission(value(raw.submission), &mut settings, check);
    let schedule = value(raw.schedule);
    if let Some(window) = schedule.catch_up_window {
        // Zero is allowed: nothing that was missed is run.
        settings.schedule.catch_up_window = window.value.0;
    }
    if let Some(limit) = schedule.catch_up_limit {
        settings.schedule.catch_up_limit = usize::from(limit.value.get::<u16>());
    }
    if let Some(mode) = value(raw.ledger).price_mode {
        settings.ledger.price_mode = mode.value.0;
    }
    resolve_decision(value(raw.decision), &folder, &mut settings, check);
    settings
}

fn value<T: Default>(table: Option<Located<T>>) -> T {
    table.map(|table| table.value).unwrap_or_default()
}

fn per_second(given: Option<Located<Whole<1, 10_000>>>, target: &mut u32) {
    if let Some(given) = given {
        *target = given.value.get();
    }
}

fn resolve_aws(raw: RawAws, settings: &mut Settings, check: &mut Check<'_>) {
    let aws = &mut settings.aws;
    if let Some(Located { value, span }) = raw.region {
        if !is_region(&value) {
            let message = format!("`aws.region` {} is no AWS region", shown(&value));
            check.error(&span, &message, "write it as AWS does, such as \"eu-west-1\"");
        }
        aws.region = Some(Region::new(value));
    }
    if let Some(flag) = raw.allow_custom_endpoints {
        aws.allow_custom_endpoints = flag.value;
    }
    let operation = raw.operation_timeout.as_ref().map(|timeout| timeout.span.clone());
    let attempt = raw.attempt_timeout.as_ref().map(|timeout| timeout.span.clone());
    check.duration("aws.connect_timeout", raw.connect_timeout, &mut aws.connect_timeout);
    check.duration("aws.attempt_timeout", raw.attempt_timeout, &mut aws.attempt_timeout);
    check.duration("aws.operation_timeout", raw.operation_timeout, &mut aws.operation_timeout);
    if aws.operation_timeout < aws.attempt_timeout
        && let Some(span) = operation.or(attempt)
    {
        let message = "`aws.operation_timeout` is shorter than `aws.attempt_timeout`";
        check.error(&span, message, "a call with its repetitions takes longer than one try");
    }
}

fn resolve_http(raw: RawHttp, folder: &Path, settings: &mut Settings, check: &mut Check<'_>) {
    if let Some(Located { value, span }) = raw.tokens {
        if value.is_empty() {
            check.error(&span, "`http.tokens` is empty", "name the file, or leave the key out");
        }
        settings.http.tokens = Some(folder.join(value));
    }
    if let Some(Located { value, span }) = raw.protect_reads {
        if value && settings.http.tokens.is_none() {
            let hint = "name the file of tokens with `tokens`";
            check.error(&span, "`http.protect_reads` needs tokens to ask for", hint);
        }
        settings.http.protect_reads = value;
    }
    let Some(Located { value, span }) = raw.listen else { return };
    match value.parse() {
        Ok(address) => settings.http.listen = address,
        Err(_) => {
            let message = format!("`http.listen` {} is no address with a port", shown(&value));
            let hint = "write an IP address and a port: \"127.0.0.1:9188\" or \"[::1]:9188\"";
            check.error(&span, &message, hint);
        }
    }
}

fn resolve_decision(
    raw: RawDecision,
    folder: &Path,
    settings: &mut Settings,
    check: &mut Check<'_>,
) {
    if let Some(cooldown) = raw.cooldown {
        settings.decision.cooldown = cooldown.value.0;
    }
    if let Some(Located { value, span }) = raw.spot_advisor_file {
        if value.is_empty() {
            let message = "`decision.spot_advisor_file` is empty";
            check.error(&span, message, "name the file, or leave the key out");
        }
        settings.decision.spot_advisor_file = Some(folder.join(value));
    }
}

fn resolve_log(raw: RawLog, settings: &mut Settings, check: &mut Check<'_>) {
    if let Some(format) = raw.format {
        settings.log.format = format.value.0;
    }
    let Some(Located { value, span }) = raw.level else { return };
    let parsed = value.parse::<tracing_subscriber::filter::Targets>();
    if value.trim().is_empty() || parsed.is_err() {
        let message = format!("`log.level` {} is no log level", shown(&value));
        let hint = "write error, warn, info, debug or trace, or directives such as \
                    \"spotcron=debug,warn\"";
        check.error(&span, &message, hint);
    }
    settings.log.level = value;
}

fn resolve_periods(raw: RawPeriods, settings: &mut Settings, check: &mut Check<'_>) {
    let periods = &mut settings.periods;
    let slowest = raw.watch_slowest.as_ref().or(raw.watch.as_ref()).map(|given| given.span.clone());
    check.duration("periods.spot_prices", raw.spot_prices, &mut periods.spot_prices);
    check.duration("periods.list_prices", raw.list_prices, &mut periods.list_prices);
    check.duration("periods.discovery", raw.discovery, &mut periods.discovery);
    check.duration("periods.watch", raw.watch, &mut periods.watch);
    check.duration("periods.watch_slowest", raw.watch_slowest, &mut periods.watch_slowest);
    check.duration("periods.settle", raw.settle, &mut periods.settle);
    if periods.watch_slowest < periods.watch
        && let Some(span) = slowest
    {
        let message = "`periods.watch_slowest` is shorter than `periods.watch`";
        check.error(&span, message, "raise the one, or lower the other");
    }
}

fn resolve_submission(
    raw: super::raw::RawSubmission,
    settings: &mut Settings,
    check: &mut Check<'_>,
) {
    let submission = &mut settings.submission;
    let given = raw.unknown_after.as_ref().or(raw.absent_after.as_ref());
    let span = given.map(|given| given.span.clone());
    let absent_span = raw.absent_after.as_ref().map(|given| given.span.clone());
    check.duration("submission.absent_after", raw.absent_after, &mut submission.absent_after);
    check.duration("submission.unknown_after", raw.unknown_after, &mut submission.unknown_after);
    if submission.unknown_after <= submission.absent_after
        && let Some(span) = span
    {
        let message = "`submission.unknown_after` must be longer than `submission.absent_after`";
        check.error(&span, message, "otherwise nothing is ever sent again");
    }
    // Batch gives no word on how soon a new job can be found by its name.
    if submission.absent_after < SignedDuration::from_secs(60)
        && let Some(span) = absent_span
    {
        let message = "`submission.absent_after` must be at least 60 s";
        let hint = "a job that Batch accepted may not be found at once, and would be sent twice";
        check.error(&span, message, hint);
    }
}
