//! The terminal behind the live view.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::draw::draw;
use super::model::LiveModel;
use crate::cli::render::sentence;

/// What the person at the keyboard wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewInput {
    Nothing,
    Quit,
    /// Pause, or go on.
    TogglePause,
    Faster,
    Slower,
}

/// Where the model is shown.
pub enum LiveView {
    /// The whole terminal. Given back when this is dropped, and by ratatui's hook on a panic.
    Screen(Box<Screen>),
    /// A line an event.
    Log { out: Box<dyn Write + Send>, shown: u64 },
}

/// A terminal in raw mode on its alternate screen.
pub struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl LiveView {
    /// A screen when standard output is a terminal, otherwise lines on standard error: standard
    /// output stays free for the summary.
    pub fn open() -> io::Result<Self> {
        if io::stdout().is_terminal() && io::stdin().is_terminal() {
            return Ok(LiveView::Screen(Box::new(Screen(ratatui::try_init()?))));
        }
        Ok(LiveView::log(io::stderr()))
    }

    /// Lines on `out`.
    pub fn log(out: impl Write + Send + 'static) -> Self {
        LiveView::Log { out: Box::new(out), shown: 0 }
    }

    /// Shows the model as it is now, and says what was typed since. Never waits.
    pub fn tick(&mut self, model: &LiveModel) -> io::Result<ViewInput> {
        match self {
            LiveView::Screen(screen) => {
                screen.0.draw(|frame| draw(frame, model))?;
                typed()
            }
            LiveView::Log { out, shown } => {
                match log(out, shown, model) {
                    // Whoever read the log has left; the demo goes on.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    result => result?,
                }
                Ok(ViewInput::Nothing)
            }
        }
    }
}

fn log(out: &mut dyn Write, shown: &mut u64, model: &LiveModel) -> io::Result<()> {
    let kept = model.events.len() as u64;
    let forgotten = model.events_seen - kept;
    let first = forgotten.max(*shown);
    if first > *shown {
        writeln!(out, "({} events not shown)", first - *shown)?;
    }
    for event in model.events.iter().skip((first - forgotten) as usize) {
        let line = sentence::log_line(event.at, event.run.as_str(), &event.text);
        writeln!(out, "{} {line}", event.at.strftime("%Y-%m-%d"))?;
    }
    *shown = model.events_seen;
    out.flush()
}

/// The first thing typed that means something.
fn typed() -> io::Result<ViewInput> {
    while event::poll(Duration::ZERO)? {
        if let Event::Key(key) = event::read()? {
            match meaning(&key) {
                ViewInput::Nothing => {}
                input => return Ok(input),
            }
        }
    }
    Ok(ViewInput::Nothing)
}

fn meaning(key: &KeyEvent) -> ViewInput {
    if key.kind == KeyEventKind::Release {
        return ViewInput::Nothing;
    }
    match key.code {
        // In raw mode Ctrl-C is a key like any other.
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => {
            ViewInput::Quit
        }
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => ViewInput::Quit,
        KeyCode::Char(' ') => ViewInput::TogglePause,
        KeyCode::Char('+' | '=') | KeyCode::Up => ViewInput::Faster,
        KeyCode::Char('-') | KeyCode::Down => ViewInput::Slower,
        _ => ViewInput::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_header_says() {
        let plain = |code| meaning(&KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(plain(KeyCode::Char('q')), ViewInput::Quit);
        assert_eq!(plain(KeyCode::Char('c')), ViewInput::Nothing);
        assert_eq!(plain(KeyCode::Char(' ')), ViewInput::TogglePause);
        assert_eq!(plain(KeyCode::Char('+')), ViewInput::Faster);
        assert_eq!(plain(KeyCode::Char('-')), ViewInput::Slower);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(meaning(&ctrl_c), ViewInput::Quit);
    }
}
