//! The simulator against costs that were computed elsewhere: before any figure is believed.

use std::path::Path;

use spotcron::policy::baseline::Baseline;

use super::omniscient;
use super::report::Report;
use super::simulate::{Job, play_baseline};
use super::traces::Collection;

/// Checks every row of `golden_cbl_costs.csv`, where the directory has one.
pub fn check(data: &Path, collections: &[Collection], report: &mut Report) -> Result<(), String> {
    let Ok(text) = std::fs::read_to_string(data.join("golden_cbl_costs.csv")) else {
        report.note("no golden_cbl_costs.csv beside the traces: the simulator was not checked");
        return Ok(());
    };
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let (mut checked, mut worst) = (0u32, 0f64);
    for row in rows.deserialize() {
        let row: Row = row.map_err(|error| format!("golden_cbl_costs.csv: {error}"))?;
        let found = collections.iter().find_map(|collection| {
            let series = collection.series.iter().find(|series| series.id == row.series)?;
            Some((collection, series))
        });
        let Some((collection, series)) = found else {
            return Err(format!("golden_cbl_costs.csv: no series {}", row.series));
        };
        let job = Job {
            work_secs: 172_800,
            allowed_secs: row.deadline_h * 3600,
            changeover_secs: (row.changeover_h * 3600.0).round() as i64,
            tick_secs: collection.tick_secs,
        };
        let start = collection.starts[row.window];
        let cost = match row.policy.as_str() {
            "omniscient_dp" => omniscient::cost(&job, &series.up, start),
            name => play_baseline(&job, &series.up, start, baseline(name)?).usd(),
        };
        let off = (cost - row.cost_usd).abs();
        if off > 0.01 {
            return Err(format!(
                "the simulator is wrong: {cost:.4} instead of {:.4} for {row:?}",
                row.cost_usd
            ));
        }
        worst = worst.max(off);
        checked += 1;
    }
    report.note(&format!("simulator: {checked} golden costs met, the worst off by {worst:.4} USD"));
    Ok(())
}

fn baseline(name: &str) -> Result<Baseline, String> {
    Ok(match name {
        "on_demand" => Baseline::OnDemand,
        "greedy" => Baseline::Greedy,
        "uniform_progress" => Baseline::UniformProgress,
        "uniform_progress_no_hysteresis" => Baseline::UniformProgressNoHysteresis,
        "uniform_progress_lifetime_oracle" => Baseline::UniformProgressLifetimeOracle,
        other => return Err(format!("golden_cbl_costs.csv: unknown policy {other}")),
    })
}

#[derive(Debug, serde::Deserialize)]
struct Row {
    policy: String,
    series: String,
    window: usize,
    deadline_h: i64,
    changeover_h: f64,
    cost_usd: f64,
}
