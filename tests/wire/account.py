"""What the scripts of this folder share: clients of the simulated account, and waiting."""

import time

import boto3
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "123456789012"


def client(service, endpoint, access_key="simulated", secret="simulated", **config):
    # One request a call: what is asserted is the account's answer, not the client's patience.
    return boto3.client(
        service, region_name=REGION, endpoint_url=endpoint,
        aws_access_key_id=access_key, aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def control(method, endpoint, path, body=None):
    """A request to the account's control endpoint."""
    import json
    import urllib.request

    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}/_spotcron/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def refusal(call, **arguments):
    """The error code and status with which `call` is refused."""
    import botocore.exceptions

    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        response = error.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"not refused: {answer}")


def until(what, ask, holds, seconds=30):
    """Asks until the answer holds; the account moves on by itself."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if holds(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come: {answer}")
        time.sleep(0.1)


def message(call, **arguments):
    """The text with which `call` is refused as a ClientException."""
    import botocore.exceptions

    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        response = error.response
        code, status = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
        assert (code, status) == ("ClientException", 400), response
        return response["Error"]["Message"]
    raise AssertionError(f"not refused: {answer}")


# No instance type of the queues is as large: such a job stays at the head, and blocks the others.
HUGE = {"resourceRequirements": [{"type": "VCPU", "value": "64"}]}


class Jobs:
    """Short words for what the scripts do with jobs."""

    def __init__(self, endpoint):
        self.batch = client("batch", endpoint)
        # What this one sends is checked by the account alone.
        self.lax = client("batch", endpoint, parameter_validation=False)
        self.count = 0

    def submit(self, definition="short", queue="on-demand", **more):
        self.count += 1
        more.setdefault("jobName", f"job-{self.count}")
        answer = self.batch.submit_job(jobQueue=queue, jobDefinition=definition, **more)
        return answer["jobId"]

    def block(self, queue="on-demand"):
        """A job that nothing can hold, at the head of the queue: all others there wait."""
        id = self.submit("long", queue, jobName="blocker", containerOverrides=HUGE)
        self.reach(id, "RUNNABLE")
        return id

    def describe(self, id):
        [job] = self.batch.describe_jobs(jobs=[id])["jobs"]
        return job

    def reach(self, id, *statuses):
        """Waits until the job has one of the statuses."""
        job = until(f"{id} {statuses}", lambda: self.describe(id),
                    lambda job: job["status"] in statuses or job["status"] in ("FAILED", "SUCCEEDED"))
        assert job["status"] in statuses, job
        return job

    def list(self, **arguments):
        return self.batch.list_jobs(**arguments)["jobSummaryList"]
