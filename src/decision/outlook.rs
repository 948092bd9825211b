//! What the model expects of an interruptible environment (`policy`), in the words of a decision.

use serde::{Deserialize, Serialize};

use super::Question;
use super::candidate::{billed_once, margin};
use crate::catalogue::Restart;
use crate::domain::{Ppm, UsdPerHour};
use crate::experience::{EnvironmentExperience, Level};

use crate::policy::outlook::{Ask, Seen, Survival};

pub(super) use crate::policy::outlook::room_secs;

/// What the model was told, and what it expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The chance that the environment has capacity now, in millionths.
    pub chance_up: Ppm,
    /// How long ago the last trouble was, as far as was seen.
    pub trouble_age_secs: Option<i64>,
    /// Price on demand over this price, in millionths.
    pub price_ratio: Ppm,
    /// What is expected beyond one uninterrupted run, as a part of it.
    pub rework: Ppm,
    /// How long it is worth waiting for, should it have no capacity.
    pub patience_secs: i64,
}

/// With no on-demand price at all: the usual ratio of list prices to spot prices.
const USUAL_RATIO: Ppm = Ppm(3_000_000);

/// The outlook of an environment of so many pools with this level and price, where `on_demand` would take
/// over.
pub(super) fn of(
    question: &Question<'_>,
    experience: &EnvironmentExperience,
    pools: u32,
    level: Level,
    price: UsdPerHour,
    on_demand: Option<UsdPerHour>,
) -> Outlook {
    let ratio = on_demand.and_then(|on_demand| on_demand.ratio_to(price)).unwrap_or(USUAL_RATIO);
    // A run of no price at all is never dearer.
    let ratio = if price == UsdPerHour::ZERO { Ppm::from_ratio(20.0) } else { ratio };
    let ago = |at| question.now.duration_since(at).as_secs();
    let trouble = experience.last_trouble.map(ago);
    let in_a_row = experience.losses_in_a_row();
    let seen = match (experience.starved_at.map(ago), trouble) {
        (Some(age_secs), _) => Seen::Starvation { age_secs },
        (None, Some(age_secs)) => Seen::Interruption { age_secs, pools, in_a_row },
        (None, None) => Seen::Nothing,
    };
    let work = billed_once(question);
    let (survival, undone) = match question.class.restart {
        Restart::FromZero => (Survival::Nothing, work),
        Restart::Checkpoint { interval, restore } => {
            let changeover = question.class.start_up + restore + interval / 2;
            let undone = question.lengths.expected_after(question.progress);
            (Survival::Progress { changeover_secs: changeover.as_secs() }, undone)
        }
    };
    let left = question.deadline_at.map(|deadline| deadline.duration_since(question.now).as_secs());
    // What the run may take beyond what is expected is kept free before the deadline.
    let margin_secs = margin(question).as_secs();
    let answer = Ask {
        survival,
        work_secs: undone.as_secs().max(1),
        left_secs: left.map(|left| (left - margin_secs).max(0)),
        price_ratio: ratio.to_ratio(),
        risk_factor: level.factor.to_ratio(),
        seen,
    }
    .answer();
    let once = work.as_secs().max(1) as f64 / 3600.0;
    // Where the deadline leaves no room, all of it is done on demand.
    let hours = answer.spot_hours.unwrap_or(once * ratio.to_ratio().max(1.0));
    // Less than a start takes is no wait at all.
    let patience_secs = answer.patience_secs.max(question.class.start_up.as_secs());
    Outlook {
        chance_up: Ppm::from_ratio(answer.chance_up),
        trouble_age_secs: trouble,
        price_ratio: ratio,
        rework: Ppm::from_ratio((hours / once - 1.0).max(0.0)),
        patience_secs: left.map_or(patience_secs, |left| patience_secs.min(left.max(0))),
    }
}
