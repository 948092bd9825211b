//! An account, a catalogue that goes to it, and an attendant who follows a script.

use std::sync::Arc;

use anstream::adapter::strip_str;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spotcron::catalogue::Catalogue;
use spotcron::cli::args::Format;
use spotcron::cli::doctor::live::{Attendant, LiveReport, Preview, Session, Waited};
use spotcron::cli::render::{Page, text_of};
use spotcron::clock::{Clock as _, VirtualClock};
use spotcron::cost::PriceMode;
use spotcron::daemon::Cloud;
use spotcron::doctor::live::{LiveFinding, LivePlan, LiveStep, LiveWish, Verdict};
use spotcron::domain::{BatchStatus, Capacity, Ppm};
use spotcron::ports::BatchService;
use spotcron::sim::{Faults, Scenario, SimCloud};

use crate::samples::{at, catalogue, class, environment, mins};

/// Says yes unless told otherwise, and lets virtual time pass.
pub struct Script {
    clock: VirtualClock,
    pub agrees: bool,
    /// Waits, counted from 1, that it interrupts.
    pub interrupts: Vec<usize>,
    /// What is done to the account before each wait.
    pub before_wait: Box<dyn FnMut(&SimCloud) + Send>,
    cloud: SimCloud,
    pub waits: usize,
    pub preview: String,
    pub told: Vec<String>,
}

#[async_trait]
impl Attendant for Script {
    fn agrees(&mut self, preview: &Preview) -> bool {
        let mut page = Page::new(None);
        preview.write(&mut page);
        self.preview = strip_str(&page.into_text()).to_string();
        self.agrees
    }

    fn tell(&mut self, at: Timestamp, line: &str) {
        self.told.push(format!("{}  {line}", at.strftime("%H:%M:%SZ")));
    }

    async fn wait(&mut self, duration: SignedDuration) -> Waited {
        (self.before_wait)(&self.cloud);
        self.waits += 1;
        if self.interrupts.contains(&self.waits) {
            return Waited::Interrupted;
        }
        self.clock.advance_to(self.clock.now() + duration);
        Waited::Enough
    }
}

pub struct Stage {
    pub clock: VirtualClock,
    pub cloud: SimCloud,
    pub ports: Cloud,
    pub catalogue: Catalogue,
    pub wish: LiveWish,
}

/// Four queues, one kind of capacity each; a definition that takes two seconds.
pub fn scenario() -> Scenario {
    let types = ["m6i.large", "m6i.xlarge", "m6i.2xlarge"];
    let mut scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("queue-spot", Capacity::Spot, &types, 64)
        .with_queue("queue-steady", Capacity::OnDemand, &types, 64)
        .with_queue("queue-fargate", Capacity::Fargate, &[], 16)
        .with_queue("queue-fargate-spot", Capacity::FargateSpot, &[], 16)
        .with_definition("spotcron-doctor", 2);
    scenario.market.reclaim_scale = 0.0;
    scenario.refuse_unknown_definitions = true;
    scenario
}

fn environments() -> Catalogue {
    let mut spot = environment("fargate-spot", Capacity::FargateSpot);
    spot.fargate_spot_discount = Some(Ppm::from_percent(70));
    let all = vec![
        environment("spot", Capacity::Spot),
        environment("steady", Capacity::OnDemand),
        environment("fargate", Capacity::Fargate),
        spot,
    ];
    catalogue(all, class("any", &["spot", "steady"]), Vec::new())
}

impl Stage {
    pub fn new(environment: &str) -> Self {
        Stage::of(scenario(), environment)
    }

    pub fn of(scenario: Scenario, environment: &str) -> Self {
        let clock = VirtualClock::starting_at(at("2026-11-24T12:00:00Z"));
        let cloud = SimCloud::new(scenario, 1, Arc::new(clock.clone())).unwrap();
        let ports = Cloud {
            batch: Arc::new(cloud.clone()),
            instances: Arc::new(cloud.clone()),
            spot_prices: Arc::new(cloud.clone()),
            list_prices: Arc::new(cloud.clone()),
        };
        let wish = LiveWish {
            environment: Some(environment.into()),
            definition: Some("spotcron-doctor:1".to_owned()),
            own_command: false,
            timeout: mins(15),
        };
        Stage { clock, cloud, ports, catalogue: environments(), wish }
    }

    pub fn faulty(environment: &str, faults: Faults) -> Self {
        let stage = Stage::new(environment);
        stage.cloud.set_faults(faults);
        stage
    }

    pub fn script(&self) -> Script {
        Script {
            clock: self.clock.clone(),
            agrees: true,
            interrupts: Vec::new(),
            before_wait: Box::new(|_| {}),
            cloud: self.cloud.clone(),
            waits: 0,
            preview: String::new(),
            told: Vec::new(),
        }
    }

    pub fn plan(&self) -> LivePlan {
        LivePlan::new(&self.catalogue, &self.wish, self.clock.now()).unwrap()
    }

    pub async fn conduct(&self, script: &mut Script) -> LiveReport {
        let plan = self.plan();
        let session = Session {
            cloud: &self.ports,
            clock: &self.clock,
            account: "123456789012",
            plan: &plan,
            price_mode: PriceMode::Continuous,
            absent_after: SignedDuration::from_secs(90),
        };
        session.conduct(script).await
    }

    /// The test as the stage has it, and that at most one job came of it, which is over.
    pub async fn tested(&self) -> (LiveReport, Script) {
        let mut script = self.script();
        let report = self.conduct(&mut script).await;
        self.assert_nothing_is_left().await;
        (report, script)
    }

    pub async fn assert_nothing_is_left(&self) {
        assert!(self.cloud.submissions().len() <= 1, "submitted twice");
        self.cloud.set_faults(Faults::default());
        for sent in self.cloud.submissions() {
            let ids = [sent.id.clone()];
            let jobs = self.cloud.describe(&"us-east-1".into(), &ids).await.unwrap();
            assert!(jobs[0].status.is_final(), "{} is left", jobs[0].status.label());
        }
    }

    pub async fn status(&self) -> BatchStatus {
        let sent = self.cloud.submissions();
        let ids = [sent[0].id.clone()];
        self.cloud.describe(&"us-east-1".into(), &ids).await.unwrap()[0].status
    }
}

/// What one step showed.
pub fn step(report: &LiveReport, step: LiveStep) -> &LiveFinding {
    report.findings.iter().find(|finding| finding.step == step).unwrap()
}

/// The steps that failed.
pub fn failed(report: &LiveReport) -> Vec<LiveStep> {
    let failed = report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed);
    failed.map(|finding| finding.step).collect()
}

pub fn table(report: &LiveReport, width: Option<u16>) -> String {
    strip_str(&text_of(report, Format::Table, width).unwrap()).to_string()
}
