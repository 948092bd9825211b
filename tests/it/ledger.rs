//! What attempts cost and what was saved, against published figures, an independent reference and a
//! bill.

mod checks;
mod counters;
mod exposition;
mod fixture;
mod kept;
mod published;
mod reconciliation;
mod reference;
mod spent;
