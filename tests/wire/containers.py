"""ECS: DescribeContainerInstances and DescribeTasks."""

from datetime import datetime, timezone

from account import ACCOUNT, REGION, refusal
from facts import JOBS, cluster_of, machine, on

ecs = on("ecs")


def attributes(instance):
    return {attribute["name"]: attribute["value"] for attribute in instance["attributes"]}


def resources(listed):
    return {resource["name"]: resource.get("integerValue", resource.get("stringSetValue"))
            for resource in listed}


def shape(instance):
    return {name: resources(instance[name]) for name in ["registeredResources",
                                                         "remainingResources"]}


steady = machine("steady")
assert steady["containerInstanceArn"] == JOBS["steady"]["host"], steady
assert (steady["status"], steady["agentConnected"]) == ("ACTIVE", True), steady
assert (steady["runningTasksCount"], steady["pendingTasksCount"]) == (1, 0), steady
told = attributes(steady)
assert told["ecs.instance-type"] == "m6i.large" and told["ecs.os-type"] == "linux", told
assert told["ecs.cpu-architecture"] == "x86_64", told
ec2 = on("ec2").describe_instances(InstanceIds=[steady["ec2InstanceId"]])
ec2 = ec2["Reservations"][0]["Instances"][0]
assert told["ecs.availability-zone"] == ec2["Placement"]["AvailabilityZone"], (told, ec2)
assert told["ecs.subnet-id"] == ec2["SubnetId"], (told, ec2)
# The job holds both vCPUs and six of eight GiB.
sizes = shape(steady)
assert (sizes["registeredResources"]["CPU"], sizes["remainingResources"]["CPU"]) == (2048, 0)
assert (sizes["registeredResources"]["MEMORY"], sizes["remainingResources"]["MEMORY"]) == (
    8192, 2048), sizes
gpu = shape(machine("gpu"))
assert len(gpu["registeredResources"]["GPU"]) == 1, gpu
assert gpu["remainingResources"]["GPU"] == [], gpu

# Machines that ended within the hour.
for job in ["reclaimed", "finished"]:
    ended = machine(job)
    assert (ended["status"], ended["agentConnected"]) == ("INACTIVE", False), ended
    assert ended["runningTasksCount"] == 0, ended
    sizes = shape(ended)
    assert sizes["registeredResources"] == sizes["remainingResources"], sizes

# Misses are no error: forgotten, of another cluster, never there, of the time before clusters.
arn = JOBS["steady"]["host"]
cluster, identifier = arn.split("/")[1:]
prefix = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
never = f"{prefix}:container-instance/{cluster}/{'0' * 32}"
old = f"{prefix}:container-instance/{identifier}"
forgotten = f"{prefix}:container-instance/{cluster}/{'1' * 32}"
elsewhere = JOBS["running"]["host"]
for name in [cluster, f"{prefix}:cluster/{cluster}"]:
    answer = ecs.describe_container_instances(
        cluster=name, containerInstances=[identifier, "0" * 32, old, elsewhere, forgotten, arn])
    assert [one["containerInstanceArn"] for one in answer["containerInstances"]] == [arn], answer
    assert answer["failures"] == [
        {"arn": missing, "reason": "MISSING"} for missing in [never, old, elsewhere, forgotten]
    ], answer

for call, member in [(ecs.describe_container_instances, "containerInstances"),
                     (ecs.describe_tasks, "tasks")]:
    for strange in ["default", "nowhere", f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/{cluster}"]:
        assert refusal(call, cluster=strange, **{member: ["a"]}) == (
            "ClusterNotFoundException", 400), strange
    # Without a cluster the default one is meant, which Batch does not use.
    assert refusal(call, **{member: ["a"]}) == ("ClusterNotFoundException", 400)
    wrong = "arn:aws:ecs:us-east-1:123456789012:service/a/b"
    for items in [[], ["a"] * 101, [""], [wrong], ["TBD:x"]]:
        assert refusal(call, cluster=cluster, **{member: items}) == (
            "InvalidParameterException", 400), items
    hundred = [f"{n:032x}" for n in range(100)]
    assert len(call(cluster=cluster, **{member: hundred})["failures"]) == 100


def task(job):
    arn = JOBS[job]["task"]
    answer = ecs.describe_tasks(cluster=cluster_of(arn), tasks=[arn])
    assert not answer["failures"], (job, answer)
    told = answer["tasks"][0]
    assert told["taskArn"] == arn, told
    assert told["clusterArn"] == f"{prefix}:cluster/{cluster_of(arn)}", told
    return told


def clock(text):
    return datetime.fromisoformat(f"2026-11-20T{text}+00:00").astimezone(timezone.utc)


# Fargate.
running = task("task")
assert (running["lastStatus"], running["desiredStatus"]) == ("RUNNING", "RUNNING"), running
assert (running["launchType"], running["capacityProviderName"]) == ("FARGATE", "FARGATE"), running
assert (running["cpu"], running["memory"]) == ("1024", "2048"), running
assert running["availabilityZone"].startswith(REGION), running
assert "containerInstanceArn" not in running and "stoppedAt" not in running, running
assert running["pullStartedAt"] == clock("10:00:20"), running
assert running["startedAt"] == clock("10:00:25"), running

reclaimed = task("task-reclaimed")
assert reclaimed["capacityProviderName"] == "FARGATE_SPOT", reclaimed
assert (reclaimed["lastStatus"], reclaimed["stopCode"]) == ("STOPPED", "SpotInterruption")
assert reclaimed["stoppedReason"] == "Your Spot Task was interrupted.", reclaimed
assert reclaimed["availabilityZone"] == "us-east-1a", reclaimed
assert reclaimed["desiredStatus"] == "STOPPED", reclaimed
assert reclaimed["stoppedAt"] == clock("11:17:00"), reclaimed
assert "exitCode" not in reclaimed["containers"][0], reclaimed
unharmed = task("task-on-spot")
assert unharmed["capacityProviderName"] == "FARGATE_SPOT", unharmed
assert (unharmed["desiredStatus"], unharmed.get("stopCode")) == ("RUNNING", None), unharmed
# Within the two minutes' notice.
noticed = task("task-noticed")
assert (noticed["lastStatus"], noticed["desiredStatus"]) == ("RUNNING", "STOPPED"), noticed
assert noticed["stopCode"] == "TerminationNotice" and "stoppedAt" not in noticed, noticed
assert noticed["stoppedReason"] == "Your Spot Task was interrupted.", noticed

for job, exit_code in [("task-done", 0), ("task-failed", 3)]:
    done = task(job)
    assert (done["lastStatus"], done["desiredStatus"]) == ("STOPPED", "STOPPED"), done
    assert done["stopCode"] == "EssentialContainerExited", done
    assert done["stoppedReason"] == "Essential container in task exited", done
    assert done["containers"][0]["exitCode"] == exit_code, done
    assert done["stoppedAt"] > done["startedAt"] > done["pullStartedAt"], done
done = task("task-done")
assert (done["stoppedAt"] - done["startedAt"]).total_seconds() == 60, done
unpullable = task("task-unpullable")
assert unpullable["stopCode"] == "TaskFailedToStart" and "startedAt" not in unpullable, unpullable
assert unpullable["stoppedReason"].startswith("CannotPullContainerError: "), unpullable

# On container instances.
hosted = task("steady")
assert (hosted["launchType"], hosted["lastStatus"]) == ("EC2", "RUNNING"), hosted
assert hosted["containerInstanceArn"] == JOBS["steady"]["host"], hosted
assert hosted["availabilityZone"] == told["ecs.availability-zone"], hosted
assert (hosted["cpu"], hosted["memory"]) == ("2048", "6144"), hosted
assert "capacityProviderName" not in hosted and "stopCode" not in hosted, hosted
lost = task("reclaimed")
assert lost["lastStatus"] == "STOPPED" and "stopCode" not in lost, lost
identity = machine("reclaimed")["ec2InstanceId"]
assert lost["stoppedReason"] == f"Host EC2 (instance {identity}) terminated.", lost
stopped = task("stopped")
assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "stopped by hand")
assert stopped["containers"][0]["exitCode"] == 143, stopped
finished = task("finished")
assert finished["stoppedAt"] > finished["startedAt"] > finished["pullStartedAt"], finished

# Tasks are found by id, within their cluster, for an hour.
arn = JOBS["steady"]["task"]
answer = ecs.describe_tasks(
    cluster=cluster, tasks=[arn.split("/")[2], JOBS["task"]["task"], JOBS["forgotten"]["task"]])
assert [one["taskArn"] for one in answer["tasks"]] == [arn], answer
assert answer["failures"] == [
    {"arn": JOBS[job]["task"], "reason": "MISSING"} for job in ["task", "forgotten"]], answer
assert JOBS["forgotten"]["task"].split("/")[1] == cluster, "it would be missing for another reason"
# The task is gone although its machine is there.
neighbour = JOBS["neighbour"]
assert neighbour["host"] == JOBS["gpu"]["host"], (neighbour, JOBS["gpu"])
answer = ecs.describe_tasks(cluster=cluster_of(neighbour["task"]), tasks=[neighbour["task"]])
assert answer["failures"] == [{"arn": neighbour["task"], "reason": "MISSING"}], answer
host = JOBS["forgotten"]["host"]
answer = ecs.describe_container_instances(cluster=cluster, containerInstances=[host])
assert answer == {**answer, "containerInstances": [],
                  "failures": [{"arn": host, "reason": "MISSING"}]}, answer
