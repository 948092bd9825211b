//! The runs of one scheduled time that differ in their parameter sets, as one line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::render::table::{Text, Tone, plain, toned};
use crate::domain::{ClassName, JobName, RunId, RunOutcome};
use crate::ports::{Store, StoreError};
use crate::run::Run;

/// One scheduled time of a job with parameter sets.
#[derive(Debug, Serialize)]
pub struct GroupLine {
    /// What the ids of its runs begin with.
    pub id: RunId,
    pub job: JobName,
    pub class: ClassName,
    pub scheduled_for: Timestamp,
    /// How many runs it has.
    pub runs: u64,
    /// How many are in each state, by its label.
    pub states: BTreeMap<String, u64>,
}

impl GroupLine {
    /// The group of `run`; `None` for a run that is alone.
    pub(super) async fn of(run: &Run, store: &dyn Store) -> Result<Option<Self>, StoreError> {
        if run.set.is_none() {
            return Ok(None);
        }
        let id = run.group();
        let states = store.group_states(&id, &run.job, run.scheduled_for).await?;
        Ok(Some(GroupLine {
            id,
            job: run.job.clone(),
            class: run.class.clone(),
            scheduled_for: run.scheduled_for,
            runs: states.values().sum(),
            states,
        }))
    }

    pub(super) fn cells(&self) -> [Text; 10] {
        let nothing = || plain("-");
        [
            toned(Tone::Strong, format!("{} ({} runs)", self.id, self.runs)),
            self.states_text(),
            plain(&self.class),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            plain(""),
        ]
    }

    fn states_text(&self) -> Text {
        let bad = [RunOutcome::Failed, RunOutcome::Rejected, RunOutcome::Unknown];
        let has = |outcome: &RunOutcome| self.states.contains_key(outcome.label());
        let all = |outcome: RunOutcome| self.states.get(outcome.label()) == Some(&self.runs);
        let tone = match () {
            () if bad.iter().any(has) => Tone::Bad,
            () if all(RunOutcome::Succeeded) => Tone::Good,
            () => Tone::Plain,
        };
        let counts = self.states.iter().map(|(state, count)| format!("{count} {state}"));
        toned(tone, counts.collect::<Vec<_>>().join(", "))
    }
}
