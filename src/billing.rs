//! AWS's own bill, read from the files that it delivers, and compared with the ledger: the spot data
//! feed, and the Cost and Usage Report (CUR 2.0, by Data Exports) with split cost allocation.

mod charge;
mod compare;
mod cur;
mod feed;
mod intake;
#[cfg(feature = "parquet")]
mod parquet;
mod problem;
mod text;
mod unpack;

pub use charge::{Charge, ParseChargeError};
pub use compare::{Comparison, Covered, Known, KnownTask, Missing, Unknown, compare};
pub use intake::{Bill, BilledLine, Counts, FileKind, Intake, Part};
pub use problem::Problem;
pub use unpack::{LIMITS, Limits};

#[cfg(not(feature = "parquet"))]
impl Intake {
    /// Refuses the file.
    pub fn parquet<R>(&mut self, name: &str, _: R) {
        let what = "is Parquet, which this build does not read: convert it to CSV, or build with \
                    `--features parquet`";
        self.unreadable(name, what.to_owned());
    }
}
