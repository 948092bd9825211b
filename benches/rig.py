"""A simulated account and a daemon on it, each a process of its own, for the benchmarks that take
real time. Needs nothing but python3 on Linux and a spotcron with the AWS SDKs."""

import collections
import hashlib
import hmac
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone

KEY = SECRET = "simulated"
REGION = "us-east-1"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A child with its log in a file, and what it uses."""

    def __init__(self, command, log, environment=None):
        self.log = log
        self.child = subprocess.Popen(
            command,
            stdout=open(f"{log}.out", "w"),
            stderr=open(log, "w"),
            env={**os.environ, **(environment or {})},
        )

    def check(self):
        if self.child.poll() is not None:
            text = pathlib.Path(self.log).read_text()[-2000:]
            raise SystemExit(f"{self.log}: ended with {self.child.returncode}\n{text}")

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(40)
        except subprocess.TimeoutExpired:
            self.child.kill()


class Rig:
    """The account at `self.url`, and the daemon's pages at `self.pages`."""

    def __init__(self, folder, cloud, daemon, scenario, catalogue, settings=""):
        self.folder = pathlib.Path(folder)
        (self.folder / "scenario.toml").write_text(scenario)
        (self.folder / "catalogue.toml").write_text(catalogue)
        listen = f"127.0.0.1:{free_port()}"
        self.pages = f"http://{listen}"
        (self.folder / "spotcron.toml").write_text(
            'catalogue = ["catalogue.toml"]\n'
            f"[aws]\nallow_custom_endpoints = true\n[http]\nlisten = \"{listen}\"\n{settings}"
        )
        account = f"127.0.0.1:{free_port()}"
        self.url = f"http://{account}"
        scenario_file = str(self.folder / "scenario.toml")
        self.cloud = Process(
            [cloud, "simulate-aws", "--listen", account, "--scenario", scenario_file],
            self.folder / "account.log",
        )
        self.wait_for("the account", lambda: self.control("GET", "calls") is not None)
        self.daemon = Process(
            [daemon, "run", "--config", str(self.folder / "spotcron.toml")],
            self.folder / "daemon.log",
            {
                "AWS_ENDPOINT_URL": self.url,
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )
        self.wait_for("the daemon", lambda: self.get("/readyz") is not None, 300)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.daemon.stop()
        self.cloud.stop()

    def wait_for(self, what, holds, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for process in (self.cloud, getattr(self, "daemon", None)):
                if process:
                    process.check()
            try:
                if holds():
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise SystemExit(f"{what}: not in {seconds} s; see {self.folder}")

    def get(self, path):
        with urllib.request.urlopen(self.pages + path, timeout=30) as answer:
            return answer.read().decode()

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_spotcron/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def metrics(self):
        """Every sample of the daemon's page: (name, labels) to value."""
        samples = {}
        for line in self.get("/metrics").splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and not line.startswith("#"):
                labels = tuple(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                samples[found[1], labels] = float(found[3])
        return samples

    def open_runs(self, **wanted):
        total = 0
        for (name, labels), value in self.metrics().items():
            if name == "spotcron_open_runs" and wanted.items() <= dict(labels).items():
                total += value
        return int(total)

    def calls(self):
        """The daemon's calls by operation."""
        counts = collections.Counter()
        for (name, labels), value in self.metrics().items():
            if name == "spotcron_api_calls_total":
                counts[dict(labels)["operation"]] += int(value)
        return counts

    def batch(self, operation, body):
        """One call of AWS Batch, signed."""
        path = f"/v1/{operation.lower()}"
        payload = json.dumps(body).encode()
        now = datetime.now(timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        host = self.url.removeprefix("http://")
        signed = "host;x-amz-date"
        canonical = (
            f"POST\n{path}\n\nhost:{host}\nx-amz-date:{stamp}\n\n{signed}\n"
            + hashlib.sha256(payload).hexdigest()
        )
        scope = f"{day}/{REGION}/batch/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{SECRET}".encode()
        for part in (day, REGION, "batch", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        request = urllib.request.Request(self.url + path, payload)
        request.add_header("content-type", "application/json")
        request.add_header("x-amz-date", stamp)
        request.add_header(
            "authorization",
            f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={signed}, "
            f"Signature={signature}",
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


def next_minute(after_seconds):
    """A whole minute at least so far away, in UTC."""
    at = (int(time.time() + after_seconds) // 60 + 1) * 60
    return datetime.fromtimestamp(at, timezone.utc)


def once_at(minute):
    """A cron expression for that minute, once a year."""
    return f"{minute.minute} {minute.hour} {minute.day} {minute.month} *"
