//! The RUNNABLE jobs of a queue, found by what the scheduler asks for: who comes next that has no
//! place yet, and who of those with room set aside. So that a queue of thousands that only wait for
//! their instances costs a look at each kind of need, not at each job.

use std::collections::BTreeMap;

use crate::domain::Resources;

use super::job::JobKey;

/// Jobs by their place in the queue; lower is nearer to the head.
type ByPlace = BTreeMap<i64, JobKey>;

#[derive(Debug, Default)]
pub(crate) struct WaitingJobs {
    all: ByPlace,
    /// Those without room set aside.
    homeless: ByPlace,
    /// Those with room set aside, by what they need (vCPUs, memory, GPUs).
    reserved: BTreeMap<(u32, u32, u32), ByPlace>,
}

/// One of the waiting jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) order: i64,
    pub(crate) job: JobKey,
}

impl WaitingJobs {
    pub(crate) fn all(&self) -> &ByPlace {
        &self.all
    }

    /// A job without a place comes in.
    pub(crate) fn enter(&mut self, order: i64, job: JobKey) {
        self.all.insert(order, job);
        self.homeless.insert(order, job);
    }

    /// Takes a job out that has no room set aside, and says whether it was in.
    pub(crate) fn leave(&mut self, order: i64, job: JobKey) -> bool {
        // A job that never entered has an order, too, which may be another's.
        let is_in = self.all.get(&order) == Some(&job);
        if is_in {
            self.all.remove(&order);
            self.homeless.remove(&order);
        }
        is_in
    }

    /// Room is set aside for a job that waits.
    pub(crate) fn reserve(&mut self, order: i64, need: &Resources) {
        if let Some(job) = self.homeless.remove(&order) {
            self.reserved.entry(key_of(need)).or_default().insert(order, job);
        }
    }

    /// The room of a job is given back; it still waits.
    pub(crate) fn unreserve(&mut self, order: i64, need: &Resources) {
        let key = key_of(need);
        let Some(alike) = self.reserved.get_mut(&key) else { return };
        if let Some(job) = alike.remove(&order) {
            self.homeless.insert(order, job);
        }
        if alike.is_empty() {
            self.reserved.remove(&key);
        }
    }

    /// Those without room set aside, in order.
    pub(crate) fn homeless(&self) -> impl Iterator<Item = JobKey> {
        self.homeless.values().copied()
    }

    /// The first from the place `from` on that either has no room set aside, or for whose need
    /// `there_is_room` now.
    pub(crate) fn next_placeable(
        &self,
        from: i64,
        there_is_room: impl Fn(&Resources) -> bool,
    ) -> Option<Waiting> {
        let mut next = first(&self.homeless, from);
        for (&(vcpu_millis, memory_mib, gpus), alike) in &self.reserved {
            let Some(waiting) = first(alike, from) else { continue };
            let is_earlier = next.is_none_or(|next| waiting.order < next.order);
            if is_earlier && there_is_room(&Resources { vcpu_millis, memory_mib, gpus }) {
                next = Some(waiting);
            }
        }
        next
    }
}

fn first(jobs: &ByPlace, from: i64) -> Option<Waiting> {
    jobs.range(from..).next().map(|(order, job)| Waiting { order: *order, job: *job })
}

fn key_of(need: &Resources) -> (u32, u32, u32) {
    (need.vcpu_millis, need.memory_mib, need.gpus)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::sim::random::Seed;

    fn need(vcpus: u32) -> Resources {
        Resources { vcpu_millis: vcpus * 1000, memory_mib: vcpus * 1024, gpus: 0 }
    }

    /// The slow way: a list of (order, job, what is set aside for it), looked through from `from`.
    #[test]
    fn the_next_job_is_the_one_that_a_look_at_each_finds() {
        let mut rng = Seed(7).stream("waiting", "");
        let mut waiting = WaitingJobs::default();
        let mut list: BTreeMap<i64, (JobKey, Option<u32>)> = BTreeMap::new();
        let (mut front, mut found) = (0, [0, 0]);
        for step in 0..3_000 {
            let any = list.keys().nth(rng.random_range(0..list.len().max(1))).copied();
            match (rng.random_range(0..16), any) {
                (0 | 1, _) | (_, None) => {
                    front -= 1;
                    let order = if step % 7 == 0 { front } else { step };
                    waiting.enter(order, step as JobKey);
                    list.insert(order, (step as JobKey, None));
                }
                (2..13, Some(order)) => {
                    let vcpus = rng.random_range(1..4);
                    if list[&order].1.is_none() {
                        waiting.reserve(order, &need(vcpus));
                        list.entry(order).and_modify(|(_, reserved)| *reserved = Some(vcpus));
                    }
                }
                (_, Some(order)) => {
                    if let Some(vcpus) = list[&order].1 {
                        waiting.unreserve(order, &need(vcpus));
                        list.entry(order).and_modify(|(_, reserved)| *reserved = None);
                    } else if rng.random_range(0..2) == 0 {
                        let (job, _) = list.remove(&order).unwrap();
                        assert!(waiting.leave(order, job));
                        assert!(!waiting.leave(order, job), "it left already");
                    }
                }
            }
            let last_homeless =
                list.iter().rev().find(|(_, (_, reserved))| reserved.is_none()).map(|(at, _)| *at);
            let begin = if step % 2 == 0 { any } else { last_homeless };
            let from = begin.map_or(i64::MIN, |at| at + i64::from(rng.random_range(0..2_u8)));
            let room = rng.random_range(0..4);
            let slowly = list
                .range(from..)
                .find(|(_, (_, reserved))| reserved.is_none_or(|vcpus| vcpus <= room))
                .map(|(order, (job, _))| Waiting { order: *order, job: *job });
            let next = waiting.next_placeable(from, |need| need.vcpu_millis <= room * 1000);
            assert_eq!(next, slowly, "from {from}, room {room}");
            found[usize::from(next.is_some())] += 1;
            let homeless = list.values().filter(|(_, reserved)| reserved.is_none());
            assert!(waiting.homeless().eq(homeless.map(|(job, _)| *job)));
        }
        assert!(found.iter().all(|times| *times > 300), "{found:?}: the test looked one way only");
    }
}
