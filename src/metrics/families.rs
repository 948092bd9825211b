//! The metric families of one scrape. They are handed to the encoder as they are: a registry of
//! vectors, made for counters that live long and are raised often, takes ten times as long for tens
//! of thousands of series that are written once.

use std::collections::BTreeMap;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, Result, TextEncoder};

use super::{Descriptor, Kind};

/// A family without samples is left out of the text.
#[derive(Default)]
pub(super) struct Families {
    families: BTreeMap<&'static str, (Descriptor, Vec<Metric>)>,
}

impl Families {
    /// Adds `value` to the sample with these label values, in the descriptor's order. Fails if there
    /// are not as many as the descriptor has labels.
    pub(super) fn add(&mut self, metric: &Descriptor, labels: &[&str], value: f64) -> Result<()> {
        if labels.len() != metric.labels.len() {
            return Err(Error::InconsistentCardinality {
                expect: metric.labels.len(),
                got: labels.len(),
            });
        }
        let pairs = metric.labels.iter().zip(labels).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let mut sample = Metric::default();
        sample.set_label(pairs.collect());
        set(&mut sample, metric.kind, value);
        let family = self.families.entry(metric.name).or_insert_with(|| (*metric, Vec::new()));
        family.1.push(sample);
        Ok(())
    }

    pub(super) fn into_text(self) -> Result<String> {
        let families: Vec<MetricFamily> = self
            .families
            .into_values()
            .map(|(metric, samples)| {
                let mut family = MetricFamily::default();
                family.set_name(metric.name.to_owned());
                family.set_help(metric.help.to_owned());
                family.set_field_type(match metric.kind {
                    Kind::Counter => MetricType::COUNTER,
                    Kind::Gauge => MetricType::GAUGE,
                });
                family.set_metric(merged(metric.kind, samples));
                family
            })
            .collect();
        TextEncoder::new().encode_to_string(&families)
    }
}

/// In order of their label values, those with the same values added up: Prometheus refuses a text
/// that has a series twice.
fn merged(kind: Kind, mut samples: Vec<Metric>) -> Vec<Metric> {
    fn values(sample: &Metric) -> impl Iterator<Item = &str> {
        sample.get_label().iter().map(LabelPair::value)
    }
    samples.sort_by(|one, other| values(one).cmp(values(other)));
    samples.dedup_by(|later, kept| {
        let same = values(later).eq(values(kept));
        if same {
            set(kept, kind, get(kept, kind) + get(later, kind));
        }
        same
    });
    samples
}

fn get(sample: &Metric, kind: Kind) -> f64 {
    match kind {
        Kind::Counter => sample.get_counter().get_value(),
        Kind::Gauge => sample.get_gauge().get_value(),
    }
}

fn set(sample: &mut Metric, kind: Kind, value: f64) {
    match kind {
        Kind::Counter => {
            let mut counter = Counter::default();
            // Below zero the store is damaged; Prometheus would see a process that restarted.
            counter.set_value(value.max(0.0));
            sample.set_counter(counter);
        }
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            sample.set_gauge(gauge);
        }
    }
}
