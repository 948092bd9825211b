//! How large a run's input is, where its job says which parameter tells.

use super::Run;
use super::intent::facts;
use crate::catalogue::Job;
use crate::domain::{InputSize, Redacted};
use crate::experience::durations::RunSize;

/// The size of the run's input: what is submitted under that name, or what its parameter set has there.
pub fn size_of(run: &Run, job: &Job) -> RunSize {
    let Some(name) = job.input_size_parameter.as_deref() else { return RunSize::NotNamed };
    let by_hand = run.by_hand.parameters.get(name).map(|value| value.expose().to_owned());
    let submitted = || {
        let submission = &job.submission;
        match submission.templates.parameters.get(name) {
            Some(template) => template.fill(facts(run, job)).ok(),
            None => submission.parameters.get(name).map(Redacted::expose).map(str::to_owned),
        }
    };
    let in_set = || run.set.as_ref().and_then(|set| set.fields.get(name).cloned());
    let text = by_hand.or_else(submitted).or_else(in_set);
    let size = text.and_then(|text| InputSize::parse(&text));
    size.map_or(RunSize::Missing, RunSize::Known)
}
