//! From a value to its parts.

use std::ops::Range;

use jiff::{Span, Unit};

use super::{Expression, Name, Part, Template, time};

/// What a template may name, besides `set.` and a field of the run's parameter set.
pub const NAMES: [&str; 7] = [
    "scheduled_time",
    "local_time",
    "date",
    "previous_success",
    "previous_success_local",
    "run_id",
    "job",
];
const FILTERS: &str = "filters are `strftime('…')` and `default('…')`";
/// Larger shifts are mistakes, and could leave the calendar.
const LONGEST_SHIFT_YEARS: f64 = 10.0;

/// What is wrong with a template. Never holds the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Bytes of the value.
    pub at: Range<usize>,
    pub problem: String,
    /// What to do.
    pub hint: String,
    /// Whether it is a name that was not known: one may be like it.
    pub is_unknown_name: bool,
}

impl TemplateError {
    fn new(at: Range<usize>, problem: &str, hint: &str) -> Self {
        TemplateError { at, problem: problem.into(), hint: hint.into(), is_unknown_name: false }
    }
}

pub(super) fn template(value: &str) -> Result<Template, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = 0;
    while let Some(found) = value[rest..].find("{{") {
        let begin = rest + found;
        if begin > rest {
            parts.push(Part::Text(value[rest..begin].to_owned()));
        }
        let end = end_of_expression(value, begin + 2).ok_or_else(|| {
            let hint = "close it with `}}`; `{{ '{{' }}` stands for `{{` itself";
            TemplateError::new(begin..value.len(), "a template begins and never ends", hint)
        })?;
        let inner = Words { value, at: begin + 2, end };
        parts.push(Part::Value(expression(inner, begin..end + 2)?));
        rest = end + 2;
    }
    if rest < value.len() {
        parts.push(Part::Text(value[rest..].to_owned()));
    }
    Ok(Template { parts })
}

/// Where `}}` is, outside of quotes.
fn end_of_expression(value: &str, from: usize) -> Option<usize> {
    let mut quote = None;
    for (at, c) in value[from..].char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if value[from + at..].starts_with("}}") => return Some(from + at),
            None => {}
        }
    }
    None
}

/// What is left of an expression.
struct Words<'a> {
    value: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Words<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = &self.value[self.at..self.end];
        self.at += rest.len() - rest.trim_start().len();
        &self.value[self.at..self.end]
    }

    /// The next bytes as long as `accepts`, and where they are.
    fn take(&mut self, accepts: impl Fn(char) -> bool) -> (&'a str, Range<usize>) {
        let rest = self.rest();
        let length = rest.find(|c| !accepts(c)).unwrap_or(rest.len());
        let from = self.at;
        self.at += length;
        (&rest[..length], from..self.at)
    }

    fn take_char(&mut self, wanted: &[char]) -> Option<char> {
        let next = self.rest().chars().next().filter(|c| wanted.contains(c))?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// A text in quotes of either kind.
    fn take_quoted(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c))?;
        let length = rest[1..].find(quote)?;
        self.at += length + 2;
        Some(&rest[1..=length])
    }
}

fn expression(mut words: Words<'_>, whole: Range<usize>) -> Result<Expression, TemplateError> {
    if words.rest().is_empty() {
        let hint = "name something, such as `{{ scheduled_time }}`";
        return Err(TemplateError::new(whole, "a template is empty", hint));
    }
    let is_literal = words.rest().starts_with(['\'', '"']);
    let (name, at) = match words.take_quoted() {
        Some(text) => (Name::Literal(text.to_owned()), whole.clone()),
        None if is_literal => {
            return Err(TemplateError::new(whole, "a quote is not closed", "close it"));
        }
        None => name(&mut words)?,
    };
    let mut read = Expression { name, shift: None, format: None, default: None };
    if let Some(sign) = words.take_char(&['+', '-']) {
        let from = words.at - 1;
        let (text, span_at) = words.take(|c| c != '|');
        let shift_at = from..span_at.start + text.trim_end().len();
        must_be_moment(&read.name, shift_at)?;
        read.shift = Some(shift(text.trim_end(), sign, span_at.start)?);
    }
    while words.take_char(&['|']).is_some() {
        filter(&mut words, &mut read)?;
    }
    let left = words.rest();
    if !left.is_empty() {
        let from = words.at;
        let left = from..from + left.trim_end().len();
        let hint =
            format!("write `+ 1d` or `- 1d` after a moment, then filters after `|`; {FILTERS}");
        return Err(TemplateError::new(left, "this cannot follow in a template", &hint));
    }
    let may_be_absent = matches!(read.name, Name::PreviousSuccess | Name::PreviousSuccessLocal);
    if may_be_absent && read.default.is_none() {
        let hint = "the first run has none: add `| default('…')`";
        return Err(TemplateError::new(at, "the previous success has no default", hint));
    }
    if read.name == Name::Date {
        read.format.get_or_insert_with(|| "%Y-%m-%d".to_owned());
    }
    Ok(read)
}

fn name(words: &mut Words<'_>) -> Result<(Name, Range<usize>), TemplateError> {
    let (text, mut at) = words.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let name = match text {
        "scheduled_time" => Name::ScheduledTime,
        "local_time" => Name::LocalTime,
        "date" => Name::Date,
        "previous_success" => Name::PreviousSuccess,
        "previous_success_local" => Name::PreviousSuccessLocal,
        "run_id" => Name::RunId,
        "job" => Name::Job,
        _ => match text.strip_prefix("set.").filter(|field| is_field(field)) {
            Some(field) => Name::Set(field.to_owned()),
            None => {
                if text.is_empty() {
                    at.end += words.rest().chars().next().map_or(0, char::len_utf8);
                }
                let hint = format!("known are {}, and set.FIELD", NAMES.join(", "));
                let error = TemplateError::new(at, "unknown name in a template", &hint);
                return Err(TemplateError { is_unknown_name: true, ..error });
            }
        },
    };
    Ok((name, at))
}

/// Whether a field of a parameter set can be named so.
pub(crate) fn is_field(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn must_be_moment(name: &Name, at: Range<usize>) -> Result<(), TemplateError> {
    match name {
        Name::RunId | Name::Job | Name::Set(_) | Name::Literal(_) => {
            let hint = "only times and dates can be shifted and formatted";
            Err(TemplateError::new(at, "what stands before it is no moment", hint))
        }
        _ => Ok(()),
    }
}

fn shift(text: &str, sign: char, at: usize) -> Result<Span, TemplateError> {
    let place = at..at + text.len();
    let written = if text.starts_with(|c: char| c.is_ascii_digit()) { text } else { "" };
    let Ok(span) = written.parse::<Span>() else {
        let hint = "write numbers with units, such as `1d`, `1h 30m`, `2w` or `1mo`";
        return Err(TemplateError::new(place, "this is no span of time", hint));
    };
    // Any year that has 366 days: it only bounds.
    let years = span.total((Unit::Year, jiff::civil::date(2024, 1, 1))).unwrap_or(f64::MAX);
    if years.abs() > LONGEST_SHIFT_YEARS {
        return Err(TemplateError::new(place, "a shift of more than ten years", ""));
    }
    Ok(if sign == '-' { -span } else { span })
}

fn filter(words: &mut Words<'_>, read: &mut Expression) -> Result<(), TemplateError> {
    let (filter, at) = words.take(|c| c.is_ascii_alphanumeric() || c == '_');
    if !["strftime", "default"].contains(&filter) {
        return Err(TemplateError::new(at, "unknown filter in a template", FILTERS));
    }
    let opened = words.take_char(&['(']).is_some();
    let argument = words.take_quoted().filter(|_| opened);
    let closed = words.take_char(&[')']).is_some();
    let (Some(argument), true) = (argument, closed) else {
        let rest = words.rest().trim_end().len();
        let place = at.start..words.at + rest;
        let hint = format!("write `{filter}('…')`, its argument in quotes");
        return Err(TemplateError::new(place, "a filter takes one text in quotes", &hint));
    };
    let whole = at.start..words.at;
    if filter == "default" {
        if !matches!(read.name, Name::PreviousSuccess | Name::PreviousSuccessLocal) {
            let problem = "a default for what always has a value";
            return Err(TemplateError::new(whole, problem, "remove it"));
        }
        read.default = Some(argument.to_owned());
        return Ok(());
    }
    must_be_moment(&read.name, whole.clone())?;
    if argument.is_empty() || !time::is_format(argument) {
        let hint = "formats are strftime's, such as `%Y-%m-%d`, `%Y/%m/%d/%H` or `%s`";
        return Err(TemplateError::new(whole, "this is no format of a moment", hint));
    }
    read.format = Some(argument.to_owned());
    Ok(())
}
