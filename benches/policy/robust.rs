//! Work whose length and changeover are not known: each is drawn uniformly from half of its middle to half
//! as much again, and planned with a percentile of that, as the daemon plans with what it has learnt.

use spotcron::policy::lasting::Table;
use spotcron::policy::{Lasting, Mode};

use super::report::Report;
use super::simulate::{Job, Outcome, play};
use super::traces::{self, Collection};
use super::{lasting, omniscient};

/// The middle of the lengths and of the changeovers.
const WORK_SECS: i64 = 48 * 3600;
const CHANGEOVER_SECS: i64 = 720;
/// Steps in which they are drawn.
const WORK_STEP_SECS: i64 = 600;
const CHANGEOVER_STEP_SECS: i64 = 120;
/// The length that 95 of 100 do not exceed, over the middle one; deadlines are as far off, for what is
/// planned, as those of the work whose length is known.
const PLANNED: f64 = 1.45;
const DEADLINES_H: [f64; 6] = [52.0, 56.0, 60.0, 64.0, 70.0, 80.0];
/// Ticks of the longest deadline, and what a run that misses it needs.
const WINDOW_TICKS: usize = 720;
/// Of the windows every third, since the best cost takes long to find.
const EVERY: usize = 3;

/// Both ends of the lengths.
const SHORTEST: i64 = WORK_SECS / 2;
const LONGEST: i64 = WORK_SECS * 3 / 2;

/// What a plan goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plan {
    /// The 95th percentile for the deadline, the mean for costs.
    Percentile,
    /// The mean for both.
    Mean,
    /// The truth.
    Known,
}

const PLANS: [(&str, Plan); 3] = [
    ("planned with the 95th percentile", Plan::Percentile),
    ("planned with the mean", Plan::Mean),
    ("length and changeover known", Plan::Known),
];

/// Sums of one row and deadline.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    usd: f64,
    best: f64,
    misses: u32,
    jobs: u32,
}

pub fn measure(collection: &Collection, report: &mut Report) {
    let by_series: Vec<Vec<Vec<Sums>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..collection.series.len())
            .map(|index| scope.spawn(move || play_series(collection, index)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a series is played")).collect()
    });
    let rows: Vec<(String, Vec<String>)> = PLANS
        .iter()
        .enumerate()
        .map(|(row, (name, _))| {
            let cells = (0..DEADLINES_H.len()).map(|deadline| {
                let all = by_series.iter().map(|series| series[row][deadline]);
                let sums = all.fold(Sums::default(), Sums::plus);
                let missed = f64::from(sums.misses) / f64::from(sums.jobs) * 100.0;
                format!("{:.4} ({missed:.2} %)", sums.usd / sums.best)
            });
            ((*name).to_owned(), cells.collect())
        })
        .collect();
    let columns: Vec<String> =
        DEADLINES_H.iter().map(|hours| format!("{:.1} h", hours * PLANNED)).collect();
    let title = format!(
        "{}: work of 24 to 72 h, changeovers of 0.1 to 0.3 h, {} jobs a cell: cost / omniscient (missed), by deadline",
        collection.name,
        by_series.iter().map(|series| series[0][0].jobs).sum::<u32>(),
    );
    report.table(&title, &columns, &rows);
}

/// By plan and deadline.
fn play_series(collection: &Collection, index: usize) -> Vec<Vec<Sums>> {
    let series = &collection.series[index];
    let tables = lasting::tables_up_to(collection, index, CHANGEOVER_SECS, WINDOW_TICKS);
    let seen = series.watched(0, collection.tick_secs);
    let starts: Vec<usize> = collection
        .starts
        .iter()
        .step_by(EVERY)
        .copied()
        .filter(|start| start + WINDOW_TICKS <= series.up.len())
        .collect();
    let works = ((LONGEST - SHORTEST) / WORK_STEP_SECS + 1) as usize;
    let changeovers = (CHANGEOVER_SECS / CHANGEOVER_STEP_SECS + 1) as usize;
    let works = traces::draw(starts.len(), works, 11 + index as u64);
    let changeovers = traces::draw(starts.len(), changeovers, 23 + index as u64);
    let mut sums = vec![vec![Sums::default(); DEADLINES_H.len()]; PLANS.len()];
    for (number, start) in starts.into_iter().enumerate() {
        for (deadline, hours) in DEADLINES_H.iter().enumerate() {
            let job = Job {
                work_secs: SHORTEST + works[number] as i64 * WORK_STEP_SECS,
                allowed_secs: (hours * PLANNED * 3600.0) as i64,
                changeover_secs: CHANGEOVER_SECS / 2
                    + changeovers[number] as i64 * CHANGEOVER_STEP_SECS,
                tick_secs: collection.tick_secs,
            };
            let best = omniscient::cost(&job, &series.up, start);
            for (row, (_, plan)) in PLANS.iter().enumerate() {
                let outcome = play(&job, &series.up, start, |now, tick| {
                    let (_, phase_age_secs, availability) = seen[tick];
                    let now = Lasting { phase_age_secs, ..as_planned(*plan, &job, now) };
                    decide(&tables[availability.regime()], &now)
                });
                sums[row][deadline].add(&outcome, best);
            }
        }
    }
    sums
}

/// What is planned of it to be done yet is never nothing while it runs.
fn decide(table: &Table, now: &Lasting) -> Mode {
    table.decide(&Lasting { work_secs: now.work_secs.max(1), ..*now })
}

/// The job as the plan sees it: the work that is expected to be left, and before the deadline what may come
/// beyond it, of the work and of two changeovers.
fn as_planned(plan: Plan, job: &Job, now: &Lasting) -> Lasting {
    if plan == Plan::Known {
        return *now;
    }
    let done = job.work_secs - now.work_secs;
    // Of what is longer than that already.
    let (least, most) = (SHORTEST.max(done) - done, LONGEST - done);
    let expected = (least + most) / 2;
    let planned = least + (most - least) * 95 / 100;
    let longest_changeover = CHANGEOVER_SECS * 3 / 2;
    let margin = match plan {
        Plan::Mean => 0,
        _ => planned - expected + 2 * (longest_changeover - CHANGEOVER_SECS),
    };
    // A changeover that goes on may be one of the longest.
    let served = job.changeover_secs - now.owed_secs;
    let owed = (longest_changeover - served).min(CHANGEOVER_SECS);
    Lasting {
        changeover_secs: CHANGEOVER_SECS,
        total_work_secs: WORK_SECS,
        allowed_secs: now.allowed_secs - margin,
        work_secs: expected,
        owed_secs: if now.owed_secs > 0 { owed } else { 0 },
        ..*now
    }
}

impl Sums {
    fn add(&mut self, outcome: &Outcome, best: f64) {
        self.usd += outcome.usd();
        self.best += best;
        self.misses += u32::from(outcome.missed);
        self.jobs += 1;
    }

    fn plus(self, other: Sums) -> Sums {
        Sums {
            usd: self.usd + other.usd,
            best: self.best + other.best,
            misses: self.misses + other.misses,
            jobs: self.jobs + other.jobs,
        }
    }
}
