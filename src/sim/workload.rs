//! How long attempts take and how they end: drawn per job name and attempt, never per order of
//! submission. Checkpointed work continues from what earlier attempts and legs saved.

use std::collections::HashMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::instant::{Millis, SECOND};
use super::random::{Seed, happens};
use super::scenario::DefinitionSpec;

/// No attempt takes longer: two weeks, what Fargate guarantees.
const LONGEST: f64 = 14.0 * 24.0 * 3600.0;

/// What an attempt will do if nobody disturbs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) run: Millis,
    pub(crate) exit_code: i32,
}

#[derive(Debug)]
pub(crate) struct Workload {
    seed: Seed,
    /// Work done and saved, and when.
    saved: HashMap<String, (Millis, Millis)>,
}

impl Workload {
    pub(crate) fn new(seed: Seed) -> Self {
        Workload { seed, saved: HashMap::new() }
    }

    fn stream(&self, job: &str, attempt: usize) -> ChaCha8Rng {
        self.seed.stream("workload", &format!("{job}#{attempt}"))
    }

    /// Whether this attempt's image cannot be pulled.
    pub(crate) fn pull_fails(&self, spec: &DefinitionSpec, job: &str, attempt: usize) -> bool {
        let probability = spec.pull_failure_probability;
        let key = format!("{job}#{attempt}");
        probability > 0.0 && happens(&mut self.seed.stream("pull", &key), probability)
    }

    /// The whole of the work, as one undisturbed attempt would do it.
    fn work(rng: &mut ChaCha8Rng, spec: &DefinitionSpec) -> Millis {
        let normal: f64 = StandardNormal.sample(rng);
        let seconds = f64::from(spec.median_secs) * (spec.sigma * normal).exp();
        ((seconds.min(LONGEST) * SECOND as f64) as Millis).max(SECOND)
    }

    /// What the attempt (from 1) of `job` does.
    pub(crate) fn plan(
        &self,
        spec: &DefinitionSpec,
        job: &str,
        attempt: usize,
        progress_key: &str,
    ) -> Plan {
        let mut rng = self.stream(job, attempt);
        let mut run = Self::work(&mut rng, spec);
        if spec.checkpoint_secs.is_some() {
            run = (self.checkpointed_work(spec, progress_key) - self.saved(progress_key))
                .max(SECOND)
                + self.restore(spec, progress_key);
        }
        if happens(&mut rng, spec.failure_probability) {
            let part: f64 = rng.random();
            let run = ((run as f64 * part) as Millis).max(SECOND);
            return Plan { run, exit_code: spec.failure_exit_code };
        }
        Plan { run, exit_code: 0 }
    }

    /// The work of a checkpointed run is one amount for all its attempts and legs.
    fn checkpointed_work(&self, spec: &DefinitionSpec, progress_key: &str) -> Millis {
        Self::work(&mut self.stream(progress_key, 0), spec)
    }

    /// Work saved so far.
    pub(crate) fn saved(&self, progress_key: &str) -> Millis {
        self.saved.get(progress_key).map_or(0, |(done, _)| *done)
    }

    fn restore(&self, spec: &DefinitionSpec, progress_key: &str) -> Millis {
        let needed = self.saved(progress_key) > 0;
        if needed { Millis::from(spec.restore_secs) * SECOND } else { 0 }
    }

    /// An attempt ran for `ran`; what it checkpointed is kept unless the job is done.
    pub(crate) fn ended(
        &mut self,
        spec: &DefinitionSpec,
        progress_key: &str,
        ran: Millis,
        succeeded: bool,
        now: Millis,
    ) {
        let Some(interval) = spec.checkpoint_secs else { return };
        if succeeded {
            self.saved.remove(progress_key);
            return;
        }
        let interval = Millis::from(interval) * SECOND;
        let worked = (ran - self.restore(spec, progress_key)).max(0);
        let done = self.saved(progress_key) + worked / interval * interval;
        if done > 0 {
            let whole = self.checkpointed_work(spec, progress_key);
            self.saved.insert(progress_key.to_owned(), (done.min(whole), now));
        }
    }

    /// Drops what was saved at or before `before`.
    pub(crate) fn forget(&mut self, progress_key: &str, before: Millis) {
        if self.saved.get(progress_key).is_some_and(|(_, at)| *at <= before) {
            self.saved.remove(progress_key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> DefinitionSpec {
        DefinitionSpec { name: "d".into(), median_secs: 1000, ..Default::default() }
    }

    #[test]
    fn durations_depend_on_name_and_attempt_only() {
        let workload = Workload::new(Seed(3));
        let plan = |job: &str, attempt| workload.plan(&spec(), job, attempt, job).run;
        assert_eq!(plan("a", 1), plan("a", 1));
        assert_ne!(plan("a", 1), plan("b", 1));
        assert_ne!(plan("a", 1), plan("a", 2));
        let mut runs: Vec<_> = (0..999).map(|n| plan(&format!("job-{n}"), 1)).collect();
        runs.sort_unstable();
        assert!((940_000..1_060_000).contains(&runs[499]), "median {}", runs[499]);
    }

    #[test]
    fn checkpoints_survive_attempts_and_legs() {
        let spec =
            DefinitionSpec { checkpoint_secs: Some(100), restore_secs: 30, sigma: 0.0, ..spec() };
        let mut workload = Workload::new(Seed(3));
        assert_eq!(workload.plan(&spec, "run-l0", 1, "run").run, 1_000_000);
        workload.ended(&spec, "run", 250_000, false, 0);
        assert_eq!(workload.plan(&spec, "run-l1", 1, "run").run, 830_000);
        // 30 s of the second attempt went into restoring, 99 s into unsaved work.
        workload.ended(&spec, "run", 129_000, false, 0);
        assert_eq!(workload.plan(&spec, "run-l2", 1, "run").run, 830_000);
        workload.ended(&spec, "run", 830_000, true, 0);
        assert_eq!(workload.saved("run"), 0);
    }
}
