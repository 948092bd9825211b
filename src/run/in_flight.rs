//! Which legs are out there.

use super::{Run, RunState};
use crate::domain::EnvironmentName;
use crate::experience::{InFlight, Sent};

/// The legs of `runs` that have not ended, of the environments that are `wanted`.
pub fn in_flight<'a>(
    runs: impl IntoIterator<Item = &'a Run>,
    wanted: impl Fn(&EnvironmentName) -> bool,
) -> InFlight {
    let mut legs = InFlight::default();
    for run in runs {
        let has_a_leg = matches!(
            run.state,
            RunState::Submitting { .. } | RunState::Watching | RunState::Stopping { .. }
        );
        let leg = run.last_leg().filter(|leg| has_a_leg && leg.ended_at.is_none());
        if let Some(leg) = leg.filter(|leg| wanted(&leg.environment)) {
            let sent = Sent { at: leg.intended_at, started_at: leg.started_at };
            legs.add(&leg.environment, sent);
        }
    }
    legs
}
