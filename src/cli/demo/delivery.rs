//! The simulated account's bill, written as AWS delivers bills.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use crate::cli::CliError;
use crate::sim::SimCloud;

const HOUR: i64 = 3600;

/// Writes the bill up to the last full hour before `now`: as a spot data feed, and as a Cost and Usage
/// Report.
pub fn write(cloud: &SimCloud, now: Timestamp, folder: &Path) -> Result<(), CliError> {
    let seconds = now.as_second();
    let until = Timestamp::from_second(seconds - seconds.rem_euclid(HOUR)).unwrap_or(now);
    let files = [
        ("spot-data-feed.gz", cloud.data_feed(until)),
        ("cost-and-usage-report.csv.gz", cloud.cost_and_usage_report(until)),
    ];
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, text) in files {
        let path = folder.join(name);
        pack(&path, &text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn pack(path: &Path, text: &str) -> io::Result<()> {
    let mut packed = GzEncoder::new(File::create(path)?, Compression::default());
    packed.write_all(text.as_bytes())?;
    packed.finish()?.sync_all()
}

fn failed(path: &Path, error: io::Error) -> CliError {
    CliError::failed(format!("{} cannot be written", path.display())).caused_by(error)
}
