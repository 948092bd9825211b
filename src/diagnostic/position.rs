//! From bytes to lines and columns.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::Source;

/// A place as an editor names it. Both count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// Where the lines of a text begin: made once per file, so that a report with thousands of findings
/// does not count lines thousands of times.
pub struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    pub fn new(text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        LineIndex { text, starts }
    }

    /// The index, from 0, of the line that holds byte `offset`.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// The bytes of a line, from 0, without its line break.
    pub fn line_range(&self, line: usize) -> std::ops::Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let end = if self.text[start..end].ends_with('\r') { end - 1 } else { end };
        start..end
    }

    /// The position of byte `offset`; of the end for an offset past it.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line_of(offset);
        let column = self.text[self.starts[line]..offset].chars().count() + 1;
        Position { line: line + 1, column }
    }
}

/// The line index of each source, made when first needed.
#[derive(Default)]
pub(super) struct Lines<'a>(HashMap<*const Source, LineIndex<'a>>);

impl<'a> Lines<'a> {
    pub(super) fn of(&mut self, source: &'a Arc<Source>) -> &LineIndex<'a> {
        self.0.entry(Arc::as_ptr(source)).or_insert_with(|| LineIndex::new(&source.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let index = LineIndex::new("aé=1\r\nb=2\n");
        assert_eq!(index.position(0), Position { line: 1, column: 1 });
        assert_eq!(index.position(3), Position { line: 1, column: 3 });
        assert_eq!(index.position(7), Position { line: 2, column: 1 });
        assert_eq!(index.position(99), Position { line: 3, column: 1 });
        assert_eq!(index.line_range(0), 0..5);
        assert_eq!(index.line_range(2), 11..11);
    }
}
