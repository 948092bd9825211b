//! docs/reference/metrics.md, made from the descriptors.

use std::fmt::Write;

use super::{DESCRIPTORS, Kind};

const HEAD: &str = "\
# Metrics

<!-- Generated from src/metrics/descriptors.rs; a test fails when this page differs. -->

`GET /metrics` answers in Prometheus' text format. Counters are exact totals kept in the store, so
they go on after a restart; those counted *since the process started* begin at zero. Amounts are
exact to the nano-dollar until they are written here. Labels carry names of the catalogue and closed
sets, never ids, so the number of series is bounded by the catalogue. A series appears with its first
sample.

Realized savings by job, corrections included. What is higher on demand and lower in cost was saved;
a job without a correction counts as zero:

```promql
sum by (job) (spotcron_on_demand_equivalent_usd_total) - sum by (job) (spotcron_cost_usd_total)
  + (sum by (job) (spotcron_corrections_usd_total{amount=\"on-demand-equivalent\",direction=\"up\"}) or sum by (job) (spotcron_cost_usd_total) * 0)
  - (sum by (job) (spotcron_corrections_usd_total{amount=\"on-demand-equivalent\",direction=\"down\"}) or sum by (job) (spotcron_cost_usd_total) * 0)
  - (sum by (job) (spotcron_corrections_usd_total{amount=\"cost\",direction=\"up\"}) or sum by (job) (spotcron_cost_usd_total) * 0)
  + (sum by (job) (spotcron_corrections_usd_total{amount=\"cost\",direction=\"down\"}) or sum by (job) (spotcron_cost_usd_total) * 0)
```

| Metric | Type | Labels | Meaning |
|---|---|---|---|
";

/// The text of the reference page.
pub fn reference_page() -> String {
    let mut page = HEAD.to_owned();
    for metric in DESCRIPTORS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {kind} | {} | {} |",
            metric.name,
            labels.join(", "),
            metric.help
        );
    }
    page
}
