#!/usr/bin/env python3
"""Many jobs due in the same minute, in real time and over HTTP: are they submitted at the rate limit and
in the order of their deadlines, does a run that comes later and is more urgent overtake them, and are
jobs stopped meanwhile without delay? Prints a Markdown table and fails when a promise is broken.

    benches/submission.py target/debug/spotcron --jobs 10000
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone

from rig import Rig, next_minute, once_at

# Docs of these promises: docs/benchmarks.md. The limit is the settings' default.
LIMIT = 25
RATE_OFF = 0.02
OVERLAP = 3.0
OVERTAKES_IN = 5.0
STOPS_IN = 5.0
DURABLE_IN = 1.0
MOVED_IN = 30.0

# Images take long, so that everything is still STARTING when jobs are stopped.
SCENARIO = """
account_id = "123456789012"
region = "us-east-1"
zones = ["us-east-1a"]

[market]
reclaim_scale = 0.0

[timing]
scale_up_secs = [1, 2]
boot_secs = [5, 10]
pull_secs = [1800, 1800]
stop_secs = 0

[[compute_environments]]
name = "wide"
capacity = "on-demand"
instance_types = ["m6i.8xlarge"]
max_vcpus = 20000

[[compute_environments]]
name = "spot"
capacity = "spot"
instance_types = ["m5.8xlarge"]
max_vcpus = 2000

[[compute_environments]]
name = "scarce"
capacity = "spot"
instance_types = ["c6i.xlarge"]
max_vcpus = 2000

[[queues]]
name = "wide"
compute_environments = ["wide"]

[[queues]]
name = "spot"
compute_environments = ["spot"]

[[queues]]
name = "scarce"
compute_environments = ["scarce"]

[[definitions]]
name = "work"
median_secs = 1800
"""

ENVIRONMENTS = """
[[environments]]
name = "wide"
queue = "wide"
capacity = "on-demand"
region = "us-east-1"

[[environments]]
name = "spot"
queue = "spot"
capacity = "spot"
region = "us-east-1"

[[environments]]
name = "scarce"
queue = "scarce"
capacity = "spot"
region = "us-east-1"
"""

CLASS = """
[[classes]]
name = "{0}"
environments = {1}
expected_duration = "1m"
start_up = "1m"
deadline = "{2}"
wait_budget = "4m"
"""

JOB = """
[[jobs]]
name = "{name}"
class = "{kind}"
cron = "{cron}"
time_zone = "UTC"
definition = "work:1"
vcpus = 1
memory_mib = 2048
"""

DEADLINES = [5, 3, 4, 2]
STOPPED = 20


def catalogue(jobs, due):
    before, after = due - timedelta(minutes=1), due + timedelta(minutes=2)
    text = ENVIRONMENTS
    for hours in DEADLINES:
        text += CLASS.format(f"within-{hours}h", '["wide"]', f"{hours}h")
    # Two minutes on demand must be left: the last moment to move these is five minutes after their
    # scheduled time, and spotcron moves them in the minute before it.
    text += CLASS.format("tight", '["spot", "wide"]', "7m")
    text += CLASS.format("starved", '["scarce", "wide"]', "5h")
    text += CLASS.format("urgent", '["wide"]', "40m")
    for n in range(jobs):
        kind = f"within-{DEADLINES[n % len(DEADLINES)]}h"
        text += JOB.format(name=f"job-{n:05}", kind=kind, cron=once_at(due))
    for n in range(STOPPED):
        text += JOB.format(name=f"tight-{n:02}", kind="tight", cron=once_at(before))
        text += JOB.format(name=f"starved-{n:02}", kind="starved", cron=once_at(before))
        text += JOB.format(name=f"urgent-{n:02}", kind="urgent", cron=once_at(after))
    return text


class Store:
    """The daemon's store, read from outside."""

    def __init__(self, folder):
        self.file = sqlite3.connect(f"file:{folder}/spotcron.db?mode=ro", uri=True, timeout=30)

    def runs(self, like):
        rows = self.file.execute("SELECT doc FROM runs WHERE job LIKE ?", (like,))
        return [json.loads(doc) for (doc,) in rows]

    def decided(self, like):
        """How many runs have an intent or more."""
        query = "SELECT count(*) FROM runs WHERE job LIKE ? AND state != 'needs-leg'"
        return self.file.execute(query, (like,)).fetchone()[0]

    def stops(self, like):
        """(run, second) of each request to stop."""
        query = (
            "SELECT run, at, doc FROM run_events WHERE run LIKE ? AND doc LIKE '%stop-requested%'"
        )
        return [(run, at / 1e9) for run, at, _ in self.file.execute(query, (like,))]


def when_durable(folder, jobs, due, found):
    """Notes how long after `due` the last of the runs had its intent in the store."""
    store = Store(folder)
    time.sleep(max(0, due.timestamp() - time.time()))
    while store.decided("job-%") < jobs and time.time() < due.timestamp() + 600:
        time.sleep(0.02)
    found.append(time.time() - due.timestamp())


def created(rig, queue, begin):
    """Job id to the second of its creation, as the account has it."""
    jobs, token = {}, None
    since = str(int(begin.timestamp() * 1000))
    while True:
        page = rig.batch("ListJobs", {
            "jobQueue": queue,
            "filters": [{"name": "AFTER_CREATED_AT", "values": [since]}],
            **({"nextToken": token} if token else {}),
        })
        for job in page["jobSummaryList"]:
            jobs[job["jobId"]] = job["createdAt"] / 1000
        token = page.get("nextToken")
        if not token:
            return jobs


def moved_after(store):
    """How far into its minute the move of each run for its deadline was asked for."""
    runs = {run["id"]: run for run in store.runs("tight-%")}
    begins = lambda run: datetime.fromisoformat(run["scheduled_for"]).timestamp() + 4 * 60
    return [at - begins(runs[run]) for run, at in store.stops("tight-%")]


def stop_delays(rig, store, like):
    """From the daemon's look that found a reason to stop a job to the end that the account noted."""
    runs = {run["id"]: run for run in store.runs(like)}
    delays = []
    for run, at in store.stops(like):
        job_id = runs[run]["legs"][0]["job_id"]
        job = rig.batch("DescribeJobs", {"jobs": [job_id]})["jobs"][0]
        delays.append(job["stoppedAt"] / 1000 - at)
    return delays


def report(rig, options, due, durable):
    store = Store(rig.folder)
    at = created(rig, "wide", due - timedelta(minutes=5))
    runs = store.runs("job-%")
    # Whatever was sent counts: the more urgent and the moved runs are among them.
    times = sorted(when for when in at.values() if when >= due.timestamp())
    middle = times[len(times) // 5 : len(times) * 4 // 5]
    rate = (len(middle) - 1) / (middle[-1] - middle[0])
    by_class = {}
    for run in runs:
        hours = int(run["class"].removeprefix("within-").removesuffix("h"))
        by_class.setdefault(hours, []).append(at[run["legs"][0]["job_id"]])
    classes = [by_class[hours] for hours in sorted(by_class)]
    overlap = max((max(a) - min(b) for a, b in zip(classes, classes[1:])), default=0)
    urgent = [
        at[run["legs"][0]["job_id"]]
        - datetime.fromisoformat(run["scheduled_for"]).timestamp()
        for run in store.runs("urgent-%")
    ]
    broken = []

    def row(figure, measured, target="–", holds=True):
        print(f"| {figure} | {measured} | {target} |")
        if not holds:
            broken.append(figure)

    print(f"\n{options.jobs} jobs due in the same second, limit {LIMIT} a second\n")
    print("| Figure | Measured | Target |")
    print("|---|---|---|")
    row("Intents durable after", f"{durable:.2f} s", f"{DURABLE_IN:g} s in a release build")
    row("First submission after", f"{times[0] - due.timestamp():.2f} s")
    row("Drained in", f"{times[-1] - times[0]:.1f} s", f"{len(times) / LIMIT:.0f} s")
    row("Submissions a second, middle of the drain", f"{rate:.2f} ({rate / LIMIT - 1:+.2%})",
        f"{LIMIT} ± {RATE_OFF:.0%}", abs(rate / LIMIT - 1) <= RATE_OFF)
    row("A later deadline was sent before an earlier one by at most", f"{max(overlap, 0):.2f} s",
        f"{OVERLAP:g} s", overlap <= OVERLAP)
    row("More urgent runs, due amid it, sent after at most", f"{max(urgent):.2f} s",
        f"{OVERTAKES_IN:g} s", max(urgent) <= OVERTAKES_IN)
    for what, like in (("TerminateJob", "tight-%"), ("CancelJob", "starved-%")):
        delays = stop_delays(rig, store, like)
        if len(delays) < STOPPED:
            row(what, f"{len(delays)} stops", STOPPED, False)
            continue
        row(f"{what}, from the look to the account's record, median (most)",
            f"{sorted(delays)[len(delays) // 2]:.2f} s ({max(delays):.2f} s)",
            f"{STOPS_IN:g} s", max(delays) <= STOPS_IN)
    moved = moved_after(store)
    if moved:
        row("Moves for a deadline, into the minute that they have, most", f"{max(moved):.2f} s",
            f"{MOVED_IN:g} s", max(moved) <= MOVED_IN)
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("daemon", help="a spotcron with the AWS SDKs")
    parser.add_argument("--cloud", help="the spotcron that simulates the account, if another")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--folder", help="where logs go; a temporary one when absent")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, parts = options.folder or scratch, (options.cloud or options.daemon, options.daemon)
        due = next_minute(75)
        with Rig(folder, *parts, SCENARIO, catalogue(options.jobs, due)) as rig:
            pool = {"seconds": 7200, "pool": "us-east-1a/c6i.xlarge"}
            rig.control("POST", "crunch", pool)
            durable = []
            watcher = threading.Thread(
                target=when_durable, args=(folder, options.jobs, due, durable)
            )
            watcher.start()
            drained = max(options.jobs / LIMIT, 330)
            while datetime.now(timezone.utc) < due + timedelta(seconds=drained * 0.9):
                rig.daemon.check()
                time.sleep(1)
            rig.wait_for(
                "the submission of every job",
                lambda: rig.open_runs(state="submitting") + rig.open_runs(state="needs-leg") == 0,
                900,
            )
            watcher.join()
            broken = report(rig, options, due, durable[0])
    if broken:
        sys.exit("broken: " + ", ".join(broken))


if __name__ == "__main__":
    main()
