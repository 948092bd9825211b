//! The one integration-test binary: linking the SDKs once is enough.

#[cfg(feature = "aws")]
mod aws;
mod catalogue;
mod cli;
mod daemon;
mod ledger;
mod sim;
mod store;
mod tidy;
