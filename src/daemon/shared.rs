//! What all tasks share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::{SignedDuration, Timestamp};

use super::{Book, CallLog, Desk, Reloads, Status};
use crate::catalogue::{Catalogue, Class};
use crate::clock::Clock;
use crate::control::Controls;
use crate::domain::{InstanceFacts, InstanceId, InstanceType, Site};
use crate::experience::durations::{Durations, Lengths, RunSize};
use crate::experience::{Experience, InFlight, SpotAdvisor};
use crate::market::Market;
use crate::mutation::{self, Mutation};
use crate::ports::{Activator, BatchService, InstanceDirectory, ListPriceSource, SpotPriceSource};
use crate::run::{AttemptRecord, PriceTerms, Run, in_flight, size_of};
use crate::settings::Settings;
use crate::settings::tokens::Tokens;

/// The cloud, behind its ports.
#[derive(Clone)]
pub struct Cloud {
    pub batch: Arc<dyn BatchService>,
    pub instances: Arc<dyn InstanceDirectory>,
    pub spot_prices: Arc<dyn SpotPriceSource>,
    pub list_prices: Arc<dyn ListPriceSource>,
}

/// Past this age EC2's first-hour rule cannot make an instance free any more.
const FIRST_HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Facts of ended instances are kept so long at least: an attempt's end may be seen later than its
/// instance's, and the first sighting of that is the best.
pub(super) const KEEP_ENDED: SignedDuration = SignedDuration::from_hours(2);

/// Decisions wait so long after the start for the first prices, and no longer.
const OPEN_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// What is looked at before the first decision, or every run that is due at the start would go on
/// demand for want of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLook {
    Environments,
    ListPrices,
    SpotPrices,
}

#[derive(Debug, Default)]
struct FirstLooks {
    environments: bool,
    list_prices: bool,
    spot_prices: bool,
}

impl FirstLooks {
    const fn all(&self) -> bool {
        self.environments && self.list_prices && self.spot_prices
    }
}

/// Whether runs are really submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Submit,
    /// Decides, records and exports everything, submits nothing.
    Observe,
}

/// Whether the daemon was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    No,
    Yes,
}

/// One bell per task that others may wake.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    pub schedule: Activator,
    pub release: Activator,
    pub dispatch: Activator,
    pub watch: Activator,
    pub settle: Activator,
    pub discovery: Activator,
    pub list_prices: Activator,
    pub spot_prices: Activator,
}

/// Everything that tasks share. Locks are held for a look or a change, never over a call.
pub struct Shared {
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub mode: Mode,
    /// Account (or simulation) that names are hashed with.
    pub scope: String,
    pub cloud: Cloud,
    pub catalogue: ArcSwap<Catalogue>,
    pub market: ArcSwap<Market>,
    pub book: Book,
    pub desk: Desk,
    pub status: Status,
    pub bells: Bells,
    pub calls: Arc<CallLog>,
    pub reloads: Reloads,
    /// An endpoint that is not AWS's own is in force.
    pub custom_endpoint: bool,
    /// What commands left in force.
    pub controls: ArcSwap<Controls>,
    /// Who may operate the daemon; `None` where nobody may.
    pub tokens: ArcSwapOption<Tokens>,
    /// Held by whoever makes runs, so that the schedule and a command never work from each other's
    /// past: a pause that was answered holds for every time from then on.
    pub making_runs: tokio::sync::Mutex<()>,
    stopping: AtomicBool,
    started_at: Timestamp,
    /// When the catalogue was last replaced.
    replaced_at: Mutex<Option<Timestamp>>,
    first_looks: Mutex<FirstLooks>,
    next_due: Mutex<Option<Timestamp>>,
    experience: Mutex<Experience>,
    durations: Mutex<Durations>,
    settling: Mutex<Vec<ToSettle>>,
    instances: Mutex<BTreeMap<InstanceId, InstanceFacts>>,
    /// Instances whose facts changed in a way that bears on their attempts' cost.
    instance_news: Mutex<BTreeSet<InstanceId>>,
    /// Types whose spot prices the ledger waits for, and since when it needs them.
    awaited_prices: Mutex<AwaitedPrices>,
}

/// An ended attempt on its way to the ledger.
#[derive(Debug, Clone)]
pub struct ToSettle {
    pub attempt: AttemptRecord,
    /// Whether the ledger may have a line of it already: then that one is changed.
    pub may_have_a_line: bool,
}

/// Types whose spot prices the ledger waits for, and since when it needs them. They are fetched
/// also when no environment of the catalogue has them any more.
pub type AwaitedPrices = BTreeMap<(Site, InstanceType), Timestamp>;

/// What a daemon is made of.
pub struct Parts {
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub mode: Mode,
    pub scope: String,
    pub cloud: Cloud,
    pub catalogue: Catalogue,
    pub book: Book,
    pub calls: Arc<CallLog>,
    pub custom_endpoint: bool,
}

impl Shared {
    pub fn new(parts: Parts) -> Self {
        // Runs that wait for others are looked at when one has ended.
        let bells = Bells { release: parts.book.ended().clone(), ..Bells::default() };
        Shared {
            started_at: parts.clock.now(),
            replaced_at: Mutex::default(),
            first_looks: Mutex::default(),
            clock: parts.clock,
            settings: parts.settings,
            mode: parts.mode,
            scope: parts.scope,
            cloud: parts.cloud,
            catalogue: ArcSwap::from_pointee(parts.catalogue),
            market: ArcSwap::from_pointee(Market::default()),
            book: parts.book,
            desk: Desk::default(),
            status: Status::default(),
            bells,
            calls: parts.calls,
            reloads: Reloads::default(),
            custom_endpoint: parts.custom_endpoint,
            controls: ArcSwap::default(),
            tokens: ArcSwapOption::empty(),
            making_runs: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
            next_due: Mutex::default(),
            experience: Mutex::default(),
            durations: Mutex::default(),
            settling: Mutex::default(),
            instances: Mutex::default(),
            instance_news: Mutex::default(),
            awaited_prices: Mutex::default(),
        }
    }

    /// Takes back what the store remembers. Called once, before any task runs.
    pub async fn restore(&self) -> Result<(), crate::ports::StoreError> {
        let store = self.book.store();
        self.controls.store(Arc::new(store.controls().await?));
        *self.experience() = store.experience().await?;
        *self.durations() = Durations { jobs: store.durations().await? };
        let forgets = mutation::active(Mutation::AttemptForgotten);
        let unsettled = store.unsettled_attempts().await?.into_iter();
        let unsettled = unsettled.filter(|_| !forgets);
        *self.settling() =
            unsettled.map(|attempt| ToSettle { attempt, may_have_a_line: true }).collect();
        let ended_after = self.clock.now().checked_sub(KEEP_ENDED).unwrap_or(Timestamp::MIN);
        let recent = store.recent_instances(ended_after).await?;
        *self.instances() = recent.into_iter().map(|facts| (facts.id.clone(), facts)).collect();
        self.desk.restore(self).await
    }

    pub fn experience(&self) -> MutexGuard<'_, Experience> {
        lock(&self.experience)
    }

    /// From now on types are expected to compare as `advice` says. Whether that is news.
    pub fn advise(&self, advice: SpotAdvisor) -> bool {
        let mut experience = self.experience();
        let is_news = *experience.hazards.advice() != advice;
        if is_news {
            Arc::make_mut(&mut experience.hazards).advise(Arc::new(advice));
        }
        is_news
    }

    /// How long jobs took.
    pub fn durations(&self) -> MutexGuard<'_, Durations> {
        lock(&self.durations)
    }

    /// How long the work of `run` takes, as far as its class states it and its job's attempts showed it.
    pub fn lengths(&self, run: &Run, class: &Class) -> Lengths {
        let catalogue = self.catalogue.load();
        run.lengths(class, catalogue.jobs.get(&run.job).map(|job| &**job), &self.durations())
    }

    /// How large the input of `run` is.
    pub fn input_size(&self, run: &Run) -> RunSize {
        let catalogue = self.catalogue.load();
        catalogue.jobs.get(&run.job).map_or(RunSize::NotNamed, |job| size_of(run, job))
    }

    /// The legs that are out there, of environments whose breaker has opened.
    pub fn in_flight(&self) -> InFlight {
        let experience = self.experience();
        let open = self.book.open_where(|run| {
            run.last_leg().is_some_and(|leg| experience.has_tripped(&leg.environment))
        });
        in_flight(open.iter().map(Arc::as_ref), |name| experience.has_tripped(name))
    }

    /// Ended attempts on their way to the ledger.
    pub fn settling(&self) -> MutexGuard<'_, Vec<ToSettle>> {
        lock(&self.settling)
    }

    /// Instances that host (or hosted) attempts and whose end is not known.
    pub fn instances(&self) -> MutexGuard<'_, BTreeMap<InstanceId, InstanceFacts>> {
        lock(&self.instances)
    }

    /// The terms that an attempt is priced by: those of its leg, or for legs from before those were
    /// kept the catalogue's of today.
    pub fn terms_of(&self, attempt: &AttemptRecord) -> PriceTerms {
        attempt.terms.unwrap_or_else(|| {
            let catalogue = self.catalogue.load();
            let class = catalogue.classes.get(&attempt.class);
            let environment = catalogue.environments.get(&attempt.environment);
            PriceTerms::of(class.map(Arc::as_ref), environment.map(Arc::as_ref))
        })
    }

    /// Takes in what EC2 shows of an instance. The facts to write when it says something new about
    /// its bill (first sight, its end, its first hour); being seen once more does not.
    pub fn note_instance(&self, facts: &InstanceFacts) -> Option<InstanceFacts> {
        let past_first_hour =
            |facts: &InstanceFacts| facts.seen_at.duration_since(facts.launched_at) >= FIRST_HOUR;
        let mut instances = self.instances();
        let mut facts = facts.clone();
        let ended_before = instances.get(&facts.id).and_then(|known| known.ended_at);
        if let (Some(before), Some(at)) = (ended_before, facts.ended_at) {
            // EC2 seldom says when it ended, only that it has: what was seen first is nearest.
            facts.ended_at = Some(before.min(at));
            facts.seen_at = facts.seen_at.min(before);
        }
        let told = instances.get(&facts.id).is_none_or(|known| {
            facts.ended_at != known.ended_at
                || facts.end != known.end
                || past_first_hour(&facts) != past_first_hour(known)
        });
        instances.insert(facts.id.clone(), facts.clone());
        if told {
            lock(&self.instance_news).insert(facts.id.clone());
        }
        told.then_some(facts)
    }

    /// The environments are known: from now on a look at prices is one at all of them.
    pub fn environments_are_known(&self) -> bool {
        lock(&self.first_looks).environments
    }

    /// Takes down that a first look has come to its end; whoever waits for all three is woken.
    pub fn note_look(&self, look: FirstLook) {
        let mut looks = lock(&self.first_looks);
        let before = looks.all();
        match look {
            FirstLook::Environments => looks.environments = true,
            FirstLook::ListPrices => looks.list_prices = true,
            FirstLook::SpotPrices => looks.spot_prices = true,
        }
        if looks.all() && !before {
            self.bells.dispatch.ring();
        }
    }

    /// Whether decisions may be made: prices were looked at, or waited for long enough.
    pub fn market_is_open(&self, now: Timestamp) -> bool {
        lock(&self.first_looks).all() || now >= self.market_opens_at()
    }

    /// When decisions wait no longer.
    pub fn market_opens_at(&self) -> Timestamp {
        self.started_at.checked_add(OPEN_AFTER).unwrap_or(self.started_at)
    }

    /// The instances that there is news of since the last call.
    pub fn take_instance_news(&self) -> BTreeSet<InstanceId> {
        std::mem::take(&mut *lock(&self.instance_news))
    }

    /// Types whose spot prices the ledger waits for.
    pub fn awaited_prices(&self) -> MutexGuard<'_, AwaitedPrices> {
        lock(&self.awaited_prices)
    }

    /// When the schedule wakes next.
    pub fn next_due(&self) -> Option<Timestamp> {
        *lock(&self.next_due)
    }

    pub fn set_next_due(&self, at: Option<Timestamp>) {
        *lock(&self.next_due) = at;
    }

    pub fn stopping(&self) -> Stopping {
        if self.stopping.load(Ordering::SeqCst) { Stopping::Yes } else { Stopping::No }
    }

    /// From now on the daemon says that it is not ready.
    pub fn announce_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Until when decisions of `class` wait because one of its environments came or changed with a
    /// new catalogue, and what is behind its queue, or what that costs, is not known yet. Bounded: a
    /// queue that cannot be described keeps nothing waiting for long.
    pub fn waits_for_discovery(&self, class: &Class, now: Timestamp) -> Option<Timestamp> {
        let until = lock(&self.replaced_at).and_then(|at| at.checked_add(OPEN_AFTER).ok());
        let until = until.filter(|until| now < *until)?;
        let catalogue = self.catalogue.load();
        let all_priced = catalogue.environments_of(class).all(|known| self.desk.is_priced(known));
        (!all_priced).then_some(until)
    }

    /// Replaces the catalogue and wakes whoever depends on it.
    pub fn replace_catalogue(&self, catalogue: Catalogue) {
        *lock(&self.replaced_at) = Some(self.clock.now());
        for (name, before) in &self.catalogue.load().environments {
            if catalogue.environments.get(name).is_some_and(|now| now != before) {
                self.desk.forget_discovered(name);
            }
        }
        self.catalogue.store(Arc::new(catalogue));
        self.bells.discovery.ring();
        self.bells.schedule.ring();
    }

    /// Builds the market anew from what the desk knows.
    pub fn refresh_market(&self, refreshed_at: Timestamp) {
        let market = self.desk.market(&self.catalogue.load(), refreshed_at);
        self.market.store(Arc::new(market));
    }
}

/// A panic while a lock is held ends the process anyway; until then its data is as good as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
