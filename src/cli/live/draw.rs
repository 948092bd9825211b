//! The screen: a pure function of the model. On a small terminal the panels stack and the less
//! important ones go.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Cell, Padding, Paragraph, Row, Table};

use super::model::{LiveModel, PriceLine};
use crate::cli::render::table::Tone;
use crate::cli::render::value;
use crate::domain::RunId;

/// Columns and rows from which all panels are shown, some side by side.
const WIDE: (u16, u16) = (96, 24);
/// Rows from which stacked panels leave room for the open runs.
const TALL: u16 = 24;
/// Width of the sparklines.
const SPARKS: usize = 14;
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// Draws the model on the whole frame.
pub fn draw(frame: &mut Frame, model: &LiveModel) {
    let area = frame.area();
    let wide = area.width >= WIDE.0 && area.height >= WIDE.1;
    let prices = (model.prices.len() as u16 + 3).clamp(4, if wide { 9 } else { 6 });
    let open = (model.open.len() as u16 + 2).clamp(3, 8);
    if !wide {
        let [head, totals, price_rows, events, runs] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(5),
            Constraint::Length(prices),
            Constraint::Min(3),
            Constraint::Length(if area.height < TALL { 0 } else { open.min(6) }),
        ])
        .areas(area);
        header(frame, head, model);
        savings(frame, totals, model);
        price_table(frame, price_rows, model);
        event_list(frame, events, model);
        return open_runs(frame, runs, model);
    }
    let [head, top, events, runs] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(prices.max(9)),
        Constraint::Min(4),
        Constraint::Length(open),
    ])
    .areas(area);
    let [totals, price_rows] =
        Layout::horizontal([Constraint::Length(34), Constraint::Min(40)]).areas(top);
    header(frame, head, model);
    savings(frame, totals, model);
    price_table(frame, price_rows, model);
    event_list(frame, events, model);
    open_runs(frame, runs, model);
}

fn panel(title: &str) -> Block<'_> {
    Block::new()
        .borders(Borders::ALL)
        .border_type(BorderType::Rounded)
        .border_style(FAINT)
        .padding(Padding::horizontal(1))
        .title(Span::styled(format!(" {title} "), Style::new().bold()))
}

fn header(frame: &mut Frame, area: Rect, model: &LiveModel) {
    let speed = if model.paused { "paused".to_owned() } else { model.speed.to_string() };
    let passed = value::duration(model.now.duration_since(model.started_at));
    let name = " spotcron demo ";
    let time = format!("  {}", model.now.strftime("%a %Y-%m-%d %H:%MZ"));
    let rest = format!("  {passed} in  {speed}");
    let first = Line::from(vec![name.bold().reversed(), time.bold(), rest.into()]);
    let keys = " q quit  space pause  +/- speed";
    let second = Line::from(Span::styled(keys, FAINT));
    frame.render_widget(
        Paragraph::new(vec![spread(first, seed(model), area), second.clone()]),
        area,
    );
    if let Some(url) = &model.metrics_url {
        let line = spread(second, Span::styled(url.as_str(), FAINT), area);
        frame.render_widget(line, Rect { y: area.y + 1, height: 1, ..area }.intersection(area));
    }
}

fn seed(model: &LiveModel) -> Span<'static> {
    Span::raw(format!("seed {}", model.seed))
}

/// Puts `right` at the right end of the line where there is room for it.
fn spread<'a>(mut left: Line<'a>, right: Span<'a>, area: Rect) -> Line<'a> {
    let used = left.width() + right.width() + 2;
    if let Some(room) = usize::from(area.width).checked_sub(used) {
        left.push_span(" ".repeat(room + 1));
        left.push_span(right);
    }
    left
}

fn savings(frame: &mut Frame, area: Rect, model: &LiveModel) {
    let totals = &model.totals;
    let saved = totals.saved();
    let percent = totals.saved_ratio().map(|ratio| format!("  {ratio}")).unwrap_or_default();
    let color = if saved.is_negative() { Color::Red } else { Color::Green };
    let missed = if totals.deadlines.missed > 0 { Style::new().red() } else { Style::new() };
    let pair = |name: &str, text: String, style: Style| {
        Line::from(vec![Span::styled(format!("{name:<12}"), FAINT), Span::styled(text, style)])
    };
    let plain = Style::new();
    let deadlines = format!("{} met, {} missed", totals.deadlines.met, totals.deadlines.missed);
    let spent = |amount| format!("{:>10}", value::usd(amount));
    let full = vec![
        pair("cost", spent(totals.cost), plain),
        pair("on demand", spent(totals.on_demand), plain),
        pair("saved", format!("{}{percent}", spent(saved)), Style::new().fg(color).bold()),
        pair("runs", format!("{} ended, {} open", totals.runs, model.open.len()), plain),
        pair("interrupted", totals.interruptions.to_string(), plain),
        pair("fallbacks", totals.fallbacks.to_string(), plain),
        pair("deadlines", deadlines.clone(), missed),
    ];
    let short = vec![
        pair("saved", format!("{}{percent}", value::usd(saved)), Style::new().fg(color).bold()),
        pair(
            "cost",
            format!("{}, on demand {}", value::usd(totals.cost), value::usd(totals.on_demand)),
            plain,
        ),
        pair(
            "deadlines",
            format!(
                "{deadlines}; {} interrupted, {} moved",
                totals.interruptions, totals.fallbacks
            ),
            missed,
        ),
    ];
    let lines = if area.height >= 9 { full } else { short };
    frame.render_widget(Paragraph::new(lines).block(panel("Savings so far")), area);
}

fn price_table(frame: &mut Frame, area: Rect, model: &LiveModel) {
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let money = |price: Option<_>| right(price.map_or_else(|| "-".to_owned(), value::price));
    let rows = model.prices.iter().map(|(name, line)| {
        let style = if line.unusable { Style::new().red() } else { Style::new() };
        Row::new([
            Cell::from(name.to_string()),
            money(line.spot),
            money(line.on_demand),
            right(line.discount().map_or_else(|| "-".to_owned(), |off| off.to_string())),
            Cell::from(sparkline(line)).style(Style::new().cyan()),
        ])
        .style(style)
    });
    let header = Row::new([
        Cell::from("environment"),
        right("spot".to_owned()),
        right("on demand".to_owned()),
        right("discount".to_owned()),
        Cell::from("spot price"),
    ]);
    let widths = [
        Constraint::Min(10),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(SPARKS as u16),
    ];
    let table = Table::new(rows, widths)
        .header(header.style(FAINT))
        .column_spacing(1)
        .block(panel("Prices of two vCPUs, an hour"));
    frame.render_widget(table, area);
}

/// The last prices as bars between their least and their greatest. ratatui's own widget starts its
/// bars at zero, which would hide what moves.
fn sparkline(line: &PriceLine) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let skip = line.history.len().saturating_sub(SPARKS);
    let shown = || line.history.iter().skip(skip).copied();
    let (Some(least), Some(most)) = (shown().min(), shown().max()) else {
        return String::new();
    };
    let range = (most - least).max(1);
    shown().map(|price| BARS[((price - least) * 7 / range) as usize]).collect()
}

fn event_list(frame: &mut Frame, area: Rect, model: &LiveModel) {
    let fits = usize::from(area.height.saturating_sub(2));
    let skip = model.events.len().saturating_sub(fits);
    let shown: Vec<_> = model.events.iter().skip(skip).collect();
    let names = shown.iter().map(|event| brief(&event.run).len()).max().unwrap_or(0);
    let lines: Vec<Line> = shown
        .into_iter()
        .map(|event| {
            let at = event.at.strftime("%H:%M:%S").to_string();
            Line::from(vec![
                Span::styled(format!("{at}  "), FAINT),
                Span::styled(format!("{:names$}  ", brief(&event.run)), Style::new().bold()),
                Span::styled(event.text.clone(), colour(event.tone)),
            ])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(panel("What happened")), area);
}

/// A run's id without its date: `extract 02:00`. The view shows hours, not days.
fn brief(id: &RunId) -> String {
    let parts = id.as_str().rsplit_once('-');
    let at = |time: &str| time.get(9..13).map(|at| format!("{}:{}", &at[..2], &at[2..]));
    let brief = parts.and_then(|(job, time)| Some(format!("{job} {}", at(time)?)));
    brief.unwrap_or_else(|| id.to_string())
}

fn open_runs(frame: &mut Frame, area: Rect, model: &LiveModel) {
    if area.is_empty() {
        return;
    }
    let fits = usize::from(area.height.saturating_sub(2));
    let hidden = model.open.len().saturating_sub(fits);
    let title = match hidden {
        0 => format!("Open runs: {}", model.open.len()),
        _ => format!("Open runs: {}, {hidden} not shown", model.open.len()),
    };
    let rows = model.open.iter().take(fits).map(|(id, run)| {
        let place = run.place.as_ref();
        let place =
            place.map_or_else(String::new, |(name, capacity)| format!("{name} ({capacity})"));
        let late = if run.late { "late" } else { "" };
        Row::new([
            Cell::from(brief(id)),
            Cell::from(run.doing),
            Cell::from(place),
            Cell::from(value::duration(model.now.duration_since(run.since))),
            Cell::from(late).style(Style::new().red()),
        ])
    });
    let widths = [
        Constraint::Min(24),
        Constraint::Length(20),
        Constraint::Length(26),
        Constraint::Length(8),
        Constraint::Length(5),
    ];
    let table = Table::new(rows, widths).column_spacing(1).block(panel(&title));
    frame.render_widget(table, area);
}

fn colour(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Warn => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Faint => FAINT,
        Tone::Strong => Style::new().bold(),
    }
}
