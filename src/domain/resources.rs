//! What a container reserves, what an instance offers, and the share between them.

use serde::{Deserialize, Serialize};

use super::Share;

/// vCPUs, memory and GPUs that one container reserves (`resourceRequirements` after overrides).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a vCPU: Fargate sells quarters.
    pub vcpu_millis: u32,
    pub memory_mib: u32,
    #[serde(default)]
    pub gpus: u32,
}

/// What one instance of a type offers (EC2 `DescribeInstanceTypes`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceShape {
    pub vcpus: u32,
    pub memory_mib: u32,
    #[serde(default)]
    pub gpus: u32,
    /// `x86_64` or `arm64`.
    pub architecture: String,
}

impl Resources {
    /// What decisions take a job to reserve where nobody says: they need something to compare with.
    pub const ASSUMED: Resources = Resources { vcpu_millis: 1000, memory_mib: 2048, gpus: 0 };

    /// AWS's split-cost weight of CPU to memory, 9:1, in integers: 9·vCPU + GiB, times 1,024,000.
    /// Source: AWS Cost and Usage Report guide, "Understanding split cost allocation data".
    fn weight(vcpu_millis: i128, memory_mib: i128) -> i128 {
        9 * 1024 * vcpu_millis + 1000 * memory_mib
    }

    /// The part of an instance of `shape` that these resources reserve. A container that reserves
    /// every GPU of the instance pays for the whole of it.
    pub fn share_of(&self, shape: &InstanceShape) -> Option<Share> {
        if shape.gpus > 0 && self.gpus >= shape.gpus {
            return Some(Share::WHOLE);
        }
        Share::new(
            Self::weight(self.vcpu_millis.into(), self.memory_mib.into()),
            Self::weight(i128::from(shape.vcpus) * 1000, shape.memory_mib.into()),
        )
    }

    /// Whether one such container fits on an empty instance of `shape`.
    pub fn fits(&self, shape: &InstanceShape) -> bool {
        self.vcpu_millis <= shape.vcpus.saturating_mul(1000)
            && self.memory_mib <= shape.memory_mib
            && self.gpus <= shape.gpus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_nine_to_one_weights() {
        let shape = InstanceShape {
            vcpus: 4,
            memory_mib: 16 * 1024,
            gpus: 0,
            architecture: "x86_64".into(),
        };
        let half_cpu = Resources { vcpu_millis: 2000, memory_mib: 4096, gpus: 0 };
        let share = half_cpu.share_of(&shape).unwrap();
        // (9·2 + 4) / (9·4 + 16) = 22/52
        assert_eq!(share.num() * 52, share.den() * 22);
    }
}
