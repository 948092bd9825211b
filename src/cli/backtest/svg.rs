//! Charts as SVG: what each policy saved, with its band, and what was spent day by day.

use jiff::{SignedDuration, Timestamp};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::backtest::{Outcomes, PolicyOutcome};
use crate::domain::{Ppm, Usd, Window};

const SIZE: (u32, u32) = (960, 760);
const SAVINGS_HEIGHT: i32 = 320;
/// Colours that people tell apart, also those who see fewer (Okabe and Ito, 2008).
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(0, 158, 115),
    RGBColor(0, 114, 178),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Both charts as one document; why not, where they cannot be drawn.
pub fn charts(outcomes: &Outcomes, window: Window) -> Result<String, String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&root, outcomes, window).map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn draw(
    root: &Area<'_>,
    outcomes: &Outcomes,
    window: Window,
) -> Result<(), Box<dyn std::error::Error>> {
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(SAVINGS_HEIGHT);
    savings(&above, &outcomes.policies)?;
    spending(&below, &outcomes.policies, window)?;
    root.present()?;
    Ok(())
}

fn percent(part: Ppm) -> f64 {
    part.to_ratio() * 100.0
}

/// Dollars, for a place on a picture only.
fn dollars(amount: Usd) -> f64 {
    amount.nanos() as f64 / 1e9
}

fn savings(area: &Area<'_>, policies: &[PolicyOutcome]) -> Result<(), Box<dyn std::error::Error>> {
    let least = policies.iter().map(|it| percent(it.saved_part.low)).fold(0.0, f64::min);
    let most = policies.iter().map(|it| percent(it.saved_part.high)).fold(10.0, f64::max);
    let rows = policies.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("Saved against on demand, % (5 %, median, 95 % of the worlds)", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(190)
        .build_cartesian_2d((least * 1.05)..(most * 1.05), 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    let base = chart.plotting_area().clone();
    for (index, it) in policies.iter().enumerate() {
        let (color, middle) = (color(index), rows - index as f64 - 0.5);
        let (low, median, high) = (
            percent(it.saved_part.low),
            percent(it.saved_part.median),
            percent(it.saved_part.high),
        );
        base.draw(&Rectangle::new(
            [(0.0f64.min(median), middle - 0.28), (0.0f64.max(median), middle + 0.28)],
            color.mix(0.55).filled(),
        ))?;
        base.draw(&PathElement::new(vec![(low, middle), (high, middle)], color.stroke_width(2)))?;
        for end in [low, high] {
            let whisker = vec![(end, middle - 0.12), (end, middle + 0.12)];
            base.draw(&PathElement::new(whisker, color.stroke_width(2)))?;
        }
        let (_, y) = base.map_coordinate(&(0.0, middle));
        let top = area.get_base_pixel().1;
        area.draw(&Text::new(it.policy.label(), (14, y - top - 7), ("sans-serif", 15)))?;
    }
    Ok(())
}

fn spending(
    area: &Area<'_>,
    policies: &[PolicyOutcome],
    window: Window,
) -> Result<(), Box<dyn std::error::Error>> {
    let days = policies.iter().map(|it| it.spent.len()).max().unwrap_or(0);
    let last = |it: &PolicyOutcome| it.spent.last().map_or(0.0, |band| dollars(band.median));
    let most = policies.iter().map(last).fold(0.0, f64::max).max(1e-9);
    let mut chart = ChartBuilder::on(area)
        .caption("Spent so far, USD (median of the worlds)", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..days as f64, 0.0..most * 1.05)?;
    chart
        .configure_mesh()
        .x_labels(days.clamp(2, 8))
        .x_label_formatter(&|day| date(window.start, *day))
        .draw()?;
    for (index, it) in policies.iter().enumerate() {
        let color = color(index);
        let days = (1..).zip(&it.spent).map(|(day, band)| (f64::from(day), dollars(band.median)));
        let line = std::iter::once((0.0, 0.0)).chain(days);
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(it.policy.label())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

fn color(index: usize) -> RGBColor {
    COLORS[index % COLORS.len()]
}

fn date(start: Timestamp, day: f64) -> String {
    let at = start.checked_add(SignedDuration::from_secs((day * 86_400.0) as i64));
    at.map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
}
