//! What a changed catalogue would do.

use spotcron::cli::args::Format;
use spotcron::cli::{plan_diff, render};

use super::golden::assert_golden;
use crate::daemon::world;
use crate::samples::at;

const HEAD: &str = "
    [[environments]]
    name = \"steady\"
    queue = \"q\"
    capacity = \"on-demand\"
    region = \"eu-west-1\"
    [[classes]]
    name = \"c\"
    environments = [\"steady\"]
    expected_duration = \"10m\"
    ";

fn job(name: &str, keys: &str) -> String {
    format!(
        "[[jobs]]\nname = \"{name}\"\nclass = \"c\"\ndefinition = \"work:1\"\nvcpus = 1\n\
         memory_mib = 1024\n{keys}\n"
    )
}

#[test]
fn a_diff_shows_what_runs_what_does_not_and_what_runs_once() {
    let before = [
        job("kept", "cron = \"0 4 * * *\""),
        job("edited", "cron = \"0 8,9 * * *\"\ntime_zone = \"Europe/Berlin\""),
        job("bounded", "cron = \"0 */8 * * *\""),
        job("removed", "cron = \"0 0 * * *\""),
    ];
    let after = [
        job("kept", "cron = \"0 4 * * *\"\nenvironment = { A = \"1\" }"),
        job("edited", "cron = [\"30 8 * * *\", \"0 9 * * *\"]\ntime_zone = \"Europe/Berlin\""),
        job("bounded", "cron = \"0 */8 * * *\"\nend = \"2026-11-23T08:00\""),
        job("added", "every = \"36h\""),
    ];
    let catalogue = |jobs: &[String]| world::parse(&(HEAD.to_owned() + &jobs.concat()));
    // 08:40 in Berlin: the new 08:30 has passed, and is not made up for.
    let report = plan_diff::compare(
        &catalogue(&before),
        &catalogue(&after),
        at("2026-11-22T07:40:00Z"),
        jiff::SignedDuration::from_hours(48),
        jiff::SignedDuration::from_hours(1),
    );
    let text = |format| render::text_of(&report, format, None).unwrap();
    let plain = anstream::adapter::strip_str(&text(Format::Table)).to_string();
    assert_golden("plan-diff.txt", &plain);
    assert_golden("plan-diff.json", &text(Format::Json));
}
