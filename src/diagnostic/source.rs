//! A file's text, kept so that its lines can be shown, without the values that must not be.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A file's text and the parts of it that are never shown.
pub struct Source {
    /// As the user wrote it, for messages.
    pub path: PathBuf,
    /// Empty for a file that could not be read.
    pub text: String,
    /// Sorted, disjoint byte ranges that are rendered as `***`. Set once, after parsing.
    masks: OnceLock<Vec<Range<usize>>>,
}

impl Source {
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Source { path: path.into(), text: text.into(), masks: OnceLock::new() }
    }

    /// Shows the given byte ranges as `***` from now on; a second call changes nothing. Ranges that
    /// overlap are joined; ends inside a character or outside the text are moved so that more is
    /// hidden, not less.
    pub fn hide(&self, mut masks: Vec<Range<usize>>) {
        masks.sort_by_key(|mask| (mask.start, mask.end));
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(masks.len());
        for mask in masks {
            let start = self.text.floor_char_boundary(mask.start);
            let end = self.text.ceil_char_boundary(mask.end);
            match joined.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ if start < end => joined.push(start..end),
                _ => {}
            }
        }
        self.masks.get_or_init(|| joined);
    }

    fn masks(&self) -> &[Range<usize>] {
        self.masks.get().map_or(&[], Vec::as_slice)
    }

    /// The text of `range` with what must not be shown replaced by `***`, and where `span` lies in
    /// it. Both ranges must lie on character boundaries.
    pub(super) fn shown(&self, range: Range<usize>, span: Range<usize>) -> (String, Range<usize>) {
        let mut text = String::with_capacity(range.len());
        let (mut from, mut start, mut end) = (range.start, None, None);
        let first = self.masks().partition_point(|mask| mask.end <= range.start);
        let masks = self.masks()[first..].iter().take_while(|mask| mask.start < range.end);
        let pieces = masks.map(|mask| (mask.start.max(range.start)..mask.end.min(range.end), true));
        for (piece, hidden) in pieces.chain([(range.end..range.end, false)]) {
            let plain = from..piece.start;
            for (offset, found) in [(span.start, &mut start), (span.end, &mut end)] {
                if found.is_none() && offset <= plain.end {
                    *found = Some(text.len() + offset.saturating_sub(plain.start));
                }
            }
            text.push_str(&self.text[plain]);
            if hidden {
                start = start.or((span.start < piece.end).then_some(text.len()));
                // A mask may span lines; the line count must stay.
                text.push_str("***");
                let newlines = self.text[piece.clone()].matches('\n').count();
                text.extend(std::iter::repeat_n('\n', newlines));
                end = end.or((span.end <= piece.end).then_some(text.len() - newlines));
            }
            from = piece.end;
        }
        let start = start.unwrap_or(text.len());
        let end = end.unwrap_or(text.len()).max(start);
        (text, start..end)
    }
}

impl fmt::Debug for Source {
    /// Without the text, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        let source = Source::new("a.toml", "key = \"hidden\" # x");
        source.hide(std::iter::once(7..13).collect());
        source
    }

    #[test]
    fn masked_bytes_are_not_shown_and_spans_follow() {
        let source = source();
        assert_eq!(source.shown(0..18, 0..3), ("key = \"***\" # x".into(), 0..3));
        assert_eq!(source.shown(0..18, 15..16).1, 12..13);
        let (text, span) = source.shown(0..18, 6..14);
        assert_eq!(&text[span], "\"***\"");
        let (text, span) = source.shown(0..18, 8..10);
        assert_eq!(&text[span], "***");
    }

    #[test]
    fn debug_does_not_show_the_text() {
        assert!(!format!("{:?}", source()).contains("key"));
    }

    #[test]
    fn overlapping_masks_are_joined_and_widened_to_characters() {
        let source = Source::new("a", "aéb");
        source.hide(vec![2..3, 0..1, 90..99]);
        assert_eq!(source.shown(0..4, 0..4).0, "***b");
    }
}
