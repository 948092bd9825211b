"""DescribeInstanceTypes and DescribeInstanceTypeOfferings."""

from account import REGION, refusal
from facts import ZONES, on, pages

ec2 = on("ec2")
describe = ec2.describe_instance_types


def filtered(**filters):
    listed = [{"Name": name.replace("__", ".").replace("_", "-"), "Values": values}
              for name, values in filters.items()]
    found = pages(describe, "InstanceTypes", Filters=listed)
    return [info["InstanceType"] for page in found for info in page]


everything = pages(describe, "InstanceTypes")
assert [len(page) for page in everything][0] == 100 and len(everything) == 2, everything
infos = {info["InstanceType"]: info for page in everything for info in page}
small = pages(describe, "InstanceTypes", MaxResults=30)
assert [info for page in small for info in page] == list(infos.values())

for name, cpus, cores, memory, architecture, current in [
    ("m6i.xlarge", 4, 2, 16384, "x86_64", False),
    ("c7g.large", 2, 2, 4096, "arm64", True),
    ("r6a.2xlarge", 8, 4, 65536, "x86_64", True),
]:
    info = infos[name]
    assert info["VCpuInfo"]["DefaultVCpus"] == cpus, info
    assert info["VCpuInfo"]["DefaultCores"] == cores, info
    assert info["MemoryInfo"]["SizeInMiB"] == memory, info
    assert info["ProcessorInfo"]["SupportedArchitectures"] == [architecture], info
    assert info["SupportedUsageClasses"] == ["on-demand", "spot"], info
    assert info["CurrentGeneration"] is current and "GpuInfo" not in info, info
gpus = infos["p3.8xlarge"]["GpuInfo"]
assert gpus["Gpus"] == [{"Name": "V100", "Manufacturer": "NVIDIA", "Count": 4,
                         "MemoryInfo": {"SizeInMiB": 16384}}], gpus
assert gpus["TotalGpuMemoryInMiB"] == 65536, gpus

named = describe(InstanceTypes=["m6i.xlarge", "c7g.large"])
assert "NextToken" not in named, named
assert named["InstanceTypes"] == [infos["c7g.large"], infos["m6i.xlarge"]], named
c5 = [f"c5.{size}" for size in ["2xlarge", "4xlarge", "9xlarge", "large", "xlarge"]]
assert filtered(instance_type=["c5.*", "m6i.large", "m99.*"]) == [*c5, "m6i.large"]
assert filtered(instance_type=["c5.*"], vcpu_info__default_vcpus=["2"]) == ["c5.large"]
arm = filtered(processor_info__supported_architecture=["arm64"])
assert arm and all(name.split(".")[0].endswith("g") for name in arm), arm
assert filtered(supported_usage_class=["spot"]) == list(infos)
assert filtered(supported_usage_class=["capacity-block"]) == []
assert filtered(memory_info__size_in_mib=["249856"]) == ["p3.8xlarge"]
old = filtered(current_generation=["false"])
assert "c4.large" in old and "m7i.large" not in old, old
assert filtered(current_generation=["true"]) == [name for name in infos if name not in old]
assert filtered(hypervisor=["xen"], instance_type=["c*"]) == [
    name for name in infos if name.startswith("c4.")]
assert filtered(bare_metal=["true"]) == []

assert refusal(describe, InstanceTypes=["m6i.large", "m99.huge"]) == ("InvalidInstanceType", 400)
for wrong in [{"MaxResults": 4}, {"MaxResults": 101}, {"InstanceTypes": ["m6i.large"] * 101},
              {"Filters": [{"Name": "vcpus", "Values": ["1"]}]}]:
    assert refusal(describe, **wrong) == ("InvalidParameterValue", 400), wrong
assert refusal(describe, InstanceTypes=["m6i.large"], MaxResults=5) == (
    "InvalidParameterCombination", 400)
assert refusal(describe, NextToken="made up") == ("InvalidPaginationToken", 400)

# Offerings: every type in every zone.
offerings = ec2.describe_instance_type_offerings
zones = ec2.describe_availability_zones()["AvailabilityZones"]
for kind, locations in [
    (None, [REGION]),
    ("region", [REGION]),
    ("availability-zone", ZONES),
    ("availability-zone-id", sorted(zone["ZoneId"] for zone in zones)),
    ("outpost", []),
]:
    by = {"LocationType": kind} if kind else {}
    rows = [row for page in pages(offerings, "InstanceTypeOfferings", **by, MaxResults=250)
            for row in page] if locations else offerings(**by)["InstanceTypeOfferings"]
    assert [(row["InstanceType"], row["Location"]) for row in rows] == [
        (name, location) for name in infos for location in locations], kind
    assert {row["LocationType"] for row in rows} == ({kind or "region"} if locations else set())
filters = [{"Name": "instance-type", "Values": ["g4dn.*"]},
           {"Name": "location", "Values": [ZONES[0], ZONES[4]]}]
rows = offerings(LocationType="availability-zone", Filters=filters)["InstanceTypeOfferings"]
assert len(rows) == 8 and {row["Location"] for row in rows} == {ZONES[0], ZONES[4]}, rows
for wrong in [{"LocationType": "planet"}, {"MaxResults": 4}, {"MaxResults": 1001},
              {"Filters": [{"Name": "zone", "Values": ["a"]}]}]:
    assert refusal(offerings, **wrong) == ("InvalidParameterValue", 400), wrong
assert refusal(offerings, NextToken="made up") == ("InvalidPaginationToken", 400)
