//! Names of Batch's resources.

use crate::sim::job::{Job, JobSpec};
use crate::sim::state::State;

impl State {
    /// `arn:aws:batch:region:account:` and what follows.
    fn batch_arn(&self, resource: &str) -> String {
        let (region, account) = (&self.scenario.region, &self.scenario.account_id);
        format!("arn:aws:batch:{region}:{account}:{resource}")
    }

    pub(super) fn job_arn(&self, id: &str) -> String {
        self.batch_arn(&format!("job/{id}"))
    }

    pub(super) fn definition_arn(&self, spec: &JobSpec) -> String {
        self.batch_arn(&format!("job-definition/{}:{}", spec.definition, spec.revision))
    }

    /// The ARN of the queue that a job was submitted to.
    pub(super) fn queue_arn(&self, job: &Job) -> &str {
        self.queues.get(job.queue).map_or("", |queue| &queue.arn)
    }
}

/// Whether this can be a job's id: a UUID, for a child of an array with `:index`.
pub(super) fn is_job_id(id: &str) -> bool {
    let (uuid, index) = match id.split_once(':') {
        Some((uuid, index)) => (uuid, Some(index)),
        None => (id, None),
    };
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
        && index.is_none_or(|index| index.parse::<u32>().is_ok())
}
