//! Brings ended attempts into the ledger: as soon as the price archive covers them, and again when
//! their instance's end is known and may have made them free.

mod durations;
mod late_hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::durations::WrittenDurations;
use self::late_hosts::LateHosts;
use crate::daemon::shared::KEEP_ENDED;
use crate::daemon::{Activation, AwaitedPrices, Change, Shared, Task, TaskError, ToSettle};
use crate::domain::{
    EnvironmentName, InstanceEnd, InstanceFacts, InstanceId, InstanceType, Lifecycle, Pool, RunId,
    Site, Window,
};
use crate::experience::Trips;
use crate::ledger::{Entry, EntryState, Evidence, Unpriced, counter_deltas, settle};
use crate::ports::{Activator, Write};
use crate::run::{AttemptKey, AttemptRecord, RunEvent, RunEventKind};

/// DescribeInstances is asked for so many at once.
const PER_CALL: usize = 100;
/// An instance that EC2 has not shown for so long has ended, and nobody knows how.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// A missing price is waited for so long after the attempt's end.
const PRICES_MAY_COME: SignedDuration = SignedDuration::from_hours(1);
/// What an attempt lacks for its price is waited for so long: AWS keeps spot prices for 90 days.
const EVIDENCE_MAY_COME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Unpriced attempts that are looked at again, at most.
const UNPRICED_IN_MEMORY: usize = 10_000;
/// The learnt experience is written at most so often.
const WRITE_EXPERIENCE: SignedDuration = SignedDuration::from_mins(15);

pub struct Settle {
    shared: Arc<Shared>,
    pending: BTreeMap<AttemptKey, AttemptRecord>,
    /// Lines that pending attempts have already, other than provisional ones (those the book has).
    lines: BTreeMap<AttemptKey, Entry>,
    /// How much the desk knew when unpriced attempts were last looked at.
    evidence: u64,
    /// Instances whose facts changed since their attempts were last looked at.
    news: BTreeSet<InstanceId>,
    /// Attempts that are to be looked at again although they have a line.
    revised: BTreeSet<AttemptKey>,
    hosts: LateHosts,
    /// What was seen of attempts and instances and the store did not take yet.
    unwritten: Vec<Write>,
    /// What an earlier process learnt of instances and did not settle is not told again: at first
    /// every attempt is looked at.
    looked_at_all: bool,
    polled_at: Option<Timestamp>,
    experience_written: Option<Timestamp>,
    /// The breakers as they were written. They change seldom, and stay open no longer than the experience
    /// may go unwritten.
    trips_written: BTreeMap<EnvironmentName, Trips>,
    durations: WrittenDurations,
}

impl Settle {
    pub fn new(shared: Arc<Shared>) -> Self {
        Settle {
            shared,
            pending: BTreeMap::new(),
            lines: BTreeMap::new(),
            evidence: 0,
            news: BTreeSet::new(),
            revised: BTreeSet::new(),
            hosts: LateHosts::default(),
            unwritten: Vec::new(),
            looked_at_all: false,
            polled_at: None,
            experience_written: None,
            trips_written: BTreeMap::new(),
            durations: WrittenDurations::default(),
        }
    }

    /// Asks EC2 after the instances whose end is not known, once a period.
    async fn poll_instances(
        &mut self,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<(), TaskError> {
        let period = self.period();
        // A last time in the future was before the clock was put back.
        if self.polled_at.is_some_and(|at| at <= now && now.duration_since(at) < period) {
            return Ok(());
        }
        self.polled_at = Some(now);
        let mut failure = None;
        let mut by_site: BTreeMap<Site, Vec<InstanceId>> = BTreeMap::new();
        for facts in self.shared.instances().values().filter(|facts| facts.ended_at.is_none()) {
            by_site.entry(facts.site.clone()).or_default().push(facts.id.clone());
        }
        for (site, ids) in by_site {
            for chunk in ids.chunks(PER_CALL) {
                match self.shared.cloud.instances.instances(&site, chunk).await {
                    Ok(answer) => self.take_facts(chunk, answer, now, change),
                    Err(error) => failure = Some(error.over(failure)),
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
        if self.says_nothing_new(attempt) {
            return Ok(None);
        }
        let awaits_price = self.awaited_price(attempt).is_some();
        let may_come = now.duration_since(ran.end) < PRICES_MAY_COME;
        if self.hosts.may_come(attempt, now) || awaits_price && may_come {
            return Ok(None);
        }
        // Prices that do not reach to its end say nothing of it.
        let spot = match host.filter(|host| host.lifecycle == Lifecycle::Spot) {
            Some(host) if !awaits_price => {
                let zone = host.zone.clone();
                let pool = Pool { zone, instance_type: host.instance_type.clone() };
                let window = Window::new(host.launched_at.min(ran.start), ran.end);
                let place = attempt.site.account_region();
                Some(shared.book.store().price_series(&place, &pool, window).await?)
            }
            _ => None,
        };
        let terms = shared.terms_of(attempt);
        let list = match host {
            Some(host) => {
                shared
                    .desk
                    .list_price_at(shared, &attempt.site.region, &host.instance_type, ran.start)
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
                let (region, architecture) = (&attempt.site.region, terms.architecture);
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
                checkpoints: terms.checkpoints,
            },
        );
        let known = self.line_before(&attempt.key);
        Ok(entry
            .filter(|entry| known.as_ref() != Some(entry) && !(may_still_be_priced(entry, now))))
    }

    /// Whether the attempt has a line, and nothing that bears on it was learnt since.
    fn says_nothing_new(&self, attempt: &AttemptRecord) -> bool {
        let (shared, host) = (&self.shared, attempt.host.as_ref());
        let news = host.is_some_and(|host| self.news.contains(&host.instance_id))
            || self.revised.contains(&attempt.key);
        if news {
            return false;
        }
        let is_old = self.looked_at_all && shared.book.is_provisional(&attempt.key);
        // A spot price comes with the archive, which grows all the time.
        let lacks_other = self
            .lines
            .get(&attempt.key)
            .is_some_and(|line| line.unpriced() != Some(Unpriced::SpotPriceUnknown));
        is_old || lacks_other && self.evidence == shared.desk.evidence()
    }

    /// The line that the ledger has of an attempt.
    fn line_before(&self, key: &AttemptKey) -> Option<Entry> {
        self.shared.book.provisional(key).or_else(|| self.lines.get(key).cloned())
    }

    /// Takes in what ended, or turned out to have ended otherwise than it seemed.
    async fn admit(&mut self) -> Result<(), TaskError> {
        let arrived = std::mem::take(&mut *self.shared.settling());
        let with_lines = arrived.iter().filter(|arrived| arrived.may_have_a_line);
        let runs: BTreeSet<RunId> = with_lines.map(|a| a.attempt.key.run.clone()).collect();
        for run in runs {
            match self.shared.book.store().entries(&run).await {
                Ok(entries) => self.lines.extend(
                    entries
                        .into_iter()
                        .filter(|line| !line.is_provisional())
                        .map(|line| (line.key.clone(), line)),
                ),
                Err(error) => {
                    self.shared.settling().extend(arrived);
                    return Err(error.into());
                }
            }
        }
        for ToSettle { attempt, may_have_a_line } in arrived {
            if may_have_a_line {
                self.revised.insert(attempt.key.clone());
            }
            self.pending.insert(attempt.key.clone(), attempt);
        }
        Ok(())
    }

    /// Brings every pending attempt to its line, as far as that can be said now.
    async fn write_lines(
        &mut self,
        now: Timestamp,
        change: &mut Change,
    ) -> Result<Vec<Entry>, TaskError> {
        let mut written = Vec::new();
        for (key, attempt) in &self.pending {
            let Some(entry) = self.entry(attempt, now).await? else { continue };
            let before = self.line_before(key);
            for (counter, by) in counter_deltas(before.as_ref(), &entry) {
                change.count(counter, by);
            }
            if !entry.is_provisional() {
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
            change.entry(entry.clone());
            written.push(entry);
        }
        Ok(written)
    }

    /// Forgets what is settled for good.
    fn forget(&mut self, written: Vec<Entry>, now: Timestamp) {
        for entry in written {
            if entry.may_change() && !entry.is_provisional() {
                self.lines.insert(entry.key.clone(), entry);
            } else {
                self.lines.remove(&entry.key);
                if !entry.is_provisional() {
                    self.pending.remove(&entry.key);
                }
            }
        }
        // A revision that changed nothing of a line that stands.
        let done = |line: &Entry| {
            !line.may_change() || now.duration_since(line.ended_at) > EVIDENCE_MAY_COME
        };
        let done: Vec<AttemptKey> =
            self.lines.values().filter(|line| done(line)).map(|line| line.key.clone()).collect();
        // Of very many the oldest wait for the next start of the process.
        let mut open: Vec<(Timestamp, &AttemptKey)> =
            self.lines.values().map(|line| (line.ended_at, &line.key)).collect();
        open.sort_unstable();
        let surplus = open.len().saturating_sub(UNPRICED_IN_MEMORY);
        let surplus: Vec<AttemptKey> =
            open[..surplus].iter().map(|(_, key)| (*key).clone()).collect();
        for key in done.into_iter().chain(surplus) {
            self.lines.remove(&key);
            self.pending.remove(&key);
        }
    }

    /// The type whose spot prices the attempt waits for, and since when it needs them. Without
    /// them a change of price during the attempt would be missed.
    fn awaited_price(&self, attempt: &AttemptRecord) -> Option<((Site, InstanceType), Timestamp)> {
        let host = attempt.host.as_ref().filter(|host| host.lifecycle == Lifecycle::Spot)?;
        let ran = attempt.window()?;
        let (site, instance_type) = (&attempt.site, &host.instance_type);
        let place = site.account_region();
        let covered = self.shared.desk.spot_complete_until(&place, instance_type);
        covered
            .is_none_or(|until| until < ran.end)
            .then(|| ((site.clone(), instance_type.clone()), host.launched_at.min(ran.start)))
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
        let trips = self.shared.experience().trips();
        let old = |at| now.duration_since(at) >= WRITE_EXPERIENCE;
        if self.experience_written.is_none_or(old) || trips != self.trips_written {
            change.write(Write::Experience(self.shared.experience().clone()));
            self.trips_written = trips;
            self.durations.write(&self.shared, now, change);
            self.experience_written = Some(now);
        }
    }
}

/// A price that is not there yet may come with the next refresh.
fn may_still_be_priced(entry: &Entry, now: Timestamp) -> bool {
    let EntryState::Unpriced { why } = &entry.state else { return false };
    why.may_be_resolved() && now.duration_since(entry.ended_at) < PRICES_MAY_COME
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
        let mut change = Change::default();
        std::mem::take(&mut self.unwritten).into_iter().for_each(|write| change.write(write));
        let polled = self.poll_instances(now, &mut change).await;
        let settled = self.settle_all(now, change).await;
        self.forget_ended_instances(now);
        self.tell_awaited_prices();
        settled.and(polled).map(|()| Activation::default())
    }
}

impl Settle {
    /// One transaction for every line. What was seen meanwhile is not lost when it fails.
    async fn settle_all(&mut self, now: Timestamp, mut change: Change) -> Result<(), TaskError> {
        let evidence = self.shared.desk.evidence();
        self.news.extend(self.shared.take_instance_news());
        let admitted = self.admit().await;
        let found = self.hosts.look(&self.shared, &mut self.pending, now, &mut change).await;
        let sightings = change.sightings();
        let written = match admitted {
            Ok(()) => self.write_lines(now, &mut change).await,
            Err(error) => Err(error),
        };
        let committed = match written {
            Ok(written) => {
                self.write_experience(now, &mut change);
                self.shared.book.commit(change).await.map(|()| written).map_err(TaskError::from)
            }
            Err(error) => Err(error),
        };
        match committed {
            Ok(written) => self.forget(written, now),
            Err(error) => {
                self.unwritten = sightings;
                self.durations.distrust();
                self.experience_written = None;
                return Err(error);
            }
        }
        self.news.clear();
        self.revised.clear();
        self.looked_at_all = true;
        self.evidence = evidence;
        found.map_err(TaskError::from)
    }

    /// Facts of ended instances are kept until no attempt waits for them, and for a while.
    fn forget_ended_instances(&self, now: Timestamp) {
        let needed: BTreeSet<&InstanceId> = self
            .pending
            .values()
            .filter_map(|attempt| attempt.host.as_ref())
            .map(|host| &host.instance_id)
            .collect();
        self.shared.instances().retain(|id, facts| {
            facts.ended_at.is_none_or(|at| now.duration_since(at) < KEEP_ENDED)
                || needed.contains(id)
        });
    }
}
