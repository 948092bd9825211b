//! The vocabulary: money, time windows, places, capacity, resources and names.

pub mod amount;
pub mod capacity;
mod index_set;
mod input_size;
mod moment;
pub mod name;
pub mod observation;
pub mod outcome;
mod ratio;
pub mod redacted;
pub mod resources;
pub mod site;
pub mod window;

pub use amount::{Accrual, Ppm, Share, Usd, UsdPerHour};
pub use capacity::{Architecture, Capacity, Lifecycle};
pub use index_set::IndexSet;
pub use input_size::InputSize;
pub use moment::Moment;
pub use name::{
    BatchJobId, BatchJobName, CalendarName, ClassName, EnvironmentName, InstanceId, InstanceType,
    JobName, Pool, Region, RunId, ScheduleKey, Zone,
};
pub use observation::{
    ArraySummary, AttemptObservation, BatchStatus, ContainerObservation, InstanceEnd,
    InstanceFacts, JobObservation,
};
pub use outcome::{AttemptEnd, Condition, LegCause, RunOutcome};
pub use redacted::Redacted;
pub use resources::{InstanceShape, Resources};
pub use site::{AccountRegion, Role, RoleArn, Site};
pub use window::Window;
