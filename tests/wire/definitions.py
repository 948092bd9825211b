"""Job definitions: revisions, what is echoed, what is refused."""

import sys

from account import ACCOUNT, REGION, client, refusal

batch = client("batch", sys.argv[1])
BAD = ("ClientException", 400)
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/"


def describe(**wanted):
    return batch.describe_job_definitions(**wanted)["jobDefinitions"]


def needs(vcpus, memory):
    return [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": memory}]


CONTAINER = {
    "image": "busybox", "command": ["echo", "Ref::what"], "resourceRequirements": needs("1", "512"),
    "environment": [{"name": "STAGE", "value": "test"}],
    "jobRoleArn": f"arn:aws:iam::{ACCOUNT}:role/job",
}
FARGATE = {
    "image": "busybox", "resourceRequirements": needs("0.25", "512"),
    "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/execution",
}
RETRY = {"attempts": 3, "evaluateOnExit": [
    {"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]}


def register(name="made", container=CONTAINER, **more):
    return batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=container, **more)


def refused(**more):
    assert refusal(register, **({"name": "refused"} | more)) == BAD, more


# The scenario's are revision 1.
short = describe(jobDefinitionName="short")
assert [(d["revision"], d["status"], d["type"]) for d in short] == [(1, "ACTIVE", "container")]
assert short[0]["jobDefinitionArn"] == ARN + "short:1", short

# Revisions count up, and everything comes back.
given = {
    "parameters": {"what": "hello"}, "retryStrategy": RETRY, "propagateTags": True,
    "timeout": {"attemptDurationSeconds": 60}, "tags": {"team": "a"}, "schedulingPriority": 7,
}
answer = register(**given)
assert (answer["jobDefinitionName"], answer["revision"]) == ("made", 1), answer
assert answer["jobDefinitionArn"] == ARN + "made:1", answer
assert register()["revision"] == 2
found = describe(jobDefinitions=["made:1"])
assert len(found) == 1, found
for member, value in given.items():
    assert found[0][member] == value, (member, found)
assert found[0]["containerProperties"] == CONTAINER, found
assert found[0]["platformCapabilities"] == ["EC2"], found
assert found[0]["containerOrchestrationType"] == "ECS", found
register("serverless", FARGATE, platformCapabilities=["FARGATE"])
assert describe(jobDefinitionName="serverless")[0]["platformCapabilities"] == ["FARGATE"]
older = {"image": "busybox", "vcpus": 2, "memory": 128}
register("older", older)
assert describe(jobDefinitionName="older")[0]["containerProperties"] == older
task = {"containers": [
    {"name": name, "image": "busybox", "resourceRequirements": needs("1", "256")}
    for name in ("main", "side")]}
batch.register_job_definition(jobDefinitionName="several", type="container",
                              ecsProperties={"taskProperties": [task]})
assert describe(jobDefinitionName="several")[0]["ecsProperties"]["taskProperties"] == [task]

# Refused.
for name in ["has space", "-dash", "x" * 129]:
    refused(name=name)
refused(container={"image": "busybox"})
refused(container={"resourceRequirements": needs("1", "512")})
refused(container=CONTAINER | {"resourceRequirements": needs("0.5", "512")})
refused(container=CONTAINER | {"resourceRequirements": needs("1", "3")})
refused(container=CONTAINER | {"resourceRequirements": needs("many", "512")})
refused(container=CONTAINER, platformCapabilities=["FARGATE"])
refused(container=FARGATE | {"resourceRequirements": needs("0.25", "1536")},
        platformCapabilities=["FARGATE"])
refused(platformCapabilities=["EC2", "FARGATE"])
refused(platformCapabilities=["LAMBDA"])
refused(timeout={"attemptDurationSeconds": 59})
refused(retryStrategy={"attempts": 0})
refused(retryStrategy={"attempts": 11})
refused(retryStrategy={"evaluateOnExit": RETRY["evaluateOnExit"]})
refused(retryStrategy={"attempts": 2, "evaluateOnExit": [{"onReason": "*", "action": "EXIT"}] * 6})
for entry in [
    {"onReason": "Host (EC2)", "action": "RETRY"}, {"onReason": "*x", "action": "RETRY"},
    {"onReason": "x" * 513, "action": "RETRY"}, {"onExitCode": "1a", "action": "RETRY"},
    {"onReason": "*", "action": "STOP"},
]:
    refused(retryStrategy={"attempts": 2, "evaluateOnExit": [entry]})
refused(schedulingPriority=10000)
refused(tags={"aws:mine": "x"})
refused(container=CONTAINER | {"command": ["x" * 25000]})
for more in [{}, {"ecsProperties": {"taskProperties": [task, task]}},
             {"ecsProperties": {"taskProperties": [task]}, "containerProperties": CONTAINER}]:
    assert refusal(batch.register_job_definition, jobDefinitionName="refused", type="container",
                   **more) == BAD, more
assert refusal(batch.register_job_definition, jobDefinitionName="refused", type="multinode") == BAD
assert describe(jobDefinitionName="refused") == []

# By name, by status, by name:revision and ARN.
assert [d["revision"] for d in describe(jobDefinitionName="made")] == [1, 2]
batch.deregister_job_definition(jobDefinition="made:1")
batch.deregister_job_definition(jobDefinition=ARN + "older:1")
assert [d["revision"] for d in describe(jobDefinitionName="made", status="ACTIVE")] == [2]
inactive = [d["jobDefinitionArn"] for d in describe(status="INACTIVE")]
assert inactive == [ARN + "made:1", ARN + "older:1"], inactive
assert [d["status"] for d in describe(jobDefinitions=[ARN + "made:1", "made:2", "made:9"])] == [
    "INACTIVE", "ACTIVE"]
assert register()["revision"] == 3
for wrong in [{"jobDefinitions": ["made:1"], "status": "ACTIVE"}, {"status": "OLD"},
              {"jobDefinitions": ["made:1"] * 101}, {"maxResults": 0}, {"nextToken": "guess"}]:
    assert refusal(batch.describe_job_definitions, **wrong) == BAD, wrong
ELSEWHERE = ARN.replace(REGION, "us-west-2")
assert describe(jobDefinitions=[ELSEWHERE + "made:2"]) == []
for wrong in ["made", "made:9", "nowhere:1", ARN + "made", ELSEWHERE + "made:2"]:
    assert refusal(batch.deregister_job_definition, jobDefinition=wrong) == BAD, wrong
# Once more is no mistake.
batch.deregister_job_definition(jobDefinition="made:1")

# Pages, in the order of names and revisions.
for _ in range(9):
    register("made-too")
arns = [d["jobDefinitionArn"] for d in describe()]
split = [(name, int(revision)) for name, revision in (
    arn.removeprefix(ARN).rsplit(":", 1) for arn in arns)]
assert split == sorted(split), split
first = batch.describe_job_definitions(maxResults=6)
second = batch.describe_job_definitions(maxResults=6, nextToken=first["nextToken"])
third = batch.describe_job_definitions(maxResults=100, nextToken=second["nextToken"])
pages = [[d["jobDefinitionArn"] for d in page["jobDefinitions"]]
         for page in (first, second, third)]
assert pages[0] == arns[:6] and pages[1] == arns[6:12] and pages[2] == arns[12:], pages
assert pages[2] and "nextToken" not in third, third
