//! Bounded reading: a packed file may hold far more than anybody wants to unpack.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

/// How much is read at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of one file, unpacked.
    pub unpacked_bytes: u64,
    /// So many times its own size a file may unpack to, once it is past [`Limits::ratio_from`].
    pub ratio: u64,
    pub ratio_from: u64,
    /// Of one line, or of one record that quotes line ends.
    pub record_bytes: u64,
    /// Lines of use that are kept, of all files.
    pub lines: usize,
    /// Problems that are told of one file.
    pub problems: usize,
}

/// The limits of the command line.
pub const LIMITS: Limits = Limits {
    unpacked_bytes: 4 << 30,
    ratio: 250,
    ratio_from: 64 << 20,
    record_bytes: 1 << 20,
    lines: 20_000_000,
    problems: 20,
};

/// How gzip files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// So much is looked at to tell what a file is.
const HEAD: u64 = 64 << 10;

/// A file's text, unpacked where it is packed, and how it begins.
pub(super) struct Unpacked<'a> {
    pub head: Vec<u8>,
    pub text: Metered<Box<dyn Read + 'a>>,
}

/// Unpacks `input` within `limits`.
pub(super) fn unpack<'a>(input: impl Read + 'a, limits: &Limits) -> io::Result<Unpacked<'a>> {
    let packed = Rc::new(Cell::new(0));
    let mut input = Counted { inner: input, count: Rc::clone(&packed) };
    let mut magic = Vec::new();
    (&mut input).take(2).read_to_end(&mut magic)?;
    let is_packed = magic == GZIP;
    let whole = BufReader::new(Cursor::new(magic).chain(input));
    let bounded: Box<dyn Read + 'a> = match is_packed {
        true => {
            let inner = MultiGzDecoder::new(whole);
            Box::new(Bounded { inner, packed: Some(packed), read: 0, limits: *limits })
        }
        false => Box::new(Bounded { inner: whole, packed: None, read: 0, limits: *limits }),
    };
    let mut bounded = bounded;
    let mut head = Vec::new();
    (&mut bounded).take(HEAD).read_to_end(&mut head)?;
    let rest: Box<dyn Read + 'a> = Box::new(Cursor::new(head.clone()).chain(bounded));
    let text = Metered { inner: rest, since: Rc::new(Cell::new(0)), limit: limits.record_bytes };
    Ok(Unpacked { head, text })
}

struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Ends where a file unpacks to more than it may.
struct Bounded<R> {
    inner: R,
    packed: Option<Rc<Cell<u64>>>,
    read: u64,
    limits: Limits,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        if self.read > self.limits.unpacked_bytes {
            return Err(io::Error::other(format!(
                "holds more than {} bytes; split it, or export a shorter time",
                self.limits.unpacked_bytes
            )));
        }
        let packed = self.packed.as_ref().map(|packed| packed.get());
        if let Some(packed) = packed.filter(|_| self.read > self.limits.ratio_from)
            && self.read > packed.saturating_mul(self.limits.ratio)
        {
            return Err(io::Error::other(format!(
                "unpacks to more than {} times its size, which no billing file does",
                self.limits.ratio
            )));
        }
        Ok(read)
    }
}

/// Ends where one record is longer than any may be. Whoever reads records tells when one is done.
pub(super) struct Metered<R> {
    inner: R,
    since: Rc<Cell<u64>>,
    limit: u64,
}

/// Tells a [`Metered`] that a record is done.
pub(super) struct Meter(Rc<Cell<u64>>);

impl Meter {
    pub fn record_done(&self) {
        self.0.set(0);
    }
}

impl<R> Metered<R> {
    pub fn meter(&self) -> Meter {
        Meter(Rc::clone(&self.since))
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > self.limit {
            return Err(io::Error::other(format!(
                "has a line of more than {} bytes, or a quote that is never closed",
                self.limit
            )));
        }
        let read = self.inner.read(buffer)?;
        self.since.set(self.since.get() + read as u64);
        Ok(read)
    }
}
