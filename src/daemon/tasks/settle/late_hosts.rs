//! Machines that could not be looked up while their attempt was watched: AWS shows them for an hour
//! more, and without them an attempt has no price.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::daemon::tasks::machines::known_machines_behind;
use crate::daemon::{Change, Shared};
use crate::domain::Site;
use crate::ports::{ServiceError, Write};
use crate::run::{AttemptKey, AttemptRecord};

/// DescribeContainerInstances and DescribeInstances take so many at once.
const PER_CALL: usize = 100;
/// ECS describes a container instance for an hour after its termination (simulated-aws.md §4: ECS and EC2
/// documentation), so that later than this after the attempt's end nothing more is to be had.
const STILL_SHOWN: SignedDuration = SignedDuration::from_hours(1);

/// Which attempts are still looked for.
#[derive(Debug, Default)]
pub(super) struct LateHosts {
    /// AWS answered, and did not show their machine.
    not_shown: BTreeSet<AttemptKey>,
}

impl LateHosts {
    /// Whether the attempt's machine may still be found.
    pub(super) fn may_come(&self, attempt: &AttemptRecord, now: Timestamp) -> bool {
        let ended = attempt.stopped_at.unwrap_or(now);
        attempt.host.is_none()
            && attempt.started_at.is_some()
            && attempt.container_instance_arn.is_some()
            && now.duration_since(ended) < STILL_SHOWN
            && !self.not_shown.contains(&attempt.key)
    }

    /// Asks for the machines of `pending` that are missing. What fails is asked for again at the
    /// next activation, and keeps no other place waiting.
    pub(super) async fn look(
        &mut self,
        shared: &Shared,
        pending: &mut BTreeMap<AttemptKey, AttemptRecord>,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<(), ServiceError> {
        self.not_shown.retain(|key| pending.contains_key(key));
        let mut wanted: BTreeMap<Site, BTreeMap<String, Vec<AttemptKey>>> = BTreeMap::new();
        for attempt in pending.values().filter(|attempt| self.may_come(attempt, now)) {
            let Some(arn) = &attempt.container_instance_arn else { continue };
            let there = wanted.entry(attempt.site.clone()).or_default();
            there.entry(arn.clone()).or_default().push(attempt.key.clone());
        }
        let mut failure = None;
        for (site, mut attempts_on) in wanted {
            let arns: Vec<String> = attempts_on.keys().cloned().collect();
            for chunk in arns.chunks(PER_CALL) {
                let (hosts, facts) = match known_machines_behind(shared, &site, chunk).await {
                    Ok(found) => found,
                    Err(error) => {
                        failure = Some(ServiceError::over(error, failure));
                        break;
                    }
                };
                for facts in facts.iter().filter_map(|facts| shared.note_instance(facts)) {
                    change.write(Write::Instance(facts));
                }
                for (arn, host) in hosts {
                    for key in attempts_on.remove(&arn).unwrap_or_default() {
                        let Some(attempt) = pending.get_mut(&key) else { continue };
                        attempt.host = Some(host.clone());
                        change.write(Write::Attempt(attempt.clone()));
                    }
                }
                for arn in chunk {
                    self.not_shown.extend(attempts_on.remove(arn).unwrap_or_default());
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
