#!/usr/bin/env python3
"""A daemon that watches many running jobs for a long time, in real time and over HTTP: is its memory
flat, and what does it ask of AWS? Prints a Markdown table and fails when a promise is broken.

    benches/soak.py target/debug/spotcron --jobs 10000 --minutes 60
"""

import argparse
import csv
import sys
import tempfile
import time

from rig import Rig, next_minute, once_at

# Docs of these promises: docs/benchmarks.md.
# Calls of DescribeJobs a minute: one a hundred long jobs; and for the short ones one each time that the
# daemon looks: every 15 s by its own wish and by its wake source, and after each minute's submissions.
LOOKS_A_MINUTE = 4 + 4 + 1
CALLS_A_SECOND = 10.0
GROWTH_MIB_AN_HOUR = 5.0

SCENARIO = """
account_id = "123456789012"
region = "us-east-1"
zones = ["us-east-1a", "us-east-1b", "us-east-1c"]

[timing]
scale_up_secs = [1, 2]
boot_secs = [5, 10]

[[compute_environments]]
name = "long"
capacity = "spot"
instance_types = ["m6i.8xlarge", "m5.8xlarge"]
max_vcpus = 20000
reclaim_scale = 0.0

[[compute_environments]]
name = "short"
capacity = "spot"
instance_types = ["c6i.large", "c6i.xlarge"]
max_vcpus = 2000
reclaim_scale = 1.0

[[compute_environments]]
name = "steady"
capacity = "on-demand"
instance_types = ["m6i.xlarge", "m6i.2xlarge"]
max_vcpus = 2000

[[queues]]
name = "long"
compute_environments = ["long"]

[[queues]]
name = "short"
compute_environments = ["short"]

[[queues]]
name = "steady"
compute_environments = ["steady"]

[[definitions]]
name = "long"
median_secs = 14400
sigma = 0.1

[[definitions]]
name = "short"
median_secs = 45
sigma = 0.5
failure_probability = 0.01
"""

ENVIRONMENTS = """
[[environments]]
name = "{0}"
queue = "{0}"
capacity = "{1}"
region = "us-east-1"
"""

CLASSES = """
[[classes]]
name = "long"
environments = ["long"]
expected_duration = "4h"

[[classes]]
name = "short"
environments = ["short", "steady"]
expected_duration = "1m"
deadline = "30m"
failure_retries = 2
"""

JOB = """
[[jobs]]
name = "{name}"
class = "{kind}"
cron = "{cron}"
time_zone = "UTC"
definition = "{kind}:1"
vcpus = 1
memory_mib = 2048
command = ["run", "--index", "{name}"]
environment = {{ LEVEL = "info", TARGET = "s3://example/{name}" }}
"""


def catalogue(jobs, short):
    long_at = once_at(next_minute(60))
    text = "".join(
        ENVIRONMENTS.format(name, capacity)
        for name, capacity in (("long", "spot"), ("short", "spot"), ("steady", "on-demand"))
    )
    text += CLASSES
    text += "".join(
        JOB.format(name=f"long-{n:05}", kind="long", cron=long_at) for n in range(jobs)
    )
    return text + "".join(
        JOB.format(name=f"short-{n:02}", kind="short", cron="* * * * *") for n in range(short)
    )


def slope(samples):
    """Least squares, in units an hour."""
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_v = sum(v for _, v in samples) / len(samples)
    above = sum((t - mean_t) * (v - mean_v) for t, v in samples)
    return above / sum((t - mean_t) ** 2 for t, _ in samples) * 3600


def soak(rig, options):
    submitted = options.jobs / 25 + 300
    rig.wait_for(
        "submission of every long job",
        lambda: rig.open_runs(**{"class": "long", "state": "watching"}) == options.jobs,
        120 + 4 * submitted,
    )
    print("every long job is submitted; warming up", file=sys.stderr)
    time.sleep(options.warm_up * 60)
    before, cpu, began = rig.calls(), rig.daemon.cpu_seconds(), time.monotonic()
    samples = []
    with open(rig.folder / "samples.csv", "w") as file:
        rows = csv.writer(file)
        rows.writerow(["seconds", "daemon_mib", "account_mib", "daemon_cpu", "calls", "watching"])
        while (at := time.monotonic() - began) < options.minutes * 60:
            rig.daemon.check()
            rig.cloud.check()
            resident = rig.daemon.resident_mib()
            samples.append((at, resident))
            rows.writerow([
                f"{at:.0f}", f"{resident:.1f}", f"{rig.cloud.resident_mib():.1f}",
                f"{rig.daemon.cpu_seconds() - cpu:.1f}", sum((rig.calls() - before).values()),
                rig.open_runs(**{"class": "long", "state": "watching"}),
            ])
            file.flush()
            time.sleep(10)
    took = time.monotonic() - began
    left = rig.open_runs(**{"class": "long", "state": "watching"})
    if left < options.jobs:
        print(f"only {left} of {options.jobs} long jobs are still watched", file=sys.stderr)
    return samples, rig.calls() - before, (rig.daemon.cpu_seconds() - cpu) / took, took, left


def report(options, samples, calls, cpu, took, left):
    describes = calls["DescribeJobs"] / (took / 60)
    allowed = options.jobs / 100 + LOOKS_A_MINUTE
    rate = sum(calls.values()) / took
    # The first half fills what is bounded: the database's page caches, the allocator's arenas.
    growth = slope([sample for sample in samples if sample[0] >= took / 2])
    broken = []

    def row(figure, measured, target="–", holds=True):
        print(f"| {figure} | {measured} | {target} |")
        if not holds:
            broken.append(figure)

    print(f"\n{options.jobs} running jobs and {options.short} short ones a minute, "
          f"{took / 60:.0f} minutes\n")
    print("| Figure | Measured | Target |")
    print("|---|---|---|")
    row("Long jobs still watched at the end", left, options.jobs, left == options.jobs)
    row("Resident after the warm-up", f"{samples[0][1]:.1f} MiB")
    row("Resident in the middle, at the end",
        f"{samples[len(samples) // 2][1]:.1f} MiB, {samples[-1][1]:.1f} MiB")
    row("Growth in the second half, by least squares", f"{growth:+.1f} MiB an hour",
        f"{GROWTH_MIB_AN_HOUR:g}", growth <= GROWTH_MIB_AN_HOUR)
    row("Calls of DescribeJobs a minute", f"{describes:.1f}",
        f"{allowed:g} (one a hundred jobs, and one a look)", describes <= allowed)
    row("Calls a second, all operations", f"{rate:.2f}",
        f"under {CALLS_A_SECOND:g}", rate < CALLS_A_SECOND)
    for operation, count in sorted(calls.items(), key=lambda item: -item[1]):
        if operation != "DescribeJobs":
            row(f"{operation} a minute", f"{count / took * 60:.1f}")
    row("CPU of the daemon", f"{cpu * 100:.1f} % of a core")
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("daemon", help="a spotcron with the AWS SDKs")
    parser.add_argument("--cloud", help="the spotcron that simulates the account, if another")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--short", type=int, default=20, help="short jobs a minute")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=5, help="minutes before the first sample")
    parser.add_argument("--folder", help="where logs and samples go; a temporary one when absent")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or scratch
        parts = (options.cloud or options.daemon, options.daemon)
        with Rig(folder, *parts, SCENARIO, catalogue(options.jobs, options.short)) as rig:
            broken = report(options, *soak(rig, options))
    if broken:
        sys.exit("broken: " + ", ".join(broken))


if __name__ == "__main__":
    main()
