//! The live view, drawn on a terminal that is not there.

use std::sync::{Arc, Mutex};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use spotcron::cli::demo::Speed;
use spotcron::cli::live::{LiveModel, LiveView, ViewInput, draw, svg};
use spotcron::domain::{RunOutcome, UsdPerHour};
use spotcron::run::{RunEvent, RunEventKind};

use super::golden::assert_golden;
use super::story::{self, at};
use super::summary::tally;

/// The story, as the demo's pacing loop would have told it.
fn model() -> LiveModel {
    let mut model = LiveModel::new(7, at("01:55:00"), Speed::Times(600));
    model.metrics_url = Some("http://127.0.0.1:9188/metrics".to_owned());
    let mut events = story::store().events;
    events.sort_by_key(|event| event.at);
    events.iter().for_each(|event| model.apply(event));
    for step in 0..20_i64 {
        for market in story::markets().values_mut() {
            for quote in &mut market.pools {
                let drift = (step * 37 % 11) * 4_000_000;
                quote.spot = quote.spot.map(|spot| UsdPerHour::from_units(spot.units() + drift));
            }
            model.set_market(market);
        }
    }
    model.set_totals(&tally());
    model.now = story::now();
    model
}

fn screen(model: &LiveModel, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, model)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content.chunks(columns.into()).map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

#[test]
fn the_screen_shows_prices_savings_events_and_open_runs() {
    assert_golden("live-100x30.txt", &screen(&model(), 100, 30));
}

#[test]
fn a_small_screen_keeps_what_matters() {
    assert_golden("live-60x20.txt", &screen(&model(), 60, 20));
}

#[test]
fn the_first_moment_has_nothing_to_show_yet() {
    let model = LiveModel::new(1, at("00:00:00"), Speed::Max);
    assert_golden("live-empty.txt", &screen(&model, 80, 24));
}

#[test]
fn no_size_is_too_small_to_draw() {
    let model = model();
    for (columns, rows) in [(1, 1), (2, 40), (200, 2), (20, 10), (80, 24), (79, 23)] {
        screen(&model, columns, rows);
    }
}

#[test]
fn the_picture_is_what_the_screen_shows() {
    let picture = svg::picture(&model(), 100, 30);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("http://127.0.0.1:9188/metrics"));
    assert_eq!(picture.matches("<text ").count(), picture.matches("</text>").count());
    assert_golden("live.svg", &picture);
}

#[test]
fn open_runs_are_those_that_have_not_ended() {
    let model = model();
    let open: Vec<&str> = model.open.keys().map(|id| id.as_str()).collect();
    assert_eq!(
        open,
        ["extract-20261121T040800Z", "rebuild-20261121T040500Z", "thumbs-20261121T040000Z"]
    );
    assert!(model.open["extract-20261121T040800Z"].late);
    assert_eq!(model.open["rebuild-20261121T040500Z"].doing, "held back");
}

#[test]
fn the_view_forgets_old_events_but_counts_them() {
    let mut model = LiveModel::new(1, at("00:00:00"), Speed::Max);
    let kind = RunEventKind::Ended { outcome: RunOutcome::Succeeded };
    let event = RunEvent { run: "a-1".into(), at: at("00:00:01"), kind };
    for _ in 0..2_000 {
        model.apply(&event);
    }
    assert_eq!((model.events.len(), model.events_seen), (500, 2_000));
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn without_a_terminal_every_event_is_one_line_once() {
    let captured = Captured::default();
    let mut view = LiveView::log(captured.clone());
    let mut model = LiveModel::new(1, at("00:00:00"), Speed::Max);
    for event in story::store().events.iter().take(5) {
        model.apply(event);
        assert_eq!(view.tick(&model).unwrap(), ViewInput::Nothing);
        view.tick(&model).unwrap();
    }
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert_golden("live-log.txt", &text);
    assert_eq!(text.lines().count(), 5);
}
