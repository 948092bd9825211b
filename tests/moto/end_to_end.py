"""The daemon against an emulated AWS in real time: nothing due is lost, nothing is submitted twice.

    VENV/bin/python tests/moto/end_to_end.py SPOTCRON [--minutes 3]

Starts moto with queues of spot and on-demand capacity, and the given binary with ten jobs that are
due every minute. After so many minutes each job must have been submitted exactly once a minute and
have succeeded, and /metrics must say so. Then the daemon is killed with SIGKILL in the middle of a
minute's submissions and started again: the minute must be completed, and no name sent twice.
Takes two minutes more than `--minutes`. VENV is what prepare.py makes.
"""

import argparse
import collections
import datetime
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import account

JOBS = [f"job-{number:02}" for number in range(1, 11)]
NAME = re.compile(r"(?P<run>(?P<job>.+)-(?P<due>\d{8}T\d{6}Z))-l(?P<leg>\d+)-[0-9a-f]{8}")
SAMPLE = re.compile(r"(?P<name>\w+)(?:\{.*\})? (?P<value>\S+)")

CATALOGUE = """\
[[environments]]
name = "spot"
queue = "spot"
capacity = "spot"
region = "{region}"

[[environments]]
name = "on-demand"
queue = "on-demand"
capacity = "on-demand"
region = "{region}"

[[classes]]
name = "flexible"
environments = ["spot", "on-demand"]
expected_duration = "1m"
deadline = "30m"
when_price_unknown = "spot"

[[classes]]
name = "steady"
environments = ["on-demand"]
expected_duration = "1m"
deadline = "30m"
"""

JOB = """
[[jobs]]
name = "{name}"
class = "{job_class}"
cron = "* * * * *"
time_zone = "UTC"
definition = "{definition}"
"""

# A submission that was cut off is known to be absent after the least time that the settings allow.
SETTINGS = """\
catalogue = ["catalogue.toml"]

[aws]
region = "{region}"
allow_custom_endpoints = true

[store]
path = "spotcron.db"

[http]
listen = "127.0.0.1:{port}"

[periods]
watch = "2s"
watch_slowest = "5s"
settle = "5s"

[submission]
absent_after = "60s"
"""


class Failure(Exception):
    """What was expected and did not happen."""


def until(seconds, what, probe, pause=0.25):
    """What `probe` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(pause)


def say(text):
    print(f"{datetime.datetime.now(datetime.timezone.utc):%H:%M:%S} {text}", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url):
    """The page, or nothing while it is not there or not ready."""
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            return page.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


class Moto:
    """A moto server with an account in it."""

    def __init__(self, log):
        self.url = f"http://127.0.0.1:{free_port()}"
        server = pathlib.Path(sys.executable).with_name("moto_server")
        port = self.url.rsplit(":", 1)[1]
        self.process = subprocess.Popen(
            [server, "-H", "127.0.0.1", "-p", port], stdout=log, stderr=log)
        until(60, "moto answers", lambda: fetch(f"{self.url}/moto-api/data.json"))
        self.account = account.set_up(self.url)
        self.batch = account.client("batch", self.url)

    def jobs(self):
        """Every job of both queues: (queue, summary)."""
        everything = [{"name": "JOB_NAME", "values": ["*"]}]
        return [
            (queue, job)
            for queue in self.account["queues"].values()
            for page in self.batch.get_paginator("list_jobs").paginate(
                jobQueue=queue, filters=everything)
            for job in page["jobSummaryList"]
        ]


class Daemon:
    """`spotcron run` in a directory; start it, kill it, start it again."""

    def __init__(self, binary, directory, endpoint, log):
        self.binary, self.directory, self.log = binary, directory, log
        self.url = f"http://127.0.0.1:{free_port()}"
        # Nothing of the caller's own AWS set-up may shine through.
        own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.environment = own | {
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }
        self.process = None

    def configure(self, facts):
        catalogue = CATALOGUE.format(region=facts["region"])
        for index, name in enumerate(JOBS):
            job_class = "flexible" if index % 2 == 0 else "steady"
            catalogue += JOB.format(
                name=name, job_class=job_class, definition=facts["definition"])
        (self.directory / "catalogue.toml").write_text(catalogue)
        port = self.url.rsplit(":", 1)[1]
        settings = SETTINGS.format(region=facts["region"], port=port)
        (self.directory / "spotcron.toml").write_text(settings)

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "run", "--config", "spotcron.toml"], cwd=self.directory,
            env=self.environment, stdout=self.log, stderr=self.log)
        until(120, "the daemon is ready", self.is_ready)

    def is_ready(self):
        self.must_run()
        return fetch(f"{self.url}/readyz") is not None

    def must_run(self):
        if self.process.poll() is not None:
            raise Failure(f"the daemon ended by itself with {self.process.returncode}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            raise Failure("the daemon does not stop at SIGTERM") from None
        if code != 0:
            raise Failure(f"the daemon stopped at SIGTERM with {code}")

    def metric(self, name):
        """The sum over all label sets, or nothing when there is no such metric yet."""
        samples = [SAMPLE.fullmatch(line) for line in (fetch(f"{self.url}/metrics") or "").splitlines()]
        values = [float(found["value"]) for found in samples if found and found["name"] == name]
        return sum(values) if values else None


def next_minute(after=None):
    """The first whole minute after a moment (now)."""
    now = after or datetime.datetime.now(datetime.timezone.utc)
    return now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)


def minutes(first, last):
    """Whole minutes from first to last, both included, as run ids spell them."""
    count = int((last - first).total_seconds() // 60) + 1
    return [f"{first + datetime.timedelta(minutes=step):%Y%m%dT%H%M%SZ}" for step in range(count)]


def wait_for(moment):
    while (left := (moment - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) > 0:
        time.sleep(min(left, 1))


def submitted(moto):
    """Job ids by name; a name that is not a leg's is a failure."""
    names = collections.defaultdict(list)
    for _, job in moto.jobs():
        if not NAME.fullmatch(job["jobName"]):
            raise Failure(f"a job with an unexpected name: {job['jobName']}")
        names[job["jobName"]].append(job["jobId"])
    return names


def missing(moto, due):
    """(job, minute) pairs that were due and are not at Batch."""
    there = {(found["job"], found["due"]) for found in map(NAME.fullmatch, submitted(moto))}
    return [(job, minute) for minute in due for job in JOBS if (job, minute) not in there]


def all_there(daemon, moto, due, seconds):
    def probe():
        daemon.must_run()
        return not missing(moto, due)
    try:
        until(seconds, "every due run is at Batch", probe)
    except Failure as failure:
        raise Failure(f"{failure}; missing: {missing(moto, due)}") from None


def none_twice(moto):
    """No name twice, and no run with a second leg."""
    names = submitted(moto)
    twice = {name: ids for name, ids in names.items() if len(ids) > 1}
    if twice:
        raise Failure(f"submitted more than once: {twice}")
    runs = collections.Counter(NAME.fullmatch(name)["run"] for name in names)
    again = [run for run, legs in runs.items() if legs > 1]
    if again:
        raise Failure(f"runs with more than one leg: {again}")
    return len(names)


def all_succeeded(moto):
    other = [(job["jobName"], job["status"]) for _, job in moto.jobs() if job["status"] != "SUCCEEDED"]
    if other:
        raise Failure(f"not SUCCEEDED: {other}")


def metric_reaches(daemon, name, least, seconds):
    def probe():
        daemon.must_run()
        return (daemon.metric(name) or 0) >= least
    try:
        until(seconds, name, probe, pause=1)
    except Failure:
        raise Failure(f"{name} is {daemon.metric(name)}, expected at least {least}") from None
    return daemon.metric(name)


def steady_minutes(daemon, moto, count):
    """The first part: so many minutes without trouble. Returns the first due minute."""
    first = next_minute()
    last = first + datetime.timedelta(minutes=count - 1)
    due = minutes(first, last)
    say(f"{count} minutes, {due[0]} to {due[-1]}, with {len(JOBS)} jobs each")
    wait_for(last)
    all_there(daemon, moto, due, 45)
    jobs = none_twice(moto)
    all_succeeded(moto)
    by_queue = collections.Counter(queue for queue, _ in moto.jobs())
    say(f"ok: {len(due) * len(JOBS)} due runs, each submitted once ({dict(by_queue)}), all SUCCEEDED")
    known = metric_reaches(daemon, "spotcron_submissions_total", jobs, 30)
    # The next minute may begin while its metrics are read; more than that would be an invention.
    if known > none_twice(moto):
        raise Failure(f"spotcron_submissions_total is {known}, but Batch has fewer jobs")
    say(f"ok: /metrics counts {known:.0f} submissions")
    metric_reaches(daemon, "spotcron_custom_endpoint", 1, 5)
    # moto has neither hosts nor a Price List: every attempt must be shown as not priced.
    unpriced = metric_reaches(daemon, "spotcron_unpriced_attempts_total", len(due) * len(JOBS), 90)
    say(f"ok: /metrics counts {unpriced:.0f} unpriced attempts, and the custom endpoint")
    return first


def killed_in_the_middle(daemon, moto, first):
    """The second part: SIGKILL while a minute's jobs are being submitted, then a restart."""
    fatal = next_minute()
    minute = f"{fatal:%Y%m%dT%H%M%SZ}"
    wait_for(fatal)
    until(30, f"a job of {minute} is at Batch",
          lambda: any(minute in name for name in submitted(moto)), pause=0.01)
    daemon.kill()
    say(f"killed while submitting {minute}: {len(JOBS) - len(missing(moto, [minute]))} of "
        f"{len(JOBS)} jobs were at Batch")
    daemon.start()
    last = next_minute()
    due = minutes(first, last)
    say(f"restarted; waiting for {due[-1]}")
    wait_for(last)
    all_there(daemon, moto, due, 90)
    # Time for a daemon that forgot something to submit it again.
    wait_for(last + datetime.timedelta(seconds=20))
    daemon.must_run()
    jobs = none_twice(moto)
    all_succeeded(moto)
    say(f"ok: no due minute of {len(due)} was lost, and none of {jobs} jobs was submitted twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path, help="the spotcron to run")
    parser.add_argument("--minutes", type=int, default=3, help="minutes before the kill (3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spotcron-moto-") as name:
        directory = pathlib.Path(name)
        logs = [directory / "moto.log", directory / "spotcron.log"]
        with logs[0].open("w") as moto_log, logs[1].open("w") as daemon_log:
            running = []
            try:
                moto = Moto(moto_log)
                running.append(moto)
                daemon = Daemon(arguments.binary.resolve(), directory, moto.url, daemon_log)
                daemon.configure(moto.account)
                running.append(daemon)
                daemon.start()
                first = steady_minutes(daemon, moto, arguments.minutes)
                killed_in_the_middle(daemon, moto, first)
                daemon.stop()
                say("PASSED: end to end against moto")
                return 0
            except (Failure, OSError) as failure:
                say(f"FAILED: {failure}")
                print("--- the end of the daemon's log:", flush=True)
                print("".join(logs[1].read_text().splitlines(keepends=True)[-60:]), flush=True)
                return 1
            finally:
                for each in running:
                    if each.process and each.process.poll() is None:
                        each.process.kill()
                        each.process.wait()


if __name__ == "__main__":
    sys.exit(main())
