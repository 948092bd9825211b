//! The simulated account over AWS's own wire protocols: what `spotcron simulate-aws` serves. AWS's
//! own clients talk to it as they talk to AWS, with signed requests. It answers for Batch, ECS, EC2,
//! STS and the Price List, as far as docs/concepts/simulated-aws.md says.

mod accounts;
mod batch;
mod body;
mod control;
mod distort;
mod ec2;
mod ecs;
mod mishap;
mod paging;
mod pricing;
mod protocol;
mod server;
mod sigv4;
mod sts;
mod xml;

pub use mishap::{Mishap, MishapRule};
pub use server::{Wire, serve};
pub use sigv4::{Keys, sign};
