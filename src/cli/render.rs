//! The only place that prints. A verb's answer is a value that can write itself on a page for
//! people, or serialise itself as one JSON document; this file chooses and sends it out.

pub mod advice;
pub mod decision;
pub mod sentence;
pub mod table;
pub mod value;

use std::error::Error;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde::Serialize;

use super::args::Format;
use super::error::{Blame, CliError};
use crate::telemetry;
use table::Grid;

/// A verb's answer.
pub trait Report: Serialize {
    /// Writes it for people.
    fn write(&self, page: &mut Page);

    /// The process's exit code once it is printed.
    fn exit_code(&self) -> u8 {
        0
    }
}

/// Text for people. Styles are always written; they are taken out again where the output does not
/// want them.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    /// Columns of the terminal; `None` when it is not one, and then nothing is wrapped.
    width: Option<u16>,
}

/// Bold.
pub const STRONG: Style = Style::new().bold();
/// For what matters less.
pub const FAINT: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

impl Page {
    /// For a terminal of `width` columns, or for a file.
    pub fn new(width: Option<u16>) -> Self {
        Page { text: String::new(), width }
    }

    /// One line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    /// One line in a style.
    pub fn styled(&mut self, style: Style, text: impl AsRef<str>) {
        self.line(format!("{style}{}{style:#}", text.as_ref()));
    }

    /// A section's title, with an empty line before all but the first.
    pub fn heading(&mut self, text: impl AsRef<str>) {
        self.gap();
        self.styled(STRONG, text);
    }

    /// An empty line, except at the top.
    pub fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A table, indented by `indent` columns.
    pub fn table(&mut self, indent: usize, grid: &Grid) {
        for line in grid.lines(self.width.map(|width| width.saturating_sub(indent as u16))) {
            self.line(format!("{:indent$}{line}", ""));
        }
    }

    /// Everything written, with styles.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// A report as text: styled for people, or JSON.
pub fn text_of<R: Report>(report: &R, format: Format, width: Option<u16>) -> io::Result<String> {
    match format {
        Format::Table => {
            let mut page = Page::new(width);
            report.write(&mut page);
            Ok(page.into_text())
        }
        Format::Json => {
            let mut text = serde_json::to_string_pretty(report)?;
            text.push('\n');
            Ok(text)
        }
    }
}

/// Prints a report on standard output.
pub fn show<R: Report>(report: &R, format: Format, color: ColorChoice) -> Result<u8, CliError> {
    let width = io::stdout().is_terminal().then(terminal_width).flatten();
    text_of(report, format, width)
        .and_then(|text| print(&text, color))
        .map_err(|error| CliError::failed("the answer could not be printed").caused_by(error))?;
    Ok(report.exit_code())
}

/// Prints text on standard output. A reader that has left (`| head`) is not a failure.
pub fn print(text: &str, color: ColorChoice) -> io::Result<()> {
    let mut out = AutoStream::new(io::stdout().lock(), stream_choice(color));
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints text on standard error: what happens while a verb works, beside its answer.
pub fn aside(text: &str, color: ColorChoice) {
    let mut out = AutoStream::new(io::stderr().lock(), stream_choice(color));
    // Nothing can be done about a standard error that cannot be written to.
    let _ = out.write_all(text.as_bytes());
}

/// Asks on standard error and waits for a line of standard input. Only `y` and `yes` agree.
pub fn asked(question: &str, color: ColorChoice) -> bool {
    aside(question, color);
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Prints what went wrong on standard error.
pub fn failure(error: &CliError, color: ColorChoice) -> ExitCode {
    let mut out = AutoStream::new(io::stderr().lock(), stream_choice(color));
    // Nothing can be done about a standard error that cannot be written to.
    let _ = out.write_all(failure_text(error).as_bytes());
    ExitCode::from(error.blame.exit_code())
}

/// What [`failure`] prints: the chain of causes on one line, then the hint.
pub fn failure_text(error: &CliError) -> String {
    let chain = telemetry::chain(error as &dyn Error);
    let mut text = format!("{ERROR}error{ERROR:#}: {chain}\n");
    if let Some(hint) = &error.hint {
        text.push_str(&format!("{HINT}hint{HINT:#}: {hint}\n"));
    }
    text
}

/// Prints clap's own answer: help and version on standard output, mistakes on standard error.
pub fn usage(stop: &clap::Error) -> ExitCode {
    // As above: there is nowhere left to complain.
    let _ = stop.print();
    match stop.use_stderr() {
        true => ExitCode::from(Blame::Input.exit_code()),
        false => ExitCode::SUCCESS,
    }
}

fn stream_choice(color: ColorChoice) -> anstream::ColorChoice {
    match color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
}

fn terminal_width() -> Option<u16> {
    ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns)
}
