//! The terminal behind the live view.

use std::io::{self, IsTerminal, Write};
#[cfg(unix)]
use std::task::{Context, Waker};
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

/// Where the model is shown, and who may end it.
pub struct LiveView {
    place: Place,
    stops: Stops,
}

enum Place {
    /// The whole terminal.
    Screen(Box<Screen>),
    /// A line an event.
    Log { out: Box<dyn Write + Send>, shown: u64 },
}

/// A terminal in raw mode on its alternate screen. Given back when this is dropped, and by ratatui's
/// hook on a panic.
struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl LiveView {
    /// A screen when standard output is a terminal, otherwise lines on standard error: standard
    /// output stays free for the summary. SIGTERM and SIGINT are answers of [`LiveView::tick`] from
    /// now on, so that the terminal is given back and the summary printed. Within tokio's runtime.
    pub fn open() -> io::Result<Self> {
        let stops = Stops::listen()?;
        let place = match io::stdout().is_terminal() && io::stdin().is_terminal() {
            true => Place::Screen(Box::new(Screen(ratatui::try_init()?))),
            false => Place::Log { out: Box::new(io::stderr()), shown: 0 },
        };
        Ok(LiveView { place, stops })
    }

    /// Lines on `out`; signals are left alone.
    pub fn log(out: impl Write + Send + 'static) -> Self {
        let place = Place::Log { out: Box::new(out), shown: 0 };
        LiveView { place, stops: Stops::default() }
    }

    /// Shows the model as it is now, and says what was asked for since. Never waits.
    pub fn tick(&mut self, model: &LiveModel) -> io::Result<ViewInput> {
        let typed = match &mut self.place {
            Place::Screen(screen) => {
                screen.0.draw(|frame| draw(frame, model))?;
                typed()?
            }
            Place::Log { out, shown } => {
                match log(out, shown, model) {
                    // Whoever read the log has left; the demo goes on.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    result => result?,
                }
                ViewInput::Nothing
            }
        };
        Ok(if self.stops.told() { ViewInput::Quit } else { typed })
    }
}

/// Signals that end the demo in order.
#[derive(Default)]
struct Stops {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
}

impl Stops {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let signals = kinds.into_iter().map(signal).collect::<io::Result<_>>()?;
        Ok(Stops { signals })
    }

    /// Whether one came. Only looks.
    #[cfg(unix)]
    fn told(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.signals.iter_mut().any(|signal| signal.poll_recv(&mut context).is_ready())
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Stops::default())
    }

    #[cfg(not(unix))]
    fn told(&mut self) -> bool {
        false
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
