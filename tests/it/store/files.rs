//! Files as they are found: new, somebody else's, damaged, newer, in use.

use std::path::Path;

use rusqlite::Connection;

use spotcron::domain::RunOutcome;
use spotcron::ledger::Counter;
use spotcron::ports::{RunQuery, Store, StoreError, StoreIdentity, Write};
use spotcron::store::{SqliteStore, describe};

use super::conformance::small_batch;
use super::{folder, identity, samples};

fn refusal<T>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Refused(text)) => text,
        Err(other) => panic!("failed instead of refusing: {other:?}"),
        Ok(_) => panic!("was not refused"),
    }
}

/// Opening `path` in every way is refused with each of `words`, and leaves the file as it was.
fn assert_refused(path: &Path, words: &[&str]) {
    let before = std::fs::read(path).unwrap();
    let text = refusal(SqliteStore::open(path, identity()));
    for word in words.iter().chain(&[path.to_str().unwrap(), "Nothing was changed."]) {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
    refusal(SqliteStore::open_read_only(path));
    refusal(describe(path));
    assert!(std::fs::read(path).unwrap() == before, "the refused file was changed");
}

/// A store with a few runs, closed.
async fn small_store(path: &Path) {
    let store = SqliteStore::open(path, identity()).unwrap();
    for number in 0..20 {
        store.commit(small_batch(number).1).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let (_folder, path) = folder();
    small_store(&path).await;
    assert!(!path.with_extension("db-wal").exists(), "a closed store is one file");
    let store = SqliteStore::open(&path, identity()).unwrap();
    assert_eq!(store.runs(&RunQuery::default()).await.unwrap().len(), 20);
    assert_eq!(store.counters().await.unwrap(), [(Counter::ScheduleLags, 20)]);
    assert_eq!(store.epoch(), 2);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (_folder, path) = folder();
    std::fs::write(&path, "name = \"not a database\"\n".repeat(400)).unwrap();
    assert_refused(&path, &["is not a SQLite database"]);
    std::fs::write(&path, "").unwrap();
    assert_refused(&path, &["is empty", "remove the file"]);
    std::fs::write(&path, &b"SQLite format 3\0\x10\0"[..]).unwrap();
    assert_refused(&path, &["cut off", "restore"]);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let (_folder, path) = folder();
    let theirs = Connection::open(&path).unwrap();
    theirs.execute_batch("CREATE TABLE meta (identity TEXT, epoch INTEGER)").unwrap();
    drop(theirs);
    assert_refused(&path, &["another program"]);
}

#[tokio::test]
async fn a_cut_or_overwritten_database_is_refused() {
    let (_folder, path) = folder();
    small_store(&path).await;
    let whole = std::fs::read(&path).unwrap();
    for keep in [whole.len() / 2, whole.len() - 1, 4096, 100] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        assert_refused(&path, &["is damaged", "spotcron store restore"]);
    }
    let mut torn = whole.clone();
    torn[4096..8192].fill(0xA5);
    std::fs::write(&path, &torn).unwrap();
    assert_refused(&path, &["is damaged", "spotcron store restore"]);
    std::fs::write(&path, &whole).unwrap();
    SqliteStore::open(&path, identity()).unwrap();
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let (_folder, path) = folder();
    small_store(&path).await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_refused(&path, &["newer spotcron", "version 99"]);
}

#[tokio::test]
async fn a_database_of_another_identity_is_refused() {
    let (_folder, path) = folder();
    small_store(&path).await;
    let before = std::fs::read(&path).unwrap();
    let account = |id: &str| StoreIdentity::Account { account_id: id.to_owned() };
    let text = refusal(SqliteStore::open(&path, account("111122223333")));
    assert!(text.contains("the data of a simulation with seed 7"), "{text}");
    assert!(text.contains("works for AWS account 111122223333"), "{text}");
    refusal(SqliteStore::open(&path, StoreIdentity::Simulation { seed: 8 }));
    let text = refusal(SqliteStore::open_read_only_of(&path, &account("111122223333")));
    assert!(text.contains("works for AWS account 111122223333"), "{text}");
    SqliteStore::open_read_only_of(&path, &identity()).unwrap();
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(describe(&path).unwrap().identity, identity());

    let (_other, path) = folder();
    drop(SqliteStore::open(&path, account("111122223333")).unwrap());
    refusal(SqliteStore::open(&path, account("444455556666")));
    SqliteStore::open(&path, account("111122223333")).unwrap();
}

#[test]
fn places_where_no_store_can_be_are_refused() {
    let (folder, path) = folder();
    let text = refusal(SqliteStore::open(path.join("deeper/spotcron.db"), identity()));
    assert!(text.contains("Create it"), "{text}");
    refusal(SqliteStore::open(folder.path(), identity()));
    refusal(SqliteStore::open_read_only(&path));
    assert!(!path.exists(), "reading made a file");
}

#[tokio::test]
async fn a_log_without_its_database_is_not_replayed_into_a_new_one() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    let log = std::fs::read(path.with_extension("db-wal")).unwrap();
    drop(store);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(path.with_extension("db-wal"), log).unwrap();
    let text = refusal(SqliteStore::open(&path, identity()));
    assert!(text.contains("spotcron.db-wal"), "{text}");
    assert!(!path.exists());
}

#[tokio::test]
async fn one_process_writes_and_others_may_read() {
    let (folder, path) = folder();
    let writer = SqliteStore::open(&path, identity()).unwrap();
    let text = refusal(SqliteStore::open(&path, identity()));
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    #[cfg(unix)]
    {
        let alias = folder.path().join("alias.db");
        std::os::unix::fs::symlink(&path, &alias).unwrap();
        refusal(SqliteStore::open(&alias, identity()));
    }
    let _ = &folder;

    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.identity(), &identity());
    let (id, writes) = small_batch(0);
    assert_eq!(reader.run(&id).await.unwrap(), None);
    writer.commit(writes).await.unwrap();
    assert!(reader.run(&id).await.unwrap().is_some());
    let text = refusal(reader.commit(small_batch(1).1).await);
    assert!(text.contains("reading only"), "{text}");

    drop(writer);
    SqliteStore::open(&path, identity()).unwrap();
}

#[tokio::test]
async fn a_deposed_process_writes_nothing() {
    let (_folder, path) = folder();
    let old = SqliteStore::open(&path, identity()).unwrap();
    let (id, writes) = small_batch(0);
    old.commit(writes).await.unwrap();
    // Where locks do not reach (another host, somebody's clean-up), the epoch does.
    std::fs::remove_file(path.with_extension("db.lock")).unwrap();
    let new = SqliteStore::open(&path, identity()).unwrap();

    let run = old.run(&id).await.unwrap().unwrap();
    let ended = samples::next(&run, Some(RunOutcome::Succeeded));
    for writes in [vec![Write::UpdateRun(ended.clone())], small_batch(1).1, Vec::new()] {
        let outcome = old.commit(writes).await;
        assert!(matches!(outcome, Err(StoreError::Deposed { ours: 1, theirs: 2 })), "{outcome:?}");
    }
    assert_eq!(new.run(&id).await.unwrap(), Some(run));
    assert_eq!(new.counters().await.unwrap(), [(Counter::ScheduleLags, 1)]);
    new.commit(vec![Write::UpdateRun(ended)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_commits_and_every_one_is_exact() {
    const TASKS: i64 = 64;
    const ROUNDS: i64 = 25;
    let (_folder, path) = folder();
    let store = std::sync::Arc::new(SqliteStore::open(&path, identity()).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let store = std::sync::Arc::clone(&store);
        tasks.spawn(async move {
            let mut run = samples::run("shared", task);
            store.commit(vec![Write::InsertRun(run.clone())]).await.unwrap();
            for round in 0..ROUNDS {
                let next = samples::next(&run, None);
                let count = Write::Count(Counter::ScheduleLags, 1);
                // Every fifth batch comes too late, and must not touch its neighbours.
                if round % 5 == 0 {
                    let late = vec![count.clone(), Write::UpdateRun(run.clone())];
                    let outcome = store.commit(late).await;
                    assert!(matches!(outcome, Err(StoreError::Conflict(id)) if id == run.id));
                }
                store.commit(vec![Write::UpdateRun(next.clone()), count]).await.unwrap();
                run = next;
            }
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome.unwrap();
    }
    drop(store);
    let store = SqliteStore::open(&path, identity()).unwrap();
    let total = i128::from(TASKS * ROUNDS);
    assert_eq!(store.counters().await.unwrap(), [(Counter::ScheduleLags, total)]);
    let runs = store.open_runs().await.unwrap();
    assert_eq!(runs.len() as i64, TASKS);
    assert!(runs.iter().all(|run| run.version as i64 == 1 + ROUNDS));
}
