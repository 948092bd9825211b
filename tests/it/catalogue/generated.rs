//! Properties over generated inputs: nothing panics, and what is written arrives.

use std::fmt::Write;

use jiff::SignedDuration;
use proptest::prelude::*;
use spotcron::catalogue::{self, Restart};
use spotcron::diagnostic::{self, Source};

/// Everything that reads a catalogue, and everything that shows what was found.
fn exercise(text: &str) {
    let loaded = catalogue::load_sources(vec![Source::new("a.toml", text)]);
    assert_eq!(loaded.catalogue.is_none(), diagnostic::has_errors(&loaded.diagnostics));
    let report = diagnostic::render(&loaded.diagnostics, false);
    assert!(!report.contains('\u{1b}'), "control characters reach the terminal: {report:?}");
    diagnostic::to_json(&loaded.diagnostics);
    let (_, findings) = spotcron::settings::load_source(Source::new("b.toml", text));
    diagnostic::render(&findings, false);
}

/// A mutation of a text that is nearly right finds more than noise does.
fn mutated(text: &str, at: usize, with: &str, drop: usize) -> String {
    let from = text.floor_char_boundary(at % (text.len() + 1));
    let to = text.ceil_char_boundary((from + drop).min(text.len()));
    format!("{}{with}{}", &text[..from], &text[to..])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_catalogues_never_panic(
        at in any::<usize>(),
        with in "(\\PC{0,3}|\"|'''|\\[\\[|=|\\{|\\}|\n|\u{1b}\\[31m|-1|1e400|0x|é|#)",
        drop in 0..40_usize,
        which in 0..3_usize,
    ) {
        let text = [
            include_str!("../../../config/catalogue.toml"),
            include_str!("../../../config/demo/catalogue.toml"),
            include_str!("../../../config/spotcron.toml"),
        ][which];
        exercise(&mutated(text, at, &with, drop));
    }

    /// What is written in a valid catalogue is what the catalogue holds.
    #[test]
    fn written_values_arrive(jobs in proptest::collection::vec(job(), 1..8), class in class()) {
        let mut text = class.toml();
        jobs.iter().enumerate().for_each(|(index, job)| job.write(index, &mut text));
        let loaded = catalogue::load_sources(vec![Source::new("a.toml", text.clone())]);
        let report = diagnostic::render(&loaded.diagnostics, false);
        prop_assert!(!diagnostic::has_errors(&loaded.diagnostics), "{}\n{}", report, text);
        let catalogue = loaded.catalogue.unwrap();
        class.check(&catalogue);
        prop_assert_eq!(catalogue.jobs.len(), jobs.len());
        for (index, job) in jobs.iter().enumerate() {
            job.check(index, &catalogue);
        }
    }

    /// Prices and percentages are read from their text: every digit counts, and no float is between.
    #[test]
    fn prices_are_exact(units in 1..9_000_000_000_000_000_i64, ppm in 0..1_000_000_i64) {
        let price = format!("{}.{:010}", units / 10_000_000_000, units % 10_000_000_000);
        let percent = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
        for quote in ["", "\""] {
            let class = format!(
                "{HEAD}[[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"od\"]\n\
                 expected_duration = \"1h\"\nmax_price_usd_per_hour = {quote}{price}{quote}\n\
                 min_saving_percent = {quote}{percent}{quote}\n"
            );
            let loaded = catalogue::load_sources(vec![Source::new("a.toml", class)]);
            let report = diagnostic::render(&loaded.diagnostics, false);
            let catalogue = loaded.catalogue.expect(&report);
            let class = &catalogue.classes["c"];
            prop_assert_eq!(class.max_price.unwrap().units(), units);
            prop_assert_eq!(class.min_saving.0, ppm);
        }
    }
}

const HEAD: &str = "[[environments]]\nname = \"spot\"\nqueue = \"a\"\ncapacity = \"spot\"\n\
                    region = \"eu-west-1\"\n\
                    [[environments]]\nname = \"od\"\nqueue = \"b\"\ncapacity = \"on-demand\"\n\
                    region = \"eu-west-1\"\n";

#[derive(Debug, Clone)]
struct ClassText {
    minutes: i64,
    slack_minutes: Option<i64>,
    checkpoint_secs: Option<(i64, i64)>,
    legs: u16,
}

fn class() -> impl Strategy<Value = ClassText> {
    (
        1..600_i64,
        proptest::option::of(60..6000_i64),
        proptest::option::of((1..1000_i64, 0..1000_i64)),
        1..=100_u16,
    )
        .prop_map(|(minutes, slack_minutes, checkpoint_secs, legs)| ClassText {
            minutes,
            slack_minutes,
            checkpoint_secs,
            legs,
        })
}

impl ClassText {
    fn deadline(&self) -> Option<i64> {
        self.slack_minutes.map(|slack| self.minutes + slack)
    }

    fn toml(&self) -> String {
        let (hours, minutes) = (self.minutes / 60, self.minutes % 60);
        let mut text = format!(
            "{HEAD}[[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"od\"]\n\
             expected_duration = \"{hours}h {minutes}m\"\nmax_legs = {}\n",
            self.legs
        );
        if let Some(deadline) = self.deadline() {
            writeln!(text, "deadline = \"{deadline} minutes\"").unwrap();
        }
        if let Some((interval, restore)) = self.checkpoint_secs {
            writeln!(
                text,
                "restart = {{ checkpoint_interval = \"{interval}s\", restore = \"{restore}s\" }}"
            )
            .unwrap();
        }
        text
    }

    fn check(&self, catalogue: &catalogue::Catalogue) {
        let class = &catalogue.classes["c"];
        assert_eq!(class.expected_duration, SignedDuration::from_mins(self.minutes));
        assert_eq!(class.deadline, self.deadline().map(SignedDuration::from_mins));
        assert_eq!(class.max_legs, self.legs);
        let secs = SignedDuration::from_secs;
        let restart = self.checkpoint_secs.map_or(Restart::FromZero, |(interval, restore)| {
            Restart::Checkpoint { interval: secs(interval), restore: secs(restore) }
        });
        assert_eq!(class.restart, restart);
    }
}

#[derive(Debug, Clone)]
struct JobText {
    minute: u8,
    hour: u8,
    vcpus: u32,
    memory_mib: u32,
    array_size: Option<u16>,
    values: Vec<(String, String)>,
    enabled: bool,
}

fn job() -> impl Strategy<Value = JobText> {
    (
        (0..60_u8, 0..24_u8),
        (1..64_u32, 4..100_000_u32),
        proptest::option::of(2..=10_000_u16),
        proptest::collection::btree_map("[a-z][a-zA-Z0-9_.]{0,8}", "\\PC{0,20}", 0..4),
        any::<bool>(),
    )
        .prop_map(|((minute, hour), (vcpus, memory_mib), array_size, values, enabled)| {
            JobText {
                minute,
                hour,
                vcpus,
                memory_mib,
                array_size,
                // `{{` would begin a template, which is another story.
                values: values
                    .into_iter()
                    .map(|(key, value)| (key, value.replace("{{", "{")))
                    .filter(|(_, value)| !value.contains("{{"))
                    .collect(),
                enabled,
            }
        })
}

impl JobText {
    fn write(&self, index: usize, text: &mut String) {
        let JobText { minute, hour, vcpus, memory_mib, enabled, .. } = self;
        write!(
            text,
            "[[jobs]]\nname = \"job-{index}\"\nclass = \"c\"\ncron = \"{minute} {hour} * * *\"\n\
             definition = \"d:1\"\nvcpus = {vcpus}\nmemory_mib = {memory_mib}\nenabled = {enabled}\n"
        )
        .unwrap();
        if let Some(size) = self.array_size {
            writeln!(text, "array_size = {size}").unwrap();
        }
        writeln!(text, "[jobs.parameters]").unwrap();
        for (key, value) in &self.values {
            // TOML's own writer quotes what needs quoting.
            writeln!(text, "\"{key}\" = {}", toml::Value::from(value.as_str())).unwrap();
        }
    }

    fn check(&self, index: usize, catalogue: &catalogue::Catalogue) {
        let job = &catalogue.jobs[format!("job-{index}").as_str()];
        assert_eq!(job.schedule.to_string(), format!("{} {} * * *", self.minute, self.hour));
        assert_eq!(job.enabled, self.enabled);
        let submission = &job.submission;
        let resources = submission.resources.unwrap();
        assert_eq!(resources.vcpu_millis, self.vcpus * 1000);
        assert_eq!(resources.memory_mib, self.memory_mib);
        assert_eq!(submission.array_size, self.array_size);
        let parameters = submission.parameters.iter();
        let values: Vec<_> =
            parameters.map(|(key, value)| (key.clone(), value.expose().to_owned())).collect();
        assert_eq!(values, self.values);
    }
}
