//! Since when each waiting job has its position: what GetJobQueueSnapshot calls
//! `earliestTimeAtPosition`. A job moves whenever somebody before it leaves or enters the queue.

use std::collections::BTreeMap;

use super::instant::Millis;

/// When jobs entered or left a queue, as far as it matters to those that still wait.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    /// Place in the queue and time; times ascend with the places, because a later move nearer to
    /// the head outdates the earlier ones behind it.
    moves: BTreeMap<i64, Millis>,
}

impl Positions {
    /// Somebody at the place `order` came or went at `at`, and left `waiting`.
    pub(crate) fn moved<T>(&mut self, order: i64, at: Millis, waiting: &BTreeMap<i64, T>) {
        self.moves.split_off(&order);
        if waiting.range(order + 1..).next().is_none() {
            return;
        }
        // A move tells nothing that a later one does not if nobody waits between the two.
        let before = self.moves.keys().next_back().copied();
        if let Some(before) = before.filter(|o| waiting.range(o + 1..=order).next().is_none()) {
            self.moves.remove(&before);
        }
        self.moves.insert(order, at);
    }

    /// Since when the job at the place `order` is where it is, if it came at `entered`.
    pub(crate) fn since(&self, order: i64, entered: Millis) -> Millis {
        let before = self.moves.range(..order).next_back();
        before.map_or(entered, |(_, at)| entered.max(*at))
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::sim::random::Seed;

    /// The slow way: after each change, whoever has another position has it since now.
    #[test]
    fn positions_are_those_of_a_list() {
        let mut rng = Seed(5).stream("positions", "");
        let mut positions = Positions::default();
        let mut list: BTreeMap<i64, (Millis, usize, Millis)> = BTreeMap::new();
        let (mut front, mut back) = (-1, 0);
        for at in 1..2_000 {
            let order = match rng.random_range(0..10) {
                0 => {
                    front -= 1;
                    front
                }
                1..5 => {
                    back += 1;
                    back
                }
                _ => match list.keys().nth(rng.random_range(0..list.len().max(1))) {
                    Some(order) => *order,
                    None => continue,
                },
            };
            if list.remove(&order).is_none() {
                list.insert(order, (at, usize::MAX, at));
            }
            positions.moved(order, at, &list);
            for (position, entry) in list.values_mut().enumerate() {
                if entry.1 != position {
                    (entry.1, entry.2) = (position, at);
                }
            }
            for (order, (entered, _, since)) in &list {
                assert_eq!(positions.since(*order, *entered), *since, "{order} at {at}");
            }
            assert!(positions.moves.len() <= list.len() + 1);
        }
    }
}
