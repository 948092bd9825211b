//! From what a compute environment names (types, families, `optimal`) to the types that exist.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, InstanceTypeInfo};

use super::AwsCloud;
use super::error::service_error;
use super::pages::Tokens;
use crate::domain::{InstanceShape, InstanceType, Site};
use crate::ports::{FailureKind, ServiceError};

const OPERATION: &str = "DescribeInstanceTypes";
/// EC2 allows 200 values in a filter.
const VALUES_PER_CALL: usize = 100;

/// The families behind Batch's own sets. AWS changes them without notice, so that they are only the
/// candidates whose prices are watched; where an attempt really ran is always looked up.
/// Source: `instanceTypes` in AWS Batch's API reference (`optimal` means `default_x86_64` since
/// November 2025).
const DEFAULT_X86_64: [&str; 4] = ["m6i", "c6i", "r6i", "c7i"];
const DEFAULT_ARM64: [&str; 4] = ["m6g", "c6g", "r6g", "c7g"];

impl AwsCloud {
    pub(super) async fn instance_types(
        &self,
        site: &Site,
        patterns: &[String],
    ) -> Result<BTreeMap<InstanceType, InstanceShape>, ServiceError> {
        let clients = self.inner.clients.of(site);
        let values: Vec<String> = filter_values(patterns).into_iter().collect();
        let mut shapes = BTreeMap::new();
        for some in values.chunks(VALUES_PER_CALL) {
            let by_type = Filter::builder().name("instance-type").set_values(Some(some.to_vec()));
            let call = clients.ec2.describe_instance_types().filters(by_type.build());
            let mut pages = call.into_paginator().send();
            let mut tokens = Tokens::of(OPERATION);
            loop {
                self.inner.clients.of(site).pacing.lookup().await;
                let Some(page) = pages.next().await else { break };
                let page = page.map_err(|failure| service_error(OPERATION, &failure))?;
                tokens.follow(page.next_token())?;
                for info in page.instance_types() {
                    shapes.extend(shape_of(info).map_err(|problem| {
                        ServiceError::new(OPERATION, FailureKind::BadResponse, problem)
                    })?);
                }
            }
        }
        Ok(shapes)
    }
}

/// Values of the `instance-type` filter: exact types, and `family.*`.
fn filter_values(patterns: &[String]) -> BTreeSet<String> {
    let families =
        |families: &[&str]| families.iter().map(|f| format!("{f}.*")).collect::<Vec<_>>();
    patterns
        .iter()
        .flat_map(|pattern| match pattern.as_str() {
            "optimal" | "default_x86_64" => families(&DEFAULT_X86_64),
            "default_arm64" => families(&DEFAULT_ARM64),
            exact if exact.contains('.') => vec![exact.to_owned()],
            family => families(&[family]),
        })
        .collect()
}

/// `None` for what no Linux container runs on (Macs).
fn shape_of(info: &InstanceTypeInfo) -> Result<Option<(InstanceType, InstanceShape)>, String> {
    let name = info.instance_type().map(|name| name.as_str()).filter(|name| !name.is_empty());
    let name = name.ok_or("an instance type has no name")?;
    let architectures: Vec<&str> = info
        .processor_info()
        .map_or(&[][..], |processor| processor.supported_architectures())
        .iter()
        .map(|architecture| architecture.as_str())
        .collect();
    let architecture = ["x86_64", "arm64"].into_iter().find(|known| architectures.contains(known));
    let Some(architecture) = architecture else {
        return Ok(None);
    };
    let vcpus = info.v_cpu_info().and_then(|cpus| cpus.default_v_cpus());
    let memory = info.memory_info().and_then(|memory| memory.size_in_mib());
    let gpus: u32 = info
        .gpu_info()
        .map_or(&[][..], |gpu| gpu.gpus())
        .iter()
        .filter_map(|gpu| u32::try_from(gpu.count()?).ok())
        .sum();
    let known = |value: Option<u32>, what: &str| {
        value.filter(|value| *value > 0).ok_or(format!("{name} has no {what}"))
    };
    let shape = InstanceShape {
        vcpus: known(vcpus.and_then(|v| u32::try_from(v).ok()), "vCPU count")?,
        memory_mib: known(memory.and_then(|m| u32::try_from(m).ok()), "memory size")?,
        gpus,
        architecture: architecture.to_owned(),
    };
    Ok(Some((InstanceType::from(name), shape)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{ArchitectureType, MemoryInfo, ProcessorInfo, VCpuInfo};

    #[test]
    fn sets_and_families_become_wildcards() {
        let patterns = ["optimal", "c5", "m6i.large", "default_arm64"].map(str::to_owned);
        let values: Vec<String> = filter_values(&patterns).into_iter().collect();
        assert_eq!(
            values,
            [
                "c5.*",
                "c6g.*",
                "c6i.*",
                "c7g.*",
                "c7i.*",
                "m6g.*",
                "m6i.*",
                "m6i.large",
                "r6g.*",
                "r6i.*"
            ]
        );
    }

    fn info(architecture: &str) -> aws_sdk_ec2::types::builders::InstanceTypeInfoBuilder {
        let processor = ProcessorInfo::builder()
            .supported_architectures(ArchitectureType::from("i386"))
            .supported_architectures(ArchitectureType::from(architecture))
            .build();
        InstanceTypeInfo::builder()
            .instance_type("m6i.large".into())
            .processor_info(processor)
            .v_cpu_info(VCpuInfo::builder().default_v_cpus(2).build())
            .memory_info(MemoryInfo::builder().size_in_mib(8192).build())
    }

    #[test]
    fn shapes_are_whole_or_a_data_error() {
        let (name, shape) = shape_of(&info("x86_64").build()).unwrap().unwrap();
        assert_eq!(name.as_str(), "m6i.large");
        assert_eq!((shape.vcpus, shape.memory_mib, shape.gpus), (2, 8192, 0));
        assert_eq!(shape.architecture, "x86_64");
        assert_eq!(shape_of(&info("arm64_mac").build()), Ok(None));
        let no_memory = info("arm64").set_memory_info(None).build();
        assert_eq!(shape_of(&no_memory), Err("m6i.large has no memory size".into()));
    }
}
