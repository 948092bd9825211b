//! The metric families of one scrape. They are handed to the encoder as they are: a registry of
//! vectors, made for counters that live long and are raised often, takes ten times as long for tens
//! of thousands of series that are written once.

use std::collections::BTreeMap;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, Result, TextEncoder};

use super::{Descriptor, Kind};

/// Label values in the descriptor's order, and the value.
type Sample<'a> = (Vec<&'a str>, f64);

/// A family without samples is left out of the text.
#[derive(Default)]
pub(super) struct Families<'a> {
    families: BTreeMap<&'static str, (Descriptor, Vec<Sample<'a>>)>,
}

impl<'a> Families<'a> {
    /// Adds `value` to the sample with these label values, in the descriptor's order. Fails if there
    /// are not as many as the descriptor has labels.
    pub(super) fn add(
        &mut self,
        metric: &Descriptor,
        labels: &[&'a str],
        value: f64,
    ) -> Result<()> {
        if labels.len() != metric.labels.len() {
            return Err(Error::InconsistentCardinality {
                expect: metric.labels.len(),
                got: labels.len(),
            });
        }
        let family = self.families.entry(metric.name).or_insert_with(|| (*metric, Vec::new()));
        family.1.push((labels.to_vec(), value));
        Ok(())
    }

    pub(super) fn into_text(self) -> Result<String> {
        let (encoder, mut text) = (TextEncoder::new(), String::new());
        // One family at a time: the encoder's own form of a sample is large.
        for (metric, mut samples) in self.families.into_values() {
            samples.sort_by(|(labels, _), (others, _)| labels.cmp(others));
            // Prometheus refuses a text that has a series twice.
            samples.dedup_by(|(labels, value), (kept, total)| {
                let same = labels == kept;
                *total += if same { *value } else { 0.0 };
                same
            });
            let mut family = MetricFamily::default();
            family.set_name(metric.name.to_owned());
            family.set_help(metric.help.to_owned());
            family.set_field_type(match metric.kind {
                Kind::Counter => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
            });
            family.set_metric(samples.iter().map(|sample| encoded(&metric, sample)).collect());
            encoder.encode_utf8(&[family], &mut text)?;
        }
        Ok(text)
    }
}

fn encoded(metric: &Descriptor, (labels, value): &Sample<'_>) -> Metric {
    let pairs = metric.labels.iter().zip(labels).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut sample = Metric::default();
    sample.set_label(pairs.collect());
    match metric.kind {
        Kind::Counter => {
            let mut counter = Counter::default();
            // Below zero the store is damaged; Prometheus would see a process that restarted.
            counter.set_value(value.max(0.0));
            sample.set_counter(counter);
        }
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(*value);
            sample.set_gauge(gauge);
        }
    }
    sample
}
