//! DescribeInstanceTypes: what each type has (simulated-aws.md §2).

use super::filters::Filters;
use super::{Call, Fault, Page, combination, invalid, texts};
use crate::domain::{InstanceShape, InstanceType};
use crate::sim::instance_types::{InstanceOffer, offer, offers};
use crate::sim::state::State;
use crate::sim::wire::xml::Element;

const FILTERS: [&str; 12] = [
    "bare-metal",
    "burstable-performance-supported",
    "current-generation",
    "free-tier-eligible",
    "hypervisor",
    "instance-type",
    "memory-info.size-in-mib",
    "processor-info.supported-architecture",
    "supported-usage-class",
    "vcpu-info.default-cores",
    "vcpu-info.default-threads-per-core",
    "vcpu-info.default-vcpus",
];

/// Families that EC2 no longer calls current. Source: DescribeInstanceTypes as recorded in moto 5.2.
const PREVIOUS: [&str; 8] = ["c4", "c5", "m5", "m6i", "p2", "p3", "r5", "r6i"];
/// Families on the older hypervisor. Source: EC2's instance type pages.
const XEN: [&str; 3] = ["c4", "p2", "p3"];
/// GPUs by family: name and MiB of each. Source: EC2's instance type pages.
const GPUS: [(&str, &str, u32); 4] = [
    ("g4dn", "T4", 16_384),
    ("p2", "K80", 12_288),
    ("p3", "V100", 16_384),
    ("p3dn", "V100", 32_768),
];
const USAGE_CLASSES: [&str; 2] = ["on-demand", "spot"];

/// Arm's cores have one thread, the others two.
pub(super) fn threads_per_core(shape: &InstanceShape) -> u32 {
    if shape.architecture == "arm64" { 1 } else { 2 }
}

fn family(offer: &InstanceOffer) -> &str {
    offer.name.as_str().split('.').next().unwrap_or_default()
}

pub(super) fn describe(_: &State, call: &Call) -> Result<Vec<Element>, Fault> {
    let named = call.list("InstanceType");
    if !named.is_empty() && call.parameter("MaxResults").is_some() {
        let message = "The parameter instanceTypes cannot be used with the parameter maxResults";
        return Err(combination(message));
    }
    if named.len() > 100 {
        return Err(invalid("At most 100 instance types may be specified."));
    }
    let page = Page::of(call, 5..=100)?;
    let filters = Filters::of(call, &FILTERS)?;
    let known = |name: &&str| offer(&InstanceType::from(*name)).is_some();
    let unknown: Vec<&str> = named.iter().filter(|name| !known(name)).copied().collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        let message = format!("The following supplied instance types do not exist: [{unknown}]");
        return Err(Fault::new(400, "InvalidInstanceType", message));
    }
    let wanted = |offer: &&InstanceOffer| {
        let wanted = named.is_empty() || named.contains(&offer.name.as_str());
        wanted && filters.admit(|filter| attribute(offer, filter))
    };
    let rows = offers().filter(wanted).map(|offer| ((0, offer.name.to_string()), offer));
    Ok(page.set("instanceTypeSet", rows.collect(), info))
}

fn attribute(offer: &InstanceOffer, filter: &str) -> Vec<String> {
    let shape = &offer.shape;
    let one = match filter {
        "current-generation" => is_current(offer).to_string(),
        "hypervisor" => hypervisor(offer).to_owned(),
        "instance-type" => offer.name.to_string(),
        "memory-info.size-in-mib" => shape.memory_mib.to_string(),
        "processor-info.supported-architecture" => shape.architecture.clone(),
        "supported-usage-class" => return USAGE_CLASSES.map(str::to_owned).to_vec(),
        "vcpu-info.default-cores" => (shape.vcpus / threads_per_core(shape)).to_string(),
        "vcpu-info.default-threads-per-core" => threads_per_core(shape).to_string(),
        "vcpu-info.default-vcpus" => shape.vcpus.to_string(),
        // Neither metal, nor burstable, nor free.
        _ => false.to_string(),
    };
    vec![one]
}

fn is_current(offer: &InstanceOffer) -> bool {
    !PREVIOUS.contains(&family(offer))
}

fn hypervisor(offer: &InstanceOffer) -> &'static str {
    if XEN.contains(&family(offer)) { "xen" } else { "nitro" }
}

fn manufacturer(offer: &InstanceOffer) -> &'static str {
    match offer.shape.architecture.as_str() {
        "arm64" => "AWS",
        _ if family(offer).ends_with('a') => "AMD",
        _ => "Intel",
    }
}

fn info(offer: &InstanceOffer) -> Vec<Element> {
    let shape = &offer.shape;
    let threads = threads_per_core(shape);
    let processor = Element::new("processorInfo")
        .child(texts("supportedArchitectures", &[&shape.architecture]))
        .child(Element::text("manufacturer", manufacturer(offer)));
    let cpus = Element::new("vCpuInfo")
        .child(Element::text("defaultVCpus", shape.vcpus))
        .child(Element::text("defaultCores", shape.vcpus / threads))
        .child(Element::text("defaultThreadsPerCore", threads));
    let mut told = vec![
        Element::text("instanceType", &offer.name),
        Element::text("currentGeneration", is_current(offer)),
        Element::text("freeTierEligible", false),
        texts("supportedUsageClasses", &USAGE_CLASSES),
        texts("supportedRootDeviceTypes", &["ebs"]),
        texts("supportedVirtualizationTypes", &["hvm"]),
        Element::text("bareMetal", false),
        Element::text("hypervisor", hypervisor(offer)),
        processor,
        cpus,
        Element::new("memoryInfo").child(Element::text("sizeInMiB", shape.memory_mib)),
        Element::text("burstablePerformanceSupported", false),
    ];
    told.extend(gpus(offer));
    told
}

fn gpus(offer: &InstanceOffer) -> Option<Element> {
    let count = offer.shape.gpus;
    let (_, name, memory) = GPUS.iter().find(|(own, ..)| *own == family(offer))?;
    let gpu = vec![
        Element::text("name", name),
        Element::text("manufacturer", "NVIDIA"),
        Element::text("count", count),
        Element::new("memoryInfo").child(Element::text("sizeInMiB", memory)),
    ];
    let total = Element::text("totalGpuMemoryInMiB", count * memory);
    Some(Element::new("gpuInfo").child(Element::set("gpus", [gpu])).child(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_with_gpus_says_which() {
        for offer in offers() {
            assert_eq!(gpus(offer).is_some(), offer.shape.gpus > 0, "{}", offer.name);
        }
    }
}
