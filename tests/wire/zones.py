"""DescribeAvailabilityZones and DescribeSubnets."""

import re

from account import ACCOUNT, REGION, refusal
from facts import ZONES, on, pages

ec2 = on("ec2")

zones = ec2.describe_availability_zones()["AvailabilityZones"]
assert [zone["ZoneName"] for zone in zones] == ZONES, zones
ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
assert sorted(ids.values()) == [f"use1-az{n}" for n in range(1, 7)], ids
assert ids["us-east-1a"] != "use1-az1" or ids["us-east-1b"] != "use1-az2", ids
for zone in zones:
    assert (zone["State"], zone["RegionName"], zone["ZoneType"], zone["OptInStatus"]) == (
        "available", REGION, "availability-zone", "opt-in-not-required"), zone

by_name = ec2.describe_availability_zones(ZoneNames=[ZONES[1]])["AvailabilityZones"]
assert [zone["ZoneId"] for zone in by_name] == [ids[ZONES[1]]], by_name
by_id = ec2.describe_availability_zones(ZoneIds=[ids[ZONES[2]]])["AvailabilityZones"]
assert [zone["ZoneName"] for zone in by_id] == [ZONES[2]], by_id
for name, value, found in [
    ("zone-name", "us-east-1?", ZONES),
    ("zone-id", ids[ZONES[3]], [ZONES[3]]),
    ("state", "unavailable", []),
    ("region-name", REGION, ZONES),
    ("zone-type", "local-zone", []),
]:
    answer = ec2.describe_availability_zones(Filters=[{"Name": name, "Values": [value]}])
    assert [zone["ZoneName"] for zone in answer["AvailabilityZones"]] == found, (name, answer)

describe = ec2.describe_availability_zones
assert refusal(describe, ZoneNames=["us-east-1z"]) == ("InvalidParameterValue", 400)
assert refusal(describe, ZoneIds=["use1-az9"]) == ("InvalidParameterValue", 400)
for wrong in [{"Name": "zone", "Values": ["a"]}, {"Name": "zone-name", "Values": []}]:
    assert refusal(describe, Filters=[wrong]) == ("InvalidParameterValue", 400), wrong
many = [{"Name": "zone-name", "Values": [str(n) for n in range(201)]}]
assert refusal(describe, Filters=many) == ("FilterLimitExceeded", 400)
assert refusal(describe, DryRun=True) == ("DryRunOperation", 412)
assert refusal(describe, DryRun=True, ZoneIds=["x"]) == ("InvalidParameterValue", 400)

# One subnet a zone.
subnets = ec2.describe_subnets()
assert "NextToken" not in subnets, subnets
subnets = subnets["Subnets"]
assert sorted(subnet["AvailabilityZone"] for subnet in subnets) == ZONES, subnets
for subnet in subnets:
    assert re.fullmatch("subnet-[0-9a-f]{17}", subnet["SubnetId"]), subnet
    assert subnet["AvailabilityZoneId"] == ids[subnet["AvailabilityZone"]], subnet
    assert (subnet["OwnerId"], subnet["State"]) == (ACCOUNT, "available"), subnet
    assert subnet["VpcId"] == subnets[0]["VpcId"], subnet
assert len({subnet["CidrBlock"] for subnet in subnets}) == 6, subnets

first, second = pages(ec2.describe_subnets, "Subnets", MaxResults=5)
assert first + second == subnets, (first, second)
ids_of_two = [subnets[4]["SubnetId"], subnets[0]["SubnetId"]]
two = ec2.describe_subnets(SubnetIds=ids_of_two)["Subnets"]
assert two == [subnets[0], subnets[4]], two
unknown = "subnet-0123456789abcdef0"
for name, values, found in [
    ("subnet-id", [unknown, subnets[1]["SubnetId"]], [subnets[1]]),
    ("availability-zone", [subnets[2]["AvailabilityZone"]], [subnets[2]]),
    ("availabilityZoneId", [subnets[2]["AvailabilityZoneId"]], [subnets[2]]),
    ("vpc-id", ["vpc-*"], subnets),
]:
    answer = ec2.describe_subnets(Filters=[{"Name": name, "Values": values}])
    assert answer["Subnets"] == found, (name, answer)

describe = ec2.describe_subnets
assert refusal(describe, SubnetIds=[ids_of_two[0], unknown]) == ("InvalidSubnetID.NotFound", 400)
assert refusal(describe, SubnetIds=ids_of_two, MaxResults=5) == (
    "InvalidParameterCombination", 400)
assert refusal(describe, MaxResults=4) == ("InvalidParameterValue", 400)
assert refusal(describe, NextToken="made up") == ("InvalidPaginationToken", 400)
assert refusal(describe, Filters=[{"Name": "cidr", "Values": ["a"]}]) == (
    "InvalidParameterValue", 400)
