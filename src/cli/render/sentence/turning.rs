//! What would change a decision.

use crate::cli::render::value::{price, seconds};
use crate::decision::{Change, TurningPoint};

/// What would change a decision, a line each.
pub fn turning_points(points: &[TurningPoint]) -> Vec<String> {
    if points.is_empty() {
        return vec!["No price and no deadline near these would change it.".to_owned()];
    }
    let line = |point: &TurningPoint| {
        let then = match &point.then {
            Some(name) => format!("It would go to {name}"),
            None => "It would be held back".to_owned(),
        };
        let when = match &point.change {
            Change::PriceAbove { environment, usd_per_hour } => {
                format!("if {environment} cost {} an hour or more", price(*usd_per_hour))
            }
            Change::PriceBelow { environment, usd_per_hour } => {
                format!("if {environment} cost {} an hour or less", price(*usd_per_hour))
            }
            Change::Deadline { by_secs } if *by_secs < 0 => {
                format!("if the deadline were {} earlier", seconds(by_secs.saturating_neg()))
            }
            Change::Deadline { by_secs } => {
                format!("if the deadline were {} later", seconds(*by_secs))
            }
        };
        format!("{then} {when}.")
    };
    points.iter().map(line).collect()
}
