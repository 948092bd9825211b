//! Work whose progress survives an interruption: a semi-Markov decision process over the time left, the
//! work left, the phase of the pool with its age, and what runs.
//!
//! V(state) = min over idle, spot, on demand of price + E\[V(next state)\], with V = 0 once no work is left
//! and no value at all for states that could miss the deadline. Prices are in units of the spot price, so
//! that one table serves every class with the same ratio of prices, changeover and hazards. Because the
//! recursion only knows what is *left*, it serves jobs of every length, too; and because work and time run
//! down together while something runs, it is kept by *slack* (time left less work left), of which little
//! exists: that is what makes it small.

use super::lifetimes::{BUCKETS, Lifetimes, bucket_of};
use super::{Choice, Lasting, Mode, Phase, ticks_up};

/// What a table is solved for.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    pub lifetimes: Lifetimes,
    /// On-demand price in units of the spot price, above 1.
    pub price_ratio: f64,
    pub changeover_secs: i64,
    pub tick_secs: i64,
    /// The longest time to a deadline that it is asked for, ticks; what is beyond counts as this.
    pub horizon_ticks: usize,
}

/// The solved values.
#[derive(Debug, Clone)]
pub struct Table {
    terms: Terms,
    /// Slack at the grid's points, ticks.
    slack: Vec<f32>,
    /// Row by row of ticks left, in units of the row's own.
    values: Vec<u16>,
    /// Of each row: what a unit is worth, ticks of spot.
    units: Vec<f32>,
}

/// Stands for what could miss the deadline.
const UNSAFE: u16 = u16::MAX;

/// States of one point: up with three modes, down with two (nothing runs on spot there).
const STATES: usize = 5 * BUCKETS;
/// Slack is told apart by fifths of a tick up to this many ticks, where the deadline is decided;
const FINE_TICKS: usize = 10;
const FINE_PER_TICK: usize = 5;
/// by ticks up to the most that matters. Never more coarsely: a wait whose slack fell between two points
/// would keep a part of it, and so do some of the work for nothing.
const MOST_TICKS: usize = 202;

/// A place between two points of the grid: the lower one, and how far it is to the next.
type Place = (usize, f32);

impl Table {
    /// Solves it: about 30 ms and 14 MB for a horizon of 432 ticks. Two rows are exact while it is solved;
    /// what is kept of each is rounded to a 65,000th of its largest value, which no later row builds on.
    pub fn solve(terms: Terms) -> Table {
        let slack = grid();
        let row_len = slack.len() * STATES;
        let rows = terms.horizon_ticks + 1;
        let (values, units) = (Vec::with_capacity(rows * row_len), Vec::with_capacity(rows));
        let mut table = Table { terms, slack, values, units };
        let step = Step::new(&table);
        let (mut previous, mut row) = (Vec::new(), vec![f32::INFINITY; row_len]);
        for ticks in 0..rows {
            for (point, states) in row.chunks_exact_mut(STATES).enumerate() {
                if ticks as f32 <= table.slack[point] {
                    states.fill(0.0);
                } else if ticks > 0 {
                    step.fill(&previous, point, states);
                }
            }
            table.keep(&row);
            previous.clone_from(&row);
        }
        table
    }

    fn keep(&mut self, row: &[f32]) {
        let finite = row.iter().copied().filter(|value| value.is_finite());
        let unit = finite.fold(0.0, f32::max) / f32::from(UNSAFE - 1);
        let rounded = |value: &f32| match value.is_finite() {
            true if unit > 0.0 => (value / unit + 0.5) as u16,
            true => 0,
            false => UNSAFE,
        };
        self.values.extend(row.iter().map(rounded));
        self.units.push(unit);
    }

    fn kept(&self, ticks: usize, point: usize, state: usize) -> f32 {
        match self.values[(ticks * self.slack.len() + point) * STATES + state] {
            UNSAFE => f32::INFINITY,
            value => f32::from(value) * self.units[ticks],
        }
    }

    /// Memory of the values, bytes.
    pub fn bytes(&self) -> usize {
        self.values.len() * size_of::<u16>()
    }

    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Everything that may be done now without risking the deadline, with its expected cost. Empty when
    /// nothing is safe any more: on demand is then the least late. Safety is told by the tick of `now`, which
    /// may be finer than the table's: what is coarse is the estimate, never the deadline.
    pub fn choices(&self, now: &Lasting) -> Vec<Choice> {
        [Mode::Spot, Mode::Idle, Mode::OnDemand]
            .into_iter()
            .filter(|mode| *mode != Mode::Spot || now.phase == Phase::Up)
            .filter(|mode| now.is_safe(*mode))
            .map(|mode| Choice { mode, expected_ticks: self.expected(now, mode) })
            .collect()
    }

    /// What to do: the least expected cost, the earlier of equals (of what rounding cannot tell apart); on
    /// demand where nothing is safe.
    pub fn decide(&self, now: &Lasting) -> Mode {
        let choices = self.choices(now);
        let unit = f64::from(self.units[self.row_after(now)]);
        let mut best: Option<Choice> = None;
        for choice in choices {
            if best.is_none_or(|best| choice.expected_ticks < best.expected_ticks - unit) {
                best = Some(choice);
            }
        }
        best.map_or(Mode::OnDemand, |best| best.mode)
    }

    /// Ticks left after the next one.
    fn row_after(&self, now: &Lasting) -> usize {
        let ticks = now.left_secs().div_euclid(self.terms.tick_secs) - 1;
        ticks.clamp(0, self.terms.horizon_ticks as i64) as usize
    }

    /// The expected cost of a tick in `mode` and the best from there.
    fn expected(&self, now: &Lasting, mode: Mode) -> f64 {
        let price = match mode {
            Mode::Idle => 0.0,
            Mode::Spot => 1.0,
            Mode::OnDemand => self.terms.price_ratio,
        };
        let now = &Lasting { tick_secs: self.terms.tick_secs, ..*now };
        let (work, owed) = now.after(mode);
        if work == 0 {
            return price;
        }
        let tick = self.terms.tick_secs;
        let ticks = self.row_after(now) as i64;
        // Slack beyond the grid is none that matters: less time with the same work, not more work.
        let ticks = ticks.min(MOST_TICKS as i64 + ticks_up(work.saturating_add(owed), tick));
        let slack = (ticks * tick).saturating_sub(work).saturating_sub(owed);
        let slack = slack as f32 / tick as f32;
        let bucket = bucket_of(now.phase_age_secs);
        let ends = self.terms.lifetimes.step(now.phase, bucket, tick).ends;
        let older = bucket_of(now.phase_age_secs.saturating_add(tick));
        let value = |phase, bucket| self.value(ticks as usize, slack, phase, bucket, mode);
        price + ends * value(now.phase.other(), 0) + (1.0 - ends) * value(now.phase, older)
    }

    fn value(&self, ticks: usize, slack: f32, phase: Phase, bucket: usize, mode: Mode) -> f64 {
        let Some((low, part)) = place(&self.slack, slack) else {
            return self.on_demand_value(ticks, slack);
        };
        let state = state(phase, bucket, mode);
        let at = |point: usize| self.kept(ticks, point, state);
        let low_value = at(low);
        let value = match part {
            0.0 => low_value,
            // Beside the edge of what is safe: the safe side, which is dearer than the truth.
            _ if !low_value.is_finite() => at(low + 1),
            _ => low_value + (at(low + 1) - low_value) * part,
        };
        if value.is_finite() { f64::from(value) } else { self.on_demand_value(ticks, slack) }
    }

    /// All that is left, on demand: the only thing to do at the edge, finer than the grid.
    fn on_demand_value(&self, ticks: usize, slack: f32) -> f64 {
        let work = ((ticks as f64 - f64::from(slack)) * self.terms.tick_secs as f64) as i64;
        let needed = ticks_up(work + self.terms.changeover_secs, self.terms.tick_secs);
        self.terms.price_ratio * needed as f64
    }
}

fn grid() -> Vec<f32> {
    let fine = (0..FINE_TICKS * FINE_PER_TICK).map(|point| point as f32 / FINE_PER_TICK as f32);
    let ticks = (FINE_TICKS..=MOST_TICKS).map(|tick| tick as f32);
    fine.chain(ticks).collect()
}

/// Where `slack` lies; `None` below zero, where nothing is safe.
fn place(grid: &[f32], slack: f32) -> Option<Place> {
    let above = grid.partition_point(|point| *point <= slack + 1e-4);
    let low = above.checked_sub(1)?;
    let Some(next) = grid.get(above) else { return Some((low, 0.0)) };
    let part = (slack - grid[low]) / (next - grid[low]);
    Some((low, if part < 1e-4 { 0.0 } else { part }))
}

const fn state(phase: Phase, bucket: usize, mode: Mode) -> usize {
    match (phase, mode) {
        (Phase::Up, _) => bucket * 3 + mode as usize,
        (Phase::Down, Mode::OnDemand) => 3 * BUCKETS + bucket * 2 + 1,
        (Phase::Down, _) => 3 * BUCKETS + bucket * 2,
    }
}

/// What a step of the recursion needs of the terms, made once.
struct Step {
    ratio: f32,
    /// Chances of the phase's end and of growing older, and how old, by phase and bucket.
    ends: [[(f32, f32, usize); BUCKETS]; 2],
    /// Where a point's slack goes by a tick of waiting, and by a launch.
    waited: Vec<Option<Place>>,
    launched: Vec<Option<Place>>,
}

impl Step {
    fn new(table: &Table) -> Step {
        let terms = &table.terms;
        let less = |by: f32| -> Vec<_> {
            table.slack.iter().map(|slack| place(&table.slack, slack - by)).collect()
        };
        let ends = [Phase::Up, Phase::Down].map(|phase| {
            std::array::from_fn(|bucket| {
                let step = terms.lifetimes.step(phase, bucket, terms.tick_secs);
                (step.ends as f32, step.ages as f32, step.older)
            })
        });
        Step {
            ratio: terms.price_ratio as f32,
            ends,
            waited: less(1.0),
            launched: less(terms.changeover_secs as f32 / terms.tick_secs as f32),
        }
    }

    /// Fills the states of one point from the row of one tick less.
    fn fill(&self, previous: &[f32], point: usize, states: &mut [f32]) {
        let (waited, launched) = (self.waited[point], self.launched[point]);
        let same = Some((point, 0.0));
        for bucket in 0..BUCKETS {
            let up = |place, mode| self.next(previous, place, Phase::Up, bucket, mode);
            let down = |place, mode| self.next(previous, place, Phase::Down, bucket, mode);
            let idle = up(waited, Mode::Idle);
            let spot = 1.0 + up(launched, Mode::Spot);
            let steady = self.ratio + up(launched, Mode::OnDemand);
            let idle_or_steady = idle.min(steady);
            states[state(Phase::Up, bucket, Mode::Idle)] = idle_or_steady.min(spot);
            states[state(Phase::Up, bucket, Mode::Spot)] =
                idle_or_steady.min(1.0 + up(same, Mode::Spot));
            states[state(Phase::Up, bucket, Mode::OnDemand)] =
                idle.min(spot).min(self.ratio + up(same, Mode::OnDemand));
            let idle = down(waited, Mode::Idle);
            states[state(Phase::Down, bucket, Mode::Idle)] =
                idle.min(self.ratio + down(launched, Mode::OnDemand));
            states[state(Phase::Down, bucket, Mode::OnDemand)] =
                idle.min(self.ratio + down(same, Mode::OnDemand));
        }
    }

    /// The expected value one tick on.
    fn next(
        &self,
        previous: &[f32],
        place: Option<Place>,
        phase: Phase,
        bucket: usize,
        mode: Mode,
    ) -> f32 {
        let Some((low, part)) = place else { return f32::INFINITY };
        let at = |phase, bucket| {
            let index = low * STATES + state(phase, bucket, mode);
            let value = previous[index];
            if part == 0.0 { value } else { value * (1.0 - part) + previous[index + STATES] * part }
        };
        let (ends, ages, older) = self.ends[phase.index()][bucket];
        let stays = if ages == 0.0 {
            at(phase, bucket)
        } else {
            ages * at(phase, older) + (1.0 - ages) * at(phase, bucket)
        };
        ends * at(phase.other(), 0) + (1.0 - ends) * stays
    }
}
