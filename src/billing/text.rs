//! The files that are text: which of them one is, and its lines.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::cur::{self, Columns};
use super::feed::{self, Heading};
use super::problem::quoted;
use super::unpack::{Metered, unpack};
use super::{FileKind, Intake};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const PARQUET: &[u8] = b"PAR1";
const ZIP: &[u8] = b"PK";

impl Intake {
    /// Reads one file of text, packed or not; what it is, its beginning says.
    pub fn text(&mut self, name: &str, input: impl Read) {
        self.open(name);
        let unpacked = match unpack(input, &self.limits) {
            Ok(unpacked) => unpacked,
            Err(error) => {
                self.wrong(Some(1), "", told(&error));
                return;
            }
        };
        let head = &unpacked.head[..];
        let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
        let unusable = match head {
            [] => Some("is empty; a billing file has a header at least"),
            _ if head.starts_with(PARQUET) => Some("is a packed Parquet file; unpack it first"),
            _ if head.starts_with(ZIP) => Some("is a ZIP archive; unpack it first"),
            _ => None,
        };
        match unusable {
            Some(what) => drop(self.wrong(None, "", what.to_owned())),
            None if head.first() == Some(&b'#') => self.feed(unpacked.text),
            None => self.report(unpacked.text),
        }
    }

    fn feed<R: Read>(&mut self, text: Metered<R>) {
        let mut heading = Heading::default();
        let mut builder = ReaderBuilder::new();
        builder.delimiter(b'\t').quoting(false);
        self.records(builder, text, |intake, at, fields| {
            if fields[0].starts_with('#') {
                return match heading.read(fields) {
                    Ok(()) => true,
                    Err(what) => intake.wrong(Some(at), "", what),
                };
            }
            let read = heading.check(fields).and_then(|columns| feed::line(columns, fields));
            intake.line(at, read.map(Some))
        });
        self.is(FileKind::SpotDataFeed);
        if !heading.is_known() {
            self.wrong(None, "", "has no line that begins with #Fields:".to_owned());
        }
    }

    fn report<R: Read>(&mut self, text: Metered<R>) {
        let mut columns: Option<Columns> = None;
        self.records(ReaderBuilder::new(), text, |intake, at, fields| {
            let Some(columns) = &columns else {
                return match Columns::of_header(fields) {
                    Ok(found) => {
                        columns = Some(found);
                        true
                    }
                    Err(what) => {
                        intake.wrong(Some(at), "", what);
                        false
                    }
                };
            };
            let read = columns.pick(fields).and_then(|row| cur::line(&row));
            intake.line(at, read)
        });
        if columns.is_some() {
            self.is(FileKind::CostAndUsageReport);
        }
    }

    /// Hands the fields of each record on, with its line, until there are no more or one says stop.
    fn records<R: Read>(
        &mut self,
        mut builder: ReaderBuilder,
        text: Metered<R>,
        mut take: impl FnMut(&mut Intake, u64, &[&str]) -> bool,
    ) {
        let meter = text.meter();
        let mut reader = builder.has_headers(false).flexible(true).from_reader(text);
        let mut record = ByteRecord::new();
        loop {
            let at = reader.position().line();
            match reader.read_byte_record(&mut record) {
                Ok(true) => meter.record_done(),
                Ok(false) => return,
                Err(error) => {
                    let what = match error.into_kind() {
                        csv::ErrorKind::Io(error) => told(&error),
                        other => format!("cannot be read: {other:?}"),
                    };
                    self.wrong(Some(at), "", what);
                    return;
                }
            }
            let at = record.position().map_or(at, |position| position.line());
            let go_on = match texts(&record) {
                Ok(fields) => take(self, at, &fields),
                Err(what) => self.wrong(Some(at), "", what),
            };
            if !go_on {
                return;
            }
        }
    }
}

fn texts(record: &ByteRecord) -> Result<Vec<&str>, String> {
    if record.as_slice().contains(&0) {
        return Err("holds a NUL byte; the file is damaged".to_owned());
    }
    let text = |field| {
        std::str::from_utf8(field).map_err(|_| {
            let shown = quoted(&String::from_utf8_lossy(field));
            format!("holds what is not UTF-8: {shown}")
        })
    };
    record.iter().map(text).collect()
}

/// What reading failed at, for people.
fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        io::ErrorKind::UnexpectedEof => {
            "ends in the middle of the packed data: fetch the file again, whole".to_owned()
        }
        _ => format!("cannot be unpacked or read: {error}; fetch the file again"),
    }
}
