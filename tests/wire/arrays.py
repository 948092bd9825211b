"""Array jobs: a parent that is PENDING, never RUNNING, until its last child has ended."""

import sys

from account import Jobs, until

jobs = Jobs(sys.argv[1])

parent = jobs.submit(arrayProperties={"size": 3}, tags={"team": "data"},
                     parameters={"day": "1"}, timeout={"attemptDurationSeconds": 90})
seen = []


def look():
    job = jobs.describe(parent)
    seen.append(job)
    return job


until("its end", look, lambda job: job["status"] == "SUCCEEDED")
assert {job["status"] for job in seen} <= {"SUBMITTED", "PENDING", "SUCCEEDED"}, seen
for job in seen:
    summary = job["arrayProperties"]["statusSummary"]
    assert job["arrayProperties"]["size"] == 3 and "index" not in job["arrayProperties"], job
    assert set(summary) == {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING",
                            "SUCCEEDED", "FAILED"}, summary
    assert sum(summary.values()) == (0 if job["status"] == "SUBMITTED" else 3), job
    assert "startedAt" not in job and job["attempts"] == [], job
assert seen[-1]["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 3, seen[-1]
assert "stoppedAt" in seen[-1], seen[-1]

children = jobs.batch.describe_jobs(jobs=[f"{parent}:{n}" for n in range(3)])["jobs"]
for index, child in enumerate(children):
    assert child["arrayProperties"] == {"index": index}, child
    assert child["jobArn"].endswith(f":job/{parent}:{index}"), child
    assert child["jobName"] == seen[0]["jobName"] and child["status"] == "SUCCEEDED", child
    assert child["parameters"] == {"day": "1"}, child
    assert child["timeout"] == {"attemptDurationSeconds": 90}, child
    assert len(child["attempts"]) == 1, child
assert jobs.batch.describe_jobs(jobs=[f"{parent}:3"])["jobs"] == []
listed = jobs.list(arrayJobId=parent, jobStatus="SUCCEEDED")
assert [job["jobId"] for job in listed] == [f"{parent}:{n}" for n in range(3)], listed

# A child that fails makes its parent fail, when the last one has ended.
parent = jobs.submit("failing", arrayProperties={"size": 2})
job = jobs.reach(parent, "FAILED")
assert job["arrayProperties"]["statusSummary"]["FAILED"] == 2, job
assert job["statusReason"] == "Array Child Job failed", job
