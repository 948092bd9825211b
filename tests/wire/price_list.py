"""The Price List: GetProducts."""

import json
from decimal import Decimal

from account import REGION, refusal
from facts import on, pages

pricing = on("pricing")
get = pricing.get_products


def term(field, value, kind="TERM_MATCH"):
    return {"Type": kind, "Field": field, "Value": value}


LINUX = {
    "instanceType": "c5.xlarge", "regionCode": REGION, "operatingSystem": "Linux",
    "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used",
    "licenseModel": "No License required",
}


def products(service, filters=(), **arguments):
    found = pages(get, "PriceList", ServiceCode=service, Filters=list(filters), **arguments)
    return [json.loads(text) for page in found for text in page]


def linux(**other):
    return products("AmazonEC2", [term(*item) for item in {**LINUX, **other}.items() if item[1]])


def rate(product):
    """The one on-demand rate of a product."""
    (key, offer), = product["terms"]["OnDemand"].items()
    assert key == f"{product['product']['sku']}.{offer['offerTermCode']}", offer
    (rate_key, rate), = offer["priceDimensions"].items()
    assert rate_key.startswith(key + ".") and rate["rateCode"] == rate_key, offer
    assert rate["description"].startswith("$" + rate["pricePerUnit"]["USD"] + " per "), rate
    assert (rate["beginRange"], rate["endRange"]) == ("0", "Inf"), rate
    assert offer["effectiveDate"].endswith("Z"), offer
    return rate


# One product, in AWS's shape.
answer = get(ServiceCode="AmazonEC2", Filters=[term(*item) for item in LINUX.items()])
assert answer["FormatVersion"] == "aws_v1" and "NextToken" not in answer, answer
product, = [json.loads(text) for text in answer["PriceList"]]
assert product["serviceCode"] == "AmazonEC2", product
assert product["product"]["productFamily"] == "Compute Instance", product
own = product["product"]["attributes"]
assert LINUX.items() <= own.items(), own
assert (own["vcpu"], own["memory"], own["usagetype"], own["operation"]) == (
    "4", "8 GiB", "BoxUsage:c5.xlarge", "RunInstances"), own
assert own["location"] == "US East (N. Virginia)", own
assert rate(product)["unit"] == "Hrs", product
assert rate(product)["pricePerUnit"] == {"USD": "0.1700000000"}, product
assert rate(product)["description"].endswith("On Demand Linux c5.xlarge Instance Hour"), product
reserved, = product["terms"]["Reserved"].values()
assert reserved["termAttributes"]["LeaseContractLength"] == "1yr", reserved
assert rate(linux(instanceType="c4.4xlarge")[0])["pricePerUnit"] == {"USD": "0.7960000000"}

# Without capacitystatus there are several, one of them free.
several = {entry["product"]["attributes"]["capacitystatus"]: rate(entry)["pricePerUnit"]["USD"]
           for entry in linux(capacitystatus=None)}
assert several == {"Used": "0.1700000000", "UnusedCapacityReservation": "0.1700000000",
                   "AllocatedCapacityReservation": "0.0000000000"}, several
for field in ["operatingSystem", "tenancy", "preInstalledSw"]:
    found = [entry["product"]["attributes"][field] for entry in linux(**{field: None})]
    assert len(found) == len(set(found)) > 1, (field, found)
for field, value in [("instanceType", "c5.xlarg"), ("regionCode", "eu-west-1"),
                     ("operatingSystem", "linux"), ("licenseModel", "Bring your own license"),
                     ("colour", "red")]:
    assert linux(**{field: value}) == [], field

# The newer kinds of filter.
sizes = lambda filters: sorted({entry["product"]["attributes"]["instanceType"] for entry in
                                products("AmazonEC2", filters)})
assert sizes([term("instanceType", "c5.large", "EQUALS")]) == ["c5.large"]
assert sizes([term("instanceType", "c4.4", "CONTAINS")]) == ["c4.4xlarge"]
assert sizes([term("instanceType", "c5.large,m5.large", "ANY_OF")]) == ["c5.large", "m5.large"]
assert sizes([term("instanceType", "c5.", "CONTAINS"),
              term("instanceType", "c5.large,c5.xlarge,c5.2xlarge,c5.4xlarge", "NONE_OF")]) == [
    "c5.9xlarge"]
assert sizes([term("productFamily", "Storage")]) == []
assert len(sizes([term("servicecode", "AmazonEC2")])) > 100

# Pages.
every = products("AmazonEC2")
skus = [entry["product"]["sku"] for entry in every]
assert len(skus) == len(set(skus)) > 600, len(skus)
assert len(get(ServiceCode="AmazonEC2")["PriceList"]) == 100
in_sevens = products("AmazonEC2", [term("instanceType", "c5.", "CONTAINS")], MaxResults=7)
assert len(in_sevens) == 30, len(in_sevens)

# Fargate, and what is not to be taken for it.
usage = {}
for entry in products("AmazonECS", [term("regionCode", REGION)]):
    own = entry["product"]["attributes"]
    assert own["usagetype"] not in usage and own["servicecode"] == "AmazonECS", own
    usage[own["usagetype"]] = Decimal(rate(entry)["pricePerUnit"]["USD"])
for name, price in [
    ("Fargate-vCPU-Hours:perCPU", "0.04048"), ("Fargate-GB-Hours", "0.004445"),
    ("Fargate-ARM-vCPU-Hours:perCPU", "0.03238"), ("Fargate-ARM-GB-Hours", "0.00356"),
]:
    assert usage.pop(f"USE1-{name}") == Decimal(price), name
    # The scenario's discount is 70 %.
    assert usage.pop(f"USE1-SpotUsage-{name}") == Decimal(price) * 3 / 10, name
assert any("Windows-vCPU" in name for name in usage), usage
assert any("EphemeralStorage" in name for name in usage), usage
assert products("AmazonECS", [term("regionCode", "eu-west-1")]) == []

wrong = ("InvalidParameterException", 400)
assert refusal(get, ServiceCode="AmazonNothing") == ("NotFoundException", 400)
for arguments in [
    {"ServiceCode": ""}, {"ServiceCode": "Amazon EC2"},
    {"ServiceCode": "AmazonEC2", "FormatVersion": "aws_v2"},
    {"ServiceCode": "AmazonEC2", "Filters": [term("a", "b", "STARTS_WITH")]},
    {"ServiceCode": "AmazonEC2", "Filters": [term("a", "")]},
    {"ServiceCode": "AmazonEC2", "Filters": [term("a", "b" * 1025)]},
    {"ServiceCode": "AmazonEC2", "Filters": [term("a", "b")] * 51},
    {"ServiceCode": "AmazonEC2", "MaxResults": 101},
]:
    assert refusal(get, **arguments) == wrong, arguments
assert refusal(get) == wrong
token = get(ServiceCode="AmazonECS", MaxResults=1)["NextToken"]
assert get(ServiceCode="AmazonECS", MaxResults=1, NextToken=token)["PriceList"]
for token in [token, "made up"]:
    assert refusal(get, ServiceCode="AmazonEC2", NextToken=token) == (
        "InvalidNextTokenException", 400), token

# The Price List lives in three regions only.
assert on("pricing", "eu-central-1").get_products(ServiceCode="AmazonECS")["PriceList"]
elsewhere = on("pricing", "us-west-2")
assert refusal(elsewhere.get_products, ServiceCode="AmazonECS") == (
    "InvalidSignatureException", 403)
