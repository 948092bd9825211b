"""DescribeJobs along the life of a job: which members it has when, attempts, unknown ids, limits.
And the tags of jobs."""

import sys
import time

from account import ACCOUNT, REGION, Jobs, message, until

jobs = Jobs(sys.argv[1])
batch = jobs.batch
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"
before = time.time() * 1000

id = jobs.submit("steady", jobName="observed", tags={"team": "data"})
seen = []


def look():
    job = jobs.describe(id)
    if not seen or seen[-1]["status"] != job["status"]:
        seen.append(job)
    return job


until("its end", look, lambda job: job["status"] == "SUCCEEDED")
order = ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
statuses = [job["status"] for job in seen]
assert statuses == [status for status in order if status in statuses], statuses
assert {"RUNNABLE", "RUNNING", "SUCCEEDED"} <= set(statuses), statuses

by_status = {job["status"]: job for job in seen}
for status, job in by_status.items():
    assert job["jobArn"] == f"{ARN}:job/{id}" and job["jobName"] == "observed", job
    assert (job["isCancelled"], job["isTerminated"]) == (False, False), job
    assert before - 1000 <= job["createdAt"] <= time.time() * 1000 + 1000, job
    # Absent until a container ran; the attempt that runs joins the list when it ends.
    assert ("startedAt" in job) == (status in ("RUNNING", "SUCCEEDED")), job
    assert ("stoppedAt" in job) == (status == "SUCCEEDED"), job
    assert len(job["attempts"]) == (1 if status == "SUCCEEDED" else 0), job
    assert ("taskArn" in job["container"]) == (status in ("STARTING", "RUNNING", "SUCCEEDED")), job
    assert ("exitCode" in job["container"]) == (status == "SUCCEEDED"), job
    assert job["dependsOn"] == [] and job["parameters"] == {}, job
    assert job["retryStrategy"] == {"attempts": 1, "evaluateOnExit": []}, job
    assert "timeout" not in job and "arrayProperties" not in job, job
    assert job["platformCapabilities"] == ["EC2"], job

running, done = by_status["RUNNING"], by_status["SUCCEEDED"]
assert "/AWSBatch-on-demand-" in running["container"]["containerInstanceArn"], running
assert running["container"]["logStreamName"].startswith("steady/default/"), running
assert running["createdAt"] <= running["startedAt"] == done["startedAt"] < done["stoppedAt"], done
assert done["statusReason"] == "Essential container in task exited", done
[attempt] = done["attempts"]
assert (attempt["startedAt"], attempt["stoppedAt"]) == (done["startedAt"], done["stoppedAt"])
assert attempt["statusReason"] == "Essential container in task exited", attempt
for member in ["containerInstanceArn", "taskArn", "logStreamName"]:
    assert attempt["container"][member] == running["container"][member], attempt
assert attempt["container"]["exitCode"] == done["container"]["exitCode"] == 0, done

# An exit code that is not 0 is FAILED.
failed = jobs.reach(jobs.submit("failing"), "FAILED")
assert failed["container"]["exitCode"] == failed["attempts"][0]["container"]["exitCode"] == 7
assert failed["statusReason"] == "Essential container in task exited", failed

# A job at the head of its queue that nothing can hold says why, also in ListJobs.
blocked = jobs.block("spot")
reason = until("the reason", lambda: jobs.describe(blocked).get("statusReason", ""), bool)
assert reason.startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"), reason
[listed] = jobs.list(jobQueue="spot", jobStatus="RUNNABLE")
assert listed["statusReason"] == reason, listed
behind = jobs.submit(queue="spot")
assert "statusReason" not in jobs.reach(behind, "RUNNABLE"), "only the head has a reason"

# Unknown ids are silently absent, in the order of asking otherwise; at most 100.
unknown = "00000000-0000-4000-8000-000000000000"
answer = batch.describe_jobs(jobs=[blocked, unknown, "nonsense", id, f"{id}:0"])["jobs"]
assert [job["jobId"] for job in answer] == [blocked, id], answer
assert batch.describe_jobs(jobs=[unknown] * 100)["jobs"] == []
assert batch.describe_jobs(jobs=[])["jobs"] == []
assert "at most 100" in message(batch.describe_jobs, jobs=[unknown] * 101)

# Tags of jobs.
arn = done["jobArn"]
assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "data"}
batch.tag_resource(resourceArn=arn, tags={"team": "ml", "cost centre": "a/b+c=d"})
tags = {"team": "ml", "cost centre": "a/b+c=d"}
assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == tags
assert jobs.describe(id)["tags"] == tags
batch.untag_resource(resourceArn=arn, tagKeys=["cost centre", "absent"])
assert jobs.describe(id)["tags"] == {"team": "ml"}
assert jobs.describe(behind)["tags"] == {}
for wrong in [{"aws:x": "1"}, {"x{}": "1"}, {"": "1"}, {"x" * 129: "1"}, {"x": "1" * 257}]:
    assert "is not valid" in message(jobs.lax.tag_resource, resourceArn=arn, tags=wrong)
assert "at most 50" in message(
    batch.tag_resource, resourceArn=arn, tags={f"t{n}": "" for n in range(50)})
assert "must be provided" in message(batch.tag_resource, resourceArn=arn, tags={})
assert "1 to 50" in message(jobs.lax.untag_resource, resourceArn=arn, tagKeys=[])
parent = jobs.submit(arrayProperties={"size": 2}, tags={"team": "data"})
for strange in [f"{ARN}:job/{unknown}", f"{ARN}:job/{parent}:0", "arn:aws:batch:x"]:
    assert "not found" in message(batch.list_tags_for_resource, resourceArn=strange)
    assert "not found" in message(batch.tag_resource, resourceArn=strange, tags={"a": "b"})
    assert "not found" in message(batch.untag_resource, resourceArn=strange, tagKeys=["a"])
assert jobs.describe(id)["tags"] == {"team": "ml"}
