//! How far schedules were handled, and which names are still looked at.

use std::collections::BTreeMap;

use spotcron::ports::{Store, Write};

use super::super::samples::{self, at};

pub async fn schedules_are_handled_up_to_a_time(store: &dyn Store) {
    let put = |job: &str, secs| Write::Handled(vec![(job.into(), at(secs))]);
    store.commit(vec![put("a", 1), put("b", 2)]).await.unwrap();
    store.commit(vec![put("a", 3)]).await.unwrap();
    let expected = BTreeMap::from([("a".into(), at(3)), ("b".into(), at(2))]);
    assert_eq!(store.handled().await.unwrap(), expected);
}

pub async fn names_that_were_sent_again_are_kept_until_they_are_settled(store: &dyn Store) {
    let [a, b] = ["a", "b"].map(|name| samples::resend(name, 0));
    store.commit(vec![Write::Resend(b.clone()), Write::Resend(a.clone())]).await.unwrap();
    assert_eq!(store.resends().await.unwrap(), [a.clone(), b.clone()]);
    let looked = samples::resend("a", 1);
    store.commit(vec![Write::Resend(looked.clone()), Write::ResendSettled(b.name)]).await.unwrap();
    assert_eq!(store.resends().await.unwrap(), [looked]);
}
