//! Tables without frames: a dim header, two blanks between columns, numbers to the right.

use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table,
};

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

    /// The table's lines, at most `width` columns wide where prose can be wrapped.
    pub fn lines(&self, width: Option<u16>) -> Vec<String> {
        let mut table = Table::new();
        table.load_style(NOTHING).enforce_styling().style_text_only();
        match width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width)
            }
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if !self.headless {
            table.set_header(self.columns.iter().map(|(title, _)| styled(title, Tone::Faint)));
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|text| styled(&text.content, text.tone)));
        }
        for (column, (_, layout)) in table.column_iter_mut().zip(&self.columns) {
            column.set_padding((0, 2));
            if *layout == Layout::Number {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if *layout != Layout::Prose {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

fn styled(content: &str, tone: Tone) -> Cell {
    let cell = Cell::new(content);
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Warn => cell.fg(Color::Yellow),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}
