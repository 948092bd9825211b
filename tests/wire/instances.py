"""DescribeInstances."""

import re
from datetime import timedelta

from account import ACCOUNT, refusal
from facts import JOBS, NOW, machine, on, pages

ec2 = on("ec2")
describe = ec2.describe_instances
ids = {job: machine(job)["ec2InstanceId"]
       for job in ["running", "steady", "gpu", "reclaimed", "finished", "stopped"]}
zones = {zone["ZoneName"]: zone["ZoneId"]
         for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
subnets = {subnet["AvailabilityZone"]: subnet["SubnetId"]
           for subnet in ec2.describe_subnets()["Subnets"]}


def flat(reservations):
    for reservation in reservations:
        assert reservation["OwnerId"] == ACCOUNT, reservation
        assert re.fullmatch("r-[0-9a-f]{17}", reservation["ReservationId"]), reservation
    return [one for reservation in reservations for one in reservation["Instances"]]


def listed(**filters):
    by = [{"Name": name.replace("__", ":").replace("_", "-"), "Values": values}
          for name, values in filters.items()]
    return flat(describe(Filters=by)["Reservations"])


everything = describe()
assert "NextToken" not in everything, everything
everything = flat(everything["Reservations"])
launched = [one["LaunchTime"] for one in everything]
assert launched == sorted(launched), launched
by_id = {one["InstanceId"]: one for one in everything}
assert set(ids.values()) < set(by_id) and len(by_id) == len(everything), by_id.keys()

for one in everything:
    zone = one["Placement"]["AvailabilityZone"]
    assert one["Placement"]["AvailabilityZoneId"] == zones[zone], one
    assert one["PlatformDetails"] == "Linux/UNIX" and one["Architecture"] == "x86_64", one
    assert one["CpuOptions"]["ThreadsPerCore"] == 2, one
    tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    assert tags["AWSBatchServiceTag"] == "batch", tags
    assert re.match("AWSBatch-(spot|on-demand|gpu)-asg-", tags["aws:autoscaling:groupName"])
    spot = "-spot-" in tags["aws:autoscaling:groupName"]
    # On demand has no lifecycle at all.
    assert one.get("InstanceLifecycle") == ("spot" if spot else None), one
    assert ("SpotInstanceRequestId" in one) == spot, one
    ended = one["State"]["Name"] == "terminated"
    assert ("StateReason" in one) == ended == (one["StateTransitionReason"] != ""), one
    assert one.get("SubnetId") == (None if ended else subnets[zone]), one

running = by_id[ids["running"]]
assert running["State"] == {"Code": 16, "Name": "running"}, running
assert running["InstanceLifecycle"] == "spot", running
assert re.fullmatch("sir-[0-9a-z]{8}", running["SpotInstanceRequestId"]), running
assert timedelta(0) <= running["LaunchTime"] - NOW + timedelta(minutes=44) <= timedelta(seconds=2)
gpu = by_id[ids["gpu"]]
assert (gpu["InstanceType"], gpu["CpuOptions"]["CoreCount"]) == ("g4dn.xlarge", 2), gpu


def ended(job, lifecycle, code, who):
    one = by_id[ids[job]]
    assert one["State"] == {"Code": 48, "Name": "terminated"}, one
    assert one.get("InstanceLifecycle") == lifecycle, one
    assert one["StateReason"]["Code"] == code, one
    assert one["StateReason"]["Message"].startswith(f"{code}: "), one
    form = who + r" initiated \((2026-11-20 11:\d\d:\d\d) GMT\)"
    return re.fullmatch(form, one["StateTransitionReason"]).group(1)


# The pool went at 11:15, with two minutes' notice.
at = ended("reclaimed", "spot", "Server.SpotInstanceTermination", "Service")
assert at == "2026-11-20 11:17:00", at
# Batch gave these back: a minute of work, a minute idle.
at = ended("finished", None, "Client.UserInitiatedShutdown", "User")
assert "2026-11-20 11:13:00" < at < "2026-11-20 11:16:00", at
ended("stopped", None, "Client.UserInitiatedShutdown", "User")
# The first instance of the day ended hours ago: forgotten, as after an hour at AWS.
assert min(launched) > NOW - timedelta(hours=2, minutes=1), min(launched)
# The newest is not up yet; it has not joined its cluster, which knows nothing of it.
newest = everything[-1]
assert newest["State"] == {"Code": 0, "Name": "pending"}, newest
assert NOW - newest["LaunchTime"] < timedelta(seconds=10), newest
assert JOBS["new"]["host"] is None, JOBS["new"]

# By id: no order is promised, and one unknown id fails the whole call.
unknown = "i-0123456789abcdef0"
two = flat(describe(InstanceIds=[ids["reclaimed"], ids["steady"], ids["steady"]])["Reservations"])
assert {one["InstanceId"] for one in two} == {ids["reclaimed"], ids["steady"]}, two
assert refusal(describe, InstanceIds=[ids["steady"], unknown]) == (
    "InvalidInstanceID.NotFound", 400)
assert refusal(describe, InstanceIds=["i-123"]) == ("InvalidInstanceID.Malformed", 400)
assert refusal(describe, InstanceIds=[ids["steady"]], MaxResults=5) == (
    "InvalidParameterCombination", 400)
# By filter, unknown ones are left out.
some = listed(instance_id=[ids["steady"], unknown])
assert [one["InstanceId"] for one in some] == [ids["steady"]], some
assert listed(instance_id=[unknown]) == []
both = describe(InstanceIds=[ids["steady"], ids["gpu"]],
                Filters=[{"Name": "instance-type", "Values": ["g4dn.*"]}])
assert [one["InstanceId"] for one in flat(both["Reservations"])] == [ids["gpu"]], both

for filters, holds in [
    ({"instance_state_name": ["terminated"]}, lambda one: one["State"]["Code"] == 48),
    ({"instance_state_code": ["0", "16"]}, lambda one: one["State"]["Code"] < 48),
    ({"instance_lifecycle": ["spot"]}, lambda one: "InstanceLifecycle" in one),
    ({"instance_type": ["m6i.*"]}, lambda one: one["InstanceType"].startswith("m6i.")),
    ({"availability_zone": ["us-east-1b"]},
     lambda one: one["Placement"]["AvailabilityZone"] == "us-east-1b"),
    ({"availability_zone_id": [zones["us-east-1b"]]},
     lambda one: one["Placement"]["AvailabilityZone"] == "us-east-1b"),
    ({"tag__AWSBatchServiceTag": ["batch"]}, lambda one: True),
    ({"tag_key": ["Name"]}, lambda one: False),
    ({"tag__aws:autoscaling:groupName": ["AWSBatch-gpu-*"]},
     lambda one: one["InstanceType"] == "g4dn.xlarge"),
    ({"instance_lifecycle": ["spot"], "instance_state_name": ["running"]},
     lambda one: "InstanceLifecycle" in one and one["State"]["Code"] == 16),
]:
    expected = [one for one in everything if holds(one)]
    assert listed(**filters) == expected, filters

first, second = pages(describe, "Reservations", MaxResults=5)
assert flat(first + second) == everything, (len(first), len(second))

for wrong in [{"MaxResults": 4}, {"MaxResults": 1001},
              {"Filters": [{"Name": "colour", "Values": ["red"]}]},
              {"Filters": [{"Name": "tag:", "Values": ["red"]}]}]:
    assert refusal(describe, **wrong) == ("InvalidParameterValue", 400), wrong
assert refusal(describe, NextToken="made up") == ("InvalidPaginationToken", 400)
