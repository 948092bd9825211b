//! Which runs of a backfill may go.

use std::collections::{BTreeMap, BTreeSet};

use super::Controls;
use crate::domain::RunId;
use crate::run::{Run, Wait, waits_for_place};

/// Of the open runs those that wait in a backfill and have to go on waiting: as many of it as may be
/// are under way, or their job is paused. They go in order of their scheduled times.
pub fn without_place<'a>(
    open: impl IntoIterator<Item = &'a Run>,
    controls: &Controls,
) -> BTreeSet<RunId> {
    let mut under_way: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waiting = Vec::new();
    for run in open {
        let Some((backfill, at_once)) = run.waits.iter().find_map(place) else { continue };
        if waits_for_place(run) {
            waiting.push((run, backfill, at_once));
        } else {
            *under_way.entry(backfill).or_default() += 1;
        }
    }
    waiting.sort_by_key(|(run, ..)| (run.scheduled_for, &run.id));
    let mut held = BTreeSet::new();
    for (run, backfill, at_once) in waiting {
        let open = under_way.entry(backfill).or_default();
        if *open >= usize::from(at_once) || controls.pause_of(&run.job).is_some() {
            held.insert(run.id.clone());
        } else {
            *open += 1;
        }
    }
    held
}

fn place(wait: &Wait) -> Option<(&str, u16)> {
    match wait {
        Wait::Place { backfill, at_once } => Some((backfill, *at_once)),
        Wait::Turn | Wait::Upstream { .. } => None,
    }
}
