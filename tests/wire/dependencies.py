"""dependsOn: PENDING until met, FAILED with what it depends on, N_TO_N, SEQUENTIAL."""

import sys

from account import Jobs, message

jobs = Jobs(sys.argv[1])
batch = jobs.batch
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def on(*ids, **more):
    return {"dependsOn": [{"jobId": id, **more} for id in ids]}


# PENDING while anything goes on that it depends on; then it runs, after them.
first, second = jobs.submit(), jobs.submit("long")
after = jobs.submit(**on(first, second))
job = jobs.reach(after, "PENDING")
assert job["dependsOn"] == [{"jobId": first}, {"jobId": second}], job
ended = jobs.reach(first, "SUCCEEDED")
assert jobs.describe(after)["status"] == "PENDING"
# It is cancelled when all of them have ended, whatever came of them.
batch.cancel_job(jobId=after, reason="not needed any more")
job = jobs.describe(after)
assert (job["status"], job["isCancelled"]) == ("PENDING", True), job
jobs.reach(second, "RUNNING")
batch.terminate_job(jobId=second, reason="enough")
job = jobs.reach(after, "FAILED")
assert job["statusReason"] == "not needed any more", job
assert job["stoppedAt"] >= jobs.reach(second, "FAILED")["stoppedAt"], job

chain = [jobs.submit()]
for _ in range(2):
    chain.append(jobs.submit(**on(chain[-1])))
jobs.reach(chain[-1], "SUCCEEDED")
times = [jobs.describe(id) for id in chain]
for before, later in zip(times, times[1:]):
    assert before["stoppedAt"] <= later["startedAt"], (before, later)
# What has succeeded already is met at once.
met = jobs.submit(**on(chain[0]))
jobs.reach(met, "SUCCEEDED")

# What fails takes along those that depend on it, and those on them; also what has failed before.
bad = jobs.submit("failing")
dependent = jobs.submit(**on(bad))
last = jobs.submit(**on(dependent))
for id in [dependent, last]:
    job = jobs.reach(id, "FAILED")
    assert job["statusReason"] == "Dependent Job failed" and job["attempts"] == [], job
    assert job["isCancelled"] is False and "startedAt" not in job, job
late = jobs.reach(jobs.submit(**on(bad)), "FAILED")
assert late["statusReason"] == "Dependent Job failed", late

# SEQUENTIAL: one child after the other.
sequential = {"dependsOn": [{"type": "SEQUENTIAL"}], "arrayProperties": {"size": 3}}
row = jobs.submit(**sequential)
jobs.reach(f"{row}:2", "PENDING")
assert jobs.describe(row)["dependsOn"] == [{"type": "SEQUENTIAL"}]
jobs.reach(row, "SUCCEEDED")
times = [jobs.describe(f"{row}:{n}") for n in range(3)]
for before, later in zip(times, times[1:]):
    assert before["stoppedAt"] <= later["startedAt"], (before, later)

# N_TO_N: each child after the one of its index, not after all.
source = jobs.submit("long", arrayProperties={"size": 2})
each = jobs.submit(**on(source, type="N_TO_N"), arrayProperties={"size": 2})
assert jobs.describe(each)["dependsOn"] == [{"jobId": source, "type": "N_TO_N"}]
jobs.reach(f"{each}:1", "PENDING")
jobs.reach(f"{source}:0", "RUNNING")
batch.terminate_job(jobId=f"{source}:0", reason="broken")
job = jobs.reach(f"{each}:0", "FAILED")
assert job["statusReason"] == "Dependent Job failed", job
assert jobs.describe(f"{each}:1")["status"] == "PENDING"
assert jobs.describe(each)["status"] == "PENDING"
batch.terminate_job(jobId=source, reason="broken")
assert jobs.reach(each, "FAILED")["arrayProperties"]["statusSummary"]["FAILED"] == 2

fast = jobs.submit(arrayProperties={"size": 2})
jobs.reach(jobs.submit(**on(fast, type="N_TO_N"), arrayProperties={"size": 2}), "SUCCEEDED")
# On the whole of an array, and on one child of it.
jobs.reach(jobs.submit(**on(fast)), "SUCCEEDED")
jobs.reach(jobs.submit(**on(f"{fast}:1")), "SUCCEEDED")

# What is refused.
def wrong(text, **arguments):
    said = message(batch.submit_job, jobName="wrong", jobQueue="on-demand",
                   jobDefinition="short", **arguments)
    assert text in said, said


wrong("at most 20", **on(*[chain[0]] * 21))
jobs.submit(**on(*[chain[0]] * 20))
wrong(f"Job {UNKNOWN} in dependsOn not found", **on(UNKNOWN))
wrong("needs a jobId", dependsOn=[{}])
wrong("needs a jobId", dependsOn=[{"type": "N_TO_N"}], arrayProperties={"size": 2})
wrong("SOMETIMES", **on(fast, type="SOMETIMES"))
wrong("SEQUENTIAL", dependsOn=[{"type": "SEQUENTIAL"}])
wrong("SEQUENTIAL", **on(fast, type="SEQUENTIAL"), arrayProperties={"size": 2})
wrong("same size", **on(fast, type="N_TO_N"))
wrong("same size", **on(fast, type="N_TO_N"), arrayProperties={"size": 3})
wrong("same size", **on(chain[0], type="N_TO_N"), arrayProperties={"size": 2})
