//! Commands about what is in force from now on: pauses, and classes kept on demand.

use jiff::SignedDuration;

use super::{Answer, Caveat, ClassOverride, Effect, Facts, Jobs, Pause, Refusal, Ruling};
use crate::domain::ClassName;

pub(super) fn pause(jobs: &Jobs, note: &str, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    if let Jobs::Job(job) = jobs
        && !facts.catalogue.jobs.contains_key(job)
    {
        return Err(Refusal::UnknownJob { job: job.clone() });
    }
    if let Some(pause) = facts.controls.pause(jobs) {
        return Err(Refusal::AlreadyPaused { jobs: jobs.clone(), pause: pause.clone() });
    }
    let pause = Pause { by: facts.by.to_owned(), since: facts.now, note: note.to_owned() };
    let effects = vec![Effect::Pause(jobs.clone(), Some(pause))];
    Ok(Ruling { answer: Answer::Paused { jobs: jobs.clone() }, effects })
}

/// Also of a job that has left the catalogue: its pause would otherwise wait for its return.
pub(super) fn resume(jobs: &Jobs, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    let controls = facts.controls;
    let Some(pause) = controls.pause(jobs).cloned() else {
        return Err(match (jobs, &controls.all_paused) {
            (Jobs::Job(job), Some(pause)) => {
                Refusal::AllPaused { job: job.clone(), pause: pause.clone() }
            }
            _ => Refusal::NotPaused { jobs: jobs.clone() },
        });
    };
    let still = controls.all_paused.clone().filter(|_| *jobs != Jobs::All);
    let caveats = still.map(|pause| Caveat::AllStillPaused { pause }).into_iter().collect();
    let effects = vec![Effect::Pause(jobs.clone(), None)];
    Ok(Ruling { answer: Answer::Resumed { jobs: jobs.clone(), pause, caveats }, effects })
}

pub(super) fn force(
    name: &ClassName,
    for_secs: Option<u32>,
    note: &str,
    facts: &Facts<'_>,
) -> Result<Ruling, Refusal> {
    let Some(class) = facts.catalogue.classes.get(name) else {
        return Err(Refusal::UnknownClass { class: name.clone() });
    };
    let mut environments = facts.catalogue.environments_of(class);
    if environments.all(|environment| environment.capacity.is_interruptible()) {
        return Err(Refusal::NoSteadyCapacity { class: name.clone() });
    }
    let span = for_secs.map(|secs| SignedDuration::from_secs(secs.into()));
    let until = span.and_then(|span| facts.now.checked_add(span).ok());
    let forced =
        ClassOverride { by: facts.by.to_owned(), since: facts.now, until, note: note.to_owned() };
    let effects = vec![Effect::Force(name.clone(), Some(forced))];
    Ok(Ruling { answer: Answer::Forced { class: name.clone(), until }, effects })
}

pub(super) fn end_force(name: &ClassName, facts: &Facts<'_>) -> Result<Ruling, Refusal> {
    if facts.controls.override_of(name, facts.now).is_none() {
        return Err(Refusal::NotForced { class: name.clone() });
    }
    let effects = vec![Effect::Force(name.clone(), None)];
    Ok(Ruling { answer: Answer::ForceEnded { class: name.clone() }, effects })
}
