//! Tables without frames: a dim header, two blanks between columns, numbers to the right.

use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table,
};

/// Blanks after each column.
const GAP: u16 = 2;
/// Columns that prose needs at least to stand beside the rest.
const PROSE: u16 = 40;
/// How far prose below its row is indented.
const NOTE_INDENT: u16 = 4;

/// What a cell means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    #[default]
    Plain,
    /// Saved, succeeded, chosen.
    Good,
    /// Interrupted, missed, unpriced.
    Warn,
    /// Failed, lost.
    Bad,
    /// Less important.
    Faint,
    /// The main thing.
    Strong,
}

/// One cell.
#[derive(Debug, Clone, Default)]
pub struct Text {
    content: String,
    tone: Tone,
}

/// A cell with a tone.
pub fn toned(tone: Tone, content: impl ToString) -> Text {
    Text { content: content.to_string(), tone }
}

/// A cell without one.
pub fn plain(content: impl ToString) -> Text {
    toned(Tone::Plain, content)
}

/// A cell for what may be missing.
pub fn or_dash<T: ToString>(content: Option<T>) -> Text {
    content.map_or_else(|| toned(Tone::Faint, "-"), plain)
}

/// How a column is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Names: to the left, never broken.
    Name,
    /// Numbers: to the right, never broken.
    Number,
    /// Sentences: to the left, wrapped where the terminal is narrow.
    Prose,
}

/// A table under construction.
#[derive(Debug, Default)]
pub struct Grid {
    columns: Vec<(&'static str, Layout)>,
    rows: Vec<Vec<Text>>,
    headless: bool,
}

impl Grid {
    pub fn new() -> Self {
        Grid::default()
    }

    /// Adds a column of names.
    pub fn name(mut self, title: &'static str) -> Self {
        self.columns.push((title, Layout::Name));
        self
    }

    /// Adds a column of numbers.
    pub fn number(mut self, title: &'static str) -> Self {
        self.columns.push((title, Layout::Number));
        self
    }

    /// Adds a column of sentences.
    pub fn prose(mut self, title: &'static str) -> Self {
        self.columns.push((title, Layout::Prose));
        self
    }

    /// Adds a row; missing cells at its end stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Text>) {
        let mut cells: Vec<Text> = cells.into_iter().collect();
        cells.resize(self.columns.len(), Text::default());
        self.rows.push(cells);
    }

    /// Leaves the titles out.
    pub fn without_header(mut self) -> Self {
        self.headless = true;
        self
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table's lines. Where a terminal of `width` columns leaves too little room beside the
    /// other columns, prose goes below its row.
    pub fn lines(&self, width: Option<u16>) -> Vec<String> {
        let Some(width) = width else {
            return rendered(&mut self.table(|_| true));
        };
        let fixed = self.table(|layout| layout != Layout::Prose);
        let needed: u16 = fixed.column_max_content_widths().iter().map(|column| column + GAP).sum();
        let has_prose = self.columns.iter().any(|(_, layout)| *layout == Layout::Prose);
        if !has_prose || needed + PROSE <= width {
            let mut table = self.table(|_| true);
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            return rendered(&mut table);
        }
        self.with_notes(rendered(&mut { fixed }), width)
    }

    fn table(&self, show: impl Fn(Layout) -> bool) -> Table {
        let shown: Vec<bool> = self.columns.iter().map(|(_, layout)| show(*layout)).collect();
        let cells = |row: Vec<Cell>| -> Vec<Cell> {
            row.into_iter().zip(&shown).filter(|(_, show)| **show).map(|(cell, _)| cell).collect()
        };
        let mut table = Table::new();
        table.load_style(NOTHING).enforce_styling().style_text_only();
        table.set_content_arrangement(ContentArrangement::Disabled);
        if !self.headless {
            let titles = self.columns.iter().map(|(title, _)| styled(title, Tone::Faint));
            table.set_header(cells(titles.collect()));
        }
        for row in &self.rows {
            table.add_row(cells(row.iter().map(|text| styled(&text.content, text.tone)).collect()));
        }
        let layouts = self.columns.iter().map(|(_, layout)| *layout).filter(|layout| show(*layout));
        for (column, layout) in table.column_iter_mut().zip(layouts) {
            column.set_padding((0, GAP));
            if layout == Layout::Number {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if layout != Layout::Prose {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }

    /// Puts each row's prose below its line of the `table` that was made without it.
    fn with_notes(&self, table: Vec<String>, width: u16) -> Vec<String> {
        let head = table.len().saturating_sub(self.rows.len());
        let mut lines: Vec<String> = table.iter().take(head).cloned().collect();
        for (line, row) in table.into_iter().skip(head).zip(&self.rows) {
            lines.push(line);
            let prose =
                row.iter().zip(&self.columns).filter(|(_, (_, kind))| *kind == Layout::Prose);
            for (text, _) in prose.filter(|(text, _)| !text.content.is_empty()) {
                let mut note = Table::new();
                note.load_style(NOTHING).enforce_styling().style_text_only();
                note.set_content_arrangement(ContentArrangement::Dynamic);
                note.set_width(width.saturating_sub(NOTE_INDENT));
                note.add_row([styled(&text.content, text.tone)]);
                for column in note.column_iter_mut() {
                    column.set_padding((0, 0));
                }
                let indented = rendered(&mut note).into_iter();
                lines.extend(indented.map(|line| format!("{:1$}{line}", "", NOTE_INDENT as usize)));
            }
        }
        lines
    }
}

fn rendered(table: &mut Table) -> Vec<String> {
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn styled(content: &str, tone: Tone) -> Cell {
    let cell = Cell::new(content);
    match tone {
        _ if content.is_empty() => cell,
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Warn => cell.fg(Color::Yellow),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}
