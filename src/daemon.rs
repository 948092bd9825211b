//! The daemon: the pure core's decisions, carried out. Tasks run to completion and never wait inside;
//! a driver wakes them, in real time or in virtual time, and does not know what they do.

mod adopt;
mod book;
mod calls;
mod counts;
mod desk;
mod driver;
mod exposition;
pub mod http;
mod memory;
mod operate;
mod realtime;
mod reload;
mod service;
mod shared;
mod status;
mod tasks;

pub use adopt::{AdoptTerms, carry_out, plan_adoption, sight};
pub use book::{Book, Change};
pub use calls::CallLog;
pub use counts::counts_of;
pub use desk::{Desk, Discovered};
pub use driver::{Activation, Pace, Task, TaskError, Unpaced, run_virtual};
pub use exposition::{StatusPage, ailments, is_ready, metrics_text, obstacles, status_page};
pub use operate::{Asked, OnRecord, OperateError, operate};
pub use realtime::{CronWakeSource, run_realtime};
pub use reload::{
    LastReload, Reloads, reload, reload_spot_advisor, reload_tokens, watch_catalogue,
};
pub use service::{ServiceError, serve, serve_until};
pub use shared::{AwaitedPrices, Bells, Cloud, FirstLook, Mode, Parts, Shared, Stopping, ToSettle};
pub use status::{Status, TaskStatus};
pub use tasks::{all as all_tasks, machines_behind};
