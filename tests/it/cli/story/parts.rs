//! The parts that a run's story is put together from.

use jiff::Timestamp;
use spotcron::decision::{Candidate, Decision, Guard};
use spotcron::domain::{
    AttemptEnd, BatchJobId, Capacity, LegCause, Lifecycle, Ppm, RunId, RunOutcome, Share, Usd,
    Window,
};
use spotcron::experience::Breaker;
use spotcron::ledger::{Entry, EntryState, Priced};
use spotcron::run::{
    AttemptKey, AttemptRecord, HostRecord, Leg, Run, RunEvent, RunEventKind, RunState, Trigger,
    batch_job_name,
};

use super::{at, usd};
use crate::cli::memory::MemoryStore;

/// One attempt, in short.
pub struct AttemptPart {
    pub leg: u16,
    pub started: Option<&'static str>,
    pub stopped: Option<&'static str>,
    pub end: Option<AttemptEnd>,
    pub exit_code: Option<i32>,
    pub reason: Option<&'static str>,
    pub host: Option<(&'static str, &'static str, &'static str)>,
}

impl AttemptPart {
    /// Of leg 0, which runs.
    pub fn running(since: &'static str, host: (&'static str, &'static str, &'static str)) -> Self {
        AttemptPart {
            leg: 0,
            started: Some(since),
            stopped: None,
            end: None,
            exit_code: None,
            reason: None,
            host: Some(host),
        }
    }
}

/// Tells one run after another.
#[derive(Default)]
pub struct Teller {
    pub store: MemoryStore,
}

impl Teller {
    fn run(&mut self) -> &mut Run {
        self.store.runs.last_mut().unwrap()
    }

    pub fn begin(&mut self, job: &str, class: &str, due: &str, deadline: Option<&str>) {
        let id = RunId::of(&job.into(), at(due));
        self.store.runs.push(Run {
            deadline_at: deadline.map(at),
            state: RunState::Watching,
            version: 1,
            ..Run::new(id, job.into(), class.into(), Trigger::Schedule, at(due), at(due))
        });
    }

    pub fn stand(&mut self, state: RunState) {
        self.run().state = state;
    }

    pub fn miss_deadline(&mut self) {
        self.run().deadline_missed = true;
    }

    pub fn say(&mut self, clock: &str, kind: RunEventKind) {
        let run = self.run().id.clone();
        self.store.events.push(RunEvent { run, at: at(clock), kind });
    }

    pub fn decide(&mut self, clock: &str, leg: u16, cause: LegCause, decision: Decision) {
        self.say(clock, RunEventKind::Decided { leg, cause, decision: Box::new(decision) });
    }

    pub fn submit(&mut self, clock: &str, leg: u16, cause: LegCause, to: &str, capacity: Capacity) {
        let id = self.run().id.clone();
        let job_id = BatchJobId::new(format!("7f0e3a{:02x}-{leg}", id.as_str().len()));
        self.run().legs.push(Leg {
            index: leg,
            cause,
            environment: to.into(),
            capacity,
            site: "eu-west-1".into(),
            queue: format!("{to}-queue"),
            batch_name: batch_job_name("story", &"us-east-1".into(), &id, Trigger::Schedule, leg),
            intended_at: at(clock),
            wait_until: None,
            job_id: Some(job_id.clone()),
            submitted_at: Some(at(clock)),
            status: None,
            runnable_since: None,
            started_at: None,
            ended_at: None,
            reason: None,
            missing_since: None,
            indices: None,
            was_uncertain: false,
            array_size: None,
            terms: None,
        });
        self.say(clock, RunEventKind::Submitted { leg, environment: to.into(), capacity, job_id });
    }

    pub fn start(&mut self, clock: &str, leg: u16, instance_type: &str, zone: &str) {
        let instance_type = Some(instance_type.into());
        self.say(clock, RunEventKind::Started { leg, instance_type, zone: Some(zone.into()) });
    }

    pub fn attempt(
        &mut self,
        environment: &str,
        capacity: Capacity,
        part: AttemptPart,
        state: Option<EntryState>,
    ) {
        let run = self.run().clone();
        let key = AttemptKey { run: run.id.clone(), leg: part.leg, child: None, number: 1 };
        let log_stream = part.started.map(|_| format!("{}/default/{}", run.job, part.leg));
        let reason = part.reason.map(str::to_owned);
        let host = part.host.map(|(id, instance_type, zone)| HostRecord {
            instance_id: id.into(),
            instance_type: instance_type.into(),
            zone: zone.into(),
            lifecycle: if capacity == Capacity::Spot {
                Lifecycle::Spot
            } else {
                Lifecycle::OnDemand
            },
            launched_at: at("01:00:00"),
            shape: None,
        });
        if let (Some(stopped), Some(end)) = (part.stopped, part.end) {
            let (leg, reason, log_stream) = (part.leg, reason.clone(), log_stream.clone());
            let kind = RunEventKind::AttemptEnded { leg, child: None, end, reason, log_stream };
            self.say(stopped, kind);
            if let Some(state) = state {
                self.store.entries.push(Entry {
                    key: key.clone(),
                    job: run.job.clone(),
                    class: run.class.clone(),
                    environment: environment.into(),
                    capacity,
                    site: "eu-west-1".into(),
                    end,
                    ended_at: at(stopped),
                    instance_id: host.as_ref().map(|host| host.instance_id.clone()),
                    instance_type: host.as_ref().map(|host| host.instance_type.clone()),
                    zone: host.as_ref().map(|host| host.zone.clone()),
                    state,
                });
            }
        }
        self.store.attempts.push(AttemptRecord {
            batch_job_id: BatchJobId::new(format!(
                "7f0e3a{:02x}-{}",
                run.id.as_str().len(),
                part.leg
            )),
            key,
            index: None,
            job: run.job,
            class: run.class,
            environment: environment.into(),
            capacity,
            site: "eu-west-1".into(),
            resources: None,
            pull_started_at: None,
            zone: None,
            terms: None,
            started_at: part.started.map(at),
            stopped_at: part.stopped.map(at),
            end: part.end,
            exit_code: part.exit_code,
            reason,
            log_stream,
            container_instance_arn: None,
            task_arn: None,
            host,
        });
    }

    pub fn end(&mut self, clock: &str, outcome: RunOutcome) {
        self.stand(RunState::Ended { outcome, at: at(clock) });
        self.say(clock, RunEventKind::Ended { outcome });
    }
}

pub fn candidate(
    name: &str,
    capacity: Capacity,
    price: &str,
    hazard: i64,
    cost: &str,
    guards: Vec<Guard>,
) -> Candidate {
    Candidate {
        environment: name.into(),
        capacity,
        price: Some(price.parse().unwrap()),
        price_age_secs: Some(240),
        on_demand: Some("0.2995".parse().unwrap()),
        level: None,
        hazard_per_hour: Ppm(hazard),
        expected_rework: Ppm(hazard / 2),
        data_cost: Usd::ZERO,
        covered_millis: 0,
        expected_cost: Some(usd(cost)),
        pools: 6,
        stale_pools: 0,
        absurd_pools: 0,
        outlook: None,
        breaker: Breaker::Closed,
        guards,
    }
}

pub fn priced(
    cost: &str,
    on_demand: &str,
    waste: &str,
    share: Share,
    from: &str,
    until: &str,
) -> Priced {
    let moment = |clock: &str| -> Timestamp { at(clock) };
    Priced {
        cost: usd(cost),
        on_demand: usd(on_demand),
        waste: usd(waste),
        share,
        charged: Window::new(moment(from), moment(until)),
        kept_millis: None,
        first_hour_credit: false,
    }
}
