//! Files of spot prices: read, unpacked where they are packed, and joined.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;

use crate::cli::CliError;
use crate::domain::{Pool, UsdPerHour};
use crate::market::{PricePoint, history};

/// Points by pool.
pub type Points = BTreeMap<Pool, Vec<(Timestamp, UsdPerHour)>>;

/// How gzip files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Every point of all files. What is wrong with any of them is told at once.
pub fn read(paths: &[PathBuf]) -> Result<Points, CliError> {
    let mut points = Points::new();
    let mut problems = Vec::new();
    for path in paths {
        match read_one(path) {
            Ok(read) => {
                for PricePoint { pool, price, effective_from } in read {
                    points.entry(pool).or_default().push((effective_from, price));
                }
            }
            Err(problem) => problems.push(format!("{}: {problem}", path.display())),
        }
    }
    if problems.is_empty() {
        return Ok(points);
    }
    Err(CliError::input(format!("prices cannot be read\n  {}", problems.join("\n  "))).hint(
        "record them with: aws ec2 describe-spot-price-history --product-descriptions Linux/UNIX \
         --output json > FILE",
    ))
}

fn read_one(path: &Path) -> Result<Vec<PricePoint>, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut bytes = std::fs::read(path).map_err(told)?;
    if bytes.starts_with(&GZIP) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).map_err(told)?;
        bytes = unpacked;
    }
    history::parse(&bytes).map_err(|error| error.to_string())
}
