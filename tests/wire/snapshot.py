"""GetJobQueueSnapshot: the front of a queue, since when each job has its place, and what is used."""

import sys

from account import ACCOUNT, REGION, Jobs, message

jobs = Jobs(sys.argv[1])
batch = jobs.batch
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"


def snapshot(queue="on-demand"):
    return batch.get_job_queue_snapshot(jobQueue=queue)


empty = snapshot()
assert empty["frontOfQueue"]["jobs"] == [], empty
assert empty["queueUtilization"]["totalCapacityUsage"] == [
    {"capacityUnit": "VCPU", "quantity": 0.0}], empty

running = jobs.submit("long", containerOverrides={
    "resourceRequirements": [{"type": "VCPU", "value": "2"}]})
jobs.reach(running, "RUNNING")
blocker = jobs.block()
array = jobs.submit(arrayProperties={"size": 2})
jobs.reach(f"{array}:1", "RUNNABLE")
waiting = [jobs.submit() for _ in range(100)]
jobs.reach(waiting[-1], "RUNNABLE")
taken = snapshot(f"{ARN}:job-queue/on-demand")
front = taken["frontOfQueue"]["jobs"]
expected = [blocker, f"{array}:0", f"{array}:1", *waiting][:100]
assert [job["jobArn"] for job in front] == [f"{ARN}:job/{id}" for id in expected], front
# Nobody has moved yet: each is where it was when it came.
times = [job["earliestTimeAtPosition"] for job in front]
assert times == sorted(times) and times[0] >= jobs.describe(blocker)["createdAt"], times
assert taken["frontOfQueue"]["lastUpdatedAt"] >= times[-1], taken
assert taken["queueUtilization"]["totalCapacityUsage"] == [
    {"capacityUnit": "VCPU", "quantity": 2.0}], taken

# One goes: those behind it have a new place, those before it keep theirs.
batch.cancel_job(jobId=waiting[0], reason="goes")
gone = jobs.describe(waiting[0])["stoppedAt"]
after = snapshot()["frontOfQueue"]["jobs"]
assert [job["jobArn"] for job in after] == [
    f"{ARN}:job/{id}" for id in [*expected[:3], *waiting[1:98]]], after
assert after[:3] == front[:3], after
assert {job["earliestTimeAtPosition"] for job in after[3:]} == {gone}, after

assert "JobQueue nowhere not found" in message(batch.get_job_queue_snapshot, jobQueue="nowhere")
assert "jobQueue must be provided" in message(batch.get_job_queue_snapshot, jobQueue="")
