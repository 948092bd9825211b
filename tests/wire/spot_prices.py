"""DescribeSpotPriceHistory."""

import re
from collections import defaultdict
from datetime import timedelta

from account import refusal
from facts import NOW, ZONES, on, pages

ec2 = on("ec2")
describe = ec2.describe_spot_price_history
TYPES = ["c6i.large", "m6i.large", "m6i.xlarge", "r6i.large"]
ids = {zone["ZoneName"]: zone["ZoneId"]
       for zone in ec2.describe_availability_zones()["AvailabilityZones"]}


def place(row):
    return row["AvailabilityZone"], row["InstanceType"]


def history(**arguments):
    return [row for page in pages(describe, "SpotPriceHistory", **arguments) for row in page]


# All that there is: several pages of a thousand, newest first, nothing of the future.
everything = pages(describe, "SpotPriceHistory")
assert len(everything) > 1 and len(everything[0]) == 1000, [len(page) for page in everything]
rows = [row for page in everything for row in page]
times = [row["Timestamp"] for row in rows]
assert times == sorted(times, reverse=True) and times[0] <= NOW, times[0]
assert times[-1] < NOW - timedelta(days=13), times[-1]
assert {place(row) for row in rows} == {(zone, kind) for zone in ZONES for kind in TYPES}
keys = {(place(row), row["Timestamp"]) for row in rows}
assert len(keys) == len(rows), "a row is told twice"
for row in rows:
    assert re.fullmatch(r"\d+\.\d{6}", row["SpotPrice"]) and float(row["SpotPrice"]) > 0, row
    assert row["ProductDescription"] == "Linux/UNIX", row
    assert row["AvailabilityZoneId"] == ids[row["AvailabilityZone"]], row
    assert row["Timestamp"].microsecond == 0, row
# A row is a change: the same price never comes twice in a row.
series = defaultdict(list)
for row in reversed(rows):
    series[place(row)].append(row)
for points in series.values():
    assert all(a["SpotPrice"] != b["SpotPrice"] for a, b in zip(points, points[1:])), points

# The last page's token is an empty text.
last = describe(InstanceTypes=["m6i.large"], StartTime=NOW, EndTime=NOW)
assert last["NextToken"] == "", last

# Now: the price in effect of each pool, however long ago it began.
current = last["SpotPriceHistory"]
assert sorted(place(row) for row in current) == [(zone, "m6i.large") for zone in ZONES], current
assert all(row == series[place(row)][-1] for row in current), current
# The same at a moment in the past.
then = NOW - timedelta(days=3)
past = history(InstanceTypes=["m6i.large"], StartTime=then, EndTime=then)
for row in past:
    expected = [point for point in series[place(row)] if point["Timestamp"] <= then][-1]
    assert row == expected, (row, expected)
assert len(past) == 6, past

# A window: its changes, and for each pool the one in effect at its start.
start, end = NOW - timedelta(days=2), NOW - timedelta(days=1)
window = history(StartTime=start, EndTime=end, MaxResults=50)
expected = []
for points in series.values():
    expected += [point for point in points if start < point["Timestamp"] < end]
    expected.append([point for point in points if point["Timestamp"] <= start][-1])
order = lambda row: (row["Timestamp"], place(row))
assert sorted(window, key=order) == sorted(expected, key=order)
assert sum(row["Timestamp"] < start for row in window) > 0, "no price was carried in"
# Smaller pages tell the same.
assert history(StartTime=start, EndTime=end, MaxResults=7) == window
# More than 90 days back is 90 days back, and a start in the future is now.
assert history(StartTime=NOW - timedelta(days=400), InstanceTypes=["m6i.large"]) == [
    row for row in rows if row["InstanceType"] == "m6i.large"]
ahead = NOW + timedelta(hours=1)
assert history(StartTime=ahead, EndTime=ahead, InstanceTypes=["m6i.large"]) == current

# Narrowed down.
now = {"StartTime": NOW, "EndTime": NOW}
zone, kinds = ZONES[3], ["m6i.large", "r6i.large"]
for arguments, found in [
    ({"AvailabilityZone": zone}, {(zone, kind) for kind in TYPES}),
    ({"AvailabilityZoneId": ids[zone]}, {(zone, kind) for kind in TYPES}),
    ({"AvailabilityZone": zone, "InstanceTypes": kinds}, {(zone, kind) for kind in kinds}),
    ({"AvailabilityZone": zone, "InstanceTypes": ["p3.2xlarge"]}, set()),
    ({"AvailabilityZone": zone, "ProductDescriptions": ["Windows"]}, set()),
    ({"AvailabilityZone": zone, "ProductDescriptions": ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"]},
     {(zone, kind) for kind in TYPES}),
    ({"Filters": [{"Name": "availability-zone", "Values": [zone]},
                  {"Name": "instance-type", "Values": ["?6i.large"]}]},
     {(zone, kind) for kind in TYPES if kind.endswith(".large")}),
    ({"Filters": [{"Name": "availability-zone-id", "Values": [ids[zone]]},
                  {"Name": "product-description", "Values": ["Linux/UNIX"]}]},
     {(zone, kind) for kind in TYPES}),
    ({"Filters": [{"Name": "product-description", "Values": ["Windows*"]}]}, set()),
]:
    answer = history(**now, **arguments)
    assert {place(row) for row in answer} == found and len(answer) == len(found), arguments
row = current[0]
for name, value in [("spot-price", row["SpotPrice"]),
                    ("timestamp", row["Timestamp"].strftime("%a %b %d %H:%M:%S UTC %Y"))]:
    answer = history(**now, InstanceTypes=["m6i.large"],
                     Filters=[{"Name": name, "Values": [value]}])
    assert row in answer and len(answer) < 6, (name, answer)

invalid = ("InvalidParameterValue", 400)
for wrong in [
    {"InstanceTypes": ["m6i.large", "m99.huge"]},
    {"ProductDescriptions": ["BSD"]},
    {"AvailabilityZone": "us-east-1z"},
    {"AvailabilityZoneId": "use1-az9"},
    {"StartTime": NOW, "EndTime": NOW - timedelta(hours=1)},
    {"MaxResults": 0},
    {"MaxResults": 1001},
    {"Filters": [{"Name": "price", "Values": ["1"]}]},
]:
    assert refusal(describe, **wrong) == invalid, wrong
assert refusal(describe, AvailabilityZone=zone, AvailabilityZoneId=ids[zone]) == (
    "InvalidParameterCombination", 400)
other = ec2.describe_instance_types(MaxResults=5)["NextToken"]
for token in ["made up", other]:
    assert refusal(describe, NextToken=token) == ("InvalidPaginationToken", 400)
