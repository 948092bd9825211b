//! The pairs of vCPU and memory that Fargate sells. Source: AWS Batch API, ResourceRequirement.

use crate::domain::Resources;

/// vCPU in thousandths; memory in MiB: least, most, step.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (250, 512, 2_048, 0),
    (500, 1_024, 4_096, 1_024),
    (1_000, 2_048, 8_192, 1_024),
    (2_000, 4_096, 16_384, 1_024),
    (4_000, 8_192, 30_720, 1_024),
    (8_000, 16_384, 61_440, 4_096),
    (16_000, 32_768, 122_880, 8_192),
];

/// Whether Fargate sells this many vCPUs (in thousandths), with whatever memory.
pub(super) fn sells_vcpus(vcpu_millis: u32) -> bool {
    SIZES.iter().any(|(vcpus, ..)| *vcpus == vcpu_millis)
}

/// Why Fargate does not sell `resources`, and what it sells instead.
pub(super) fn problem(resources: &Resources) -> Option<(String, String)> {
    let Resources { vcpu_millis, memory_mib, gpus } = *resources;
    if gpus > 0 {
        let hint = "use an EC2 environment for GPUs".to_owned();
        return Some(("Fargate has no GPUs".to_owned(), hint));
    }
    let size = SIZES.iter().find(|(vcpus, ..)| *vcpus == vcpu_millis);
    let Some(&(vcpus, least, most, step)) = size else {
        let hint = "Fargate sells 0.25, 0.5, 1, 2, 4, 8 and 16 vCPUs".to_owned();
        return Some((format!("Fargate does not sell {} vCPUs", text(vcpu_millis)), hint));
    };
    // The smallest size doubles instead of stepping.
    let fits = match step {
        0 => [512, 1_024, 2_048].contains(&memory_mib),
        step => (least..=most).contains(&memory_mib) && memory_mib % step == 0,
    };
    if fits {
        return None;
    }
    let problem = format!("Fargate does not sell {memory_mib} MiB with {} vCPUs", text(vcpus));
    let hint = match step {
        0 => "with 0.25 vCPUs it sells 512, 1024 and 2048 MiB".to_owned(),
        step => format!(
            "with {} vCPUs it sells from {least} to {most} MiB in steps of {step}",
            text(vcpus)
        ),
    };
    Some((problem, hint))
}

/// Thousandths of a vCPU as a number: `0.25`, `2`.
pub(super) fn text(millis: u32) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_pairs_are_sold() {
        let sold = |vcpu_millis, memory_mib| {
            problem(&Resources { vcpu_millis, memory_mib, gpus: 0 }).is_none()
        };
        for (vcpus, memory) in [
            (250, 512),
            (250, 2_048),
            (500, 3_072),
            (1_000, 8_192),
            (4_000, 30_720),
            (8_000, 20_480),
            (16_000, 122_880),
        ] {
            assert!(sold(vcpus, memory), "{vcpus} {memory}");
        }
        for (vcpus, memory) in [
            (250, 1_536),
            (500, 512),
            (1_000, 8_193),
            (4_000, 31_744),
            (8_000, 17_408),
            (3_000, 8_192),
            (16_000, 36_864),
        ] {
            assert!(!sold(vcpus, memory), "{vcpus} {memory}");
        }
        assert!(problem(&Resources { vcpu_millis: 1000, memory_mib: 2048, gpus: 1 }).is_some());
    }

    #[test]
    fn vcpus_are_printed_as_people_write_them() {
        assert_eq!([text(250), text(2_000), text(10_000)], ["0.25", "2", "10"]);
    }
}
