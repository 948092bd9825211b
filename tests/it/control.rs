//! What commands do, and why they are refused: cases of the pure core.

mod existing;
mod forced;
mod new;
mod places;
mod refusals;
mod standing;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use spotcron::catalogue::{Catalogue, Job, ParameterSet};
use spotcron::control::{Command, Controls, Effect, Facts, Refusal, Ruling, judge};
use spotcron::domain::{Capacity, RunId};
use spotcron::run::Run;
use spotcron::schedule::Overlap;

use crate::samples::{self, at};

const NOW: &str = "2026-11-21T12:00:00.25Z";

/// Spot and on-demand; a job every ten minutes, one that runs one by one, and one of spot alone.
fn catalogue() -> Catalogue {
    let mut report = samples::job("report", "c", "*/10 * * * *", "UTC");
    Arc::make_mut(&mut report.submission).overridable_parameters = ["date".to_owned()].into();
    let single =
        Job { overlap: Overlap::BufferAll, ..samples::job("single", "c", "*/10 * * * *", "UTC") };
    let disabled = Job { enabled: false, ..samples::job("disabled", "c", "*/10 * * * *", "UTC") };
    let environments = vec![
        samples::environment("spot", Capacity::Spot),
        samples::environment("steady", Capacity::OnDemand),
    ];
    let class = samples::class("c", &["spot", "steady"]);
    let mut catalogue = samples::catalogue(environments, class, vec![report, single, disabled]);
    let spot = samples::class("spot-only", &["spot"]);
    catalogue.classes.insert(spot.name.clone(), spot.into());
    catalogue
}

/// What is so, with nothing in force and no run known; tests change what they are about.
struct World {
    catalogue: Catalogue,
    controls: Controls,
    now: Timestamp,
    run: Option<Run>,
    existing: BTreeSet<RunId>,
    open: Vec<Run>,
}

impl World {
    fn new() -> Self {
        World {
            catalogue: catalogue(),
            controls: Controls::default(),
            now: at(NOW),
            run: None,
            existing: BTreeSet::new(),
            open: Vec::new(),
        }
    }

    fn judge(&self, command: &Command) -> Result<Ruling, Refusal> {
        let open: Vec<&Run> = self.open.iter().collect();
        judge(
            command,
            &Facts {
                catalogue: &self.catalogue,
                controls: &self.controls,
                by: "alice",
                now: self.now,
                run: self.run.as_ref(),
                existing: &self.existing,
                open: &open,
            },
        )
    }

    /// Gives a job of the catalogue `count` parameter sets.
    fn give_sets(&mut self, job: &str, count: usize) {
        let set = |n: usize| ParameterSet::of([("n".to_owned(), n.to_string())].into());
        let job = Arc::make_mut(self.catalogue.jobs.get_mut(job).unwrap());
        job.sets = (0..count).map(|n| Arc::new(set(n))).collect();
    }

    /// Takes over what the command leaves in force.
    fn carry_out(&mut self, command: &Command) -> Ruling {
        let ruling = self.judge(command).unwrap();
        self.controls = self.controls.after(&ruling.effects);
        ruling
    }
}

/// A command as it is sent.
fn command(json: serde_json::Value) -> Command {
    serde_json::from_value(json).unwrap()
}

/// The runs that a ruling starts.
fn started(ruling: &Ruling) -> Vec<Run> {
    let run = |effect: &'_ Effect| match effect {
        Effect::Start(run, _) => run.as_ref().clone(),
        other => panic!("{other:?}"),
    };
    ruling.effects.iter().map(run).collect()
}
