//! What a run is asked now, or why it is not.

use crate::run::{NotAsked, Supposing};

/// Of a job that does not say what it reserves.
pub const RESOURCES_ASSUMED: &str =
    "What it reserves is not in the catalogue; 1 vCPU and 2 GiB assumed.";

/// The heading of what would be chosen of the leg `next`, asked at `at`.
pub fn supposing(supposing: Supposing, next: u16, at: &str) -> String {
    match supposing {
        Supposing::Nothing => format!("Where leg {next} would go now, at {at}"),
        Supposing::Released => format!("Where leg {next} would go, were it let go now, at {at}"),
        Supposing::NotDecided { leg } => {
            format!("Where leg {leg} would go, were it decided now, at {at}")
        }
        Supposing::Lost { leg } => {
            format!("Where leg {next} would go, were leg {leg} lost now, at {at}")
        }
        Supposing::Stopped { leg } => {
            format!("Where leg {next} would go, were leg {leg} stopped by now, at {at}")
        }
    }
}

/// Why an open run is not asked.
pub fn not_asked(why: &NotAsked) -> String {
    match why {
        NotAsked::NoJob => {
            "Its job is not in the catalogue, so that no further leg is decided.".to_owned()
        }
        NotAsked::NoClass => {
            "Its class is not in the catalogue, so that no further leg is decided.".to_owned()
        }
        NotAsked::IsToEnd => "It is to end, so that no further leg is decided.".to_owned(),
        NotAsked::LastLeg { leg, max_legs } => format!(
            "Leg {leg} is the last of {max_legs} that its class allows: were it lost now, the run would \
             end."
        ),
        NotAsked::BatchRepeats { leg } => format!(
            "Batch repeats what leg {leg} loses, where it is: were that lost for good, the run would \
             end."
        ),
        NotAsked::WouldEnd { leg, outcome } => {
            format!("Were leg {leg} over now, the run would end as {}.", outcome.label())
        }
        NotAsked::NoSubmission { error } => {
            format!("Its next submission cannot be made: {error}.")
        }
    }
}
