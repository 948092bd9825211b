//! Whose turn it is in a backfill.

use serde_json::json;
use spotcron::control::without_place;
use spotcron::run::{Run, RunState};

use super::{World, command, started};
use crate::samples::at;

fn backfilled(at_once: u16) -> Vec<Run> {
    let ruling = World::new().judge(&command(json!({
        "command": "backfill", "job": "report", "at_once": at_once,
        "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T10:40:00Z",
    })));
    started(&ruling.unwrap())
}

/// The minutes of those that may go, whatever order they are looked at in.
fn may_go(open: &[Run], world: &World) -> Vec<String> {
    let held = without_place(open.iter().rev(), &world.controls);
    assert_eq!(held, without_place(open, &world.controls));
    let free =
        |run: &&Run| matches!(run.state, RunState::Waiting { .. }) && !held.contains(&run.id);
    let minute = |run: &Run| run.scheduled_for.strftime("%H:%M").to_string();
    open.iter().filter(free).map(minute).collect()
}

#[test]
fn the_oldest_go_first_and_only_so_many_are_under_way() {
    let world = World::new();
    let mut open = backfilled(2);
    assert_eq!(may_go(&open, &world), ["10:00", "10:10"]);
    open[0].state = RunState::Watching;
    assert_eq!(may_go(&open, &world), ["10:10"]);
    open[1].state = RunState::Watching;
    assert_eq!(may_go(&open, &world), [""; 0]);
    open.remove(0);
    assert_eq!(may_go(&open, &world), ["10:20"], "the first has ended");
}

#[test]
fn two_backfills_do_not_share_their_places() {
    let world = World::new();
    let mut open = backfilled(1);
    let mut other = World { now: at("2026-11-21T12:00:01Z"), ..World::new() };
    other.existing = open.iter().map(|run| run.id.clone()).collect();
    let ruling = other.judge(&command(json!({
        "command": "backfill", "job": "report", "at_once": 1,
        "from": "2026-11-21T09:00:00Z", "to": "2026-11-21T09:10:00Z",
    })));
    open.extend(started(&ruling.unwrap()));
    assert_eq!(may_go(&open, &world), ["10:00", "09:00"]);
}

#[test]
fn nothing_of_a_paused_job_goes() {
    let mut world = World::new();
    world.carry_out(&command(json!({ "command": "pause", "jobs": "all" })));
    assert_eq!(may_go(&backfilled(2), &world), [""; 0]);
}
