"""ListJobs: what is listed without and with a status, filters, pages, array children."""

import sys
import time

from account import ACCOUNT, REGION, Jobs, message, until

jobs = Jobs(sys.argv[1])
batch = jobs.batch
ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"


def names(**arguments):
    return [job["jobName"] for job in jobs.list(**arguments)]


def filtered(name, *values, queue="on-demand", **more):
    return names(jobQueue=queue, filters=[{"name": name, "values": list(values)}], **more)


# Without a status only what runs is listed.
running = jobs.submit("long", jobName="runs")
jobs.reach(running, "RUNNING")
blocker = jobs.block()
waiting = [jobs.submit("short", jobName=f"Waits-{n}") for n in range(5)]
jobs.reach(waiting[-1], "RUNNABLE")
[listed] = jobs.list(jobQueue="on-demand")
described = jobs.describe(running)
assert listed["jobId"] == running and listed["status"] == "RUNNING", listed
for member in ["jobArn", "jobName", "jobDefinition", "createdAt", "startedAt"]:
    assert listed[member] == described[member], (member, listed)
for member in ["stoppedAt", "container", "isCancelled", "isTerminated", "arrayProperties"]:
    assert member not in listed, listed
assert jobs.list(jobQueue=f"{ARN}:job-queue/on-demand") == [listed]
assert jobs.list(jobQueue="spot") == []

# By status, newest first.
newest_first = [f"Waits-{n}" for n in [4, 3, 2, 1, 0]]
assert names(jobQueue="on-demand", jobStatus="RUNNABLE") == newest_first + ["blocker"]
assert names(jobQueue="on-demand", jobStatus="SUCCEEDED") == []
done = jobs.submit("failing", "spot", jobName="fails")
ended = jobs.reach(done, "FAILED")
[listed] = jobs.list(jobQueue="spot", jobStatus="FAILED")
assert listed["container"] == {"exitCode": 7}, listed
assert listed["stoppedAt"] == ended["stoppedAt"], listed

# Pages: each token leads on, the last page has none; a token fits no other request.
pages, token = [], None
while True:
    more = {"nextToken": token} if token else {}
    page = batch.list_jobs(jobQueue="on-demand", jobStatus="RUNNABLE", maxResults=2, **more)
    pages.append([job["jobName"] for job in page["jobSummaryList"]])
    first = token = page.get("nextToken") if len(pages) == 1 else token
    token = page.get("nextToken")
    if token is None:
        break
assert pages == [["Waits-4", "Waits-3"], ["Waits-2", "Waits-1"], ["Waits-0", "blocker"]], pages
paginator = batch.get_paginator("list_jobs")
found = paginator.paginate(jobQueue="on-demand", jobStatus="RUNNABLE",
                           PaginationConfig={"PageSize": 4}).build_full_result()
assert [job["jobName"] for job in found["jobSummaryList"]] == newest_first + ["blocker"]
for token in ["nonsense", "ä" * 32, "0" * 32]:
    assert "nextToken" in message(
        batch.list_jobs, jobQueue="on-demand", jobStatus="RUNNABLE", nextToken=token)
assert "nextToken" in message(batch.list_jobs, jobQueue="on-demand", nextToken=first)

# Filters: any status, whatever jobStatus says.
assert filtered("JOB_NAME", "RUNS") == ["runs"]
assert filtered("JOB_NAME", "runs", jobStatus="FAILED") == ["runs"]
assert filtered("JOB_NAME", "run") == []
assert filtered("JOB_NAME", "waits-*") == newest_first
assert filtered("JOB_NAME", "*") == newest_first + ["blocker", "runs"]
assert filtered("JOB_NAME", "w*-1") == []
assert filtered("JOB_NAME", "waits-1", "runs") == ["Waits-1", "runs"]
assert filtered("JOB_NAME", "fails", queue="spot") == ["fails"]
assert filtered("JOB_DEFINITION", "short") == newest_first
assert filtered("JOB_DEFINITION", "Short") == filtered("JOB_DEFINITION", "shor") == []
assert filtered("JOB_DEFINITION", "sh*") == newest_first
assert filtered("JOB_DEFINITION", f"{ARN}:job-definition/short:1") == newest_first
assert filtered("JOB_DEFINITION", f"{ARN}:job-definition/short:2") == []
assert filtered("JOB_DEFINITION", f"{ARN}:job-definition/sho*") == []
created = jobs.describe(waiting[2])["createdAt"]
before, after = filtered("BEFORE_CREATED_AT", str(created)), filtered(
    "AFTER_CREATED_AT", str(created))
at_once = [job["jobName"] for job in (jobs.describe(id) for id in waiting)
           if job["createdAt"] == created]
# The time itself is in neither.
assert sorted(before + after + at_once) == sorted(newest_first + ["blocker", "runs"])
assert "Waits-2" in at_once and "runs" in before and "runs" not in after
assert filtered("SHARE_IDENTIFIER", "any") == []

# A filter's page has at most 100, also if more is asked for.
for n in range(101):
    jobs.submit(jobName=f"many-{n}")
page = batch.list_jobs(jobQueue="on-demand", maxResults=1000,
                       filters=[{"name": "JOB_NAME", "values": ["many-*"]}])
assert len(page["jobSummaryList"]) == 100, len(page["jobSummaryList"])
rest = batch.list_jobs(jobQueue="on-demand", nextToken=page["nextToken"],
                       filters=[{"name": "JOB_NAME", "values": ["many-*"]}])
assert [job["jobName"] for job in rest["jobSummaryList"]] == ["many-0"], rest
assert "nextToken" not in rest
assert "nextToken" in message(batch.list_jobs, jobQueue="on-demand", nextToken=page["nextToken"],
                              filters=[{"name": "JOB_NAME", "values": ["other"]}])
# The same name twice: by its index, in pages.
for _ in range(3):
    jobs.submit(jobName="Same")
by_name = {"jobQueue": "on-demand", "filters": [{"name": "JOB_NAME", "values": ["same"]}]}
page = batch.list_jobs(maxResults=2, **by_name)
assert len(page["jobSummaryList"]) == 2, page
rest = batch.list_jobs(nextToken=page["nextToken"], **by_name)
assert len(rest["jobSummaryList"]) == 1 and "nextToken" not in rest, rest

# Array children are listed by their parent only; 1,000 a page by status.
parent = jobs.submit(jobName="parent", arrayProperties={"size": 1003})
jobs.reach(parent, "PENDING")
assert names(jobQueue="on-demand", jobStatus="PENDING") == ["parent"]
assert filtered("JOB_NAME", "parent") == ["parent"]
[listed] = jobs.list(jobQueue="on-demand", jobStatus="PENDING")
assert listed["arrayProperties"]["size"] == 1003, listed
assert listed["arrayProperties"]["statusSummary"]["RUNNABLE"] == 1003, listed
assert jobs.list(arrayJobId=parent) == [], "none of them runs"
page = batch.list_jobs(arrayJobId=parent, jobStatus="RUNNABLE")
rest = batch.list_jobs(arrayJobId=parent, jobStatus="RUNNABLE", nextToken=page["nextToken"])
assert len(page["jobSummaryList"]) == 1000 and "nextToken" not in rest
children = page["jobSummaryList"] + rest["jobSummaryList"]
assert [job["jobId"] for job in children] == [f"{parent}:{n}" for n in range(1003)]
assert [job["arrayProperties"]["index"] for job in children] == list(range(1003))
assert "array children" in message(
    batch.list_jobs, arrayJobId=parent, filters=[{"name": "JOB_NAME", "values": ["parent"]}])
assert jobs.list(arrayJobId="00000000-0000-4000-8000-000000000000") == []
assert jobs.list(arrayJobId=running) == jobs.list(multiNodeJobId=running) == []

# What is refused.
for selectors in [{}, {"jobQueue": "spot", "arrayJobId": parent},
                  {"arrayJobId": parent, "multiNodeJobId": parent}]:
    assert "exactly one of" in message(batch.list_jobs, **selectors)
assert "JobQueue nowhere not found" in message(batch.list_jobs, jobQueue="nowhere")
assert "jobStatus" in message(batch.list_jobs, jobQueue="spot", jobStatus="DONE")
assert "maxResults" in message(batch.list_jobs, jobQueue="spot", maxResults=0)
for filters, text in [
    ([{"name": "JOB_NAME", "values": ["a"]}] * 2, "only one filter"),
    ([{"name": "COLOUR", "values": ["a"]}], "COLOUR"),
    ([{"name": "JOB_NAME", "values": []}], "values"),
    ([{"name": "JOB_NAME"}], "values"),
    ([{"name": "AFTER_CREATED_AT", "values": ["yesterday"]}], "milliseconds"),
    ([{"name": "AFTER_CREATED_AT", "values": ["1", "2"]}], "one value"),
]:
    assert text in message(batch.list_jobs, jobQueue="spot", filters=filters)
