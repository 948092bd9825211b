//! Takes in billing files: all of them, or nothing.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::{Problem, Wrong};
use super::{Charge, Limits};
use crate::domain::Window;
use crate::ledger::BilledResource;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// One line for each hour of a Spot Instance, counted from its launch.
    SpotDataFeed,
    /// Lines for each resource and hour (or day) of the clock.
    CostAndUsageReport,
}

impl FileKind {
    pub const fn label(self) -> &'static str {
        match self {
            FileKind::SpotDataFeed => "spot data feed",
            FileKind::CostAndUsageReport => "Cost and Usage Report",
        }
    }
}

/// What of a cost a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The charge of an instance or a Fargate task.
    Whole,
    /// What AWS gave a task of its instance's charge, and the unused rest that it gave with it.
    Split { unused: Charge },
}

/// One line of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledLine {
    pub resource: BilledResource,
    pub period: Window,
    pub charge: Charge,
    pub part: Part,
}

/// What was read beside the lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub files: u64,
    /// Lines of use, of the time asked for.
    pub lines: u64,
    /// Lines that came twice, word for word, and count once.
    pub repeated: u64,
    /// Lines of other things: disks, traffic, other services, tax.
    pub left_out: u64,
}

/// The files' lines of use.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// `None` without a file.
    pub kind: Option<FileKind>,
    pub lines: Vec<BilledLine>,
    pub counts: Counts,
    /// From the first hour to the last; `None` without a line.
    pub covered: Option<Window>,
    /// Lines tell days, not hours.
    pub daily: bool,
}

/// A line as it stands in a file, before it is known whether it came before.
pub(super) struct Taken {
    pub line: BilledLine,
    /// What tells it from other lines of the same resource and time.
    pub identity: String,
}

/// Where a line was seen first, and what it said.
struct Seen {
    file: usize,
    line: u64,
    charge: Charge,
    part: Part,
}

/// Files, one after the other.
pub struct Intake {
    pub(super) limits: Limits,
    window: Window,
    files: Vec<String>,
    kinds: BTreeMap<FileKind, String>,
    seen: HashMap<[u8; 16], Seen>,
    problems: Vec<Problem>,
    /// Problems of the file at hand, the ones that are not told included.
    found: usize,
    bill: Bill,
}

impl Intake {
    /// Takes lines whose time begins in `window`.
    pub fn new(window: Window, limits: Limits) -> Self {
        Intake {
            limits,
            window,
            files: Vec::new(),
            kinds: BTreeMap::new(),
            seen: HashMap::new(),
            problems: Vec::new(),
            found: 0,
            bill: Bill::default(),
        }
    }

    pub(super) fn open(&mut self, name: &str) {
        self.files.push(name.to_owned());
        self.bill.counts.files += 1;
        self.found = 0;
    }

    pub(super) fn is(&mut self, kind: FileKind) {
        let name = self.files.last().cloned().unwrap_or_default();
        self.kinds.entry(kind).or_insert(name);
    }

    /// Notes what is wrong. `false` once the file has so many problems that the rest is not read.
    pub(super) fn wrong(&mut self, line: Option<u64>, column: &str, what: String) -> bool {
        self.found += 1;
        let file = self.files.last().cloned().unwrap_or_default();
        if self.found > self.limits.problems {
            let what = "has more problems than these; the rest was not read".to_owned();
            self.problems.push(Problem { file, line: None, column: None, what });
            return false;
        }
        let column = Some(column.to_owned()).filter(|column| !column.is_empty());
        self.problems.push(Problem { file, line, column, what });
        true
    }

    /// A file that could not be opened.
    pub fn unreadable(&mut self, name: &str, what: String) {
        self.open(name);
        self.wrong(None, "", what);
    }

    /// One line of the file at hand, or what is wrong with it. `false` when reading should end.
    pub(super) fn line(&mut self, at: u64, read: Result<Option<Taken>, Wrong>) -> bool {
        let taken = match read {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                self.bill.counts.left_out += 1;
                return true;
            }
            Err((column, what)) => return self.wrong(Some(at), column, what),
        };
        if !self.window.contains(taken.line.period.start) {
            return true;
        }
        if self.bill.lines.len() >= self.limits.lines {
            let what = format!(
                "is one line of use more than the {} that are kept; name a shorter time with --since \
                 and --until",
                self.limits.lines
            );
            self.wrong(Some(at), "", what);
            return false;
        }
        match self.first_time(at, &taken) {
            Ok(true) => self.keep(taken.line),
            Ok(false) => self.bill.counts.repeated += 1,
            Err(what) => return self.wrong(Some(at), "", what),
        }
        true
    }

    fn first_time(&mut self, at: u64, taken: &Taken) -> Result<bool, String> {
        let (line, file) = (&taken.line, self.files.len() - 1);
        let mut hash = Sha256::new();
        let start = line.period.start.as_millisecond().to_le_bytes();
        let resource = line.resource.to_string();
        for part in [&start[..], resource.as_bytes(), b"\0", taken.identity.as_bytes()] {
            hash.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        match self.seen.entry(key) {
            Entry::Vacant(free) => {
                free.insert(Seen { file, line: at, charge: line.charge, part: line.part });
                Ok(true)
            }
            Entry::Occupied(known) => {
                let known = known.get();
                if known.charge == line.charge && known.part == line.part {
                    return Ok(false);
                }
                Err(format!(
                    "says another charge of {resource} at {} than {}, line {}, does; give only the newer \
                     of two versions of a file",
                    line.period.start, self.files[known.file], known.line
                ))
            }
        }
    }

    fn keep(&mut self, line: BilledLine) {
        let bill = &mut self.bill;
        bill.counts.lines += 1;
        bill.daily |= line.period.millis() > HOUR;
        let (first, last) = (floor(line.period.start, HOUR), line.period.end);
        bill.covered = Some(match bill.covered {
            Some(known) => Window::new(known.start.min(first), known.end.max(last)),
            None => Window::new(first, last),
        });
        bill.lines.push(line);
    }

    /// All lines of all files, or everything that is wrong with any of them.
    pub fn finish(mut self) -> Result<Bill, Vec<Problem>> {
        let mut kinds = self.kinds.iter();
        if let (Some((_, one)), Some((_, other))) = (kinds.next(), kinds.next()) {
            self.problems.push(Problem {
                file: other.clone(),
                line: None,
                column: None,
                what: format!(
                    "is of another kind than {one}: both tell the same charges, which would count twice; \
                     reconcile them one after the other"
                ),
            });
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.bill.kind = self.kinds.keys().next().copied();
        if self.bill.kind == Some(FileKind::SpotDataFeed) {
            // An instance's hour is told where it begins, and the last ones reach into the next hour of
            // the clock, of which these files do not tell.
            let whole = |known: Window| Window::new(known.start, floor(known.end, HOUR));
            self.bill.covered =
                self.bill.covered.map(|known| whole(known).clamped_to(&self.window));
        }
        Ok(self.bill)
    }
}

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// The last whole `unit` (milliseconds) at or before `at`.
pub(super) fn floor(at: Timestamp, unit: i64) -> Timestamp {
    let millis = at.as_millisecond();
    Timestamp::from_millisecond(millis - millis.rem_euclid(unit)).unwrap_or(at)
}
