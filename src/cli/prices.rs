//! `spotcron prices`: what capacity costs, as the daemon last saw it.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Number;

use super::args::{FormatArg, Source};
use super::error::CliError;
use super::render::table::{Grid, Tone, or_dash, plain, toned};
use super::render::{self, Page, value};
use crate::domain::{
    Capacity, EnvironmentName, InstanceType, Ppm, Resources, Share, UsdPerHour, Zone,
};
use crate::market::{EnvironmentMarket, PoolQuote};
use crate::ports::Store;

const HELP: &str = "\
Prices are of whole instances, Linux, an hour. The discount is of the spot price against the
on-demand list price, before any Savings Plan. The age is the time since a refresh last
confirmed the price.

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
    #[serde(skip)]
    discount: Option<Ppm>,
}

/// Fargate's list prices.
#[derive(Debug, Serialize)]
pub struct FargatePrices {
    pub vcpu_usd_per_hour: UsdPerHour,
    pub gib_usd_per_hour: UsdPerHour,
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
            fargate: market.fargate.as_ref().map(|price| FargatePrices {
                vcpu_usd_per_hour: price.vcpu_hour,
                gib_usd_per_hour: price.gib_hour,
                age_secs: now.duration_since(price.seen_at).as_secs().max(0),
            }),
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
    if let Some(price) = &market.fargate {
        let two_vcpus = 2 * price.vcpu_hour.units() + 8 * price.gib_hour.units();
        return (None, Some(UsdPerHour::from_units(two_vcpus)));
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
    let spot = market.capacity.is_interruptible().then(|| mean(|quote| quote.spot)).flatten();
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
                Some(price) => page.line(format!(
                    "  {} a vCPU-hour, {} a GiB-hour, seen {} ago",
                    value::price(price.vcpu_usd_per_hour),
                    value::price(price.gib_usd_per_hour),
                    value::seconds(price.age_secs)
                )),
                None if environment.pools.is_empty() => page.line("  No pools are known yet."),
                None => page.table(2, &pools(&environment.pools)),
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
        .number("ON DEMAND $/H")
        .number("DISCOUNT")
        .number("AGE");
    for pool in pools {
        let tone =
            if pool.discount.is_some_and(|off| off <= Ppm::ZERO) { Tone::Bad } else { Tone::Plain };
        grid.row([
            plain(&pool.instance_type),
            plain(&pool.zone),
            plain(pool.vcpus),
            plain(gib(pool.memory_mib)),
            or_dash(pool.spot_usd_per_hour.map(value::price)),
            or_dash(pool.on_demand_usd_per_hour.map(value::price)),
            match pool.discount {
                Some(off) => toned(tone, off),
                None => toned(Tone::Faint, "-"),
            },
            or_dash(pool.age_secs.map(value::seconds)),
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
