"""Compute environments: made, described, updated, deleted, refused, and INVALID with a reason."""

import sys

from account import ACCOUNT, REGION, client, refusal

batch = client("batch", sys.argv[1])
BAD = ("ClientException", 400)
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}:compute-environment/"
ROLES = f"arn:aws:iam::{ACCOUNT}:"


def describe(*names):
    return batch.describe_compute_environments(computeEnvironments=list(names))[
        "computeEnvironments"]


def one(name):
    found = describe(name)
    assert len(found) == 1, found
    return found[0]


# Those of the scenario look as if somebody had made them.
there = {e["computeEnvironmentName"]: e for e in describe()}
spot, on_demand = there["spot"], there["on-demand"]
assert (spot["status"], spot["state"], spot["type"]) == ("VALID", "ENABLED", "MANAGED"), spot
assert spot["statusReason"] == "ComputeEnvironment Healthy", spot
assert spot["computeEnvironmentArn"] == ARN + "spot", spot
assert spot["ecsClusterArn"].startswith(f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/AWSBatch-spot-")
assert spot["computeResources"]["type"] == "SPOT", spot
assert spot["computeResources"]["allocationStrategy"] == "SPOT_PRICE_CAPACITY_OPTIMIZED", spot
assert on_demand["computeResources"]["type"] == "EC2", on_demand
assert on_demand["computeResources"]["maxvCpus"] == 64, on_demand
assert on_demand["computeResources"]["desiredvCpus"] == 0, on_demand
subnets = on_demand["computeResources"]["subnets"]
groups = on_demand["computeResources"]["securityGroupIds"]
assert len(set(subnets)) == 2 and all(len(subnet) == 24 for subnet in subnets), subnets

EC2 = {
    "type": "EC2", "allocationStrategy": "BEST_FIT_PROGRESSIVE", "minvCpus": 0, "maxvCpus": 16,
    "instanceTypes": ["m6i", "c6i.large"], "subnets": subnets, "securityGroupIds": groups,
    "instanceRole": f"{ROLES}instance-profile/ecsInstanceRole", "tags": {"Name": "batch"},
}
SPOT = EC2 | {
    "type": "SPOT", "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED", "bidPercentage": 80,
    "instanceRole": "ecsInstanceRole",
}
FARGATE = {
    "type": "FARGATE", "maxvCpus": 8, "subnets": subnets[:1], "securityGroupIds": groups,
}


def create(name, resources, **more):
    return batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=resources, **more)


def refused(resources, name="refused", **more):
    assert refusal(create, name=name, resources=resources, **more) == BAD, (name, resources, more)


def without(resources, member):
    return {name: value for name, value in resources.items() if name != member}


# Every type is made and echoed.
made = create("ec2", EC2, tags={"team": "a"})
assert made["computeEnvironmentArn"] == ARN + "ec2", made
assert made["computeEnvironmentName"] == "ec2", made
ec2 = one(ARN + "ec2")
assert ec2["tags"] == {"team": "a"}, ec2
assert ec2["computeResources"] == EC2 | {"desiredvCpus": 0}, ec2
assert ec2["serviceRole"].endswith("/AWSServiceRoleForBatch"), ec2
assert ec2["containerOrchestrationType"] == "ECS" and len(ec2["uuid"]) == 36, ec2
create("fargate", FARGATE, state="DISABLED")
assert one("fargate")["state"] == "DISABLED"
assert one("fargate")["computeResources"] == FARGATE
create("fargate-spot", FARGATE | {"type": "FARGATE_SPOT"})
create("spot-2", SPOT)
assert one("spot-2")["computeResources"]["bidPercentage"] == 80
assert one("spot-2")["status"] == "VALID"
# BEST_FIT is the API's default.
create("default", without(EC2, "allocationStrategy"))
assert one("default")["computeResources"]["allocationStrategy"] == "BEST_FIT"

# What Batch refuses at once.
refused(EC2, name="ec2")
for name in ["has space", "-dash", "x" * 129, "ü"]:
    refused(EC2, name=name)
refused(EC2 | {"allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"})
refused(SPOT | {"allocationStrategy": "BEST_FIT_PROGRESSIVE_ORDERED"})
refused(EC2 | {"allocationStrategy": "LOWEST_PRICE"})
refused(EC2 | {"type": "ECS_MANAGED_INSTANCES"})
refused(EC2 | {"instanceTypes": ["m99.large"]})
refused(EC2 | {"instanceTypes": ["m6i", "m6g"]})
refused(EC2 | {"minvCpus": 17})
refused(EC2 | {"desiredvCpus": 17})
refused(SPOT | {"bidPercentage": 101})
refused(EC2 | {"scalingPolicy": {"minScaleDownDelayMinutes": 19}})
for member in ["instanceTypes", "instanceRole", "securityGroupIds", "subnets"]:
    refused(without(EC2, member))
for member in ["securityGroupIds", "subnets"]:
    refused(without(FARGATE, member))
for member in ["instanceTypes", "instanceRole", "allocationStrategy", "minvCpus", "bidPercentage"]:
    refused(FARGATE | {member: SPOT[member]})
refused(EC2, tags={"aws:mine": "x"})
refused(EC2, tags={f"key-{n}": "x" for n in range(51)})
assert refusal(batch.create_compute_environment, computeEnvironmentName="refused",
               type="UNMANAGED") == BAD
assert refusal(batch.create_compute_environment, computeEnvironmentName="refused",
               type="MANAGED") == BAD
assert describe("refused") == []

# What Batch finds out later.
for name, resources, role, reason in [
    ("role-arn", EC2 | {"instanceRole": f"{ROLES}role/ecsInstanceRole"}, None,
     f"CLIENT_ERROR - Invalid IamInstanceProfile: {ROLES}role/ecsInstanceRole"),
    ("no-profile", EC2 | {"instanceRole": "batchRole"}, None,
     "CLIENT_ERROR - Invalid IamInstanceProfile: batchRole"),
    ("no-fleet-role", SPOT | {"allocationStrategy": "BEST_FIT"}, None,
     "CLIENT_ERROR - Parameter: SpotFleetRequestConfig.IamFleetRole is invalid."),
    ("no-subnet", EC2 | {"subnets": ["subnet-1"]}, None,
     "CLIENT_ERROR - The subnet ID 'subnet-1' does not exist"),
    ("no-service-role", FARGATE, f"{ROLES}role/Nobody",
     "CLIENT_ERROR - Not authorized to perform sts:AssumeRole"),
]:
    create(name, resources, **({"serviceRole": role} if role else {}))
    found = one(name)
    assert found["status"] == "INVALID", found
    assert found["statusReason"].startswith(reason), found
    assert refusal(
        batch.create_job_queue, jobQueueName="on-" + name, priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}]) == BAD
create("fleet-role", SPOT | {
    "allocationStrategy": "BEST_FIT",
    "spotIamFleetRole": f"{ROLES}role/AmazonEC2SpotFleetTaggingRole"})
assert one("fleet-role")["status"] == "VALID"


# Updates.
def update(name, **changes):
    return batch.update_compute_environment(computeEnvironment=name, **changes)


answer = update("role-arn", computeResources={"instanceRole": "ecsInstanceRole"})
assert answer["computeEnvironmentArn"] == ARN + "role-arn", answer
assert one("role-arn")["status"] == "VALID"
update("no-service-role", serviceRole=f"{ROLES}role/service-role/AWSBatchServiceRole")
assert one("no-service-role")["status"] == "VALID"
update(ARN + "ec2", state="DISABLED", computeResources={"maxvCpus": 32, "minvCpus": 2},
       updatePolicy={"terminateJobsOnUpdate": True, "jobExecutionTimeoutMinutes": 10})
ec2 = one("ec2")
assert ec2["state"] == "DISABLED", ec2
assert ec2["computeResources"] == EC2 | {"maxvCpus": 32, "minvCpus": 2, "desiredvCpus": 2}, ec2
assert ec2["updatePolicy"]["jobExecutionTimeoutMinutes"] == 10, ec2
update("ec2", computeResources={"type": "SPOT", "instanceTypes": ["optimal"],
                                "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED"})
assert one("ec2")["computeResources"]["instanceTypes"] == ["optimal"]
for name, changes in [
    ("nowhere", {"state": "DISABLED"}),
    ("ec2", {"state": "PAUSED"}),
    ("ec2", {"computeResources": {"maxvCpus": 1}}),
    ("ec2", {"computeResources": {"type": "FARGATE"}}),
    ("ec2", {"computeResources": {"allocationStrategy": "BEST_FIT"}}),
    ("ec2", {"serviceRole": "AWSBatchServiceRole"}),
    # BEST_FIT and roles of one's own allow no infrastructure updates.
    ("default", {"computeResources": {"instanceTypes": ["c6i"]}}),
    ("no-service-role", {"computeResources": {"subnets": subnets}}),
    ("fargate", {"computeResources": {"minvCpus": 1}}),
    ("fargate", {"updatePolicy": {"jobExecutionTimeoutMinutes": 7201}}),
]:
    assert refusal(update, name=name, **changes) == BAD, (name, changes)
update("default", computeResources={"maxvCpus": 4})
assert one("default")["computeResources"]["maxvCpus"] == 4

# Pages.
names = [e["computeEnvironmentName"] for e in describe()]
seen, pages, token = [], 0, {}
while True:
    answer = batch.describe_compute_environments(maxResults=4, **token)
    seen += [e["computeEnvironmentName"] for e in answer["computeEnvironments"]]
    pages += 1
    if "nextToken" not in answer:
        break
    assert len(answer["computeEnvironments"]) == 4, answer
    token = {"nextToken": answer["nextToken"]}
assert seen == names and pages == -(-len(names) // 4) > 2, (seen, names)
paginator = batch.get_paginator("describe_compute_environments")
listed = paginator.paginate(PaginationConfig={"PageSize": 5}).search("computeEnvironments")
assert [e["computeEnvironmentName"] for e in listed] == names
for wrong in [{"maxResults": 0}, {"maxResults": 101}, {"nextToken": "guess"},
              {"computeEnvironments": ["x"] * 101}]:
    assert refusal(batch.describe_compute_environments, **wrong) == BAD, wrong
assert describe("nowhere") == []


# Deletion: DISABLED first, and detached.
def delete(name):
    return batch.delete_compute_environment(computeEnvironment=name)


batch.create_job_queue(jobQueueName="on-default", priority=1,
                       computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "default"}])
assert refusal(delete, name="default") == BAD
update("default", state="DISABLED")
assert refusal(delete, name="default") == BAD
batch.update_job_queue(jobQueue="on-default", state="DISABLED")
batch.delete_job_queue(jobQueue="on-default")
delete("default")
assert describe("default") == []
assert refusal(delete, name="default") == BAD
assert refusal(update, name="default", state="ENABLED") == BAD
create("default", EC2)
assert one("default")["state"] == "ENABLED"
