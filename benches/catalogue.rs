//! `check` of a large catalogue: 10,000 jobs with 10,000 different cron expressions.

use std::fmt::Write;

use spotcron::catalogue;
use spotcron::diagnostic::{self, Source};

fn main() {
    divan::main();
}

fn large(jobs: usize, tail: &str) -> String {
    let mut text = String::from(
        "[[environments]]\nname = \"spot\"\nqueue = \"spot\"\ncapacity = \"spot\"\n\
         region = \"eu-west-1\"\n\
         [[environments]]\nname = \"od\"\nqueue = \"od\"\ncapacity = \"on-demand\"\n\
         region = \"eu-west-1\"\n\
         [[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"od\"]\nexpected_duration = \"1h\"\n",
    );
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"];
    for index in 0..jobs {
        let (minute, hour, day) = (index % 60, index / 60 % 24, index / 1440 % 28 + 1);
        let zone = zones[index % zones.len()];
        write!(
            text,
            "\n[[jobs]]\nname = \"job-{index}\"\nclass = \"c\"\ncron = \"{minute} {hour} {day} * *\"\n\
             time_zone = \"{zone}\"\ndefinition = \"import:3\"\nvcpus = 2\nmemory_mib = 4096\n\
             command = [\"run\", \"--index\", \"{index}\"]\n\
             environment = {{ LEVEL = \"info\", TARGET = \"s3://example/{index}\" }}\n{tail}"
        )
        .expect("a string can be written to");
    }
    text
}

#[divan::bench(args = [1_000, 10_000])]
fn load_valid(bencher: divan::Bencher<'_, '_>, jobs: usize) {
    let text = large(jobs, "");
    bencher.bench(|| {
        let loaded = catalogue::load_sources(vec![Source::new("large.toml", text.as_str())]);
        assert_eq!(loaded.catalogue.map(|catalogue| catalogue.jobs.len()), Some(jobs));
    });
}

/// The worst report: every job has a mistake.
#[divan::bench]
fn report_10000_mistakes(bencher: divan::Bencher<'_, '_>) {
    let text = large(10_000, "crom = 1\n");
    bencher.bench(|| {
        let loaded = catalogue::load_sources(vec![Source::new("large.toml", text.as_str())]);
        diagnostic::render(&loaded.diagnostics, false)
    });
}
