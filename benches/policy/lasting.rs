//! Work whose progress survives: 48 hours of it, over every window, deadline and changeover.

use spotcron::policy::baseline::Baseline;
use spotcron::policy::lasting::{Table, Terms};
use spotcron::policy::lifetimes::PRIOR;
use spotcron::policy::outlook;
use spotcron::policy::regime::REGIMES;

use super::omniscient;
use super::report::Report;
use super::simulate::{Job, Outcome, RATIO, play, play_baseline};
use super::traces::{self, Collection, Series, WINDOW_TICKS};

const WORK_SECS: i64 = 48 * 3600;
const DEADLINES_H: [i64; 6] = [52, 56, 60, 64, 70, 80];
const CHANGEOVERS_SECS: [i64; 4] = [180, 360, 720, 1440];
/// Of the model: the longest deadline.
const HORIZON_TICKS: usize = 480;
const SLICES: std::ops::RangeInclusive<u16> = 2..=16;

const PRIOR_LEARNT_FROM: &str = "aws-1node-2022-10-26";
const BY_PRIOR: &str = "model, with the prior's hazards";
const AS_THE_DAEMON: &str = "model, with the prior's hazards and the daemon's coarse table";

/// Sums over the windows of one series.
#[derive(Debug, Clone, Default)]
struct Sums {
    usd: f64,
    launches: u64,
    misses: u64,
    /// Each window's cost as a part of on demand.
    parts: Vec<f64>,
}

/// What is played: a name and, by series, deadline: the sums.
type Played = Vec<(String, Vec<Vec<Sums>>)>;

pub fn measure(collection: &Collection, report: &mut Report) {
    report.note(&format!(
        "\n{}: {} series, {} windows each, 48 h of work whose progress survives; hazards of each series from the other ones",
        collection.name,
        collection.series.len(),
        collection.starts.len()
    ));
    for changeover_secs in CHANGEOVERS_SECS {
        let played = play_all(collection, changeover_secs);
        print(collection, changeover_secs, &played, report);
    }
}

fn play_all(collection: &Collection, changeover_secs: i64) -> Played {
    let by_series: Vec<Vec<(String, Vec<Sums>)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..collection.series.len())
            .map(|index| scope.spawn(move || play_series(collection, index, changeover_secs)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a series is played")).collect()
    });
    let names = by_series[0].iter().map(|(name, _)| name.clone());
    names
        .enumerate()
        .map(|(row, name)| (name, by_series.iter().map(|series| series[row].1.clone()).collect()))
        .collect()
}

fn play_series(
    collection: &Collection,
    index: usize,
    changeover_secs: i64,
) -> Vec<(String, Vec<Sums>)> {
    let series = &collection.series[index];
    let tables = tables(collection, index, changeover_secs);
    let mut rows: Vec<(String, Vec<Sums>)> = Vec::new();
    let mut row = |name: String, outcome: &dyn Fn(&Job, usize) -> Outcome| {
        let sums = DEADLINES_H.iter().map(|hours| {
            let job = job(collection, *hours, changeover_secs);
            collection.starts.iter().fold(Sums::default(), |mut sums, start| {
                sums.add(&job, &outcome(&job, *start));
                sums
            })
        });
        rows.push((name, sums.collect()));
    };
    let baselines = [
        ("on demand", Baseline::OnDemand),
        ("greedy", Baseline::Greedy),
        ("Uniform Progress without hysteresis", Baseline::UniformProgressNoHysteresis),
        ("Uniform Progress", Baseline::UniformProgress),
        ("Uniform Progress, lifetime oracle", Baseline::UniformProgressLifetimeOracle),
    ];
    for (name, baseline) in baselines {
        row(name.to_owned(), &|job, start| play_baseline(job, &series.up, start, baseline));
    }
    for slices in SLICES {
        row(format!("time-sliced {slices}"), &|job, start| {
            play_baseline(job, &series.up, start, Baseline::TimeSliced(slices))
        });
    }
    let since_ever = series.watched(0, collection.tick_secs);
    row("model".to_owned(), &|job, start| play_model(job, series, start, &tables, &since_ever, 0));
    row("model, pool unknown before".to_owned(), &|job, start| {
        let seen = series.watched_window(start, collection.tick_secs);
        play_model(job, series, start, &tables, &seen, start)
    });
    // The prior is of the October's series: beside those it would have looked at the answer.
    if collection.name != PRIOR_LEARNT_FROM {
        let fine = Table::solve(Terms {
            lifetimes: PRIOR,
            price_ratio: RATIO,
            changeover_secs,
            tick_secs: collection.tick_secs,
            horizon_ticks: HORIZON_TICKS,
        });
        let daemons = outlook::table_of(WORK_SECS, changeover_secs, RATIO, 1.0);
        for (name, table) in [(BY_PRIOR, &fine), (AS_THE_DAEMON, &*daemons)] {
            row(name.to_owned(), &|job, start| {
                play(job, &series.up, start, |now, tick| {
                    let phase_age_secs = since_ever[tick].1;
                    table.decide(&spotcron::policy::Lasting { phase_age_secs, ..*now })
                })
            });
        }
    }
    row("omniscient".to_owned(), &|job, start| {
        Outcome::of_usd(omniscient::cost(job, &series.up, start))
    });
    rows
}

fn job(collection: &Collection, hours: i64, changeover_secs: i64) -> Job {
    Job {
        work_secs: WORK_SECS,
        allowed_secs: hours * 3600,
        changeover_secs,
        tick_secs: collection.tick_secs,
    }
}

/// One table a regime, from every other series.
pub fn tables(collection: &Collection, left_out: usize, changeover_secs: i64) -> [Table; REGIMES] {
    tables_up_to(collection, left_out, changeover_secs, HORIZON_TICKS)
}

/// The same for deadlines up to so many ticks away.
pub fn tables_up_to(
    collection: &Collection,
    left_out: usize,
    changeover_secs: i64,
    horizon_ticks: usize,
) -> [Table; REGIMES] {
    traces::lesson_without(collection, left_out).lifetimes().map(|lifetimes| {
        Table::solve(Terms {
            lifetimes,
            price_ratio: RATIO,
            changeover_secs,
            tick_secs: collection.tick_secs,
            horizon_ticks,
        })
    })
}

/// The model, with what was seen of the pool from tick `from` of the series on.
fn play_model(
    job: &Job,
    series: &Series,
    start: usize,
    tables: &[Table; REGIMES],
    seen: &[(spotcron::policy::Phase, i64, spotcron::policy::regime::Availability)],
    from: usize,
) -> Outcome {
    play(job, &series.up, start, |now, tick| {
        let (_, age, availability) = seen[tick - from];
        let now = spotcron::policy::Lasting { phase_age_secs: age, ..*now };
        tables[availability.regime()].decide(&now)
    })
}

impl Series {
    /// As [`Series::watched`], of one window only.
    fn watched_window(
        &self,
        start: usize,
        tick_secs: i64,
    ) -> Vec<(spotcron::policy::Phase, i64, spotcron::policy::regime::Availability)> {
        let end = (start + WINDOW_TICKS).min(self.up.len());
        let window = Series { id: self.id.clone(), up: self.up[start..end].to_vec() };
        window.watched(0, tick_secs)
    }
}

impl Sums {
    fn add(&mut self, job: &Job, outcome: &Outcome) {
        self.usd += outcome.usd();
        self.launches += u64::from(outcome.launches);
        self.misses += u64::from(outcome.missed);
        self.parts.push(outcome.usd() / on_demand_usd(job));
    }

    fn plus(mut self, other: &Sums) -> Sums {
        self.usd += other.usd;
        self.launches += other.launches;
        self.misses += other.misses;
        self.parts.extend(&other.parts);
        self
    }
}

/// A whole run on demand, every tick of it billed whole.
fn on_demand_usd(job: &Job) -> f64 {
    let ticks = spotcron::policy::ticks_up(job.work_secs + job.changeover_secs, job.tick_secs);
    ticks as f64 * job.tick_secs as f64 / 3600.0 * super::simulate::ON_DEMAND as f64 / 10_000.0
}

fn print(collection: &Collection, changeover_secs: i64, played: &Played, report: &mut Report) {
    let totals: Vec<(String, Vec<Sums>)> = played
        .iter()
        .map(|(name, series)| {
            let total = |deadline: usize| {
                series.iter().fold(Sums::default(), |sums, by| sums.plus(&by[deadline]))
            };
            (name.clone(), (0..DEADLINES_H.len()).map(total).collect())
        })
        .collect();
    let of = |name: &str| &totals.iter().find(|(other, _)| other == name).expect("it was played").1;
    let (best, greedy, steady) = (of("omniscient"), of("greedy"), of("on demand"));
    let sliced = best_sliced(&totals);
    let rows: Vec<(String, Vec<String>)> = totals
        .iter()
        .filter(|(name, _)| !name.starts_with("time-sliced"))
        .chain(std::iter::once(&sliced))
        .map(|(name, sums)| (name.clone(), cells(sums, best, greedy, steady)))
        .collect();
    let mut columns: Vec<String> = DEADLINES_H.iter().map(|hours| format!("{hours} h")).collect();
    columns.extend(
        ["mean", "gap closed", "worst p95 / on demand", "launches", "misses"].map(str::to_owned),
    );
    let title = format!(
        "{}, changeover {} h: cost / omniscient (cost / on demand), by deadline",
        collection.name,
        changeover_secs as f64 / 3600.0
    );
    report.table(&title, &columns, &rows);
    let pace = played.iter().find(|(name, _)| name == "Uniform Progress");
    let model = played.iter().find(|(name, _)| name == "model");
    if let (Some((_, pace)), Some((_, model))) = (pace, model) {
        report.note(&wins(pace.iter().zip(model).map(|(pace, model)| {
            let usd = |sums: &[Sums]| sums.iter().map(|sums| sums.usd).sum::<f64>();
            (usd(pace), usd(model))
        })));
    }
}

/// In hindsight, at each deadline.
fn best_sliced(totals: &[(String, Vec<Sums>)]) -> (String, Vec<Sums>) {
    let sliced = || totals.iter().filter(|(name, _)| name.starts_with("time-sliced"));
    let best = (0..DEADLINES_H.len()).map(|deadline| {
        let at = |row: &(String, Vec<Sums>)| row.1[deadline].usd;
        let best = sliced().min_by(|a, b| at(a).total_cmp(&at(b))).expect("slices were played");
        best.1[deadline].clone()
    });
    ("time-sliced, the best of 2 to 16 in hindsight".to_owned(), best.collect())
}

fn cells(sums: &[Sums], best: &[Sums], greedy: &[Sums], steady: &[Sums]) -> Vec<String> {
    let ratio = |index: usize| sums[index].usd / best[index].usd;
    let mut cells: Vec<String> = (0..sums.len())
        .map(|index| format!("{:.4} ({:.3})", ratio(index), sums[index].usd / steady[index].usd))
        .collect();
    let mean = (0..sums.len()).map(ratio).sum::<f64>() / sums.len() as f64;
    let all = |sums: &[Sums]| sums.iter().map(|sums| sums.usd).sum::<f64>();
    let closed = (all(greedy) - all(sums)) / (all(greedy) - all(best));
    let p95 = sums.iter().map(|sums| p95(&sums.parts)).fold(0.0, f64::max);
    cells.push(format!("{mean:.4}"));
    cells.push(format!("{:.0} %", closed * 100.0));
    cells.push(format!("{p95:.3}"));
    cells.push(format!("{}", sums.iter().map(|sums| sums.launches).sum::<u64>()));
    cells.push(format!("{}", sums.iter().map(|sums| sums.misses).sum::<u64>()));
    cells
}

/// The 95th percentile.
fn p95(parts: &[f64]) -> f64 {
    let mut parts = parts.to_vec();
    parts.sort_by(f64::total_cmp);
    parts[(parts.len() * 95 / 100).min(parts.len() - 1)]
}

/// Series in which the model is cheaper, and the interval that resampling whole series gives: windows of
/// one series overlap, so that only series are independent.
fn wins(pairs: impl Iterator<Item = (f64, f64)>) -> String {
    let pairs: Vec<(f64, f64)> = pairs.collect();
    let won = pairs.iter().filter(|(pace, model)| model < pace).count();
    let count = pairs.len();
    let mut ratios: Vec<f64> = traces::draw(2000 * count, count, 7)
        .chunks_exact(count)
        .map(|drawn| {
            let (pace, model) = drawn.iter().fold((0.0, 0.0), |(pace, model), index| {
                (pace + pairs[*index].0, model + pairs[*index].1)
            });
            model / pace
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let at = |part: usize| ratios[ratios.len() * part / 1000];
    format!(
        "model / Uniform Progress: {:.4}, 95 % of resampled series within {:.4} and {:.4}; cheaper in {won} of {count} series",
        pairs.iter().map(|pair| pair.1).sum::<f64>() / pairs.iter().map(|pair| pair.0).sum::<f64>(),
        at(25),
        at(975)
    )
}
