//! A registry that lives for one scrape.

use std::collections::BTreeMap;

use prometheus::{CounterVec, GaugeVec, Opts, Registry, Result, TextEncoder};

use super::{Descriptor, Kind};

enum Family {
    Counter(CounterVec),
    Gauge(GaugeVec),
}

/// The metric families of one scrape; a family without samples is left out.
#[derive(Default)]
pub(super) struct Families {
    registry: Registry,
    families: BTreeMap<&'static str, Family>,
}

impl Families {
    /// Adds `value` to the sample with these label values, in the descriptor's order.
    pub(super) fn add(&mut self, metric: &Descriptor, labels: &[&str], value: f64) -> Result<()> {
        if !self.families.contains_key(metric.name) {
            let family = Family::register(metric, &self.registry)?;
            self.families.insert(metric.name, family);
        }
        match self.families.get(metric.name) {
            Some(Family::Counter(family)) => {
                // A counter that fell below zero is a damaged store; Prometheus would take it for
                // a restart of the process, and the crate panics in debug builds.
                family.get_metric_with_label_values(labels)?.inc_by(value.max(0.0));
            }
            Some(Family::Gauge(family)) => {
                family.get_metric_with_label_values(labels)?.add(value);
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn into_text(self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Family {
    fn register(metric: &Descriptor, registry: &Registry) -> Result<Self> {
        let opts = Opts::new(metric.name, metric.help);
        Ok(match metric.kind {
            Kind::Counter => {
                let family = CounterVec::new(opts, metric.labels)?;
                registry.register(Box::new(family.clone()))?;
                Family::Counter(family)
            }
            Kind::Gauge => {
                let family = GaugeVec::new(opts, metric.labels)?;
                registry.register(Box::new(family.clone()))?;
                Family::Gauge(family)
            }
        })
    }
}
