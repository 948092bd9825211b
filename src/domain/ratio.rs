//! Ratios as floating-point numbers, for estimates of risk. Kept apart from `amount`, because money
//! never passes through one.

use super::Ppm;

impl Ppm {
    /// From a ratio; values that are not finite become the largest ratio.
    pub fn from_ratio(ratio: f64) -> Self {
        let scaled = (ratio * 1e6).round();
        if scaled.is_finite() && scaled < Ppm::FARTHEST as f64 {
            Ppm(scaled as i64)
        } else {
            Ppm(Ppm::FARTHEST)
        }
    }

    /// As a ratio: a million parts are 1.
    pub fn to_ratio(self) -> f64 {
        self.0 as f64 / 1e6
    }
}
