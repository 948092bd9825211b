//! Runs and legs of which somebody had to find out what became of them.

use crate::domain::BatchStatus;
use crate::run::Unaccounted;

/// The run was made anew.
pub(super) fn adopted(status: Option<BatchStatus>) -> String {
    match status {
        Some(status) => format!(
            "The store was lost: the run was made anew from its job at Batch ({}). What happened \
             before is not on record.",
            status.label()
        ),
        None => {
            "The store was lost: Batch showed other runs of this time and nothing of this one, \
                 which is sent now."
                .to_owned()
        }
    }
}

/// It goes on although nobody knows what became of a leg.
pub(super) fn runs_again(leg: u16, why: Unaccounted) -> String {
    let why = match why {
        Unaccounted::NeverShown => "no look-up ever showed it, and Batch may have forgotten it",
        Unaccounted::Vanished => "Batch does not show its job any more",
    };
    format!(
        "Nobody can tell whether leg {leg} ran: {why}. The class lets the run go on with another, so \
         that its work may be done twice."
    )
}

/// An unknown outcome was looked up.
pub(super) fn looked_up(leg: u16, found: bool) -> String {
    match found {
        true => format!("Leg {leg} was found at Batch by its name."),
        false => format!("Leg {leg} never reached Batch."),
    }
}
