//! Savings as bars of text: where the worlds lie, and the middle one.

use crate::backtest::{Band, Policy};
use crate::domain::Ppm;

/// Columns of the scale.
const WIDTH: i64 = 60;
/// Steps of the scale's ends, millionths.
const STEP: i64 = 100_000;

/// One line a policy, and the scale below. A bar reaches from 5 % to 95 % of the worlds, `●` is the median,
/// `│` is on demand.
pub fn bars(saved: &[(Policy, Band<Ppm>)]) -> Vec<String> {
    let least = saved.iter().map(|(_, band)| band.low.0).min().unwrap_or(0).min(0);
    let most = saved.iter().map(|(_, band)| band.high.0).max().unwrap_or(0).max(STEP);
    let (least, most) = (least.div_euclid(STEP) * STEP, -(-most).div_euclid(STEP) * STEP);
    let column = |value: i64| (value - least) * (WIDTH - 1) / (most - least).max(1);
    let label = saved.iter().map(|(policy, _)| policy.label().len()).max().unwrap_or(0);
    let mut lines: Vec<String> = saved
        .iter()
        .map(|(policy, band)| {
            let (low, median, high) =
                (column(band.low.0), column(band.median.0), column(band.high.0));
            let symbol = |at: i64| match at {
                _ if at == median => '●',
                _ if at == low => '├',
                _ if at == high => '┤',
                _ if low < at && at < high => '─',
                _ if at == column(0) => '│',
                _ => ' ',
            };
            let bar: String = (0..WIDTH).map(symbol).collect();
            format!("{:<label$}  {}", policy.label(), bar.trim_end())
        })
        .collect();
    lines.push(format!("{:label$}  {}", "", scale(least, most, column(0))));
    lines
}

/// The ends of the scale, and zero where there is room for it.
fn scale(least: i64, most: i64, zero: i64) -> String {
    let percent = |value: i64| format!("{} %", value / 10_000);
    let (left, right) = (percent(least), percent(most));
    let mut cells = vec![' '; WIDTH as usize];
    let mut put = |at: usize, text: &str| {
        for (cell, symbol) in cells.iter_mut().skip(at).zip(text.chars()) {
            *cell = symbol;
        }
    };
    put(0, &left);
    put(WIDTH as usize - right.len(), &right);
    let zero = zero as usize;
    if zero > left.len() + 1 && zero + right.len() + 2 < WIDTH as usize {
        put(zero, "0");
    }
    cells.into_iter().collect()
}
