//! What the account was sent, whatever the caller was told, and what became of it.

use jiff::Timestamp;
use spotcron::domain::{BatchJobId, BatchStatus, JobObservation, Site};
use spotcron::ports::BatchService;
use spotcron::run::SubmitRequest;
use spotcron::sim::SimCloud;

use super::shape::SET_VARIABLE;

/// DescribeJobs takes so many ids.
const IDS_PER_CALL: usize = 100;

/// One submission that was accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    pub id: BatchJobId,
    pub name: String,
    pub at: Timestamp,
    pub queue: String,
    site: Site,
    /// What its workload is told: its run, its parameter set ...
    pub run: String,
    pub set: String,
    /// ... and its indices, in the order of its children.
    pub indices: Vec<u32>,
    children: u16,
    /// The job and its children as they are in the end. Empty where Batch has forgotten them.
    seen: Vec<JobObservation>,
}

impl Sent {
    pub fn of(request: &SubmitRequest, id: &BatchJobId, at: Timestamp) -> Self {
        let told = |name: &str| {
            request.environment.get(name).map(|value| value.expose().to_owned()).unwrap_or_default()
        };
        Sent {
            id: id.clone(),
            name: request.name.to_string(),
            at,
            queue: request.queue.clone(),
            site: request.site.clone(),
            run: told("SPOTCRON_RUN_ID"),
            set: told(SET_VARIABLE),
            indices: read_map(&told("SPOTCRON_INDEX_MAP")),
            children: request.array_size.unwrap_or(0),
            seen: Vec::new(),
        }
    }

    pub async fn look(&mut self, account: &SimCloud) {
        let children =
            (0..self.children).map(|child| BatchJobId::new(format!("{}:{child}", self.id)));
        let ids: Vec<BatchJobId> = [self.id.clone()].into_iter().chain(children).collect();
        for some in ids.chunks(IDS_PER_CALL) {
            self.seen.extend(account.describe(&self.site, some).await.unwrap());
        }
    }

    fn job(&self, id: &str) -> Option<&JobObservation> {
        self.seen.iter().find(|job| job.id.as_str() == id)
    }

    /// When it ended, and whether it succeeded. `None` while it goes on.
    pub fn end(&self) -> Option<(Timestamp, bool)> {
        end_of(self.job(self.id.as_str())?)
    }

    /// Whether Batch has forgotten it.
    pub fn is_forgotten(&self) -> bool {
        self.seen.is_empty()
    }

    /// Each of its indices that succeeded, and when.
    pub fn succeeded(&self) -> Vec<(u32, Timestamp)> {
        let place = |(place, index): (usize, &u32)| {
            let id = match self.children {
                0 => self.id.to_string(),
                _ => format!("{}:{place}", self.id),
            };
            let (at, well) = end_of(self.job(&id)?)?;
            well.then_some((*index, at))
        };
        self.indices.iter().enumerate().filter_map(place).collect()
    }

    /// Whether its own program ended it with an error.
    pub fn exited_badly(&self) -> bool {
        let badly = |job: &JobObservation| {
            let last = job.attempts.last();
            last.is_some_and(|last| last.container.exit_code == Some(1))
        };
        self.seen.iter().any(badly)
    }
}

fn end_of(job: &JobObservation) -> Option<(Timestamp, bool)> {
    job.status.is_final().then_some(())?;
    Some((job.stopped_at?, job.status == BatchStatus::Succeeded))
}

/// `3,7-9` read as a workload reads it.
fn read_map(text: &str) -> Vec<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap();
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .flat_map(|part| match part.split_once('-') {
            Some((first, last)) => number(first)..=number(last),
            None => number(part)..=number(part),
        })
        .collect()
}
