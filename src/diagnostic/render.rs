//! The report for people: each finding with its underlined line and its advice.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::position::Lines;
use super::{Diagnostic, LineIndex, Place, Severity, Source, sorted};

/// Longer lines are not printed; their place is.
const MAX_LINE_BYTES: usize = 2_000;
/// A finding that spans more lines than this shows its first ones.
const MAX_LINES: usize = 4;

/// Every finding, by file and line, and a closing line such as `2 errors, 1 warning`. Plain text
/// unless `color`. Empty for no findings.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut lines = Lines::default();
    let mut text = String::new();
    for finding in sorted(diagnostics) {
        text.push_str(&renderer.render(&groups(finding, &mut lines)));
        text.push_str("\n\n");
    }
    text.push_str(&summary(diagnostics));
    text.push('\n');
    text
}

/// `2 errors, 1 warning`; `no problems` for none.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity: Severity| {
        let count = diagnostics.iter().filter(|finding| finding.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {}{plural}", severity.label()))
    };
    let parts: Vec<String> =
        [Severity::Error, Severity::Warning].into_iter().filter_map(count).collect();
    if parts.is_empty() { "no problems".to_owned() } else { parts.join(", ") }
}

fn groups<'a>(finding: &'a Diagnostic, lines: &mut Lines<'a>) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.code);
    let mut group = match &finding.place {
        Some(place) => placed(Group::with_title(title), place, None, lines),
        None => Group::with_title(title),
    };
    for related in &finding.related {
        group = placed(group, &related.place, Some(&related.label), lines);
    }
    match &finding.hint {
        Some(hint) => vec![group.element(Level::HELP.message(hint.as_str()))],
        None => vec![group],
    }
}

fn placed<'a>(
    group: Group<'a>,
    place: &'a Place,
    label: Option<&'a str>,
    lines: &mut Lines<'a>,
) -> Group<'a> {
    let path = place.source.path.display().to_string();
    if place.source.text.is_empty() {
        return group.element(Origin::path(path));
    }
    let index = lines.of(&place.source);
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    match excerpt(&place.source, &place.span, index) {
        Some((line, text, span)) => {
            let annotation = kind.span(span).label(label);
            group.element(Snippet::source(text).line_start(line).path(path).annotation(annotation))
        }
        None => {
            let at = index.position(place.span.start);
            group.element(Origin::path(path).line(at.line).char_column(at.column))
        }
    }
}

/// The lines of `span`, masked: their first number, their text, and the span inside it. `None` when
/// a line is too long to be shown.
fn excerpt(
    source: &Source,
    span: &Range<usize>,
    index: &LineIndex<'_>,
) -> Option<(usize, String, Range<usize>)> {
    let start = source.text.floor_char_boundary(span.start);
    let end = source.text.ceil_char_boundary(span.end).max(start);
    let first = index.line_of(start);
    // A span that ends with a line break belongs to the line before it.
    let last = index.line_of(end.saturating_sub(1).max(start)).min(first + MAX_LINES - 1);
    if (first..=last).any(|line| index.line_range(line).len() > MAX_LINE_BYTES) {
        return None;
    }
    let range = index.line_range(first).start..index.line_range(last).end;
    let (start, end) = (start.min(range.end), end.min(range.end));
    let (text, span) = source.shown(range, start..end);
    Some((first + 1, text, span))
}
