//! One demo: the daemon, the simulated cloud under it, and virtual time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::delivery;
use super::pace::{Headless, Live};
use super::reckoning::reckon;
use super::{DemoArgs, Speed};
use crate::catalogue::{self, Catalogue};
use crate::cli::live::{LiveModel, LiveView};
use crate::cli::summary::{DemoSummary, Facts};
use crate::cli::{CliError, open};
use crate::clock::{Clock, VirtualClock};
use crate::cost::PriceMode;
use crate::daemon::{Book, Cloud, Mode, Pace, Parts, Shared, all_tasks, http, run_virtual};
use crate::diagnostic::{self, Source};
use crate::ledger::Summary;
use crate::market::history;
use crate::ports::{RunQuery, Store, StoreIdentity};
use crate::settings::Settings;
use crate::sim::{self, Scenario, SimCloud};
use crate::store::SqliteStore;

/// When virtual time begins where no recorded prices say otherwise.
const BEGIN: &str = "2026-06-01T00:00:00Z";
const DEMO_CATALOGUE: &str = include_str!("../../../config/demo/catalogue.toml");
/// Recorded prices need some past before the first decision.
const HISTORY: SignedDuration = SignedDuration::from_hours(24);

/// A demo that is ready to run.
pub struct Session {
    pub shared: Arc<Shared>,
    pub cloud: SimCloud,
    pub clock: VirtualClock,
    begin: Timestamp,
    /// The end of what was recorded, when prices are replayed.
    end: Option<Timestamp>,
    seed: u64,
}

impl Session {
    pub async fn open(args: &DemoArgs) -> Result<Self, CliError> {
        let mut scenario = Scenario::demo().map_err(|error| {
            CliError::failed("the built-in simulated cloud is damaged").caused_by(error)
        })?;
        let mut begin: Timestamp = BEGIN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let mut end = None;
        if let Some(path) = &args.prices {
            let span = replay_prices(path, &mut scenario)?;
            (begin, end) = (span.start + HISTORY, Some(span.end));
            if begin >= span.end {
                return Err(CliError::input("the recorded prices are too short to replay").hint(
                    "the first day of a recording is what the first decisions look back on",
                ));
            }
        }
        let catalogue = load_catalogue(args.catalogue.as_ref(), &scenario)?;
        let identity = StoreIdentity::Simulation { seed: args.seed };
        let store: Arc<dyn Store> = match &args.store {
            Some(path) => Arc::new(SqliteStore::open(path, identity).map_err(CliError::from)?),
            None => Arc::new(SqliteStore::in_memory(identity).map_err(CliError::from)?),
        };
        refuse_used(&*store).await?;
        let settings = settings_for(&scenario);
        let scope = scenario.account_id.clone();
        let clock = VirtualClock::starting_at(begin);
        let cloud =
            SimCloud::new(scenario, args.seed, Arc::new(clock.clone())).map_err(|error| {
                CliError::input("the simulated cloud cannot be built").caused_by(error)
            })?;
        cloud.keep_submissions(0);
        let ports = Cloud {
            batch: Arc::new(cloud.clone()),
            instances: Arc::new(cloud.clone()),
            spot_prices: Arc::new(cloud.clone()),
            list_prices: Arc::new(cloud.clone()),
        };
        let book = Book::load(store).await.map_err(CliError::from)?;
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let shared = Shared::new(Parts {
            clock: time,
            settings,
            mode: Mode::Submit,
            scope,
            cloud: ports,
            catalogue,
            book,
            calls: Arc::default(),
            custom_endpoint: false,
        });
        shared.restore().await.map_err(CliError::from)?;
        if let Some(path) = &args.tokens {
            shared.tokens.store(Some(Arc::new(open::tokens(path)?)));
        }
        Ok(Session { shared: Arc::new(shared), cloud, clock, begin, end, seed: args.seed })
    }

    /// Runs to the end and says what it came to.
    pub async fn run(self, args: &DemoArgs) -> Result<DemoSummary, CliError> {
        let (stop, stopped) = watch::channel(false);
        let address = self.serve(args, stopped).await?;
        let until = self.until(args.length);
        match args.speed {
            Speed::Max if args.length.is_some() || self.end.is_some() => {
                self.drive(until, &mut Headless::default()).await;
            }
            speed => {
                let mut model = LiveModel::new(self.seed, self.begin, speed);
                model.metrics_url = address.map(|address| format!("http://{address}/metrics"));
                let view = LiveView::open().map_err(|error| {
                    CliError::failed("the terminal cannot be used").caused_by(error)
                })?;
                let mut live = Live::new(Arc::clone(&self.shared), model, view);
                self.drive(until, &mut live).await;
            }
        }
        let summary = self.summary().await;
        if let Some(folder) = &args.bill {
            delivery::write(&self.cloud, self.clock.now(), folder)?;
        }
        let _ = stop.send(true);
        summary
    }

    /// Runs the daemon's tasks up to `until`, at the pace given.
    pub async fn drive(&self, until: Timestamp, pace: &mut dyn Pace) {
        let tasks = all_tasks(&self.shared);
        run_virtual(&self.shared, tasks, &self.clock, until, pace).await;
    }

    /// Runs to the end and returns what the screen would show.
    pub async fn picture(self, args: &DemoArgs) -> Result<LiveModel, CliError> {
        let mut model = LiveModel::new(self.seed, self.begin, Speed::Times(600));
        model.metrics_url = Some("http://127.0.0.1:9188/metrics".to_owned());
        let sink = LiveView::log(std::io::sink());
        let mut live = Live::new(Arc::clone(&self.shared), model, sink).filming();
        self.drive(self.until(args.length), &mut live).await;
        Ok(live.into_model(self.clock.now()))
    }

    fn until(&self, length: Option<SignedDuration>) -> Timestamp {
        let asked = length.and_then(|length| self.begin.checked_add(length).ok());
        asked.into_iter().chain(self.end).min().unwrap_or(Timestamp::MAX)
    }

    /// Binds where asked; without a wish on the usual port, or on any free one.
    async fn serve(
        &self,
        args: &DemoArgs,
        stopped: watch::Receiver<bool>,
    ) -> Result<Option<SocketAddr>, CliError> {
        let listener = match (args.listen, args.speed) {
            (Some(address), _) => TcpListener::bind(address).await.map_err(|error| {
                CliError::failed(format!("{address} cannot be listened on")).caused_by(error)
            })?,
            (None, Speed::Max) => return Ok(None),
            (None, _) => {
                let usual = SocketAddr::from(([127, 0, 0, 1], 9188));
                let free = SocketAddr::from(([127, 0, 0, 1], 0));
                match TcpListener::bind(usual).await {
                    Ok(listener) => listener,
                    Err(_) => TcpListener::bind(free).await.map_err(|error| {
                        CliError::failed("no port can be listened on").caused_by(error)
                    })?,
                }
            }
        };
        let address = listener.local_addr().ok();
        tokio::spawn(http::serve(listener, Arc::clone(&self.shared), stopped));
        Ok(address)
    }

    /// What the demo came to, with the cloud's own bill beside the ledger.
    pub async fn summary(&self) -> Result<DemoSummary, CliError> {
        let now = self.clock.now();
        let bill = reckon(&self.shared, &self.cloud, now).await.map_err(CliError::from)?;
        let tally = self.shared.book.tally();
        let provisional = Summary::of(&self.shared.book.provisional_entries());
        Ok(DemoSummary::of(
            &tally,
            Facts {
                seed: self.seed,
                virtual_from: self.begin,
                virtual_to: now,
                provisional_cost: provisional.cost,
                bill,
            },
        ))
    }
}

/// A simulated cloud begins empty each time: a store that remembers another one does not fit it.
async fn refuse_used(store: &dyn Store) -> Result<(), CliError> {
    let some = RunQuery { limit: Some(1), ..RunQuery::default() };
    if store.runs(&some).await?.is_empty() {
        return Ok(());
    }
    Err(CliError::input("the store already holds a demo; nothing was changed")
        .hint("name a new file, or look into this one with: spotcron runs --store FILE"))
}

/// The daemon's defaults, charging as the simulated cloud bills.
fn settings_for(scenario: &Scenario) -> Settings {
    let mut settings = Settings::default();
    settings.ledger.price_mode = match scenario.market.price_mode {
        sim::PriceMode::Continuous => PriceMode::Continuous,
        sim::PriceMode::InstanceHour => PriceMode::InstanceHour,
    };
    settings
}

fn replay_prices(
    path: &PathBuf,
    scenario: &mut Scenario,
) -> Result<crate::domain::Window, CliError> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| CliError::input(format!("{name} cannot be read")).caused_by(error))?;
    let points = history::parse(&bytes).map_err(|error| {
        CliError::input(format!("{name} is no spot price history"))
            .caused_by(error)
            .hint("record one with: aws ec2 describe-spot-price-history --output json > FILE")
    })?;
    let span =
        history::span(&points).ok_or_else(|| CliError::input(format!("{name} holds no prices")))?;
    let summary = scenario
        .for_replay(points)
        .map_err(|error| CliError::input(format!("{name} cannot be replayed")).caused_by(error))?;
    for unknown in &summary.unknown_types {
        tracing::warn!(instance_type = %unknown, "recorded prices of an unknown type are left out");
    }
    Ok(span)
}

/// The catalogue named, or the built-in one moved to the scenario's region.
fn load_catalogue(path: Option<&PathBuf>, scenario: &Scenario) -> Result<Catalogue, CliError> {
    let loaded = match path {
        Some(path) => catalogue::load(std::slice::from_ref(path)),
        None => {
            let region = format!("region = \"{}\"", scenario.region);
            let text = DEMO_CATALOGUE.replace("region = \"us-east-1\"", &region);
            catalogue::load_sources(vec![Source::new("demo/catalogue.toml", text)])
        }
    };
    loaded.catalogue.ok_or_else(|| {
        CliError::input("the catalogue has errors")
            .hint(diagnostic::render(&loaded.diagnostics, false))
    })
}
