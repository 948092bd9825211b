//! Work that restarts from nothing: full runs of 1 to 24 hours, on every series of every collection.

use spotcron::policy::regime::Watched;
use spotcron::policy::restarting::{Action, CAUTION, Plan, Restarting, Terms};
use spotcron::policy::ticks_up;

use super::report::Report;
use super::simulate::RATIO;
use super::traces::{self, Collection, Series};

/// Hours of work, and the deadline as so many times that.
const JOBS: [(i64, i64); 9] =
    [(1, 2), (1, 3), (2, 3), (4, 3), (4, 5), (8, 3), (8, 5), (12, 3), (24, 5)];
const START_UP_SECS: i64 = 360;
const STARTS: usize = 400;

/// One job on one series.
struct Play<'a> {
    up: &'a [bool],
    run_ticks: usize,
    horizon_ticks: usize,
    /// Interrupted within so many ticks, an attempt is not billed.
    free_ticks: usize,
}

/// What a policy sees at a tick.
struct Now {
    tick: usize,
    ticks_left: usize,
    /// Ticks that the run on demand still needs, once it has begun.
    steady_left: Option<usize>,
    attempt_ticks: usize,
    up: bool,
}

pub fn measure(collections: &[Collection], report: &mut Report) {
    for free in [false, true] {
        let names = [
            "retries on spot",
            "fit only",
            "one try",
            "model without hedging",
            "model",
            "omniscient",
        ];
        let mut rows = Vec::new();
        for (hours, ratio) in JOBS {
            let totals = job(collections, hours, ratio, free);
            let cells = totals[..names.len()]
                .iter()
                .map(|cost| format!("{:.3}", cost / totals[names.len()]));
            rows.push((format!("{hours} h, {ratio} times"), cells.collect()));
        }
        let rule = if free { ", with the rule of the first hour" } else { "" };
        let title = format!("restarting work: sum of costs / sum of on demand{rule}");
        report.table(&title, &names.map(str::to_owned), &rows);
    }
}

/// Costs summed over all series and starts, on demand last.
fn job(collections: &[Collection], hours: i64, ratio: i64, free: bool) -> [f64; 7] {
    let all: Vec<(&Collection, &Series)> = collections
        .iter()
        .flat_map(|collection| collection.series.iter().map(move |series| (collection, series)))
        .collect();
    let lessons: Vec<Watched> =
        all.iter().map(|(collection, series)| series.lesson(collection.tick_secs)).collect();
    let mut totals = [0.0; 7];
    for (index, (collection, series)) in all.iter().enumerate() {
        let mut lesson = Watched::default();
        for (other, learnt) in lessons.iter().enumerate().filter(|(other, _)| *other != index) {
            // Neither this series nor the same pool in another collection.
            if all[other].1.id != series.id {
                lesson.add(learnt);
            }
        }
        let tick = collection.tick_secs;
        let play = Play {
            up: &series.up,
            run_ticks: ticks_up(hours * 3600 + START_UP_SECS, tick) as usize,
            horizon_ticks: ((ratio * hours * 3600 + START_UP_SECS) / tick) as usize,
            free_ticks: if free { (3600 / tick) as usize } else { 0 },
        };
        for (total, cost) in totals.iter_mut().zip(on_series(&play, series, &lesson, tick, index)) {
            *total += cost;
        }
    }
    totals
}

fn on_series(
    play: &Play<'_>,
    series: &Series,
    lesson: &Watched,
    tick: i64,
    index: usize,
) -> [f64; 7] {
    let plan = |may_hedge| {
        Plan::solve(Terms {
            lifetimes: lesson.pooled().riskier(CAUTION),
            price_ratio: RATIO,
            tick_secs: tick,
            run_ticks: play.run_ticks,
            horizon_ticks: play.horizon_ticks,
            free_ticks: play.free_ticks,
            may_hedge,
        })
    };
    let (plain, hedging) = (plan(false), plan(true));
    let seen = series.watched(0, tick);
    let run = play.run_ticks;
    let mut totals = [0.0; 7];
    for start in traces::draw(STARTS, series.up.len() - play.horizon_ticks - 1, index as u64 + 1) {
        let mut tried = false;
        let model = |plan: &Plan, now: &Now| {
            let (phase, phase_age_secs, _) = seen[now.tick];
            let state = Restarting {
                ticks_left: now.ticks_left,
                attempt_ticks: now.attempt_ticks,
                phase,
                phase_age_secs,
            };
            match now.steady_left {
                Some(ticks) if plan.terms().may_hedge && plan.keeps_attempt(ticks, &state) => {
                    Action::Hedge
                }
                Some(_) => Action::OnDemand,
                None => plan.decide(&state),
            }
        };
        let spot_or = |up: bool| if up { Action::Attempt } else { Action::Wait };
        let costs = [
            play.from(start, |now| match now.steady_left.is_some() || now.ticks_left <= run {
                true => Action::OnDemand,
                false => spot_or(now.up),
            }),
            play.from(start, |now| match now.steady_left {
                Some(_) => Action::OnDemand,
                None if now.attempt_ticks > 0 && now.up => Action::Attempt,
                None if now.ticks_left < 2 * run - 1 => Action::OnDemand,
                None => spot_or(now.up),
            }),
            play.from(start, |now| {
                let failed = tried && now.attempt_ticks == 0;
                if now.steady_left.is_some() || failed || now.ticks_left <= run {
                    return Action::OnDemand;
                }
                tried |= now.up;
                spot_or(now.up)
            }),
            play.from(start, |now| model(&plain, now)),
            play.from(start, |now| model(&hedging, now)),
            play.omniscient(start),
            run as f64 * RATIO,
        ];
        for (total, cost) in totals.iter_mut().zip(costs) {
            *total += cost;
        }
    }
    totals
}

impl Play<'_> {
    /// The cost in ticks of spot. Panics when the deadline is missed: no policy here may.
    fn from(&self, start: usize, mut decide: impl FnMut(&Now) -> Action) -> f64 {
        let (mut cost, mut attempt_ticks, mut steady_left) = (0.0, 0, None);
        for passed in 0..self.horizon_ticks {
            let tick = start + passed;
            let up = self.up[tick];
            if !up {
                if attempt_ticks <= self.free_ticks {
                    cost -= attempt_ticks as f64;
                }
                attempt_ticks = 0;
            }
            let action = decide(&Now {
                tick,
                ticks_left: self.horizon_ticks - passed,
                steady_left,
                attempt_ticks,
                up,
            });
            let attempts = matches!(action, Action::Attempt | Action::Hedge);
            assert!(up || !attempts, "an attempt where there is no capacity");
            attempt_ticks = if attempts { attempt_ticks + 1 } else { 0 };
            cost += if attempts { 1.0 } else { 0.0 };
            if matches!(action, Action::OnDemand | Action::Hedge) {
                steady_left.get_or_insert(self.run_ticks);
            }
            if let Some(left) = &mut steady_left {
                *left -= 1;
                cost += RATIO;
            }
            if attempt_ticks == self.run_ticks || steady_left == Some(0) {
                return cost;
            }
        }
        panic!("a deadline was missed");
    }

    fn omniscient(&self, start: usize) -> f64 {
        let run = self.run_ticks;
        let window = &self.up[start..start + self.horizon_ticks];
        let fits = window.windows(run).any(|ticks| ticks.iter().all(|up| *up));
        run as f64 * if fits { 1.0 } else { RATIO }
    }
}
