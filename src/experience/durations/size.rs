//! What the sizes of inputs say of lengths.

use serde::{Deserialize, Serialize};

use crate::domain::InputSize;

/// What is known of the size of a run's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSize {
    /// Its job does not say where to look.
    NotNamed,
    /// It is no number above zero, or is not there.
    Missing,
    Known(InputSize),
}

impl RunSize {
    /// The size, where it is known.
    pub const fn known(self) -> Option<InputSize> {
        match self {
            RunSize::Known(size) => Some(size),
            RunSize::NotNamed | RunSize::Missing => None,
        }
    }
}

/// Whether lengths were taken to be in proportion to the sizes of inputs, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// The job does not say where sizes are.
    #[default]
    NotNamed,
    /// They were, for an input of this size.
    By(InputSize),
    /// The run's size is not known.
    SizeMissing,
    /// Too few runs of a known size were seen.
    FewSeen,
    /// In proportion to sizes, lengths would spread more than they do as they are.
    NotProportional,
}

impl Scaling {
    /// Whether nobody asked for it.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub fn is_not_named(&self) -> bool {
        *self == Scaling::NotNamed
    }

    /// Stable, for JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Scaling::NotNamed => "not-named",
            Scaling::By(_) => "by-size",
            Scaling::SizeMissing => "size-missing",
            Scaling::FewSeen => "few-seen",
            Scaling::NotProportional => "not-proportional",
        }
    }
}
