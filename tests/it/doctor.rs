//! `spotcron doctor`: a healthy set-up has no finding, and every broken one has its own.

mod broken;
mod gathering;
mod guide;
pub mod live;
mod odd;
mod report;
mod sample;
mod store;
