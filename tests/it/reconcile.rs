//! AWS's own bill beside the ledger: the files, the comparison, and both through the whole daemon on the
//! simulated cloud.

mod command;
mod compare;
mod files;
#[cfg(feature = "parquet")]
mod parquet;
mod story;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use spotcron::billing::{Bill, Intake, LIMITS, Problem};
use spotcron::domain::Window;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

fn always() -> Window {
    Window::new(jiff::Timestamp::MIN, jiff::Timestamp::MAX)
}

fn read(files: &[(&str, &[u8])]) -> Result<Bill, Vec<Problem>> {
    let mut intake = Intake::new(always(), LIMITS);
    for (name, bytes) in files {
        intake.text(name, *bytes);
    }
    intake.finish()
}
