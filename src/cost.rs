//! What seconds on an instance cost: one arithmetic for deciding, accounting and backtesting.
//!
//! Integers throughout: a price times a time stays an unrounded [`Accrual`](crate::domain::Accrual)
//! until the one division at the end. EBS, public IPv4, data transfer and logs cost the same on
//! every kind of capacity and are left out.

mod billing;
mod exact;
mod fargate;
mod spot;

pub use billing::{
    CREDIT_AGE, MINIMUM_CHARGE, billed_window, charged_window, credit_is_ruled_out,
    first_hour_credit,
};
pub use exact::Exact;
pub use fargate::{fargate_cost, fargate_hourly};
pub use spot::{PriceMode, spot_accrual, spot_pieces};
