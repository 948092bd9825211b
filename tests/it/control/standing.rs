//! Pauses, and classes kept on demand.

use serde_json::json;
use spotcron::control::{Answer, Command, Jobs, Refusal, RefusalKind};
use spotcron::decision::{ForcedOnDemand, ForcedScope};

use super::{World, command};
use crate::samples::{at, mins};

fn pause(job: &str) -> Command {
    command(json!({ "command": "pause", "jobs": { "job": job }, "note": "moving house" }))
}

fn resume(job: &str) -> Command {
    command(json!({ "command": "resume", "jobs": { "job": job } }))
}

#[test]
fn a_pause_says_who_when_and_why_until_it_is_ended() {
    let mut world = World::new();
    world.carry_out(&pause("report"));
    let known = world.controls.pause_of(&"report".into()).unwrap().clone();
    assert_eq!((known.by.as_str(), known.note.as_str()), ("alice", "moving house"));
    assert_eq!(known.since, world.now);
    assert_eq!(world.controls.pause_of(&"single".into()), None);
    let again = world.judge(&pause("report")).unwrap_err();
    let jobs = Jobs::Job("report".into());
    assert_eq!(again, Refusal::AlreadyPaused { jobs: jobs.clone(), pause: known.clone() });
    assert_eq!(
        again.to_string(),
        "report is paused already, by alice since 2026-11-21 12:00:00Z: moving house"
    );
    let ended = world.carry_out(&resume("report")).answer;
    assert_eq!(ended, Answer::Resumed { jobs: jobs.clone(), pause: known, caveats: Vec::new() });
    assert_eq!(world.controls.pause_of(&"report".into()), None);
    assert_eq!(world.judge(&resume("report")).unwrap_err(), Refusal::NotPaused { jobs });
}

#[test]
fn all_jobs_are_paused_and_resumed_apart_from_each() {
    let mut world = World::new();
    let all = |what: &str| command(json!({ "command": what, "jobs": "all" }));
    world.carry_out(&all("pause"));
    assert!(world.controls.pause_of(&"of a later catalogue".into()).is_some());
    let refusal = world.judge(&resume("report")).unwrap_err();
    assert!(matches!(refusal, Refusal::AllPaused { .. }), "{refusal}");
    world.carry_out(&pause("report"));
    let own = world.carry_out(&resume("report")).answer.to_string();
    assert!(own.contains("All jobs are still paused by alice"), "{own}");
    world.carry_out(&pause("report"));
    world.carry_out(&all("resume"));
    assert!(world.controls.pause_of(&"report".into()).is_some(), "its own pause goes on");
    assert!(world.controls.pause_of(&"single".into()).is_none());
}

#[test]
fn what_is_not_in_the_catalogue_cannot_be_paused_but_resumed() {
    let mut world = World::new();
    let refusal = world.judge(&pause("nobody")).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::NotFound);
    world.carry_out(&pause("report"));
    world.catalogue.jobs.remove("report");
    world.carry_out(&resume("report"));
}

#[test]
fn a_class_is_kept_on_demand_for_as_long_as_was_said() {
    let mut world = World::new();
    let force = json!({ "command": "force-on-demand", "class": "c", "for_secs": 3600 });
    world.carry_out(&command(force));
    let until = Some(world.now + mins(60));
    let (by, scope) = ("alice".to_owned(), ForcedScope::Class);
    let expected = Some(ForcedOnDemand { by, scope, until });
    assert_eq!(world.controls.forced(&"c".into(), world.now), expected);
    assert_eq!(world.controls.forced(&"spot-only".into(), world.now), None);
    assert_eq!(world.controls.forced(&"c".into(), at("2026-11-21T13:00:00.25Z")), None);
    let end = command(json!({ "command": "end-force-on-demand", "class": "c" }));
    world.carry_out(&end);
    assert_eq!(world.controls.forced(&"c".into(), world.now), None);
    let refusal = world.judge(&end).unwrap_err();
    assert_eq!(refusal, Refusal::NotForced { class: "c".into() });
}

#[test]
fn a_class_that_has_only_spot_cannot_be_forced() {
    let force = |class: &str| command(json!({ "command": "force-on-demand", "class": class }));
    let world = World::new();
    let refusal = world.judge(&force("spot-only")).unwrap_err();
    assert_eq!(refusal, Refusal::NoSteadyCapacity { class: "spot-only".into() });
    assert_eq!(world.judge(&force("x")).unwrap_err().kind(), RefusalKind::NotFound);
}

#[test]
fn notes_are_short_and_on_one_line() {
    let world = World::new();
    for note in ["a\nb".to_owned(), "x".repeat(301), "\u{1b}[31m".to_owned()] {
        let refusal = world.judge(&Command::Pause { jobs: Jobs::All, note }).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Invalid, "{refusal}");
    }
}

#[test]
fn unknown_keys_and_commands_are_no_commands() {
    for wrong in [
        json!({ "command": "pause", "jobs": "all", "not": "typed right" }),
        json!({ "command": "pause" }),
        json!({ "command": "pause", "jobs": "everything" }),
        json!({ "command": "trigger", "job": "report", "environment": { "A": "b" } }),
        json!({ "command": "trigger", "job": "report", "shell": ["rm"] }),
        json!({ "command": "shutdown" }),
    ] {
        let read = serde_json::from_value::<Command>(wrong.clone());
        assert!(read.is_err(), "{wrong} was read as {read:?}");
    }
}
