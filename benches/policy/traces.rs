//! Recorded availability: trace files, and what hazards they teach.

use std::path::Path;

use serde::Deserialize;
use spotcron::policy::Phase;
use spotcron::policy::regime::{Availability, Watched};

/// One file.
#[derive(Debug, Clone)]
pub struct Collection {
    pub name: String,
    pub tick_secs: i64,
    pub series: Vec<Series>,
    /// Where the windows begin, the same in every series.
    pub starts: Vec<usize>,
}

/// One pool: tick by tick, whether it was up.
#[derive(Debug, Clone)]
pub struct Series {
    pub id: String,
    pub up: Vec<bool>,
}

#[derive(Deserialize)]
struct File {
    collection: String,
    gap_seconds: i64,
    series: Vec<FileSeries>,
}

#[derive(Deserialize)]
struct FileSeries {
    id: String,
    first: u8,
    runs: Vec<usize>,
}

#[derive(Deserialize)]
struct Windows {
    collection: String,
    starts: Vec<usize>,
}

/// Ticks of a window: the longest deadline of the tables, 80 h, and what a late run may need.
pub const WINDOW_TICKS: usize = 554;
/// Windows of a collection that comes without its own.
const DRAWN: usize = 300;

/// Every file in `data` that is one of traces, by name.
pub fn read_all(data: &Path) -> Result<Vec<Collection>, String> {
    let entries =
        std::fs::read_dir(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let windows: Option<Windows> = match std::fs::read(data.join("cbl_windows.json")) {
        Ok(text) => Some(
            serde_json::from_slice(&text).map_err(|error| format!("cbl_windows.json: {error}"))?,
        ),
        Err(_) => None,
    };
    let mut collections = Vec::new();
    for path in paths.iter().filter(|path| !path.ends_with("cbl_windows.json")) {
        collections.push(read(path, windows.as_ref())?);
    }
    if collections.is_empty() {
        return Err(format!("{}: no trace files (*.json)", data.display()));
    }
    Ok(collections)
}

fn read(path: &Path, windows: Option<&Windows>) -> Result<Collection, String> {
    let broken = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read(path).map_err(|error| broken(&error))?;
    let file: File = serde_json::from_slice(&text).map_err(|error| broken(&error))?;
    let series: Vec<Series> = file
        .series
        .into_iter()
        .map(|series| {
            let mut state = series.first == 1;
            let mut up = Vec::new();
            for run in series.runs {
                up.extend(std::iter::repeat_n(state, run));
                state = !state;
            }
            Series { id: series.id, up }
        })
        .collect();
    let shortest = series.iter().map(|series| series.up.len()).min().unwrap_or(0);
    let given = windows.filter(|windows| windows.collection == file.collection);
    let starts = match given {
        Some(windows) => windows.starts.clone(),
        None if shortest > WINDOW_TICKS => draw(DRAWN, shortest - WINDOW_TICKS, 1),
        None => {
            return Err(broken(&format!("series of {shortest} ticks are too short for a window")));
        }
    };
    Ok(Collection { name: file.collection, tick_secs: file.gap_seconds, series, starts })
}

/// `count` numbers below `below`, the same ones for the same seed (a linear congruential generator: any
/// other program can draw the same windows).
pub fn draw(count: usize, below: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    (0..count).map(|_| next()).collect()
}

impl Series {
    /// Its phase, that phase's age and its availability at every tick, as a daemon would have seen that
    /// watched from tick `from` on.
    pub fn watched(&self, from: usize, tick_secs: i64) -> Vec<(Phase, i64, Availability)> {
        let mut availability = Availability::default();
        let mut age = 0;
        let mut seen = Vec::with_capacity(self.up.len() - from);
        for tick in from..self.up.len() {
            let phase = Phase::of(self.up[tick]);
            age =
                if tick > from && self.up[tick - 1] == self.up[tick] { age + tick_secs } else { 0 };
            availability = availability.watched(phase, tick_secs);
            seen.push((phase, age, availability));
        }
        seen
    }

    /// What it teaches about hazards. The first phase, whose beginning nobody saw, teaches nothing.
    pub fn lesson(&self, tick_secs: i64) -> Watched {
        let mut lesson = Watched::default();
        let mut known = false;
        let seen = self.watched(0, tick_secs);
        for (tick, (phase, age, availability)) in seen.iter().enumerate().take(self.up.len() - 1) {
            let ended = self.up[tick + 1] != self.up[tick];
            if known {
                lesson.watch(*availability, *phase, *age, age + tick_secs, ended);
            }
            known |= ended;
        }
        lesson
    }
}

/// What all series of a collection but one teach.
pub fn lesson_without(collection: &Collection, left_out: usize) -> Watched {
    let mut all = Watched::default();
    for (index, series) in collection.series.iter().enumerate() {
        if index != left_out {
            all.add(&series.lesson(collection.tick_secs));
        }
    }
    all
}
