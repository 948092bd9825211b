//! Brings ended attempts into the ledger: as soon as the price archive covers them, and again when
//! their instance's end is known and may have made them free.

mod late_hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::late_hosts::LateHosts;
use crate::daemon::{Activation, AwaitedPrices, Change, Shared, Task, TaskError};
use crate::domain::{
    InstanceEnd, InstanceFacts, InstanceId, InstanceType, Lifecycle, Pool, Region, Window,
};
use crate::ledger::{Entry, EntryState, Evidence, Unpriced, counter_deltas, settle};
use crate::ports::{Activator, Write};
use crate::run::{AttemptKey, AttemptRecord, RunEvent, RunEventKind};

/// DescribeInstances is asked for so many at once.
const PER_CALL: usize = 100;
/// An instance that EC2 has not shown for so long has ended, and nobody knows how.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// A missing price is waited for so long after the attempt's end.
const PRICES_MAY_COME: SignedDuration = SignedDuration::from_hours(1);
/// The learnt experience is written at most so often.
const WRITE_EXPERIENCE: SignedDuration = SignedDuration::from_mins(15);

pub struct Settle {
    shared: Arc<Shared>,
    pending: BTreeMap<AttemptKey, AttemptRecord>,
    /// Instances whose facts changed since their attempts were last looked at.
    news: BTreeSet<InstanceId>,
    hosts: LateHosts,
    /// What was seen of attempts and instances and the store did not take yet.
    unwritten: Vec<Write>,
    /// What an earlier process learnt of instances and did not settle is not told again: at first
    /// every attempt is looked at.
    looked_at_all: bool,
    polled_at: Option<Timestamp>,
    experience_written: Option<Timestamp>,
}

impl Settle {
    pub fn new(shared: Arc<Shared>) -> Self {
        Settle {
            shared,
            pending: BTreeMap::new(),
            news: BTreeSet::new(),
            hosts: LateHosts::default(),
            unwritten: Vec::new(),
            looked_at_all: false,
            polled_at: None,
            experience_written: None,
        }
    }

    /// Asks EC2 after the instances whose end is not known, once a period.
    async fn poll_instances(
        &mut self,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<(), TaskError> {
        let period = self.period();
        if self.polled_at.is_some_and(|at| now.duration_since(at) < period) {
            return Ok(());
        }
        self.polled_at = Some(now);
        let mut failure = None;
        let mut by_region: BTreeMap<Region, Vec<InstanceId>> = BTreeMap::new();
        for facts in self.shared.instances().values().filter(|facts| facts.ended_at.is_none()) {
            by_region.entry(facts.region.clone()).or_default().push(facts.id.clone());
        }
        for (region, ids) in by_region {
            for chunk in ids.chunks(PER_CALL) {
                match self.shared.cloud.instances.instances(&region, chunk).await {
                    Ok(answer) => self.take_facts(chunk, answer, now, change),
                    Err(error) => failure = Some(error),
                }
            }
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    fn take_facts(
        &self,
        asked: &[InstanceId],
        answer: Vec<InstanceFacts>,
        now: Timestamp,
        change: &mut Change,
    ) {
        let mut answer: BTreeMap<InstanceId, InstanceFacts> =
            answer.into_iter().map(|facts| (facts.id.clone(), facts)).collect();
        for id in asked {
            let Some(known) = self.shared.instances().get(id).cloned() else { continue };
            let latest = match answer.remove(id) {
                Some(facts) => facts,
                None if now.duration_since(known.seen_at) > GONE_AFTER => InstanceFacts {
                    ended_at: Some(known.seen_at),
                    end: Some(InstanceEnd::Unknown),
                    ..known
                },
                None => continue,
            };
            if let Some(facts) = self.shared.note_instance(&latest) {
                change.write(Write::Instance(facts));
            }
        }
    }

    /// The ledger's line of one attempt, if it is time for one and it says something new.
    async fn entry(
        &self,
        attempt: &AttemptRecord,
        now: Timestamp,
    ) -> Result<Option<Entry>, TaskError> {
        let shared = &self.shared;
        let Some(ran) = attempt.window() else { return Ok(None) };
        let host = attempt.host.as_ref();
        let news = host.is_some_and(|host| self.news.contains(&host.instance_id));
        if !news && self.looked_at_all && shared.book.is_provisional(&attempt.key) {
            return Ok(None);
        }
        if self.hosts.may_come(attempt, now) || self.awaited_price(attempt).is_some() {
            return Ok(None);
        }
        let spot = match host.filter(|host| host.lifecycle == Lifecycle::Spot) {
            Some(host) => {
                let zone = host.zone.clone();
                let pool = Pool { zone, instance_type: host.instance_type.clone() };
                let window = Window::new(host.launched_at.min(ran.start), ran.end);
                Some(shared.book.store().price_series(&pool, window).await?)
            }
            None => None,
        };
        let terms = shared.terms_of(attempt);
        let list = match host {
            Some(host) => {
                shared
                    .desk
                    .list_price_at(shared, &attempt.region, &host.instance_type, ran.start)
                    .await?
            }
            None => None,
        };
        let instance = match host {
            Some(host) => self.facts(&host.instance_id).await?,
            None => None,
        };
        let shape = host.and_then(|host| shared.desk.shape(&host.instance_type));
        let fargate = match attempt.capacity.is_fargate() {
            true => {
                let (region, architecture) = (&attempt.region, terms.architecture);
                shared.desk.fargate_price_at(shared, region, architecture, ran.start).await?
            }
            false => None,
        };
        let entry = settle(
            attempt,
            &Evidence {
                instance: instance.as_ref(),
                shape: shape.as_deref(),
                spot: spot.as_ref(),
                price_mode: shared.settings.ledger.price_mode,
                on_demand: list,
                fargate: fargate.as_ref(),
                on_demand_discount: terms.on_demand_discount,
                fargate_spot_discount: terms.fargate_spot_discount,
            },
        );
        let known = shared.book.provisional(&attempt.key);
        Ok(entry
            .filter(|entry| known.as_ref() != Some(entry) && !(may_still_be_priced(entry, now))))
    }

    /// The type whose spot prices the attempt waits for, and since when it needs them. Without
    /// them a change of price during the attempt would be missed.
    fn awaited_price(
        &self,
        attempt: &AttemptRecord,
    ) -> Option<((Region, InstanceType), Timestamp)> {
        let host = attempt.host.as_ref().filter(|host| host.lifecycle == Lifecycle::Spot)?;
        let ran = attempt.window()?;
        let (region, instance_type) = (&attempt.region, &host.instance_type);
        let covered = self.shared.desk.spot_complete_until(region, instance_type);
        covered
            .is_none_or(|until| until < ran.end)
            .then(|| ((region.clone(), instance_type.clone()), host.launched_at.min(ran.start)))
    }

    /// Tells which prices the ledger waits for.
    fn tell_awaited_prices(&self) {
        let mut awaited = AwaitedPrices::new();
        for (key, since) in self.pending.values().filter_map(|a| self.awaited_price(a)) {
            let earliest = awaited.entry(key).or_insert(since);
            *earliest = since.min(*earliest);
        }
        *self.shared.awaited_prices() = awaited;
    }

    /// What is known of an instance. Its end may have been seen before the attempt's, and its facts
    /// have left the memory since.
    async fn facts(&self, id: &InstanceId) -> Result<Option<InstanceFacts>, TaskError> {
        let known = self.shared.instances().get(id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let stored = self.shared.book.store().instances(std::slice::from_ref(id)).await?;
        Ok(stored.into_iter().next())
    }

    fn write_experience(&mut self, now: Timestamp, change: &mut Change) {
        let due =
            self.experience_written.is_none_or(|at| now.duration_since(at) >= WRITE_EXPERIENCE);
        if due {
            change.write(Write::Experience(self.shared.experience().clone()));
            self.experience_written = Some(now);
        }
    }
}

/// A price that is not there yet may come with the next refresh.
fn may_still_be_priced(entry: &Entry, now: Timestamp) -> bool {
    let EntryState::Unpriced { why } = &entry.state else { return false };
    let a_price = matches!(
        why,
        Unpriced::SpotPriceUnknown | Unpriced::OnDemandPriceUnknown | Unpriced::FargatePriceUnknown
    );
    a_price && now.duration_since(entry.ended_at) < PRICES_MAY_COME
}

#[async_trait]
impl Task for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn period(&self) -> SignedDuration {
        self.shared.settings.periods.settle
    }

    fn bell(&self) -> Activator {
        self.shared.bells.settle.clone()
    }

    async fn activate(&mut self, now: Timestamp) -> Result<Activation, TaskError> {
        let ended = std::mem::take(&mut *self.shared.settling());
        self.pending.extend(ended.into_iter().map(|record| (record.key.clone(), record)));
        let mut change = Change::default();
        std::mem::take(&mut self.unwritten).into_iter().for_each(|write| change.write(write));
        let polled = self.poll_instances(now, &mut change).await;
        let found = self.hosts.look(&self.shared, &mut self.pending, now, &mut change).await;
        self.news.extend(self.shared.take_instance_news());
        let mut settled: Vec<AttemptKey> = Vec::new();
        for (key, attempt) in &self.pending {
            let Some(entry) = self.entry(attempt, now).await? else { continue };
            let before = self.shared.book.provisional(key);
            for (counter, by) in counter_deltas(before.as_ref(), &entry) {
                change.count(counter, by);
            }
            if !entry.is_provisional() {
                settled.push(key.clone());
                let priced = entry.priced();
                change.tell(RunEvent {
                    run: key.run.clone(),
                    at: now,
                    kind: RunEventKind::Settled {
                        leg: key.leg,
                        cost: priced.map(|priced| priced.cost),
                        on_demand: priced.map(|priced| priced.on_demand),
                    },
                });
            }
            change.entry(entry);
        }
        self.write_experience(now, &mut change);
        let sightings = change.sightings();
        if let Err(error) = self.shared.book.commit(change).await {
            self.unwritten = sightings;
            return Err(error.into());
        }
        self.news.clear();
        self.looked_at_all = true;
        for key in settled {
            self.pending.remove(&key);
        }
        self.forget_ended_instances();
        self.tell_awaited_prices();
        polled.and(found.map_err(TaskError::from)).map(|()| Activation::default())
    }
}

impl Settle {
    /// Facts of ended instances are kept until no attempt waits for them.
    fn forget_ended_instances(&self) {
        let needed: BTreeSet<&InstanceId> = self
            .pending
            .values()
            .filter_map(|attempt| attempt.host.as_ref())
            .map(|host| &host.instance_id)
            .collect();
        self.shared.instances().retain(|id, facts| facts.ended_at.is_none() || needed.contains(id));
    }
}
