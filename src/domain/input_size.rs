//! How large the input of a run is.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How large a run's input is, above zero, in a unit that only its job knows. Seven digits are more than
/// lengths are known to.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct InputSize(f32);

/// It is a number.
impl Eq for InputSize {}

impl InputSize {
    /// `None` for what is no number above zero, or none that can be reckoned with: `-1`, `NaN`, `1e400`.
    pub fn parse(text: &str) -> Option<InputSize> {
        text.trim().parse::<f32>().ok().and_then(|size| InputSize::try_from(size).ok())
    }

    /// How many times as large it is.
    pub fn over(self, other: InputSize) -> f64 {
        f64::from(self.0) / f64::from(other.0)
    }

    /// The smaller first.
    pub fn order(self, other: InputSize) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl TryFrom<f32> for InputSize {
    type Error = &'static str;

    fn try_from(size: f32) -> Result<Self, Self::Error> {
        if size.is_normal() && size > 0.0 {
            Ok(InputSize(size))
        } else {
            Err("no size of an input")
        }
    }
}

impl From<InputSize> for f32 {
    fn from(size: InputSize) -> f32 {
        size.0
    }
}

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (1e-4..1e12).contains(&self.0) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}
