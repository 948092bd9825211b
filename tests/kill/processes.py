"""The real binary, killed with SIGKILL hundreds of times, loses no due run and doubles none.

    python3 tests/kill/processes.py SPOTCRON [--seconds 60] [--seed N]

Starts `spotcron simulate-aws` with an account in which everything is quick, lists lag, and every tenth
call is throttled or loses its answer; and `spotcron run` with jobs that are due every few seconds. The daemon is
killed at random moments, at its start as well, for so many seconds. Then it is left alone until everything has
come to rest, and the account is asked what it accepted: every due time once, and nothing else.
Needs nothing but Python. Takes two minutes more than `--seconds`.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

UTC = datetime.timezone.utc
PERIOD = 4
JOBS = [f"job-{number}" for number in range(1, 9)]
NAME = re.compile(r"(?P<run>(?P<job>.+)-(?P<due>\d{8}T\d{6}Z))-l(?P<leg>\d+)-[0-9a-f]{8}")

SCENARIO = """\
account_id = "123456789012"
region = "us-east-1"
zones = ["us-east-1a", "us-east-1b"]

[market]
reclaim_scale = 0.0
history_days = 1

[timing]
submitted_secs = [0, 1]
scale_up_secs = [0, 1]
boot_secs = [0, 1]
pull_secs = [0, 1]
listing_lag_spread_secs = 15
describing_lag_secs = 5

[[compute_environments]]
name = "spot"
capacity = "spot"
instance_types = ["m6i.xlarge"]
max_vcpus = 4096

[[compute_environments]]
name = "steady"
capacity = "on-demand"
instance_types = ["m6i.xlarge"]
max_vcpus = 4096

[[queues]]
name = "spot"
compute_environments = ["spot"]

[[queues]]
name = "steady"
compute_environments = ["steady"]

[[definitions]]
name = "quick"
median_secs = 2
"""

CATALOGUE = """\
[[environments]]
name = "spot"
queue = "spot"
capacity = "spot"
region = "us-east-1"

[[environments]]
name = "steady"
queue = "steady"
capacity = "on-demand"
region = "us-east-1"

[[classes]]
name = "flexible"
environments = ["spot", "steady"]
expected_duration = "1m"
deadline = "30m"
"""

JOB = """
[[jobs]]
name = "{name}"
class = "flexible"
cron = "{second}-59/{period} * * * * *"
definition = "quick:1"
vcpus = 1
memory_mib = 1024
"""

SETTINGS = """\
catalogue = ["catalogue.toml"]

[aws]
region = "us-east-1"
allow_custom_endpoints = true
attempt_timeout = "3s"

[store]
path = "spotcron.db"

[http]
listen = "127.0.0.1:{port}"

[schedule]
catch_up_limit = 1000

[periods]
watch = "2s"
watch_slowest = "5s"

[submission]
absent_after = "60s"
"""

# What goes wrong with the daemon's calls while it is killed.
MISHAPS = [
    {"operation": "SubmitJob", "what": what, "probability": probability}
    for what, probability in [
        ("throttled", 0.05), ("drop-before", 0.04), ("drop-after", 0.04), ("error-after", 0.03)]
] + [
    {"operation": operation, "what": "error-before", "probability": 0.05}
    for operation in ["ListJobs", "DescribeJobs", "DescribeInstances", "DescribeContainerInstances"]
]


class Failure(Exception):
    """What was expected and did not happen."""


def say(text):
    print(f"{datetime.datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(url, method="GET", body=None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data=data, method=method)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.loads(answer.read())


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Account:
    """`spotcron simulate-aws`."""

    def __init__(self, binary, directory, log):
        (directory / "cloud.toml").write_text(SCENARIO)
        self.process = subprocess.Popen(
            [binary, "simulate-aws", "--listen", "127.0.0.1:0", "--scenario", "cloud.toml"],
            cwd=directory, stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = self.process.stdout.readline().strip()

    def lives(self):
        return request(f"{self.url}/_spotcron/lives")

    def mishaps(self, rules):
        request(f"{self.url}/_spotcron/mishaps", "PUT", rules)


class Daemon:
    """`spotcron run`."""

    def __init__(self, binary, directory, endpoint, log):
        self.binary, self.directory, self.log = binary, directory, log
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        jobs = [JOB.format(name=name, second=index % PERIOD, period=PERIOD)
                for index, name in enumerate(JOBS)]
        (directory / "catalogue.toml").write_text(CATALOGUE + "".join(jobs))
        (directory / "spotcron.toml").write_text(SETTINGS.format(port=port))
        # Nothing of the caller's own AWS set-up may shine through.
        own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.environment = own | {
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "run", "--config", "spotcron.toml"], cwd=self.directory,
            env=self.environment, stdout=self.log, stderr=self.log)

    def wait_until_ready(self, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"the daemon ended by itself with {self.process.returncode}")
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise Failure(f"the daemon is not ready within {seconds} s")

    def kill(self):
        """Whether it lived until then."""
        lived = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        return lived

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise Failure(f"the daemon stopped at SIGTERM with {self.process.returncode}")


def due_between(begin, end):
    """Every (job, time) that is due in (begin, end], by counting seconds."""
    due = set()
    second = begin.replace(microsecond=0) + datetime.timedelta(seconds=1)
    while second <= end:
        for index, name in enumerate(JOBS):
            # A step begins anew with each minute.
            if second.second >= index % PERIOD and (second.second - index % PERIOD) % PERIOD == 0:
                due.add((name, f"{second:%Y%m%dT%H%M%SZ}"))
        second += datetime.timedelta(seconds=1)
    return due


def judge(lives, begin, settled):
    """The oracle: what the account accepted against what was due."""
    wrong = []
    names = collections.Counter(life["name"] for life in lives)
    wrong += [f"{name} was accepted {count} times" for name, count in names.items() if count > 1]
    runs = collections.defaultdict(list)
    for life in lives:
        found = NAME.fullmatch(life["name"])
        if not found:
            wrong.append(f"{life['name']} is no leg's name")
            continue
        runs[(found["job"], found["due"])].append(life)
    due = due_between(begin, settled)
    wrong += [f"{job} at {at} was lost" for job, at in sorted(due - runs.keys())]
    last = f"{settled:%Y%m%dT%H%M%SZ}"
    first = f"{begin:%Y%m%dT%H%M%SZ}"
    for (job, at), legs in sorted(runs.items()):
        if first < at <= last:
            if (job, at) not in due:
                wrong.append(f"{job} at {at} was not due")
            if not any(leg["status"] == "SUCCEEDED" for leg in legs):
                wrong.append(f"{job} at {at} did not succeed: {[leg['status'] for leg in legs]}")
        legs.sort(key=lambda leg: moment(leg["created_at"]))
        for before, after in zip(legs, legs[1:]):
            if not before["stopped_at"] or moment(after["created_at"]) < moment(before["stopped_at"]):
                wrong.append(f"{after['name']} was submitted while {before['name']} lived")
    return len(due), wrong


def torment(daemon, account, seconds, chance):
    """Kills the daemon again and again. Returns how often."""
    account.mishaps(MISHAPS)
    kills, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        # Most die young, at their start or at their first calls; some live to see their runs end.
        time.sleep(chance.choice([0.1, 0.2, 0.3, 0.4, 1.5]) * chance.random())
        if not daemon.kill():
            raise Failure("the daemon ended by itself")
        kills += 1
        daemon.start()
    return kills


def play(arguments, directory, running, logs):
    binary = arguments.binary.resolve()
    account = Account(binary, directory, logs[0])
    running.append(account)
    daemon = Daemon(binary, directory, account.url, logs[1])
    running.append(daemon)
    daemon.start()
    daemon.wait_until_ready()
    time.sleep(2)
    begin = datetime.datetime.now(UTC)
    kills = torment(daemon, account, arguments.seconds, random.Random(arguments.seed))
    account.mishaps([])
    daemon.wait_until_ready()
    say(f"killed {kills} times; now it is left alone")
    # An unknown outcome is settled after `absent_after`; then what was sent again has to run.
    time.sleep(85)
    settled = datetime.datetime.now(UTC) - datetime.timedelta(seconds=20)
    daemon.stop()
    due, wrong = judge(account.lives(), begin, settled)
    if wrong:
        raise Failure("\n  ".join([f"{len(wrong)} of {due} due runs are wrong:", *wrong[:20]]))
    say(f"PASSED: {kills} kills, {due} due runs, 0 lost, 0 doubled (seed {arguments.seed})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path, help="the spotcron to run")
    parser.add_argument("--seconds", type=int, default=60, help="how long it is killed (60)")
    parser.add_argument("--seed", type=int, default=None, help="of the moments")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.randrange(1_000_000)
    with tempfile.TemporaryDirectory(prefix="spotcron-kill-") as name:
        directory, running = pathlib.Path(name), []
        paths = [directory / "cloud.log", directory / "spotcron.log"]
        with paths[0].open("w") as cloud_log, paths[1].open("w") as daemon_log:
            try:
                play(arguments, directory, running, (cloud_log, daemon_log))
                return 0
            except (Failure, OSError) as failure:
                say(f"FAILED (--seed {arguments.seed}): {failure}")
                print("--- the end of the daemon's log:", flush=True)
                print("".join(paths[1].read_text().splitlines(keepends=True)[-40:]), flush=True)
                return 1
            finally:
                for each in running:
                    if each.process and each.process.poll() is None:
                        each.process.kill()
                        each.process.wait()


if __name__ == "__main__":
    sys.exit(main())
