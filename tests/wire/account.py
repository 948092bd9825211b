"""What the scripts of this folder share: clients of the simulated account, and waiting."""

import time

import boto3
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "123456789012"


def client(service, endpoint, access_key="simulated", secret="simulated"):
    # One request a call: what is asserted is the account's answer, not the client's patience.
    return boto3.client(
        service, region_name=REGION, endpoint_url=endpoint,
        aws_access_key_id=access_key, aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
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
