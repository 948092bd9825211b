"""Job queues: made, described, updated, deleted, refused."""

import sys

from account import ACCOUNT, REGION, client, refusal

batch = client("batch", sys.argv[1])
BAD = ("ClientException", 400)
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/"
PLACE = f"arn:aws:batch:{REGION}:{ACCOUNT}:compute-environment/"


def describe(*names):
    return batch.describe_job_queues(jobQueues=list(names))["jobQueues"]


def one(name):
    found = describe(name)
    assert len(found) == 1, found
    return found[0]


def order(*names):
    return [{"order": 10 * n, "computeEnvironment": name} for n, name in enumerate(names, 1)]


def create(name, *environments, **more):
    more = {"priority": 1, "computeEnvironmentOrder": order(*environments)} | more
    return batch.create_job_queue(jobQueueName=name, **more)


def refused(*environments, name="refused", **more):
    assert refusal(lambda: create(name, *environments, **more)) == BAD, (name, environments, more)


# The scenario's.
spot = one("spot")
assert (spot["state"], spot["status"], spot["priority"]) == ("ENABLED", "VALID", 1), spot
assert spot["jobQueueArn"] == ARN + "spot" and spot["statusReason"] == "JobQueue Healthy", spot
assert spot["computeEnvironmentOrder"] == [
    {"order": 1, "computeEnvironment": PLACE + "spot"}], spot

resources = batch.describe_compute_environments(computeEnvironments=["on-demand"])[
    "computeEnvironments"][0]["computeResources"]
network = {name: resources[name] for name in ("subnets", "securityGroupIds")}
for name, kind in [("fargate", "FARGATE"), ("fargate-spot", "FARGATE_SPOT")]:
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED",
        computeResources=network | {"type": kind, "maxvCpus": 4})
for name, types, role in [("arm", ["m6g"], "ecsInstanceRole"), ("more", ["m6i"], "ecsInstanceRole"),
                          ("broken", ["m6i"], "nobody")]:
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED",
        computeResources=network | {"type": "EC2", "maxvCpus": 4, "instanceTypes": types,
                                    "instanceRole": role})

# SPOT and EC2 mix, FARGATE and FARGATE_SPOT mix; names and ARNs do.
LIMITS = [{"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "state": "RUNNABLE",
           "maxTimeSeconds": 600, "action": "CANCEL"}]
made = create("mixed", "spot", PLACE + "on-demand", "more", priority=10, tags={"team": "a"},
              jobStateTimeLimitActions=LIMITS)
assert made["jobQueueArn"] == ARN + "mixed" and made["jobQueueName"] == "mixed", made
mixed = one(ARN + "mixed")
assert mixed["computeEnvironmentOrder"] == order(
    PLACE + "spot", PLACE + "on-demand", PLACE + "more"), mixed
assert (mixed["priority"], mixed["tags"]) == (10, {"team": "a"}), mixed
assert mixed["jobStateTimeLimitActions"] == LIMITS, mixed
create("serverless", "fargate-spot", "fargate", state="DISABLED")
assert one("serverless")["state"] == "DISABLED"
# The order's numbers count, not their places in the request.
create("turned", computeEnvironmentOrder=order("spot", "on-demand")[::-1])
assert one("turned")["computeEnvironmentOrder"] == order(PLACE + "spot", PLACE + "on-demand")

# Refused.
refused("spot", name="mixed")
for name in ["has space", "-dash", "x" * 129]:
    refused("spot", name=name)
refused()
refused("spot", "on-demand", "more", "arm")
refused("spot", "fargate")
refused("spot", "arm")
refused("spot", "spot")
refused("nowhere")
refused("broken")
refused(computeEnvironmentOrder=[
    {"order": 1, "computeEnvironment": "spot"}, {"order": 1, "computeEnvironment": "more"}])
refused("spot", priority=-1)
refused("spot", priority=1001)
refused("spot", state="PAUSED")
refused("spot", tags={"aws:mine": "x"})
refused("spot", schedulingPolicyArn=f"arn:aws:batch:{REGION}:{ACCOUNT}:scheduling-policy/fair")
for change in [
    {"reason": "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"}, {"state": "RUNNING"},
    {"maxTimeSeconds": 599}, {"maxTimeSeconds": 86401}, {"action": "TERMINATE"},
]:
    refused("spot", jobStateTimeLimitActions=[LIMITS[0] | change])
assert describe("refused") == []


# Updates.
def update(name, **changes):
    return batch.update_job_queue(jobQueue=name, **changes)


answer = update(ARN + "mixed", state="DISABLED", priority=3, jobStateTimeLimitActions=[],
                computeEnvironmentOrder=order("more"))
assert answer["jobQueueArn"] == ARN + "mixed", answer
mixed = one("mixed")
assert (mixed["state"], mixed["priority"]) == ("DISABLED", 3), mixed
assert mixed["computeEnvironmentOrder"] == order(PLACE + "more"), mixed
assert mixed["jobStateTimeLimitActions"] == [], mixed
update("mixed", jobStateTimeLimitActions=LIMITS)
assert one("mixed")["jobStateTimeLimitActions"] == LIMITS
assert one("mixed")["state"] == "DISABLED"
for name, changes in [
    ("nowhere", {"priority": 1}),
    ("mixed", {"priority": 1001}),
    ("mixed", {"state": "PAUSED"}),
    ("mixed", {"computeEnvironmentOrder": []}),
    ("mixed", {"computeEnvironmentOrder": order("broken")}),
    ("mixed", {"computeEnvironmentOrder": order("spot", "fargate")}),
    ("mixed", {"jobStateTimeLimitActions": [LIMITS[0] | {"maxTimeSeconds": 1}]}),
]:
    assert refusal(update, name=name, **changes) == BAD, (name, changes)
assert one("mixed")["computeEnvironmentOrder"] == order(PLACE + "more")

# Pages.
for n in range(3):
    create(f"page-{n}", "spot")
names = [queue["jobQueueName"] for queue in describe()]
first = batch.describe_job_queues(maxResults=5)
assert [queue["jobQueueName"] for queue in first["jobQueues"]] == names[:5], first
second = batch.describe_job_queues(nextToken=first["nextToken"])
assert [queue["jobQueueName"] for queue in second["jobQueues"]] == names[5:], second
assert len(names) > 5 and "nextToken" not in second, second
listed = batch.get_paginator("describe_job_queues").paginate(PaginationConfig={"PageSize": 2})
assert [queue["jobQueueName"] for queue in listed.search("jobQueues")] == names
for wrong in [{"maxResults": 0}, {"maxResults": 101}, {"nextToken": "0g"},
              {"jobQueues": ["x"] * 101}]:
    assert refusal(batch.describe_job_queues, **wrong) == BAD, wrong
assert describe("nowhere") == []


# Deletion: DISABLED first.
def delete(name):
    return batch.delete_job_queue(jobQueue=name)


assert refusal(delete, name="turned") == BAD
update("turned", state="DISABLED")
delete(ARN + "turned")
assert describe("turned") == []
assert refusal(delete, name="turned") == BAD
assert refusal(update, name="turned", state="ENABLED") == BAD
create("turned", "more")
assert one("turned")["computeEnvironmentOrder"] == order(PLACE + "more")
