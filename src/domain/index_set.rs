//! Sets of array indices, written as `3,7-9,120`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole numbers from 0, kept as ranges. The text form is what workloads read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexSet {
    /// First and last of each, ascending, with a gap between any two.
    ranges: Vec<(u32, u32)>,
}

impl IndexSet {
    /// All from `first` to `last`, both included; empty when `last` is smaller.
    pub fn range(first: u32, last: u32) -> Self {
        IndexSet { ranges: if first <= last { vec![(first, last)] } else { Vec::new() } }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn len(&self) -> u32 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub fn contains(&self, index: u32) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= index);
        after > 0 && self.ranges[after - 1].1 >= index
    }

    /// Ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The index at a place, from 0: what child `place` of an array works on.
    pub fn get(&self, place: u32) -> Option<u32> {
        let mut before = 0;
        for (first, last) in &self.ranges {
            let here = last - first + 1;
            if place - before < here {
                return Some(first + (place - before));
            }
            before += here;
        }
        None
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &IndexSet) -> IndexSet {
        self.iter().filter(|index| !other.contains(*index)).collect()
    }

    /// Those of both.
    #[must_use]
    pub fn with(&self, other: &IndexSet) -> IndexSet {
        self.iter().chain(other.iter()).collect()
    }
}

impl FromIterator<u32> for IndexSet {
    /// In any order, each any number of times.
    fn from_iter<I: IntoIterator<Item = u32>>(indices: I) -> Self {
        let mut sorted: Vec<u32> = indices.into_iter().collect();
        sorted.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for index in sorted {
            match ranges.last_mut() {
                Some((_, last)) if index <= last.saturating_add(1) => *last = index,
                _ => ranges.push((index, index)),
            }
        }
        IndexSet { ranges }
    }
}

impl fmt::Display for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for IndexSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |digits: &str| {
                digits.parse::<u32>().map_err(|_| format!("{text:?} is no set of indices"))
            };
            let (first, last) = (number(first)?, number(last)?);
            let follows = ranges.last().is_none_or(|(_, before)| first > before.saturating_add(1));
            if last < first || !follows {
                return Err(format!("{text:?} is no ascending set of indices"));
            }
            ranges.push((first, last));
        }
        Ok(IndexSet { ranges })
    }
}

impl Serialize for IndexSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IndexSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_text_says_every_index_and_is_read_back() {
        let set: IndexSet = [120, 7, 3, 9, 8, 7].into_iter().collect();
        assert_eq!(set.to_string(), "3,7-9,120");
        assert_eq!("3,7-9,120".parse(), Ok(set.clone()));
        assert_eq!((set.len(), set.get(0), set.get(3), set.get(5)), (5, Some(3), Some(9), None));
        assert_eq!("".parse(), Ok(IndexSet::default()));
        for wrong in ["a", "3-", "-3", "9-7", "3,3", "3,4", "5,3", "1,,2", "4294967296"] {
            assert!(wrong.parse::<IndexSet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sets_behave_as_sets_of_numbers_do() {
        let numbers = || proptest::collection::btree_set(0_u32..60, 0..40);
        proptest::proptest!(|(a in numbers(), b in numbers())| {
            let [one, other] = [&a, &b].map(|set| set.iter().copied().collect::<IndexSet>());
            let plain = |set: &IndexSet| set.iter().collect::<BTreeSet<u32>>();
            assert_eq!(plain(&one), a);
            assert_eq!(plain(&one.without(&other)), &a - &b);
            assert_eq!(plain(&one.with(&other)), &a | &b);
            assert_eq!(one.len() as usize, a.len());
            assert_eq!((0..60).filter(|n| one.contains(*n)).collect::<BTreeSet<_>>(), a);
            assert_eq!((0..).map_while(|n| one.get(n)).collect::<Vec<_>>(), a.into_iter().collect::<Vec<_>>());
            assert_eq!(one.to_string().parse(), Ok(one));
        });
    }
}
