"""The control endpoint: capacity, prices, definitions, jobs' lives, the bill."""

import sys
import urllib.error

from account import client, control, until

endpoint = sys.argv[1]
batch, ec2, ecs = (client(service, endpoint) for service in ("batch", "ec2", "ecs"))


def submit(name, queue="spot", definition="long"):
    return batch.submit_job(jobName=name, jobQueue=queue, jobDefinition=definition)["jobId"]


def job(job_id):
    return batch.describe_jobs(jobs=[job_id])["jobs"][0]


def refused(method, path, body):
    try:
        control(method, endpoint, path, body)
    except urllib.error.HTTPError as problem:
        assert problem.code == 400, problem
        return problem.read().decode()
    raise AssertionError(f"{path} took {body}")


# EC2 takes one instance back: its job is told so, in Batch's words.
taken = submit("taken")
until("the container", lambda: job(taken), lambda shown: shown["status"] == "RUNNING")
arn = job(taken)["container"]["containerInstanceArn"]
cluster = arn.split("/")[1]
hosts = ecs.describe_container_instances(cluster=cluster, containerInstances=[arn])
instance = hosts["containerInstances"][0]["ec2InstanceId"]
control("POST", endpoint, "reclaim", {"instance": instance, "notice_seconds": 0})
lost = until("the end", lambda: job(taken), lambda shown: shown["status"] == "FAILED")
assert lost["statusReason"] == f"Host EC2 (instance {instance}) terminated.", lost
state = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
assert state["StateReason"]["Code"] == "Server.SpotInstanceTermination", state
line = next(line for line in control("GET", endpoint, "bill")["lines"]
            if line["resource"] == instance)
assert line["free"] and not line["open"], "reclaimed in its first hour"

life = next(life for life in control("GET", endpoint, "lives") if life["name"] == "taken")
assert life["id"] == taken and life["status"] == "FAILED" and life["stopped_at"], life

# A pool without capacity leaves its job waiting.
control("POST", endpoint, "crunch", {"seconds": 3600})
starved = submit("starved")
until("the queue", lambda: job(starved), lambda shown: shown["status"] == "RUNNABLE")
blocked = until("the reason", lambda: job(starved), lambda shown: shown.get("statusReason"))
assert blocked["statusReason"].startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"), blocked

# A price holds from now on.
control("PUT", endpoint, "price", {"pool": "us-east-1a/m6i.large", "usd_per_hour": "0.0123"})
prices = ec2.describe_spot_price_history(
    InstanceTypes=["m6i.large"], AvailabilityZone="us-east-1a",
    ProductDescriptions=["Linux/UNIX"])["SpotPriceHistory"]
assert prices[0]["SpotPrice"] == "0.012300", prices[0]

# How jobs of a definition behave.
control("PUT", endpoint, "definition",
        {"name": "short", "median_secs": 1, "sigma": 0.0, "failure_probability": 1.0,
         "failure_exit_code": 42})
failing = submit("failing", queue="on-demand", definition="short")
ended = until("the end", lambda: job(failing), lambda shown: shown["status"] == "FAILED")
assert ended["attempts"][0]["container"]["exitCode"] == 42, ended

# What makes no sense is refused, and says why.
assert "no running spot instance" in refused("POST", "reclaim", {"instance": "i-none"})
assert "us-east-1z/m6i.large" in refused("POST", "crunch",
                                         {"seconds": 1, "pool": "us-east-1z/m6i.large"})
assert "cannot be read" in refused("PUT", "mishaps", {"what": "throttled"})
assert "not known" in refused("GET", "secrets", None)
