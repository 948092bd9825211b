//! Faults at the edge of the cloud: calls that are throttled, lost before or after they took
//! effect, or answered by an error. Random, scripted, or both.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use crate::ports::{FailureKind, ServiceError};

use super::random::{Seed, happens};

/// An operation of AWS's APIs that the ports use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    SubmitJob,
    DescribeJobs,
    ListJobs,
    CancelJob,
    TerminateJob,
    DescribeJobQueues,
    DescribeInstanceTypes,
    DescribeContainerInstances,
    DescribeInstances,
    DescribeTasks,
    DescribeSpotPriceHistory,
    GetProducts,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused for the account's rate limit; nothing happened.
    Throttled,
    /// The connection broke before the request arrived; the caller cannot tell.
    LostBefore,
    /// The request took effect, and its answer got lost.
    LostAfter,
    /// An internal error; nothing happened, though for SubmitJob the caller cannot tell.
    Unavailable,
    /// The credentials may not do this; nothing happened.
    Denied,
}

/// A fault for exactly one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptedFault {
    pub operation: Operation,
    /// Which call of the operation, from 1, counted since the faults were set.
    pub nth: u64,
    pub fault: Fault,
}

/// Which faults happen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// How likely each call of an operation suffers each fault; the first that happens counts.
    pub random: BTreeMap<Operation, Vec<(Fault, f64)>>,
    pub script: Vec<ScriptedFault>,
}

impl Faults {
    /// Adds a random fault.
    pub fn with(mut self, operation: Operation, fault: Fault, probability: f64) -> Faults {
        self.random.entry(operation).or_default().push((fault, probability));
        self
    }

    /// Adds a fault for the `nth` call, from 1.
    pub fn on_call(mut self, operation: Operation, nth: u64, fault: Fault) -> Faults {
        self.script.push(ScriptedFault { operation, nth, fault });
        self
    }
}

#[derive(Debug)]
pub(crate) struct FaultInjector {
    seed: Seed,
    faults: Faults,
    calls: BTreeMap<Operation, (u64, ChaCha8Rng)>,
}

impl Operation {
    /// AWS's name.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::SubmitJob => "SubmitJob",
            Operation::DescribeJobs => "DescribeJobs",
            Operation::ListJobs => "ListJobs",
            Operation::CancelJob => "CancelJob",
            Operation::TerminateJob => "TerminateJob",
            Operation::DescribeJobQueues => "DescribeJobQueues",
            Operation::DescribeInstanceTypes => "DescribeInstanceTypes",
            Operation::DescribeContainerInstances => "DescribeContainerInstances",
            Operation::DescribeInstances => "DescribeInstances",
            Operation::DescribeTasks => "DescribeTasks",
            Operation::DescribeSpotPriceHistory => "DescribeSpotPriceHistory",
            Operation::GetProducts => "GetProducts",
        }
    }
}

impl Fault {
    /// Whether the call takes effect all the same.
    pub(crate) const fn takes_effect(self) -> bool {
        matches!(self, Fault::LostAfter)
    }

    pub(crate) fn error(self, operation: Operation) -> ServiceError {
        let (kind, message) = match self {
            Fault::Throttled => {
                (FailureKind::Throttled, "TooManyRequestsException: Too Many Requests")
            }
            Fault::LostBefore | Fault::LostAfter => {
                (FailureKind::Unavailable, "the connection was closed before the answer arrived")
            }
            Fault::Unavailable => {
                (FailureKind::Unavailable, "ServerException: internal error (500)")
            }
            Fault::Denied => (FailureKind::Denied, "AccessDeniedException: not authorized"),
        };
        ServiceError::new(operation.name(), kind, message)
    }
}

impl FaultInjector {
    pub(crate) fn new(seed: Seed) -> Self {
        FaultInjector { seed, faults: Faults::default(), calls: BTreeMap::new() }
    }

    /// Replaces all faults; calls are counted anew.
    pub(crate) fn set(&mut self, faults: Faults) {
        self.faults = faults;
        self.calls.clear();
    }

    /// Calls by operation since the faults were set.
    pub(crate) fn calls(&self) -> BTreeMap<Operation, u64> {
        self.calls.iter().map(|(operation, (count, _))| (*operation, *count)).collect()
    }

    /// The fault of the next call of `operation`, if it has one.
    pub(crate) fn next(&mut self, operation: Operation) -> Option<Fault> {
        let seed = self.seed;
        let fresh = || (0, seed.stream("fault", operation.name()));
        let (count, rng) = self.calls.entry(operation).or_insert_with(fresh);
        *count += 1;
        let nth = *count;
        let scripted = |entry: &&ScriptedFault| entry.operation == operation && entry.nth == nth;
        if let Some(entry) = self.faults.script.iter().find(scripted) {
            return Some(entry.fault);
        }
        let random = self.faults.random.get(&operation)?;
        random.iter().find(|(_, probability)| happens(rng, *probability)).map(|(fault, _)| *fault)
    }
}
