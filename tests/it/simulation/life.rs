//! Plays a story: one life of the daemon after the other, on what the one before left.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use spotcron::cli::demo::reckoning::reckon;
use spotcron::cli::summary::Bill;
use spotcron::clock::{Clock, VirtualClock};
use spotcron::cost::PriceMode;
use spotcron::daemon::{Book, Mode, Pace, Parts, Shared, all_tasks, run_virtual};
use spotcron::domain::{BatchJobId, RunOutcome};
use spotcron::ledger::Counter;
use spotcron::ports::{RunQuery, SkipQuery, Store, StoreError};
use spotcron::run::{AttemptKey, Run, RunEvent, RunEventKind};
use spotcron::schedule::Skipped;
use spotcron::settings::Settings;
use spotcron::sim::{JobLife, SimCloud, SubmittedJob};

use super::client::{Client, Request};
use super::cloud::FatedCloud;
use super::disk::{Disk, Platter};
use super::fate::{Fate, Fault};
use super::oracle::Places;
use super::sent::Sent;
use super::story::{Event, Story};
use super::wall::Wall;
use crate::daemon::world::{check_totals, parse};

/// Faults begin once the first times are known to be handled.
const QUIET_START: SignedDuration = SignedDuration::from_mins(2);

/// The ledger waits so long for the prices of an attempt's last minutes.
const PRICES_COME: SignedDuration = SignedDuration::from_mins(45);

/// What is known when a story is over: what the oracles judge by.
pub struct Evidence {
    pub story: Story,
    pub runs: Vec<Run>,
    pub events: Vec<RunEvent>,
    pub skips: Vec<Skipped>,
    pub bill: Bill,
    /// Attempts that ended some time ago and have no line in the ledger.
    pub lineless: Vec<AttemptKey>,
    /// What the cloud itself saw.
    pub submissions: Vec<SubmittedJob>,
    pub lives: Vec<JobLife>,
    pub sent: Vec<Sent>,
    pub hidden: BTreeSet<BatchJobId>,
    /// When the daemon lived, by its own clock, without a break and without the clock being set.
    pub stretches: Vec<(Timestamp, Timestamp)>,
    /// Edits, by the daemon's clock and by the true time.
    pub edits: Vec<(Timestamp, Event)>,
    pub clock_was_set: bool,
    /// What somebody asked for.
    pub requests: Vec<Request>,
    /// Where in all this to find what belongs to one run.
    pub places: OnceCell<Places>,
    pub violations: Vec<String>,
    pub faults: std::collections::BTreeMap<Fault, u64>,
}

struct Player {
    story: Story,
    time: VirtualClock,
    wall: Wall,
    sim: SimCloud,
    cloud: Arc<FatedCloud>,
    fate: Arc<Fate>,
    disk: Disk,
    /// Events still to come, the next one last.
    coming: Vec<(Timestamp, Event)>,
    edits: Vec<(Timestamp, Event)>,
    stretches: Vec<(Timestamp, Timestamp)>,
    alive_since: Timestamp,
    clock_was_set: bool,
    /// The process that lives has lost its store to another.
    deposed: bool,
    client: Client,
}

/// How a life ended.
enum End {
    Died,
    Restarted,
    StoryOver,
}

pub async fn play(story: Story) -> Evidence {
    let time = VirtualClock::starting_at(story.begin);
    let sim = SimCloud::new(story.scenario.clone(), story.seed, Arc::new(time.clone())).unwrap();
    let fate = Arc::new(Fate::new(story.seed, story.rates, time.clone()));
    let mut coming = story.events.clone();
    coming.reverse();
    let mut player = Player {
        wall: Wall::over(&time),
        cloud: FatedCloud::over(&sim, &fate, &time),
        disk: Disk::new(story.seed, story.on_files),
        alive_since: story.begin,
        edits: Vec::new(),
        stretches: Vec::new(),
        clock_was_set: false,
        deposed: false,
        client: Client::default(),
        coming,
        fate,
        sim,
        time,
        story,
    };
    let mut was_long = !player.story.long_absence;
    let calm_from = player.story.calm_from;
    loop {
        let (end, platter, _) = player.live(calm_from).await;
        if matches!(end, End::StoryOver) {
            player.disk.outlive(&player.fate, &platter);
            break;
        }
        player.disk.outlive(&player.fate, &platter);
        let away = player.absence(&mut was_long);
        let until = player.time.now() + away;
        player.cloud.late_effects(until).await;
        player.time.advance_to(until);
    }
    player.fate.switch(false);
    // Nobody keeps a command to himself because all is calm.
    player.coming.retain(|(_, event)| matches!(event, Event::Ask(_)));
    let over = player.time.now().max(calm_from) + player.story.rest;
    // The bill of what still runs then is reckoned in whole seconds.
    let over = Timestamp::from_second(over.as_second() + 1).unwrap();
    let (_, platter, shared) = player.live(over).await;
    drop(shared);
    player.disk.outlive(&player.fate, &platter);
    // A last process looks at everything once: what ended just now is in its ledger, too.
    let (_, _, shared) = player.live(over).await;
    player.evidence(shared.expect("nothing dies when all is calm")).await
}

impl Player {
    /// How long nobody is there after a death.
    fn absence(&self, was_long: &mut bool) -> SignedDuration {
        let mut chance = self.fate.chance();
        if !*was_long && chance.random_bool(0.3) {
            *was_long = true;
            return SignedDuration::from_secs(chance.random_range(12 * 3600..14 * 3600));
        }
        let secs = match chance.random_range(0..20) {
            0 => chance.random_range(1_800..5_400),
            1..=4 => chance.random_range(60..1_500),
            _ => chance.random_range(0..60),
        };
        SignedDuration::from_secs(secs)
    }

    /// One process, from its start to its end.
    async fn live(&mut self, until: Timestamp) -> (End, Arc<Platter>, Option<Arc<Shared>>) {
        self.fate.revive();
        let (store, platter) = self.disk.open(self.story.seed, &self.fate);
        self.alive_since = self.wall.now();
        let fate = Arc::clone(&self.fate);
        let platter_of_life = Arc::clone(&platter);
        let life = async {
            let shared = loop {
                match self.assemble(&store).await {
                    Ok(shared) => break shared,
                    Err(_) => self.fate.step().await,
                }
            };
            let tasks = all_tasks(&shared);
            let (time, mut restarted) = (self.time.clone(), false);
            let mut pace = Script {
                player: self,
                shared: Arc::clone(&shared),
                platter: platter_of_life,
                restarted: &mut restarted,
            };
            run_virtual(&shared, tasks, &time, until, &mut pace).await;
            (if restarted { End::Restarted } else { End::StoryOver }, shared)
        };
        let (end, shared) = tokio::select! {
            biased;
            () = fate.death() => (End::Died, None),
            (end, shared) = life => (end, Some(shared)),
        };
        if !std::mem::take(&mut self.deposed) {
            self.stretches.push((self.alive_since, self.wall.now()));
        }
        (end, platter, shared)
    }

    async fn assemble(&self, store: &Arc<dyn Store>) -> Result<Arc<Shared>, StoreError> {
        let mut settings = Settings::default();
        settings.ledger.price_mode = PriceMode::Continuous;
        settings.schedule.catch_up_limit = self.story.catch_up_limit;
        settings.schedule.catch_up_window = self.story.catch_up_window;
        let edits: Vec<Event> = self.edits.iter().map(|(_, edit)| *edit).collect();
        let shared = Shared::new(Parts {
            clock: Arc::new(self.wall.clone()),
            settings,
            mode: Mode::Submit,
            scope: "123456789012".to_owned(),
            cloud: self.cloud.ports(),
            catalogue: parse(&self.story.catalogue(&edits)),
            book: Book::load(Arc::clone(store)).await?,
            calls: Arc::default(),
            custom_endpoint: false,
        });
        shared.restore().await?;
        Ok(Arc::new(shared))
    }

    /// Lets an event happen. `true` when the process ends by it.
    fn happens(&mut self, event: Event, shared: &Shared, platter: &Platter) -> bool {
        let fate = Arc::clone(&self.fate);
        match event {
            Event::Restart => {
                fate.count(Fault::Restart);
                return true;
            }
            Event::SetClock(secs) => {
                if !self.deposed {
                    self.stretches.push((self.alive_since, self.wall.now()));
                }
                self.wall.set_by(SignedDuration::from_secs(secs));
                self.alive_since = self.wall.now();
                self.clock_was_set = true;
                fate.count(Fault::ClockSet);
            }
            Event::Crunch(minutes) => {
                self.sim.crunch_all(SignedDuration::from_mins(minutes));
                fate.count(Fault::Crunch);
            }
            Event::Depose => {
                if platter.depose(&fate) {
                    // It goes on for a while and achieves nothing.
                    self.stretches.push((self.alive_since, self.wall.now()));
                    self.deposed = true;
                    let noticed = self.time.now() + SignedDuration::from_mins(10);
                    self.coming.push((noticed, Event::Restart));
                }
            }
            Event::Ask(ask) => self.client.wants(ask, self.time.now(), None),
            Event::Touch | Event::Rename | Event::Reschedule(_) => {
                self.edits.push((self.wall.now(), event));
                let edits: Vec<Event> = self.edits.iter().map(|(_, edit)| *edit).collect();
                shared.replace_catalogue(parse(&self.story.catalogue(&edits)));
                fate.count(Fault::Edit);
            }
        }
        false
    }

    async fn evidence(self, shared: Arc<Shared>) -> Evidence {
        let store = Arc::clone(shared.book.store());
        let runs = store.runs(&RunQuery::default()).await.unwrap();
        let mut events = Vec::new();
        for run in &runs {
            events.extend(store.events(&run.id).await.unwrap());
        }
        check_ends(&shared, &events);
        let retried = |event: &RunEvent| matches!(event.kind, RunEventKind::Retried { .. });
        if !events.iter().any(retried) {
            // Each run has ended once at most.
            check_totals(&shared, &runs).await;
        }
        let mut lineless = Vec::new();
        for attempt in store.unsettled_attempts().await.unwrap() {
            let entries = store.entries(&attempt.key.run).await.unwrap();
            let ended = attempt.stopped_at.is_some_and(|at| at < self.time.now() - PRICES_COME);
            if ended && !entries.iter().any(|entry| entry.key == attempt.key) {
                lineless.push(attempt.key);
            }
        }
        Evidence {
            skips: store.skips(&SkipQuery::default()).await.unwrap(),
            bill: reckon(&shared, &self.sim, self.time.now()).await.unwrap(),
            submissions: self.sim.submissions(),
            lives: self.sim.lives(),
            sent: self.cloud.all_sent().await,
            requests: self.client.requests,
            hidden: self.cloud.hidden(),
            violations: self.fate.violations(),
            faults: self.fate.counts(),
            places: OnceCell::new(),
            lineless,
            story: self.story,
            stretches: self.stretches,
            edits: self.edits,
            clock_was_set: self.clock_was_set,
            runs,
            events,
        }
    }
}

/// Each end of a run was counted once, also of one that was opened again.
fn check_ends(shared: &Shared, events: &[RunEvent]) {
    let tally = shared.book.tally();
    for outcome in RunOutcome::ALL.iter().copied() {
        let ended = RunEventKind::Ended { outcome };
        let ends = events.iter().filter(|event| event.kind == ended).count() as i128;
        let is_it = |c: &Counter| matches!(c, Counter::Runs { outcome: o, .. } if *o == outcome);
        assert_eq!(tally.sum(is_it), ends, "ends as {}", outcome.label());
    }
}

/// What happens between two wakes.
struct Script<'a> {
    player: &'a mut Player,
    shared: Arc<Shared>,
    platter: Arc<Platter>,
    restarted: &'a mut bool,
}

#[async_trait]
impl Pace for Script<'_> {
    async fn before(&mut self, from: Timestamp, to: Timestamp) -> bool {
        let player = &mut *self.player;
        player.cloud.late_effects(to).await;
        if from >= player.story.begin + QUIET_START && from < player.story.calm_from {
            player.fate.switch(true);
        }
        while let Some((_, event)) = player.coming.pop_if(|(at, _)| *at <= to) {
            if player.happens(event, &self.shared, &self.platter) {
                *self.restarted = true;
                return false;
            }
        }
        while let Some((at, request)) = player.client.next(to) {
            player.time.advance_to(at);
            let (time, edits) = (player.time.clone(), player.edits.len());
            let ask = player.client.ask(request, &self.shared, &player.fate, edits, || time.now());
            ask.await;
        }
        true
    }
}
