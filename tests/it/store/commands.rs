//! What commands leave in the store, on both modes.

use serde_json::json;
use spotcron::control::{
    Answer, AuditQuery, AuditRecord, ClassOverride, Controls, Jobs, Outcome, Pause,
};
use spotcron::ports::{Store, StoreError, Write};
use spotcron::store::SqliteStore;

use super::samples::at;

fn pause(by: &str, note: &str) -> Pause {
    Pause { by: by.to_owned(), since: at(1), note: note.to_owned() }
}

fn record(secs: i64, by: &str, key: Option<&str>) -> AuditRecord {
    AuditRecord {
        at: at(secs),
        by: by.to_owned(),
        key: key.map(str::to_owned),
        fingerprint: "f".to_owned(),
        command: json!({ "command": "pause", "jobs": "all" }),
        outcome: Outcome::Done { answer: Answer::Paused { jobs: Jobs::All } },
    }
}

async fn stores(check: impl AsyncFn(&dyn Store)) {
    check(&super::in_memory()).await;
    let (_folder, path) = super::folder();
    check(&SqliteStore::open(&path, super::identity()).unwrap()).await;
}

#[tokio::test]
async fn what_is_in_force_comes_back_until_it_is_ended() {
    stores(async |store| {
        assert_eq!(store.controls().await.unwrap(), Controls::default());
        let one = Jobs::Job("report".into());
        let forced = ClassOverride {
            by: "bob".to_owned(),
            since: at(2),
            until: Some(at(3)),
            note: "\"quotes\" and \u{1F980}".to_owned(),
        };
        let writes = vec![
            Write::Pause(Jobs::All, Some(pause("alice", "all"))),
            Write::Pause(one.clone(), Some(pause("alice", "first"))),
            Write::ClassOverride("c".into(), Some(forced.clone())),
        ];
        store.commit(writes).await.unwrap();
        let again = Write::Pause(one.clone(), Some(pause("bob", "second")));
        store.commit(vec![again]).await.unwrap();
        let expected = Controls {
            all_paused: Some(pause("alice", "all")),
            paused: [("report".into(), pause("bob", "second"))].into(),
            forced_on_demand: [("c".into(), forced)].into(),
        };
        assert_eq!(store.controls().await.unwrap(), expected);
        let ends = vec![
            Write::Pause(Jobs::All, None),
            Write::Pause(one, None),
            Write::ClassOverride("c".into(), None),
        ];
        store.commit(ends).await.unwrap();
        assert_eq!(store.controls().await.unwrap(), Controls::default());
    })
    .await;
}

#[tokio::test]
async fn records_come_newest_first_and_each_key_of_a_person_once() {
    stores(async |store| {
        let (first, second, third) =
            (record(1, "alice", Some("k")), record(2, "bob", Some("k")), record(2, "bob", None));
        for one in [&first, &second, &third] {
            store.commit(vec![Write::Audit(Box::new(one.clone()))]).await.unwrap();
        }
        let all = store.audit(&AuditQuery::default()).await.unwrap();
        assert_eq!(all, [third.clone(), second.clone(), first.clone()]);
        let bob = AuditQuery { by: Some("bob".to_owned()), ..AuditQuery::default() };
        assert_eq!(store.audit(&bob).await.unwrap(), [third.clone(), second.clone()]);
        let some = AuditQuery { since: Some(at(2)), limit: Some(1), ..AuditQuery::default() };
        assert_eq!(store.audit(&some).await.unwrap(), [third]);
        assert_eq!(store.audited("alice", "k").await.unwrap(), Some(first));
        assert_eq!(store.audited("bob", "k").await.unwrap(), Some(second));
        assert_eq!(store.audited("carol", "k").await.unwrap(), None);
        // With a second one of the same key nothing of its batch is written.
        let twice = vec![
            Write::Pause(Jobs::All, Some(pause("alice", "all"))),
            Write::Audit(Box::new(record(3, "alice", Some("k")))),
        ];
        let refused = store.commit(twice).await.unwrap_err();
        assert!(matches!(refused, StoreError::Failed { .. }), "{refused}");
        assert_eq!(store.controls().await.unwrap(), Controls::default());
    })
    .await;
}
