//! The program is broken in every way that `src/mutation.rs` names, and each must be noticed.

use std::panic;

use spotcron::mutation::{self, Mutation};

use super::campaign::{Campaign, play_all};
use super::story::Suite;

/// So many stories at most.
const STORIES: u64 = 1_000;

const fn suite_of(mutation: Mutation) -> Suite {
    match mutation {
        Mutation::ResendUndurable | Mutation::NoLateLook | Mutation::DuplicateStays => {
            Suite::Beyond
        }
        _ => Suite::Within,
    }
}

/// One test for all: a mutation is one of the whole process.
#[test]
fn every_mutation_is_caught() {
    // What panics in a broken program is caught, and told as the seed's verdict.
    panic::set_hook(Box::new(|_| {}));
    let only = std::env::var("MUTATION").ok();
    let asked = |mutation: &&Mutation| only.as_ref().is_none_or(|only| only == mutation.label());
    let mut missed = Vec::new();
    for mutation in Mutation::ALL.iter().filter(asked) {
        mutation::set(Some(*mutation));
        let report = play_all(&Campaign::until_a_failure(suite_of(*mutation), STORIES));
        mutation::set(None);
        let label = mutation.label();
        match report.failures.first() {
            Some((seed, told)) => {
                let why = told.lines().nth(1).unwrap_or_default().trim();
                println!("| `{label}` | {} | {seed} | {why} |", mutation.breaks());
            }
            None => missed.push(label),
        }
    }
    let _ = panic::take_hook();
    assert!(missed.is_empty(), "not caught in {STORIES} stories: {missed:?}");
}
