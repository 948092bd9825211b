//! The operations of AWS that a catalogue needs, and what is lost without each.
//! Source: docs/guide/permissions.md and the calls of src/aws.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::domain::{Capacity, Site};

/// An operation of AWS, as IAM names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Operation {
    DescribeJobQueues,
    DescribeComputeEnvironments,
    DescribeJobs,
    ListJobs,
    SubmitJob,
    TagResource,
    CancelJob,
    TerminateJob,
    DescribeInstanceTypes,
    DescribeSpotPriceHistory,
    GetProducts,
    DescribeContainerInstances,
    DescribeTasks,
    DescribeInstances,
    DescribeSubnets,
    DescribeJobDefinitions,
}

/// How much depends on an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing runs, or nothing is decided well, without it.
    Runs,
    /// Runs go on without it, but what they cost stays unknown.
    Costs,
    /// A comfort.
    Comfort,
}

impl Operation {
    pub const ALL: [Operation; 16] = [
        Operation::DescribeJobQueues,
        Operation::DescribeComputeEnvironments,
        Operation::DescribeJobs,
        Operation::ListJobs,
        Operation::SubmitJob,
        Operation::TagResource,
        Operation::CancelJob,
        Operation::TerminateJob,
        Operation::DescribeInstanceTypes,
        Operation::DescribeSpotPriceHistory,
        Operation::GetProducts,
        Operation::DescribeContainerInstances,
        Operation::DescribeTasks,
        Operation::DescribeInstances,
        Operation::DescribeSubnets,
        Operation::DescribeJobDefinitions,
    ];

    /// The name in a policy: `batch:ListJobs`.
    pub const fn action(self) -> &'static str {
        match self {
            Operation::DescribeJobQueues => "batch:DescribeJobQueues",
            Operation::DescribeComputeEnvironments => "batch:DescribeComputeEnvironments",
            Operation::DescribeJobs => "batch:DescribeJobs",
            Operation::ListJobs => "batch:ListJobs",
            Operation::SubmitJob => "batch:SubmitJob",
            Operation::TagResource => "batch:TagResource",
            Operation::CancelJob => "batch:CancelJob",
            Operation::TerminateJob => "batch:TerminateJob",
            Operation::DescribeInstanceTypes => "ec2:DescribeInstanceTypes",
            Operation::DescribeSpotPriceHistory => "ec2:DescribeSpotPriceHistory",
            Operation::GetProducts => "pricing:GetProducts",
            Operation::DescribeContainerInstances => "ecs:DescribeContainerInstances",
            Operation::DescribeTasks => "ecs:DescribeTasks",
            Operation::DescribeInstances => "ec2:DescribeInstances",
            Operation::DescribeSubnets => "ec2:DescribeSubnets",
            Operation::DescribeJobDefinitions => "batch:DescribeJobDefinitions",
        }
    }

    /// The name alone: `ListJobs`.
    pub fn name(self) -> &'static str {
        self.action().split_once(':').map_or(self.action(), |(_, name)| name)
    }

    pub const fn need(self) -> Need {
        match self {
            Operation::DescribeContainerInstances
            | Operation::DescribeTasks
            | Operation::DescribeInstances => Need::Costs,
            Operation::DescribeSubnets | Operation::DescribeJobDefinitions => Need::Comfort,
            _ => Need::Runs,
        }
    }

    /// Whether a call can be made that changes nothing.
    pub const fn can_be_tested(self) -> bool {
        !matches!(
            self,
            Operation::SubmitJob
                | Operation::TagResource
                | Operation::CancelJob
                | Operation::TerminateJob
        )
    }

    /// What is lost without it.
    pub const fn lost(self) -> &'static str {
        match self {
            Operation::DescribeJobQueues | Operation::DescribeComputeEnvironments => {
                "what is behind the queues is unknown, so that no environment can be chosen"
            }
            Operation::DescribeJobs => "no run is ever seen to end",
            Operation::ListJobs => {
                "a submission whose answer was lost cannot be looked up, and ends as unknown"
            }
            Operation::SubmitJob | Operation::TagResource => "nothing can be submitted",
            Operation::CancelJob | Operation::TerminateJob => {
                "no run can be moved for its deadline or for want of capacity"
            }
            Operation::DescribeInstanceTypes => {
                "families and `optimal` cannot be told, nor which jobs fit"
            }
            Operation::DescribeSpotPriceHistory => {
                "spot prices stay unknown, and decisions follow `when_price_unknown`"
            }
            Operation::GetProducts => "list prices stay unknown, and with them every saving",
            Operation::DescribeContainerInstances
            | Operation::DescribeTasks
            | Operation::DescribeInstances => {
                "attempts stay unpriced (`host-unknown`), and reclaims are told by Batch's words alone"
            }
            Operation::DescribeSubnets => {
                "every zone of the region counts as one of the environment's, and zones cannot be \
                 checked here"
            }
            Operation::DescribeJobDefinitions => {
                "definitions and their retries cannot be checked here; the daemon does not need it"
            }
        }
    }

    /// What a catalogue needs, by operation with the places in which it is called.
    pub fn needed(catalogue: &Catalogue) -> BTreeMap<Operation, Vec<Site>> {
        let mut needed = BTreeMap::new();
        for operation in Operation::ALL {
            let mut sites: Vec<Site> = catalogue
                .environments
                .values()
                .filter(|environment| operation.serves(environment.capacity))
                .map(|environment| operation.called_at(&environment.site))
                .collect();
            sites.sort();
            sites.dedup();
            if !sites.is_empty() {
                needed.insert(operation, sites);
            }
        }
        needed
    }

    /// The Price List is asked with spotcron's own credentials, whoever's prices are wanted.
    fn called_at(self, site: &Site) -> Site {
        match self {
            Operation::GetProducts => Site::from(site.region.clone()),
            _ => site.clone(),
        }
    }

    const fn serves(self, capacity: Capacity) -> bool {
        match self {
            Operation::DescribeSpotPriceHistory => matches!(capacity, Capacity::Spot),
            Operation::DescribeInstanceTypes
            | Operation::DescribeContainerInstances
            | Operation::DescribeInstances => !capacity.is_fargate(),
            Operation::DescribeTasks => capacity.is_fargate(),
            _ => true,
        }
    }
}
