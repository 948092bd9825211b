//! Exactly once, proved by many small stories. The daemon, unchanged, runs on virtual time against the
//! simulated account; a seed decides what it has to do and everything that goes wrong: deaths before
//! and after every call and every commit, lost, late and refused calls, jobs that ListJobs and
//! DescribeJobs do not show yet, disks that are full, clocks that are set, edits of the catalogue; and
//! what somebody asks for meanwhile. In the end oracles that share nothing with it say whether every due time ran once.
//!
//! `make sim SEEDS=100000` plays that many, `make sim SUITE=within SEED=17` one.
//! docs/concepts/exactly-once.md tells what is proved, and how to add a guarantee.

mod campaign;
mod client;
mod cloud;
mod disk;
mod fate;
mod jobs;
mod life;
#[cfg(feature = "mutations")]
mod mutations;
mod oracle;
mod sent;
mod shape;
mod store;
mod story;
mod wall;

use campaign::{Campaign, play_all};
use story::Suite;

/// Stories that every run of the tests plays: more than ten thousand faults together.
const WITHIN: u64 = 72;
const BEYOND: u64 = 20;

#[test]
fn within_the_bound_nothing_is_lost_and_nothing_doubled() {
    play_all(&Campaign::of(Suite::Within, WITHIN)).expect_no_failure();
}

#[test]
fn beyond_the_bound_what_is_doubled_is_noticed_and_terminated() {
    play_all(&Campaign::of(Suite::Beyond, BEYOND)).expect_no_failure();
}
