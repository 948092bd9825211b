//! The decision model on recorded availability of real spot pools, beside the published rules.
//!
//! `make bench-policy DATA=DIR`, with a directory of trace files (docs/benchmarks.md says where they come
//! from). The simulator is checked first: every row of the golden costs that the directory has must be
//! met to the cent, or nothing else is printed. `ONLY=` one of `speed`, `lasting`, `robust`, `restarting`
//! measures that alone.

mod golden;
mod lasting;
mod omniscient;
mod report;
mod restarting;
mod robust;
mod simulate;
mod speed;
mod traces;

use std::path::PathBuf;
use std::process::ExitCode;

use report::Report;

fn main() -> ExitCode {
    // `cargo bench` asks every target; this one has work only where there is data.
    let Some(data) = std::env::var_os("DATA").map(PathBuf::from) else {
        println!(
            "policy: no traces (make bench-policy DATA=DIR; docs/benchmarks.md says where they come from)"
        );
        return ExitCode::SUCCESS;
    };
    match run(&data) {
        Ok(report) => report.write(),
        Err(reason) => {
            eprintln!("bench-policy: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(data: &std::path::Path) -> Result<Report, String> {
    let collections = traces::read_all(data)?;
    let mut report = Report::default();
    golden::check(data, &collections, &mut report)?;
    let only = std::env::var("ONLY").ok();
    let wants = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wants("speed") {
        speed::measure(&collections, &mut report);
    }
    for collection in collections.iter().filter(|_| wants("lasting")) {
        lasting::measure(collection, &mut report);
    }
    for collection in collections.iter().filter(|_| wants("robust")) {
        robust::measure(collection, &mut report);
    }
    if wants("restarting") {
        restarting::measure(&collections, &mut report);
    }
    Ok(report)
}
