//! Copies while the daemon writes, and the way back.

use std::path::Path;

use spotcron::ledger::Counter;
use spotcron::ports::{RunQuery, Store, StoreError};
use spotcron::store::{SqliteStore, backup, describe, restore};

use super::conformance::small_batch;
use super::{folder, identity};

async fn runs_in(path: &Path) -> usize {
    let store = SqliteStore::open_read_only(path).unwrap();
    store.runs(&RunQuery::default()).await.unwrap().len()
}

fn is_refused<T>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Refused(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_a_store_that_is_written_to() {
    let (folder, path) = folder();
    let store = std::sync::Arc::new(SqliteStore::open(&path, identity()).unwrap());
    store.commit(small_batch(0).1).await.unwrap();
    let writing = {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move {
            for number in 1..150 {
                store.commit(small_batch(number).1).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    for copy in 0..6 {
        let to = folder.path().join(format!("copy-{copy}.db"));
        let from = path.clone();
        let target = to.clone();
        tokio::task::spawn_blocking(move || backup(from, target)).await.unwrap().unwrap();
        let copied = SqliteStore::open_read_only(&to).unwrap();
        let runs = copied.runs(&RunQuery::default()).await.unwrap().len();
        let counted = [(Counter::ScheduleLags, runs as i128)];
        assert_eq!(copied.counters().await.unwrap(), counted, "copy {copy} is torn");
        assert!(runs >= seen.max(1), "copy {copy} is older than the one before");
        seen = runs;
    }
    writing.await.unwrap();
    assert_eq!(runs_in(&path).await, 150);
}

#[tokio::test]
async fn a_backup_replaces_nothing_and_copies_only_stores() {
    let (folder, path) = folder();
    let to = folder.path().join("copy.db");
    assert!(is_refused(backup(&path, &to)), "there is no store yet");
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    std::fs::write(&to, "precious").unwrap();
    assert!(is_refused(backup(&path, &to)));
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "precious");
    assert!(is_refused(backup(&path, &path)));
    assert!(is_refused(backup(&path, folder.path().join("nowhere/copy.db"))));

    let to = folder.path().join("good.db");
    let description = backup(&path, &to).unwrap();
    assert_eq!(description, describe(&to).unwrap());
    assert_eq!((description.epoch, description.identity), (1, identity()));
    let litter: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part") || name.contains(".new"))
        .collect();
    assert_eq!(litter, [""; 0]);
}

#[tokio::test]
async fn a_restore_keeps_what_it_replaces_and_raises_the_epoch() {
    let (folder, path) = folder();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    backup(&path, &copy).unwrap();
    store.commit(small_batch(1).1).await.unwrap();
    assert!(is_refused(restore(&copy, &path, true)), "a daemon has it open");
    drop(store);
    drop(SqliteStore::open(&path, identity()).unwrap());
    let owners = describe(&path).unwrap().epoch;
    assert_eq!(owners, 2);

    let before = std::fs::read(&path).unwrap();
    assert!(is_refused(restore(&copy, &path, false)), "it exists");
    assert!(std::fs::read(&path).unwrap() == before);

    let restored = restore(&copy, &path, true).unwrap();
    let kept = restored.kept.unwrap();
    assert_eq!(kept.file_name().unwrap(), "spotcron.db.before-restore");
    assert_eq!((runs_in(&kept).await, runs_in(&path).await), (2, 1));
    assert!(describe(&path).unwrap().epoch > owners, "a process that is left over is deposed");
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(1).1).await.unwrap();
    drop(store);

    // Once more: what was kept first stays.
    let again = restore(&copy, &path, true).unwrap().kept.unwrap();
    assert_ne!(again, kept);
    assert_eq!((runs_in(&kept).await, runs_in(&again).await), (2, 2));
}

#[tokio::test]
async fn a_restore_to_a_new_place_needs_no_force() {
    let (folder, path) = folder();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    backup(&path, &copy).unwrap();
    let elsewhere = folder.path().join("elsewhere.db");
    assert_eq!(restore(&copy, &elsewhere, false).unwrap().kept, None);
    assert_eq!(runs_in(&elsewhere).await, 1);
}

#[tokio::test]
async fn only_a_sound_backup_is_restored() {
    let (folder, path) = folder();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    drop(store);
    backup(&path, &copy).unwrap();
    let before = std::fs::read(&path).unwrap();
    let sound = std::fs::read(&copy).unwrap();

    std::fs::write(&copy, &sound[..sound.len() / 2]).unwrap();
    assert!(is_refused(restore(&copy, &path, true)));
    std::fs::write(&copy, "text").unwrap();
    assert!(is_refused(restore(&copy, &path, true)));
    assert!(is_refused(restore(folder.path().join("none.db"), &path, true)));
    assert!(is_refused(restore(&path, &path, true)));
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(runs_in(&path).await, 1);
}

#[tokio::test]
async fn a_damaged_store_can_be_replaced() {
    let (folder, path) = folder();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open(&path, identity()).unwrap();
    store.commit(small_batch(0).1).await.unwrap();
    drop(store);
    backup(&path, &copy).unwrap();
    std::fs::write(&path, "wreck").unwrap();
    let kept = restore(&copy, &path, true).unwrap().kept.unwrap();
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "wreck");
    assert_eq!(runs_in(&path).await, 1);
}
