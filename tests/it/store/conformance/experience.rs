//! What was seen of environments.

use std::collections::BTreeMap;

use spotcron::experience::{EnvironmentExperience, Experience, Trips};
use spotcron::ports::{Store, Write};

use super::super::samples::{at, pool};

pub async fn experience_is_replaced_whole(store: &dyn Store) {
    let seen = EnvironmentExperience {
        attempts: 12,
        running_millis: 3_600_000,
        interruptions: 2,
        placements: BTreeMap::from([
            (pool("eu-west-1a", "m6i.large"), 9),
            (pool("eu-west-1b", "c6i.large"), 3),
        ]),
        starved_at: Some(at(4)),
        last_trouble: Some(at(5)),
        troubles_in_a_row: 1,
        lost: Default::default(),
        trips: Trips { opened_at: Some(at(3)), in_a_row: 2 },
    };
    let mut experience = Experience::default();
    experience.environments.insert("a".into(), seen.clone());
    experience.environments.insert("b".into(), EnvironmentExperience::default());
    experience.note_choice(&"nightly".into(), &"a".into(), at(6));
    experience.note_choice(&"hourly".into(), &"b".into(), at(7));
    store.commit(vec![Write::Experience(experience.clone())]).await.unwrap();
    assert_eq!(store.experience().await.unwrap(), experience);
    let mut later = Experience::default();
    later.note_choice(&"nightly".into(), &"b".into(), at(8));
    later.environments.insert("a".into(), EnvironmentExperience { attempts: 13, ..seen });
    store.commit(vec![Write::Experience(later.clone())]).await.unwrap();
    assert_eq!(store.experience().await.unwrap(), later);
}
