//! The market: the same seed gives the same world, prices stay sane, capacity comes and goes as
//! heavy-tailed as in the published traces, memory stays bounded.

use jiff::{SignedDuration, Timestamp};
use spotcron::domain::{BatchStatus, Capacity, Window};
use spotcron::ports::{BatchService, ListPriceSource, SpotPriceSource};
use spotcron::sim::{AGE_BUCKETS, MarketQuote, Scenario, UP_TO_DOWN};

use super::account::*;

/// Everything that a caller can see of twelve busy hours.
fn transcript(seed: u64, extra_draws: bool) -> String {
    let scenario = Scenario::demo().unwrap();
    let account = Account::new(scenario, seed);
    let mut lines = Vec::new();
    let mut ids = Vec::new();
    for minute in 0..12 * 60 {
        if minute % 7 == 0 {
            let queue = ["demo-spot-general", "demo-spot-memory", "demo-fargate"][minute % 3];
            let definition = ["demo-import", "demo-report"][minute % 2];
            let mut job = request(queue, definition, &format!("job-{minute}"));
            job.resources = None;
            if queue == "demo-fargate" {
                job.resources = request(queue, definition, "x").resources;
            }
            ids.push(account.submit(&job).unwrap());
        }
        if extra_draws {
            account.cloud.market_quotes();
            account.cloud.next_event_at();
        }
        account.pass(60);
        let recent = &ids[ids.len().saturating_sub(100)..];
        let jobs = ready(account.cloud.describe(&account.site, recent)).unwrap();
        lines.push(format!("{jobs:?}"));
    }
    lines.push(format!("{:?}", account.cloud.market_quotes()));
    lines.push(format!("{:?}", account.cloud.bill(account.now())));
    lines.join("\n")
}

#[test]
fn the_same_seed_gives_the_same_world_to_the_byte() {
    let first = transcript(7, false);
    assert_eq!(first, transcript(7, true));
    assert_ne!(first, transcript(8, false));
}

#[test]
fn durations_do_not_depend_on_the_order_of_submission() {
    let ran = |names: &[&str]| {
        let account = Account::new(Scenario::demo().unwrap(), 3);
        let start = |name: &&str| account.start("demo-on-demand-general", "demo-report", name);
        let ids: Vec<_> = names.iter().map(start).collect();
        let mut ran: Vec<_> = ids
            .iter()
            .map(|id| account.until(id, BatchStatus::Succeeded))
            .map(|job| (job.name, job.stopped_at.unwrap().duration_since(job.started_at.unwrap())))
            .collect();
        ran.sort();
        ran
    };
    assert_eq!(ran(&["a", "b", "c"]), ran(&["c", "a", "b"]));
}

#[test]
fn prices_wander_below_on_demand_and_never_show_the_future() {
    let account = Account::new(Scenario::demo().unwrap(), 1);
    let quotes = account.cloud.market_quotes();
    assert!(quotes.len() > 20);
    account.pass(10 * 86_400);
    let now = account.now();
    let start = now - SignedDuration::from_hours(240);
    for quote in quotes {
        let types = [quote.pool.instance_type.clone()];
        let window = Window::new(start, now + SignedDuration::from_hours(1000));
        let all = ready(account.cloud.spot_prices(&account.site, &types, window)).unwrap();
        let points: Vec<_> = all.iter().filter(|point| point.pool == quote.pool).collect();
        assert!(points[0].effective_from <= start, "the price in effect at the start is there");
        assert!(points.iter().all(|point| point.effective_from <= now));
        assert!(points.windows(2).all(|pair| pair[0].effective_from < pair[1].effective_from));
        assert!((10..400).contains(&points.len()), "{} changes in ten days", points.len());
        for point in &points {
            let discount = 1.0 - point.price.units() as f64 / quote.on_demand.units() as f64;
            assert!((0.25..0.85).contains(&discount), "{} at {discount}", quote.pool);
            assert_eq!(point.effective_from.as_millisecond() % 1000, 0);
        }
        let window = Window::new(now, now);
        let current = ready(account.cloud.spot_prices(&account.site, &types, window)).unwrap();
        let current: Vec<_> = current.iter().filter(|point| point.pool == quote.pool).collect();
        assert_eq!(current, points[points.len() - 1..].to_vec());
    }
}

/// Exits and exposure per age bucket of the phases in which every pool was up.
fn watch_phases(account: &Account, hours: i64) -> [f64; 7] {
    let (mut exits, mut exposure) = ([0.0; 7], [0.0; 7]);
    let mut before: Vec<MarketQuote> = account.cloud.market_quotes();
    for _ in 0..hours * 12 {
        account.pass(300);
        let now = account.cloud.market_quotes();
        for (old, new) in before.iter().zip(&now) {
            if old.up && old.since != new.since && old.since > start_of(account) {
                let ended = if new.up { continue } else { new.since };
                count(&mut exits, &mut exposure, hours_between(old.since, ended));
            }
        }
        before = now;
    }
    std::array::from_fn(|bucket| exits[bucket] / exposure[bucket])
}

fn start_of(_: &Account) -> Timestamp {
    "2026-08-01T00:00:00Z".parse().unwrap()
}

fn hours_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() / 3600.0
}

fn count(exits: &mut [f64; 7], exposure: &mut [f64; 7], lived: f64) {
    for bucket in 0..7 {
        let end = AGE_BUCKETS.get(bucket + 1).copied().unwrap_or(f64::INFINITY);
        exposure[bucket] += (lived.min(end) - AGE_BUCKETS[bucket]).max(0.0);
        exits[bucket] += f64::from(u8::from((AGE_BUCKETS[bucket]..end).contains(&lived)));
    }
}

#[test]
fn capacity_is_lost_with_the_published_hazards() {
    let mut scenario = Scenario::empty("us-east-1", "abcdef").with_queue(
        SPOT,
        Capacity::Spot,
        &["m5", "c5", "r5", "m6i", "c6i", "r6i"],
        64,
    );
    scenario.market.reclaim_scale = 1.0;
    scenario.market.recovery_scale = 1.0;
    let account = Account::new(scenario, 11);
    let measured = watch_phases(&account, 24 * 12);
    for (bucket, (measured, published)) in measured.into_iter().zip(UP_TO_DOWN).enumerate() {
        // Phases under the five minutes between two looks go unseen in the first bucket.
        let tolerance = if bucket == 0 { 0.35 } else { 0.2 };
        let off = (measured / published - 1.0).abs();
        assert!(off < tolerance, "bucket {bucket}: {measured} instead of {published}");
    }
}

#[test]
fn a_month_of_forty_pools_stays_small() {
    let account = Account::new(Scenario::demo().unwrap(), 2);
    let mut most = (0, 0);
    for hour in 0..24 * 30 {
        for n in 0..20 {
            let queue = ["demo-spot-general", "demo-spot-memory"][n % 2];
            account.start(queue, "demo-import", &format!("job-{hour}-{n}"));
        }
        account.pass(3600);
        let (jobs, instances) = account.cloud.remembered();
        most = (most.0.max(jobs), most.1.max(instances));
    }
    assert_eq!(account.cloud.submission_count(), 24 * 30 * 20);
    // A day of finished jobs, and those that wait while the scarce pools are down.
    assert!(most.0 < 20 * 36 && most.1 < 200, "{most:?}");
    account.cloud.keep_submissions(10);
    account.start("demo-fargate", "demo-urgent", "last");
    assert_eq!(account.cloud.submissions().len(), 10);
}

#[test]
fn list_prices_are_answered_per_type() {
    let account = Account::new(calm(), 1);
    let types = ["m6i.xlarge".into(), "m99.huge".into()];
    let answers = ready(account.cloud.on_demand_prices(&account.site.region, &types));
    assert_eq!(answers[0].as_ref().unwrap().price.to_string(), "0.1920");
    assert!(answers[0].as_ref().unwrap().effective_from < account.now());
    assert!(answers[1].as_ref().unwrap_err().to_string().contains("m99.huge"));
    let fargate = ready(account.cloud.fargate_prices(&account.site.region)).unwrap();
    assert_eq!(fargate[0].vcpu_hour.to_string(), "0.04048");
    let families = ["m6i".to_owned(), "optimal".to_owned()];
    let expand =
        |patterns: &[String]| ready(account.cloud.expand_instance_types(&account.site, patterns));
    assert_eq!(expand(&families).unwrap().len(), 20);
    assert!(expand(&["m99".to_owned()]).unwrap_err().message.contains("m99"));
}

#[test]
fn a_scenario_that_does_not_hold_together_names_every_problem() {
    let text = include_str!("../../../config/demo/cloud.toml")
        .replace("\"m7i.xlarge\"", "\"m77i.xlarge\"")
        .replace("notice_share = 0.95", "notice_share = 1.5")
        .replacen("compute_environments = [\"demo-fargate\"]", "compute_environments = [\"x\"]", 1);
    let error = Scenario::parse(&text).unwrap_err().to_string();
    for part in ["m77i.xlarge", "notice_share", "no compute environment x"] {
        assert!(error.contains(part), "{error}");
    }
    let accounts = "\n[[accounts]]\naccount_id = \"123456789012\"\n\n[[accounts.queues]]\n\
                    name = \"q\"\ncompute_environments = [\"nowhere\"]\n\n[[accounts.roles]]\n\
                    name = \"a b\"\nmax_session_secs = 60\n\n[[accounts]]\naccount_id = \"12\"\n";
    let text = format!("{}{accounts}", include_str!("../../../config/demo/cloud.toml"));
    let error = Scenario::parse(&text).unwrap_err().to_string();
    for part in [
        "account 123456789012 is there twice",
        "account 123456789012: queue q: no compute environment nowhere",
        "role a b: that is no name of a role",
        "role a b: max_session_secs",
        "account_id 12 is not twelve digits",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(Scenario::parse("zones = 3").unwrap_err().to_string().contains("TOML"));
}
