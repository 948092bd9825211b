//! The four ports over the simulated account. Their futures are ready at once.

mod batch;
mod instances;
mod prices;

use crate::ports::ServiceError;

use super::SimCloud;
use super::faults::Operation;
use super::state::State;

/// What DescribeJobs, DescribeContainerInstances and DescribeTasks take at once.
const PAGE: usize = 100;

impl SimCloud {
    /// Lets time pass up to now, then answers a call, unless it has a fault.
    fn call<T>(
        &self,
        operation: Operation,
        answer: impl FnOnce(&mut State) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut state = self.at_now();
        match state.faults.next(operation) {
            None => answer(&mut state),
            Some(fault) => {
                if fault.takes_effect() {
                    answer(&mut state)?;
                }
                Err(fault.error(operation))
            }
        }
    }
}
