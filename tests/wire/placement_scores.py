"""GetSpotPlacementScores."""

from account import REGION, refusal
from facts import ZONES, on

ec2 = on("ec2")
get = ec2.get_spot_placement_scores
TYPES = ["c6i.large", "m6i.large", "m6i.xlarge", "r6i.large"]
ids = {zone["ZoneName"]: zone["ZoneId"]
       for zone in ec2.describe_availability_zones()["AvailabilityZones"]}

# Refusals first: none of them counts as a configuration.
invalid = ("InvalidParameterValue", 400)
for wrong, expected in [
    ({"InstanceTypes": TYPES, "TargetCapacity": 0}, invalid),
    ({"InstanceTypes": TYPES, "TargetCapacity": 2_000_000_001}, invalid),
    ({"InstanceTypes": [*TYPES, "m99.huge"], "TargetCapacity": 1}, invalid),
    ({"InstanceTypes": TYPES, "TargetCapacity": 1, "MaxResults": 9}, invalid),
    ({"InstanceTypes": TYPES, "TargetCapacity": 1, "MaxResults": 1001}, invalid),
    ({"InstanceTypes": TYPES, "TargetCapacity": 1, "TargetCapacityUnitType": "gpus"}, invalid),
    ({"InstanceTypes": TYPES, "TargetCapacity": 1,
      "RegionNames": [f"us-east-{n}" for n in range(11)]}, invalid),
    ({"TargetCapacity": 1}, ("MissingParameter", 400)),
    ({"InstanceTypes": TYPES, "TargetCapacity": 1, "NextToken": "made up"},
     ("InvalidPaginationToken", 400)),
    ({"InstanceTypes": TYPES, "TargetCapacity": 2_000_000},
     ("TargetCapacityLimitExceededException", 400)),
    ({"InstanceTypes": TYPES, "TargetCapacity": 1, "InstanceRequirementsWithMetadata":
      {"ArchitectureTypes": ["x86_64"], "InstanceRequirements":
       {"VCpuCount": {"Min": 1}, "MemoryMiB": {"Min": 1}}}}, ("InvalidParameterCombination", 400)),
]:
    for _ in range(3):
        assert refusal(get, **wrong) == expected, wrong


for target in range(20):
    assert refusal(get, InstanceTypes=TYPES, TargetCapacity=target + 1, DryRun=True) == (
        "DryRunOperation", 412)


def score(types, target=4, **more):
    answer = get(InstanceTypes=types, TargetCapacity=target, TargetCapacityUnitType="vcpu",
                 RegionNames=[REGION], MaxResults=10, **more)
    assert "NextToken" not in answer, answer
    return answer["SpotPlacementScores"]


# Each pool has capacity somewhere.
calm = [{"Region": REGION, "Score": 10}]
assert score(TYPES) == calm, score(TYPES)
# By zone, under the id that means the same in every account, best first.
zones = score(TYPES, SingleAvailabilityZone=True)
by_id = {row["AvailabilityZoneId"]: row["Score"] for row in zones}
assert sorted(by_id) == sorted(ids.values()) and len(zones) == 6, zones
assert all(row["Region"] == REGION for row in zones), zones
scores = [row["Score"] for row in zones]
assert scores == sorted(scores, reverse=True) and all(1 <= one <= 10 for one in scores), scores
# One of the four pools of the last zone is dry.
assert by_id[ids[ZONES[5]]] == 8, by_id
assert by_id[ids[ZONES[5]]] == min(scores) < max(scores) == 10, by_id
# Few types always score low.
assert score(TYPES[1:3]) == [{"Region": REGION, "Score": 3}]
# The more is wanted, the less likely.
assert score(TYPES, target=5_000) == [{"Region": REGION, "Score": 9}]
# Types without a pool lower the mean.
assert score([*TYPES, "p3.2xlarge", "p3.8xlarge"])[0]["Score"] == 7
# Elsewhere nothing is known.
elsewhere = get(InstanceTypes=TYPES, TargetCapacity=4, RegionNames=["eu-west-1"])
assert elsewhere["SpotPlacementScores"] == [], elsewhere

# Those were six configurations; ten are allowed a day, and a known one always.
for target in [11, 12, 13, 16]:
    assert score(TYPES, target=target) == calm
for target in [14, 15]:
    assert refusal(get, InstanceTypes=TYPES, TargetCapacity=target) == (
        "MaxConfigLimitExceeded", 400)
assert score(TYPES) == calm
assert score(list(reversed(TYPES)), target=13) == calm
