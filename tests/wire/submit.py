"""SubmitJob: what it answers, what it takes over, and everything that it refuses."""

import json
import sys

from account import ACCOUNT, REGION, Jobs, message, refusal

jobs = Jobs(sys.argv[1])
batch = jobs.batch
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"

answer = batch.submit_job(jobName="first_Job-1", jobQueue="on-demand", jobDefinition="short")
id = answer["jobId"]
assert (answer["jobName"], answer["jobArn"]) == ("first_Job-1", f"{ARN}:job/{id}"), answer
# There is no idempotency token: the same call again is another job.
assert batch.submit_job(
    jobName="first_Job-1", jobQueue="on-demand", jobDefinition="short")["jobId"] != id

# By ARNs; and everything that is asked is shown.
asked = jobs.submit(
    f"{ARN}:job-definition/short:1", f"{ARN}:job-queue/on-demand",
    jobName="a" * 128,
    parameters={"day": "2024-06-01", "region": "eu"},
    containerOverrides={
        "command": ["run", "Ref::day"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
        "resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "4096"}],
    },
    retryStrategy={"attempts": 3, "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "retry"},
        {"onReason": "CannotPullContainerError:*", "onExitCode": "1*", "action": "RETRY"},
        {"onReason": "*", "action": "Exit"},
    ]},
    timeout={"attemptDurationSeconds": 60},
    propagateTags=True,
    tags={"team": "data", "empty": ""},
)
job = jobs.describe(asked)
assert job["jobQueue"] == f"{ARN}:job-queue/on-demand", job
assert job["jobDefinition"] == f"{ARN}:job-definition/short:1", job
assert job["parameters"] == {"day": "2024-06-01", "region": "eu"}, job
assert job["tags"] == {"team": "data", "empty": ""} and job["propagateTags"] is True, job
assert job["timeout"] == {"attemptDurationSeconds": 60}, job
assert job["retryStrategy"] == {"attempts": 3, "evaluateOnExit": [
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onReason": "CannotPullContainerError:*", "onExitCode": "1*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
]}, job
container = job["container"]
assert container["command"] == ["run", "Ref::day"], container
assert container["environment"] == [{"name": "A", "value": "1"}, {"name": "B", "value": ""}]
assert container["resourceRequirements"] == [
    {"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "4096"}], container

# An override of one type leaves the others as the definition has them; the deprecated members do
# not override what `resourceRequirements` of the definition say.
partial = jobs.describe(jobs.submit(containerOverrides={
    "vcpus": 2, "memory": 9, "resourceRequirements": [{"type": "MEMORY", "value": "512"}]}))
assert partial["container"]["resourceRequirements"] == [
    {"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}], partial

# One task of several containers: `container` is empty then.
several = jobs.submit(ecsPropertiesOverride={"taskProperties": [{"containers": [
    {"name": "app", "command": ["go"], "environment": [{"name": "A", "value": "1"}],
     "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "1000"}]},
    {"name": "sidecar", "resourceRequirements": [{"type": "MEMORY", "value": "24"}]},
]}]})
job = jobs.reach(several, "SUCCEEDED")
assert job["container"] == {} and job["attempts"][0]["container"] == {}, job
[task] = job["ecsProperties"]["taskProperties"]
app, sidecar = task["containers"]
assert (app["name"], app["command"], sidecar["name"]) == ("app", ["go"], "sidecar"), task
assert app["resourceRequirements"] == [
    {"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "1000"}], task
[tried] = job["attempts"][0]["taskProperties"]
assert tried["taskArn"] == task["taskArn"] and "containerInstanceArn" in tried, job
assert [c["exitCode"] for c in tried["containers"]] == [0, 0], tried
assert tried["containers"][0]["logStreamName"].startswith("short/app/"), tried

# What is refused, and with which words. Nothing of it starts a job.
def wrong(text, **change):
    arguments = {"jobName": "wrong", "jobQueue": "on-demand", "jobDefinition": "short", **change}
    said = message(jobs.lax.submit_job, **arguments)
    assert text in said, (said, change)


def overrides(**members):
    return {"containerOverrides": members}


def retry(**entry):
    return {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "RETRY", **entry}]}}


def requirement(kind, value):
    return overrides(resourceRequirements=[{"type": kind, "value": value}])


def task(*tasks):
    return {"ecsPropertiesOverride": {"taskProperties": list(tasks)}}


for name in ["with space", "a" * 129, "-a", "_a", "a.b"]:
    wrong("jobName", jobName=name)
for member in ["jobName", "jobQueue", "jobDefinition"]:
    wrong(f"{member} must be provided", **{member: ""})
wrong("JobQueue nowhere not found", jobQueue="nowhere")
wrong("not found", jobQueue=f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-queue/on-demand")
wrong("JobQueue closed is disabled", jobQueue="closed")
wrong("JobDefinition nothing not found", jobDefinition="nothing")
for size in [1, 0, -1, 10_001, 70_000]:
    wrong("array size must be between 2 and 10000", arrayProperties={"size": size})
for seconds in [59, 0, -1]:
    wrong("at least 60", timeout={"attemptDurationSeconds": seconds})
for attempts in [0, -1, 11, 300]:
    wrong("attempts must be between 1 and 10", retryStrategy={"attempts": attempts})
wrong("at most 5", retryStrategy={"attempts": 2, "evaluateOnExit": [{"action": "EXIT"}] * 6})
wrong("needs retryStrategy attempts", retryStrategy={"evaluateOnExit": [{"action": "EXIT"}]})
wrong("action must be", **retry(action="PERHAPS"))
for pattern in ["*Host", "Ho*st", "Host EC2 (instance*", "", "a" * 513, "a_b"]:
    wrong("onStatusReason", **retry(onStatusReason=pattern))
    wrong("onReason", **retry(onReason=pattern))
for pattern in ["1x", "*1", "-1", ""]:
    wrong("onExitCode", **retry(onExitCode=pattern))
wrong("AWS_BATCH", **overrides(environment=[{"name": "AWS_BATCH_JOB_ID", "value": "x"}]))
wrong("no name", **overrides(environment=[{"value": "x"}]))
wrong("empty string", **overrides(command=["run", ""]))
wrong("multi-node", **overrides(instanceType="m6i.large"))
for kind, value in [("VCPU", "many"), ("VCPU", "0"), ("MEMORY", "1.5"), ("MEMORY", "-1"),
                    ("GPU", "0"), ("TPU", "1")]:
    wrong(kind, **requirement(kind, value))
wrong("names VCPU twice", **overrides(resourceRequirements=[{"type": "VCPU", "value": "1"}] * 2))
wrong("vCPUs must be a whole number", **requirement("VCPU", "0.25"))
wrong("memory at least 4 MiB", **requirement("MEMORY", "3"))
wrong("exactly one element", **task())
wrong("exactly one element", **task({"containers": [{"name": "a"}]}, {"containers": []}))
wrong("names no container", **task({"containers": []}))
wrong("no name", **task({"containers": [{"command": ["x"]}]}))
wrong("twice", **task({"containers": [{"name": "a"}, {"name": "a"}]}))
wrong("AWS_BATCH", **task({"containers": [
    {"name": "a", "environment": [{"name": "AWS_BATCH_X", "value": "1"}]}]}))
wrong("exclude each other", **task({"containers": [{"name": "a"}]}), **overrides(command=["x"]))
for tags in [{"": "1"}, {"x" * 129: "1"}, {"x": "1" * 257}]:
    wrong("is not valid", tags=tags)
wrong("eksPropertiesOverride", eksPropertiesOverride={"podProperties": {}})
wrong("nodeOverrides", nodeOverrides={"numNodes": 2})
wrong("consumable", consumableResourcePropertiesOverride={"consumableResourceList": []})
wrong("shareIdentifier", shareIdentifier="not valid!")
wrong("fair-share queue", shareIdentifier="team*")
wrong("between 0 and 9999", schedulingPriorityOverride=10_000)
wrong("fair-share queue", schedulingPriorityOverride=1)
wrong("at most 50 tags", tags={f"t{n}": "" for n in range(51)})
for tags in [{"aws:x": "1"}, {"x": "aws:1"}, {"x{}": "1"}]:
    wrong("is not valid", tags=tags)
wrong("30 KiB", parameters={"big": "x" * 30_000, "more": "y" * 720})
assert len(json.dumps({"big": "x" * 30_000})) < 30 * 1024
jobs.submit(parameters={"big": "x" * 30_000})

# A wrong type is not even read.
batch.meta.events.register("before-call.batch.SubmitJob", lambda params, **_: params.update(
    body=b'{"jobName": 7}'))
code, status = refusal(batch.submit_job, jobName="x", jobQueue="x", jobDefinition="x")
assert (code, status) == ("SerializationException", 400), (code, status)

started = [job["jobName"] for job in jobs.list(
    jobQueue="on-demand", filters=[{"name": "JOB_NAME", "values": ["wrong*"]}])]
assert started == [], started
