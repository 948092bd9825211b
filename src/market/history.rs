//! Recorded spot prices: the JSON that `aws ec2 describe-spot-price-history` prints.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::PricePoint;
use crate::domain::{InstanceType, Pool, UsdPerHour, Window, Zone};

/// Why recorded prices cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error(
        "not the JSON of `aws ec2 describe-spot-price-history --output json`: {0}; \
         expected {{\"SpotPriceHistory\": [{{\"AvailabilityZone\", \"InstanceType\", \
         \"ProductDescription\", \"SpotPrice\", \"Timestamp\"}}, ...]}}"
    )]
    NotHistory(String),
    #[error("{}", listed(.0))]
    Entries(Vec<EntryProblem>),
    #[error(
        "SpotPriceHistory has {entries} entries but none for Linux/UNIX; \
         ask for it with --product-descriptions Linux/UNIX"
    )]
    NothingUsable { entries: usize },
}

/// One entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} of SpotPriceHistory: {problem}")]
pub struct EntryProblem {
    /// From 1.
    pub entry: usize,
    pub problem: String,
}

/// So many problems of one file are told; the rest are counted.
const TOLD: usize = 20;

fn listed(problems: &[EntryProblem]) -> String {
    let mut told: Vec<String> = problems.iter().take(TOLD).map(ToString::to_string).collect();
    if problems.len() > TOLD {
        told.push(format!("and {} more", problems.len() - TOLD));
    }
    told.join("; ")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct History {
    spot_price_history: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    availability_zone: Option<String>,
    instance_type: Option<String>,
    product_description: Option<String>,
    spot_price: Option<String>,
    timestamp: Option<String>,
}

/// The product that spotcron runs, and its name from EC2-Classic's days.
const PRODUCT: &str = "Linux/UNIX";
const PRODUCT_VPC: &str = "Linux/UNIX (Amazon VPC)";

/// The Linux price points of `bytes`, in time order within each pool, without repetitions. Other
/// products are left out. Of two points of one pool at one time the plain product's wins. Every entry that
/// cannot be read is told at once.
pub fn parse(bytes: &[u8]) -> Result<Vec<PricePoint>, HistoryError> {
    let history: History = serde_json::from_slice(bytes)
        .map_err(|error| HistoryError::NotHistory(error.to_string()))?;
    let entries = history.spot_price_history.len();
    let mut problems = Vec::new();
    let mut merged: BTreeMap<(Pool, Timestamp), (bool, UsdPerHour)> = BTreeMap::new();
    for (index, row) in history.spot_price_history.into_iter().enumerate() {
        let entry = index + 1;
        let (plain, point) = match row.read() {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(problem) => {
                problems.push(EntryProblem { entry, problem });
                continue;
            }
        };
        let known =
            merged.entry((point.pool, point.effective_from)).or_insert((plain, point.price));
        if plain && !known.0 {
            *known = (true, point.price);
        }
    }
    if !problems.is_empty() {
        return Err(HistoryError::Entries(problems));
    }
    if merged.is_empty() {
        return Err(HistoryError::NothingUsable { entries });
    }
    let point = |((pool, at), (_, price))| PricePoint { pool, price, effective_from: at };
    Ok(merged.into_iter().map(point).collect())
}

/// From the first to the last recorded point; `None` without points.
pub fn span(points: &[PricePoint]) -> Option<Window> {
    let first = points.iter().map(|point| point.effective_from).min()?;
    let last = points.iter().map(|point| point.effective_from).max()?;
    Some(Window::new(first, last))
}

impl Row {
    /// `None` for products other than Linux; otherwise whether it is the plain product.
    fn read(self) -> Result<Option<(bool, PricePoint)>, String> {
        let need = |field: Option<String>, name: &str| match field {
            Some(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(format!("{name} is missing or empty")),
        };
        let product = self.product_description.unwrap_or_else(|| PRODUCT.to_owned());
        if product != PRODUCT && product != PRODUCT_VPC {
            return Ok(None);
        }
        let zone = need(self.availability_zone, "AvailabilityZone")?;
        if !is_zone_name(&zone) {
            return Err(format!("AvailabilityZone {zone:?} is not a zone's name like us-east-1a"));
        }
        let instance_type = need(self.instance_type, "InstanceType")?;
        let price = need(self.spot_price, "SpotPrice")?;
        let price: UsdPerHour =
            price.parse().map_err(|error| format!("SpotPrice {price:?}: {error}"))?;
        if price == UsdPerHour::ZERO {
            return Err("SpotPrice is zero".to_owned());
        }
        let at = need(self.timestamp, "Timestamp")?;
        let at: Timestamp = at.parse().map_err(|_| {
            format!("Timestamp {at:?} is not a time with offset like 2026-07-20T10:00:00+00:00")
        })?;
        let pool =
            Pool { zone: Zone::from(zone), instance_type: InstanceType::from(instance_type) };
        Ok(Some((product == PRODUCT, PricePoint { pool, price, effective_from: at })))
    }
}

/// `us-east-1a`, and local zones such as `us-west-2-lax-1a`.
fn is_zone_name(zone: &str) -> bool {
    let mut last_two = zone.chars().rev();
    let letter = last_two.next().is_some_and(|c| c.is_ascii_lowercase());
    letter && last_two.next().is_some_and(|c| c.is_ascii_digit()) && zone.contains('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(rows: &str) -> Vec<u8> {
        format!("{{\"SpotPriceHistory\": [{rows}]}}").into_bytes()
    }

    fn row(zone: &str, product: &str, price: &str, at: &str) -> String {
        format!(
            "{{\"AvailabilityZone\": \"{zone}\", \"AvailabilityZoneId\": \"use1-az4\", \
             \"InstanceType\": \"m6i.large\", \"ProductDescription\": \"{product}\", \
             \"SpotPrice\": \"{price}\", \"Timestamp\": \"{at}\"}}"
        )
    }

    #[test]
    fn points_come_sorted_merged_and_linux_only() {
        let rows = [
            row("us-east-1a", PRODUCT, "0.041200", "2026-07-20T11:00:00+00:00"),
            row("us-east-1a", PRODUCT_VPC, "0.040000", "2026-07-20T10:00:00Z"),
            row("us-east-1a", PRODUCT, "0.039000", "2026-07-20T10:00:00Z"),
            row("us-east-1a", "Windows", "0.1", "2026-07-20T10:00:00Z"),
        ];
        let points = parse(&history(&rows.join(","))).unwrap();
        let shown: Vec<_> = points.iter().map(|p| p.price.to_string()).collect();
        assert_eq!(shown, ["0.0390", "0.0412"]);
        assert_eq!(span(&points).unwrap().duration().as_secs(), 3600);
    }

    #[test]
    fn errors_say_which_entry_and_what() {
        let good = row("us-east-1a", PRODUCT, "0.04", "2026-07-20T11:00:00Z");
        let cases = [
            (row("us-east-1a", PRODUCT, "1e-3", "2026-07-20T11:00:00Z"), "SpotPrice \"1e-3\""),
            (row("use1-az4", PRODUCT, "0.04", "2026-07-20T11:00:00Z"), "not a zone's name"),
            (row("us-east-1a", PRODUCT, "0.04", "yesterday"), "Timestamp \"yesterday\""),
            ("{}".to_owned(), "AvailabilityZone is missing"),
        ];
        for (bad, expected) in cases {
            let error = parse(&history(&format!("{good},{bad}"))).unwrap_err().to_string();
            assert!(error.starts_with("entry 2 of SpotPriceHistory: "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        let two = parse(&history(&format!("{{}},{good},{{}}"))).unwrap_err().to_string();
        assert!(two.contains("entry 1 of") && two.contains("; entry 3 of"), "{two}");
        let error = parse(b"[]").unwrap_err().to_string();
        assert!(error.contains("describe-spot-price-history"), "{error}");
        assert_eq!(parse(&history("")), Err(HistoryError::NothingUsable { entries: 0 }));
    }
}
