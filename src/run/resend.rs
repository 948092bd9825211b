//! A name that went out once more, because nobody could see what became of the call before: should
//! that one have arrived after all, there are two jobs of the name.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Run;
use crate::domain::{BatchJobId, BatchJobName, BatchStatus, RunId, Site};

/// The name is looked at so long after it was sent again, and then after each look: after 5 minutes,
/// half an hour and two hours. A job that Batch showed too late is found by one of these looks if it
/// shows within the last of them.
const LATE_LOOKS: [SignedDuration; 3] =
    [SignedDuration::from_mins(5), SignedDuration::from_mins(25), SignedDuration::from_mins(90)];
/// Where no process lives long enough to wait so long, the looks that are left come at once after this.
const WAITS_NO_LONGER: SignedDuration = SignedDuration::from_hours(24);

/// Batch remembers a job for so long at most. A name is one leg's for ever, so that nothing depends on
/// the times of its jobs, which come from another clock than the intent's.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 8);

/// A leg whose name was sent more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    pub name: BatchJobName,
    pub run: RunId,
    pub leg: u16,
    pub site: Site,
    pub queue: String,
    /// When it was last found absent and sent again.
    pub at: Timestamp,
    /// Late looks so far.
    pub looks: u16,
    /// Jobs of the name that were superfluous and have been terminated.
    pub terminated: BTreeSet<BatchJobId>,
}

impl Resend {
    /// Of the run's last leg, whose name is sent again at `at`.
    pub fn of(run: &Run, at: Timestamp) -> Option<Resend> {
        let leg = run.last_leg()?;
        Some(Resend {
            name: leg.batch_name.clone(),
            run: run.id.clone(),
            leg: leg.index,
            site: leg.site.clone(),
            queue: leg.queue.clone(),
            at,
            looks: 0,
            terminated: BTreeSet::new(),
        })
    }

    /// Whether there were enough looks.
    pub fn is_settled(&self) -> bool {
        usize::from(self.looks) >= LATE_LOOKS.len()
    }

    /// Whether to look at `now`, after this process has waited for `waited` since it last did, or since
    /// it came to know of the name. The clock may have been set: it counts only where nobody waits.
    pub fn is_due(&self, waited: SignedDuration, now: Timestamp) -> bool {
        let wait = LATE_LOOKS.get(usize::from(self.looks));
        wait.is_some_and(|wait| waited >= *wait)
            || (wait.is_some() && now.duration_since(self.at) >= WAITS_NO_LONGER)
    }
}

/// What the run makes of a leg that was sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is the leg that the run watches, as this job.
    Watched(&'a BatchJobId),
    /// The run is over, or went on with another leg. This job was the leg's, if it ever had one.
    Past(Option<&'a BatchJobId>),
}

/// Which of several jobs of one name stays, the oldest coming first in `jobs`: the oldest, unless the
/// run has already learnt its end from another. `None`: the run needs none of them.
pub fn job_to_keep<'a>(
    jobs: &'a [(BatchJobId, BatchStatus)],
    standing: Standing<'a>,
) -> Option<&'a BatchJobId> {
    let watched = match standing {
        Standing::Past(job) => return job,
        Standing::Watched(job) => job,
    };
    let succeeded = |(id, status): &&(BatchJobId, BatchStatus)| {
        id == watched && *status == BatchStatus::Succeeded
    };
    let alive = |(_, status): &&(BatchJobId, BatchStatus)| *status != BatchStatus::Failed;
    let kept = jobs.iter().find(succeeded).or_else(|| jobs.iter().find(alive));
    Some(kept.map_or(watched, |(id, _)| id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use BatchStatus::{Failed, Runnable, Running, Succeeded};

    fn kept(jobs: [BatchStatus; 2], standing: Standing<'_>) -> Option<String> {
        let jobs: Vec<_> = ["old".into(), "young".into()].into_iter().zip(jobs).collect();
        job_to_keep(&jobs, standing).map(ToString::to_string)
    }

    #[test]
    fn the_oldest_stays_unless_another_has_already_told_the_end() {
        let (old, young) = ("old".into(), "young".into());
        let watched = Standing::Watched(&young);
        assert_eq!(kept([Runnable, Running], watched).as_deref(), Some("old"));
        assert_eq!(kept([Succeeded, Running], watched).as_deref(), Some("old"));
        assert_eq!(kept([Running, Succeeded], watched).as_deref(), Some("young"));
        assert_eq!(kept([Failed, Running], watched).as_deref(), Some("young"));
        assert_eq!(kept([Failed, Failed], watched).as_deref(), Some("young"));
        assert_eq!(kept([Running, Running], Standing::Watched(&old)).as_deref(), Some("old"));
        assert_eq!(
            kept([Running, Succeeded], Standing::Past(Some(&young))).as_deref(),
            Some("young")
        );
        assert_eq!(kept([Running, Running], Standing::Past(None)), None);
    }
}
