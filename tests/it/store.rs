//! The store: what every store must do (`conformance`, `groups`, `learnt`), checked on both modes; files that are
//! refused, crashes, owners (`files`); copies and the way back (`backup`); and random batches
//! against a plain model (`model`).

mod backup;
mod commands;
mod conformance;
mod crash;
mod files;
mod groups;
mod hazards;
mod learnt;
mod model;
pub mod samples;

use spotcron::ports::StoreIdentity;
use spotcron::store::SqliteStore;

fn identity() -> StoreIdentity {
    StoreIdentity::Simulation { seed: 7 }
}

fn in_memory() -> SqliteStore {
    SqliteStore::in_memory(identity()).unwrap()
}

/// A folder that goes away with the test, and the path of a store in it.
fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spotcron.db");
    (folder, path)
}

macro_rules! on_both_modes {
    ($($list:ident::$name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$list::$name(&super::in_memory()).await;
            })+
        }
        mod file {
            $(#[tokio::test]
            async fn $name() {
                let (_folder, path) = super::folder();
                let store = spotcron::store::SqliteStore::open(&path, super::identity()).unwrap();
                super::$list::$name(&store).await;
            })+
        }
    };
}

on_both_modes!(
    conformance::a_new_store_is_empty,
    conformance::runs_are_inserted_once_and_updated_in_turn,
    conformance::runs_are_listed_newest_first,
    conformance::a_batch_with_a_conflict_writes_nothing,
    conformance::a_batch_may_name_things_in_any_order,
    conformance::what_belongs_to_nothing_is_refused,
    conformance::events_come_back_oldest_first,
    conformance::attempts_are_unsettled_until_their_entry_is_for_good,
    conformance::entries_are_replaced_and_found_by_their_end,
    conformance::counters_add_up_exactly,
    conformance::numbers_that_do_not_fit_are_refused,
    conformance::schedules_are_handled_up_to_a_time,
    conformance::names_that_were_sent_again_are_kept_until_they_are_settled,
    conformance::instances_are_live_until_their_end,
    conformance::shapes_come_back,
    conformance::price_points_are_an_archive,
    conformance::latest_prices_are_one_a_pool_of_the_region,
    conformance::prices_of_accounts_are_kept_apart,
    conformance::price_coverage_never_goes_back,
    conformance::list_prices_hold_from_their_date,
    conformance::fargate_prices_come_newest_first,
    conformance::environment_markets_are_replaced,
    conformance::experience_is_replaced_whole,
    hazards::what_was_watched_of_pools_is_replaced_whole,
    learnt::durations_are_replaced_by_job_and_forgotten,
    learnt::a_day_that_is_reconciled_again_is_replaced,
    groups::sets_of_one_time_are_counted_and_folded,
    groups::the_previous_success_is_that_of_the_same_set,
);
