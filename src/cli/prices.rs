//! `spotcron prices`: what capacity costs, as the daemon last saw it.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;

use super::args::{FormatArg, Source};
use super::error::CliError;
use super::render::sentence::absurd;
use super::render::table::{Grid, Tone, or_dash, plain, toned};
use super::render::{self, Page, value};
use crate::domain::{
    Capacity, EnvironmentName, InstanceType, Ppm, Resources, Share, UsdPerHour, Zone,
};
use crate::market::{EnvironmentMarket, FargateQuote, FargateRate, PoolQuote};
use crate::ports::Store;

const HELP: &str = "\
Prices are of whole instances, Linux, an hour. The discount is of the spot price against the
on-demand list price, before any Savings Plan. The ages are the time since a refresh last
confirmed the spot price and the list price. Decisions leave out spot prices that are older than
their class's `max_price_age`.

Example:
  spotcron prices --format json | jq '.environments[].pools[] | select(.discount_percent < 50)'";

/// Arguments of `prices`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct PricesArgs {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub format: FormatArg,
}

/// The answer of `prices`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub now: Timestamp,
    pub environments: Vec<EnvironmentPrices>,
}

/// One environment.
#[derive(Debug, Serialize)]
pub struct EnvironmentPrices {
    pub environment: EnvironmentName,
    pub capacity: Capacity,
    /// Why it cannot be used now.
    pub unusable: Option<String>,
    pub pools: Vec<PoolPrices>,
    /// Fargate only.
    pub fargate: Option<FargatePrices>,
}

/// One pool.
#[derive(Debug, Serialize)]
pub struct PoolPrices {
    pub instance_type: InstanceType,
    pub zone: Zone,
    pub vcpus: u32,
    pub memory_mib: u32,
    pub spot_usd_per_hour: Option<UsdPerHour>,
    pub on_demand_usd_per_hour: Option<UsdPerHour>,
    pub discount_percent: Option<Number>,
    /// Of the spot price.
    pub age_secs: Option<i64>,
    /// Of the on-demand price.
    pub on_demand_age_secs: Option<i64>,
    /// Why decisions do not believe the spot price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absurd: Option<String>,
    #[serde(skip)]
    discount: Option<Ppm>,
}

/// Fargate's list prices, and those of Fargate Spot after the discount that the catalogue states.
#[derive(Debug, Serialize)]
pub struct FargatePrices {
    pub vcpu_usd_per_hour: UsdPerHour,
    pub gib_usd_per_hour: UsdPerHour,
    pub spot_vcpu_usd_per_hour: Option<UsdPerHour>,
    pub spot_gib_usd_per_hour: Option<UsdPerHour>,
    /// Of the list price, and so of the spot price that is made from it.
    pub age_secs: i64,
}

/// The prices that the store holds.
pub async fn run(
    _args: &PricesArgs,
    store: &dyn Store,
    now: Timestamp,
) -> Result<Report, CliError> {
    let markets = store.environment_markets().await?;
    let environments = markets.values().map(|market| EnvironmentPrices::of(market, now)).collect();
    Ok(Report { now, environments })
}

impl EnvironmentPrices {
    fn of(market: &EnvironmentMarket, now: Timestamp) -> Self {
        let mut pools: Vec<PoolPrices> =
            market.pools.iter().map(|quote| PoolPrices::of(quote, now)).collect();
        pools.sort_by(|a, b| (&a.instance_type, &a.zone).cmp(&(&b.instance_type, &b.zone)));
        EnvironmentPrices {
            environment: market.environment.clone(),
            capacity: market.capacity,
            unusable: market.unusable.clone(),
            pools,
            fargate: market.fargate.as_ref().map(|quote| FargatePrices::of(quote, now)),
        }
    }
}

impl FargatePrices {
    fn of(quote: &FargateQuote, now: Timestamp) -> Self {
        FargatePrices {
            vcpu_usd_per_hour: quote.list.vcpu_hour,
            gib_usd_per_hour: quote.list.gib_hour,
            spot_vcpu_usd_per_hour: quote.spot.map(|rate| rate.vcpu_hour),
            spot_gib_usd_per_hour: quote.spot.map(|rate| rate.gib_hour),
            age_secs: quote.age(now).as_secs(),
        }
    }

    fn write(&self, capacity: Capacity, page: &mut Page) {
        let rate = |vcpu, gib| {
            format!("{} a vCPU-hour, {} a GiB-hour", value::price(vcpu), value::price(gib))
        };
        let list = rate(self.vcpu_usd_per_hour, self.gib_usd_per_hour);
        let age = value::seconds(self.age_secs);
        match (self.spot_vcpu_usd_per_hour, self.spot_gib_usd_per_hour) {
            (Some(vcpu), Some(gib)) => {
                page.line(format!("  {} by the discount that you state", rate(vcpu, gib)));
                page.line(format!("  On demand {list}, seen {age} ago"));
            }
            _ if capacity == Capacity::FargateSpot => {
                page.line("  Not known: state `fargate_spot_discount_percent` in the catalogue.");
                page.line(format!("  On demand {list}, seen {age} ago"));
            }
            _ => page.line(format!("  {list}, seen {age} ago")),
        }
    }
}

impl PoolPrices {
    fn of(quote: &PoolQuote, now: Timestamp) -> Self {
        let discount = discount(quote.spot, quote.on_demand);
        PoolPrices {
            instance_type: quote.pool.instance_type.clone(),
            zone: quote.pool.zone.clone(),
            vcpus: quote.shape.vcpus,
            memory_mib: quote.shape.memory_mib,
            spot_usd_per_hour: quote.spot,
            on_demand_usd_per_hour: quote.on_demand,
            discount_percent: discount.map(value::percent_number),
            age_secs: quote.age(now).map(|age| age.as_secs()),
            on_demand_age_secs: quote.on_demand_age(now).map(|age| age.as_secs()),
            absurd: quote.spot.zip(quote.absurdity()).map(|(price, why)| absurd(price, why)),
            discount,
        }
    }
}

/// What spot saves against on demand; negative when it costs more.
pub fn discount(spot: Option<UsdPerHour>, on_demand: Option<UsdPerHour>) -> Option<Ppm> {
    Some(Ppm::ONE - spot?.ratio_to(on_demand?)?)
}

/// One spot and one on-demand price that stand for an environment: the means over its pools of the
/// price of two vCPUs and their part of the memory, so that types of different size compare.
pub fn typical(market: &EnvironmentMarket) -> (Option<UsdPerHour>, Option<UsdPerHour>) {
    if let Some(quote) = &market.fargate {
        let two_vcpus = |rate: FargateRate| {
            UsdPerHour::from_units(2 * rate.vcpu_hour.units() + 8 * rate.gib_hour.units())
        };
        return (quote.spot.map(two_vcpus), Some(two_vcpus(quote.list)));
    }
    let mean = |pick: fn(&PoolQuote) -> Option<UsdPerHour>| {
        let prices: Vec<i64> = market
            .pools
            .iter()
            .filter_map(|quote| Some(pick(quote)?.of_share(two_vcpus_of(quote)?).units()))
            .collect();
        let sum: i64 = prices.iter().sum();
        let count = i64::try_from(prices.len()).ok().filter(|count| *count > 0)?;
        Some(UsdPerHour::from_units(sum / count))
    };
    let spot = market.capacity.is_interruptible().then(|| mean(PoolQuote::believed_spot)).flatten();
    (spot, mean(|quote| quote.on_demand))
}

fn two_vcpus_of(quote: &PoolQuote) -> Option<Share> {
    let shape = &quote.shape;
    let memory_mib = (2 * shape.memory_mib).checked_div(shape.vcpus)?;
    Resources { vcpu_millis: 2000, memory_mib, gpus: 0 }.share_of(shape)
}

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        if self.environments.is_empty() {
            page.line("No environment has been seen yet; the daemon looks them up at its start.");
            return;
        }
        for environment in &self.environments {
            page.heading(format!("{} ({})", environment.environment, environment.capacity));
            if let Some(why) = &environment.unusable {
                page.line(format!("  Cannot be used now: {why}"));
            }
            match &environment.fargate {
                Some(prices) => prices.write(environment.capacity, page),
                None if environment.pools.is_empty() => page.line("  No pools are known yet."),
                None => page.table(2, &pools(&environment.pools)),
            }
            for pool in &environment.pools {
                if let Some(why) = &pool.absurd {
                    let PoolPrices { instance_type, zone, .. } = pool;
                    page.line(format!("  Not believed of {instance_type} in {zone}: {why}."));
                }
            }
        }
    }
}

fn pools(pools: &[PoolPrices]) -> Grid {
    let mut grid = Grid::new()
        .name("INSTANCE TYPE")
        .name("ZONE")
        .number("VCPUS")
        .number("GIB")
        .number("SPOT $/H")
        .number("AGE")
        .number("ON DEMAND $/H")
        .number("AGE")
        .number("DISCOUNT");
    for pool in pools {
        let tone =
            if pool.discount.is_some_and(|off| off <= Ppm::ZERO) { Tone::Bad } else { Tone::Plain };
        grid.row([
            plain(&pool.instance_type),
            plain(&pool.zone),
            plain(pool.vcpus),
            plain(gib(pool.memory_mib)),
            match pool.spot_usd_per_hour.map(value::price) {
                Some(price) if pool.absurd.is_some() => toned(Tone::Bad, price),
                price => or_dash(price),
            },
            or_dash(pool.age_secs.map(value::seconds)),
            or_dash(pool.on_demand_usd_per_hour.map(value::price)),
            or_dash(pool.on_demand_age_secs.map(value::seconds)),
            match pool.discount {
                Some(off) => toned(tone, off),
                None => toned(Tone::Faint, "-"),
            },
        ]);
    }
    grid
}

fn gib(mib: u32) -> String {
    let tenths = (u64::from(mib) * 10 + 512) / 1024;
    if tenths.is_multiple_of(10) {
        (tenths / 10).to_string()
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}
