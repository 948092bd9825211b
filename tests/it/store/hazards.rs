//! What was watched of pools, which every store must keep.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spotcron::domain::{AccountRegion, Pool, Window};
use spotcron::experience::{Experience, Hazards};
use spotcron::ports::{Store, Write};

/// Two interruptions and much time in one pool, little in another, and the first again in another account.
fn watched() -> Hazards {
    let mut hazards = Hazards::default();
    let own = AccountRegion::from("eu-west-1");
    let other = AccountRegion::from("123456789012:eu-west-1");
    let pool = |zone: &str| Pool { zone: zone.into(), instance_type: "m6i.large".into() };
    let hour = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
    let (a, b) = (pool("eu-west-1a"), pool("eu-west-1b"));
    hazards.record(&own, &a, Window::new(hour(1), hour(40)), true);
    hazards.record(&own, &a, Window::new(hour(41), hour(42)), true);
    hazards.record(&own, &b, Window::new(hour(2), hour(3)), false);
    hazards.record(&other, &a, Window::new(hour(2), hour(3)), true);
    hazards
}

pub async fn what_was_watched_of_pools_is_replaced_whole(store: &dyn Store) {
    let hazards = Arc::new(watched());
    let experience = Experience { hazards: Arc::clone(&hazards), ..Experience::default() };
    store.commit(vec![Write::Experience(experience.clone())]).await.unwrap();
    let read = store.experience().await.unwrap();
    assert_eq!(read, experience);
    assert_eq!(read.hazards.pools().count(), 3);
    // It goes on where it was: an interruption that was counted is not counted again.
    let pool = Pool { zone: "eu-west-1a".into(), instance_type: "m6i.large".into() };
    let end = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(42);
    let mut goes_on = Hazards::clone(&read.hazards);
    goes_on.record(&"eu-west-1".into(), &pool, Window::new(end, end), true);
    assert_eq!(goes_on, *hazards);
    store.commit(vec![Write::Experience(Experience::default())]).await.unwrap();
    assert_eq!(store.experience().await.unwrap(), Experience::default());
}
