//! The live view as a picture: what `draw` puts on a terminal, as SVG text in a fixed-width font.

use std::fmt::Write;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::draw::draw;
use super::model::LiveModel;

const CELL_WIDTH: usize = 9;
const CELL_HEIGHT: usize = 18;
const MARGIN: usize = 14;
const BACKGROUND: &str = "#11151c";
const FOREGROUND: &str = "#d5dae3";

/// The model's view at `columns` x `rows`.
pub fn picture(model: &LiveModel, columns: u16, rows: u16) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let Ok(_) = terminal.draw(|frame| draw(frame, model));
    serialise(terminal.backend().buffer())
}

/// A buffer of cells as SVG.
pub fn serialise(buffer: &Buffer) -> String {
    let columns = usize::from(buffer.area.width);
    let width = columns * CELL_WIDTH + 2 * MARGIN;
    let height = usize::from(buffer.area.height) * CELL_HEIGHT + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"spotcron demo\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"15\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for (row, cells) in buffer.content.chunks(columns.max(1)).enumerate() {
        for (column, run) in runs(cells) {
            write_run(&mut svg, row, column, run);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Neighbouring cells of one look, with the column of the first.
fn runs(cells: &[Cell]) -> impl Iterator<Item = (usize, &[Cell])> {
    let same = |a: &Cell, b: &Cell| a.fg == b.fg && a.bg == b.bg && a.modifier == b.modifier;
    let mut column = 0;
    cells.chunk_by(same).map(move |run| {
        let first = column;
        column += run.len();
        (first, run)
    })
}

fn write_run(svg: &mut String, row: usize, column: usize, run: &[Cell]) {
    let Some(look) = run.first() else { return };
    let reversed = look.modifier.contains(Modifier::REVERSED);
    let (ink, paper) = match reversed {
        true => (hex(look.bg, BACKGROUND), Some(hex(look.fg, FOREGROUND))),
        false => (
            hex(look.fg, FOREGROUND),
            Some(hex(look.bg, BACKGROUND)).filter(|paper| *paper != BACKGROUND),
        ),
    };
    let text: String = run.iter().map(Cell::symbol).collect();
    let (x, y) = (MARGIN + column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT);
    let width = run.len() * CELL_WIDTH;
    // Writing to a String cannot fail.
    if let Some(paper) = paper {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{CELL_HEIGHT}\" fill=\"{paper}\"/>"
        );
    }
    let Some(blank) = text.chars().position(|c| c != ' ') else { return };
    let text = text.trim_end_matches(' ');
    let (x, width) = (x + blank * CELL_WIDTH, (text.chars().count() - blank) * CELL_WIDTH);
    let bold = if look.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let dim = if look.modifier.contains(Modifier::DIM) { " opacity=\"0.55\"" } else { "" };
    let baseline = y + CELL_HEIGHT - 5;
    // textLength keeps the columns in place whatever font the reader has.
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{baseline}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\" fill=\"{ink}\"{bold}{dim}>{}</text>",
        escaped(text.trim_start_matches(' '))
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex(color: Color, default: &'static str) -> &'static str {
    match color {
        Color::Red | Color::LightRed => "#ff7b72",
        Color::Green | Color::LightGreen => "#56d364",
        Color::Yellow | Color::LightYellow => "#e3b341",
        Color::Blue | Color::LightBlue => "#79c0ff",
        Color::Cyan | Color::LightCyan => "#76e3ea",
        Color::Magenta | Color::LightMagenta => "#d2a8ff",
        Color::Gray | Color::DarkGray => "#8b949e",
        Color::White => "#ffffff",
        Color::Black => "#000000",
        _ => default,
    }
}
