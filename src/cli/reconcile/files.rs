//! Opens billing files and hands them to the parsers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::billing::{Bill, Intake, LIMITS};
use crate::cli::CliError;
use crate::domain::Window;

/// How Parquet files begin.
const PARQUET: &[u8] = b"PAR1";

/// All lines of all files that begin in `window`, or everything that is wrong with any of them.
pub fn read(paths: &[PathBuf], window: Window) -> Result<Bill, CliError> {
    let mut intake = Intake::new(window, LIMITS);
    for path in paths {
        let name = path.display().to_string();
        match open(path) {
            Ok((file, true)) => intake.parquet(&name, file),
            Ok((file, false)) => intake.text(&name, file),
            Err(error) => intake.unreadable(&name, format!("cannot be read: {error}")),
        }
    }
    intake.finish().map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        CliError::input(format!("billing files cannot be used\n  {}", told.join("\n  ")))
            .hint("nothing of any file was taken; correct or leave out these and try again")
    })
}

/// The file from its beginning, and whether it is Parquet.
fn open(path: &Path) -> std::io::Result<(File, bool)> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&mut file).take(PARQUET.len() as u64).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, magic == PARQUET))
}
