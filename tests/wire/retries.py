"""retryStrategy: how many attempts there are, and what evaluateOnExit makes of them."""

import sys

from account import Jobs, until

jobs = Jobs(sys.argv[1])


def attempts(definition, *entries, count=3):
    strategy = {"attempts": count, "evaluateOnExit": list(entries)}
    return jobs.submit(definition, retryStrategy=strategy)


cases = {
    # Without a strategy one attempt.
    jobs.submit("failing"): 1,
    attempts("failing", count=2): 2,
    # Success needs no second attempt.
    attempts("short"): 1,
    # No entry that matches: retried.
    attempts("failing", {"onExitCode": "8", "action": "EXIT"}): 3,
    attempts("failing", {"onExitCode": "7", "action": "EXIT"}): 1,
    # The first that matches counts.
    attempts("failing", {"onExitCode": "7*", "action": "RETRY"},
             {"onStatusReason": "*", "action": "EXIT"}, count=2): 2,
    # All conditions of an entry must hold.
    attempts("failing", {"onExitCode": "7", "onStatusReason": "Host EC2*", "action": "EXIT"},
             count=2): 2,
    attempts("failing", {"onExitCode": "7", "onStatusReason": "Essential*", "action": "EXIT"}): 1,
    # An absent reason is matched by `*`.
    attempts("failing", {"onReason": "*", "action": "EXIT"}): 1,
    attempts("unpullable", {"onReason": "CannotPullContainerError:*", "action": "RETRY"},
             {"onReason": "*", "action": "EXIT"}): 3,
    # No exit code is matched by no pattern of one.
    attempts("unpullable", {"onExitCode": "*", "action": "EXIT"}, count=2): 2,
}
for id, expected in cases.items():
    job = until(id, lambda: jobs.describe(id), lambda job: job["status"] in ("FAILED", "SUCCEEDED"))
    assert len(job["attempts"]) == expected, (expected, job)
    times = [(attempt.get("startedAt"), attempt["stoppedAt"]) for attempt in job["attempts"]]
    assert times == sorted(times, key=lambda pair: pair[1]), job
    tasks = {attempt["container"]["taskArn"] for attempt in job["attempts"]}
    assert len(tasks) == expected, job
    # The container of the job is the latest attempt's.
    assert job["container"]["taskArn"] == job["attempts"][-1]["container"]["taskArn"], job

# An image that cannot be pulled: no start, no exit code, the detail in the container's reason.
job = jobs.reach(jobs.submit("unpullable"), "FAILED")
assert job["statusReason"] == "Task failed to start" and "startedAt" not in job, job
[attempt] = job["attempts"]
assert attempt["statusReason"] == "Task failed to start" and "startedAt" not in attempt, job
assert "exitCode" not in attempt["container"] and "exitCode" not in job["container"], job
assert attempt["container"]["reason"].startswith("CannotPullContainerError:"), job

# Terminated jobs are not retried.
id = attempts("long")
jobs.reach(id, "RUNNING")
jobs.batch.terminate_job(jobId=id, reason="stop")
assert len(jobs.reach(id, "FAILED")["attempts"]) == 1
