"""CancelJob and TerminateJob in every state, and of many jobs at once."""

import sys

from account import Jobs, message

jobs = Jobs(sys.argv[1])
batch = jobs.batch
UNKNOWN = "00000000-0000-4000-8000-000000000000"

# A running job: CancelJob succeeds and does nothing, TerminateJob ends it with its reason.
running = jobs.submit("long")
jobs.reach(running, "RUNNING")
batch.cancel_job(jobId=running, reason="too late")
job = jobs.describe(running)
assert job["status"] == "RUNNING" and "statusReason" not in job, job
assert (job["isCancelled"], job["isTerminated"]) == (False, False), job
batch.terminate_job(jobId=running, reason="moved to another queue")
job = jobs.reach(running, "FAILED")
assert (job["isCancelled"], job["isTerminated"]) == (False, True), job
assert job["statusReason"] == "moved to another queue", job
[attempt] = job["attempts"]
assert attempt["statusReason"] == "moved to another queue", job
assert attempt["container"]["exitCode"] == 143 and "startedAt" in attempt, job
# Ended jobs stay as they are.
batch.terminate_job(jobId=running, reason="again")
batch.cancel_job(jobId=running, reason="again")
assert jobs.describe(running) == job

# Waiting jobs: both end them at once, without an attempt.
jobs.block()
for call, cancelled, terminated in [(batch.cancel_job, True, False),
                                    (batch.terminate_job, False, True)]:
    waiting = jobs.submit()
    jobs.reach(waiting, "RUNNABLE")
    call(jobId=waiting, reason="starved " + "x" * 1016)
    job = jobs.describe(waiting)
    assert job["status"] == "FAILED" and job["attempts"] == [], job
    assert job["statusReason"] == "starved " + "x" * 1016, job
    assert (job["isCancelled"], job["isTerminated"]) == (cancelled, terminated), job
    assert "startedAt" not in job and job["stoppedAt"] >= job["createdAt"], job
    [listed] = jobs.list(jobQueue="on-demand", filters=[
        {"name": "JOB_NAME", "values": [job["jobName"]]}])
    assert listed.get("isCancelled") is (True if cancelled else None), listed
    assert listed.get("isTerminated") is (True if terminated else None), listed

# Of arrays: the parent ends with its children, a child alone ends alone.
parent = jobs.submit(arrayProperties={"size": 3})
jobs.reach(parent, "PENDING")
batch.cancel_job(jobId=f"{parent}:1", reason="only this")
assert jobs.describe(parent)["arrayProperties"]["statusSummary"]["FAILED"] == 1
batch.cancel_job(jobId=parent, reason="all of it")
job = jobs.describe(parent)
assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "all of it", True)
assert jobs.describe(f"{parent}:0")["statusReason"] == "all of it"
assert jobs.describe(f"{parent}:1")["statusReason"] == "only this"
array = jobs.submit("long", "spot", arrayProperties={"size": 2})
jobs.reach(f"{array}:0", "RUNNING")
jobs.reach(f"{array}:1", "RUNNING")
batch.cancel_job(jobId=array, reason="not these")
assert jobs.describe(array)["status"] == "PENDING"
batch.terminate_job(jobId=array, reason="stop")
assert jobs.reach(array, "FAILED")["isTerminated"] is True
assert jobs.describe(f"{array}:1")["statusReason"] == "stop"

# What is refused. A job that cannot be found counts as stopped.
for call in [batch.cancel_job, batch.terminate_job]:
    call(jobId=UNKNOWN, reason="gone")
    call(jobId=f"{UNKNOWN}:7", reason="gone")
    assert "reason must be provided" in message(call, jobId=UNKNOWN, reason="")
    assert "1024" in message(call, jobId=UNKNOWN, reason="x" * 1025)
    assert "jobId must be provided" in message(call, jobId="", reason="x")
    for id in ["nonsense", f"{UNKNOWN}:", f"{UNKNOWN}:x", UNKNOWN[:-1]]:
        assert "is not a job id" in message(call, jobId=id, reason="x")
lax = jobs.lax
assert "reason must be provided" in message(lax.cancel_job, jobId=UNKNOWN)

# Many at once: each with its own result, the call itself succeeds.
first, second = jobs.submit(), jobs.submit()
answer = batch.cancel_jobs(jobs=[first, "nonsense", UNKNOWN], reason="tidied up")
assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
assert answer["successful"] == [first, UNKNOWN], answer
[error] = answer["errors"]
assert (error["job"], error["code"]) == ("nonsense", "ValidationException"), answer
assert "not a job id" in error["message"], answer
job = jobs.describe(first)
assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "tidied up", True)
third = jobs.submit("long", "spot")
jobs.reach(third, "RUNNING")
assert batch.cancel_jobs(jobs=[third], reason="no effect")["successful"] == [third]
assert jobs.describe(third)["status"] == "RUNNING"
answer = batch.terminate_jobs(jobs=[second, third], reason="tidied up")
assert (answer["successful"], answer["errors"]) == ([second, third], []), answer
for id in [second, third]:
    job = jobs.reach(id, "FAILED")
    assert (job["statusReason"], job["isTerminated"]) == ("tidied up", True), job
for call in [batch.cancel_jobs, batch.terminate_jobs]:
    assert "1 to 50" in message(call, jobs=[], reason="x")
    assert "1 to 50" in message(call, jobs=[UNKNOWN] * 51, reason="x")
    assert len(call(jobs=[UNKNOWN] * 50, reason="x")["successful"]) == 50
    assert "reason must be provided" in message(call, jobs=[UNKNOWN], reason="")
    assert "1024" in message(call, jobs=[UNKNOWN], reason="x" * 1025)
