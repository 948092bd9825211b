//! What a crash leaves: the file and its log, copied while the store is open, are what a killed
//! process leaves behind; a log cut anywhere is what a power failure can leave.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use spotcron::ledger::Counter;
use spotcron::ports::{RunQuery, Store};
use spotcron::store::SqliteStore;

use super::conformance::small_batch;
use super::{folder, identity};

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// Reopens what `path` and the first `log_bytes` of its log would leave, and says how many batches
/// are there: each wholly.
async fn batches_after_crash(path: &Path, log: &[u8]) -> usize {
    let (_folder, copy) = folder();
    std::fs::copy(path, &copy).unwrap();
    std::fs::write(log_of(&copy), log).unwrap();
    let store = SqliteStore::open(&copy, identity()).unwrap();
    let runs = store.runs(&RunQuery::default()).await.unwrap();
    for run in &runs {
        assert_eq!(store.events(&run.id).await.unwrap().len(), 1, "{} lost its event", run.id);
    }
    let counted = store.counters().await.unwrap();
    let expected: &[_] = &[(Counter::ScheduleLags, runs.len() as i128)];
    assert_eq!(counted, if runs.is_empty() { &[] } else { expected });
    runs.len()
}

#[tokio::test]
async fn a_committed_batch_survives_and_an_open_transaction_does_not() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    let committed = std::fs::read(log_of(&path)).unwrap();
    assert_eq!(batches_after_crash(&path, &committed).await, 1);

    // Another connection stands for a writer that is killed with half of a batch in the log.
    let half = Connection::open(&path).unwrap();
    half.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;").unwrap();
    half.execute("UPDATE counters SET value = 999", []).unwrap();
    for number in 0..200 {
        half.execute(
            "INSERT INTO runs VALUES (?1, 'half', 'half', 0, 'watching', 1, 1, ?2, '')",
            rusqlite::params![format!("half-{number}"), "x".repeat(4000)],
        )
        .unwrap();
    }
    let log = std::fs::read(log_of(&path)).unwrap();
    assert!(log.len() > committed.len() + 100_000, "the open transaction must be in the log");
    assert_eq!(batches_after_crash(&path, &log).await, 1);
}

#[tokio::test]
async fn a_log_cut_anywhere_keeps_whole_batches_from_the_first_on() {
    const BATCHES: usize = 12;
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path, identity()).unwrap();
    let mut ends = Vec::new();
    for number in 0..BATCHES {
        store.commit(small_batch(number as i64).1).await.unwrap();
        ends.push(std::fs::metadata(log_of(&path)).unwrap().len() as usize);
    }
    let log = std::fs::read(log_of(&path)).unwrap();
    // Uneven steps, so that cuts fall inside pages and inside frame headers.
    let cuts = (0..log.len()).step_by(4999).chain(ends.iter().flat_map(|end| [*end - 1, *end]));
    for cut in cuts {
        let expected = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(batches_after_crash(&path, &log[..cut]).await, expected, "cut at {cut}");
    }
}
