//! What the daemon needs of the world, as traits in domain types. An adapter implements them over
//! AWS, over the simulated cloud, or over a database; nothing above knows which.

mod batch;
mod error;
mod inspector;
mod instances;
mod prices;
mod store;
mod wake;

pub use batch::{
    BatchService, ComputeEnvironment, DESCRIBED_PER_CALL, FoundJob, JobListing, QueueDescription,
    SubmitError,
};
pub use error::{FailureKind, ServiceError};
pub use inspector::{AccountInspector, Identity, ProbeAt};
pub use instances::{ContainerHost, FargateTask, InstanceDirectory};
pub use prices::{ListPriceSource, PriceProblem, SpotPriceSource};
pub use store::{RunQuery, SkipQuery, Store, StoreError, StoreIdentity, Write};
pub use wake::{Activator, WakeSource};
