"""Everything that can go wrong on the way, on demand, as AWS's client meets it."""

import sys

import boto3
import botocore.exceptions
from account import ACCOUNT, client, control, refusal
from botocore.config import Config

endpoint = sys.argv[1]
sts = client("sts", endpoint)


def next_call(operation, what, **more):
    control("PUT", endpoint, "mishaps", [{"operation": operation, "what": what, "nth": 1, **more}])


def error(call, kind):
    try:
        answer = call()
    except kind as problem:
        return problem
    raise AssertionError(f"nothing went wrong: {answer}")


# Errors that AWS words, in each service's own words.
for service, call, operation, what, expected in [
    ("sts", "get_caller_identity", "GetCallerIdentity", "throttled", ("ThrottlingException", 400)),
    ("sts", "get_caller_identity", "GetCallerIdentity", "error-before", ("ServerException", 500)),
    ("sts", "get_caller_identity", "GetCallerIdentity", "expired", ("ExpiredTokenException", 403)),
    ("sts", "get_caller_identity", "GetCallerIdentity", "denied", ("AccessDeniedException", 403)),
    ("sts", "get_caller_identity", "GetCallerIdentity", "skewed",
     ("InvalidSignatureException", 403)),
    ("batch", "describe_job_queues", "DescribeJobQueues", "throttled",
     ("TooManyRequestsException", 429)),
    ("batch", "describe_job_queues", "DescribeJobQueues", "error-after", ("ServerException", 500)),
    ("ec2", "describe_availability_zones", "DescribeAvailabilityZones", "throttled",
     ("RequestLimitExceeded", 503)),
    ("ec2", "describe_availability_zones", "DescribeAvailabilityZones", "denied",
     ("UnauthorizedOperation", 403)),
    ("ec2", "describe_availability_zones", "DescribeAvailabilityZones", "expired",
     ("RequestExpired", 400)),
    ("ec2", "describe_availability_zones", "DescribeAvailabilityZones", "error-before",
     ("InternalError", 500)),
]:
    next_call(operation, what)
    assert refusal(getattr(client(service, endpoint), call)) == expected, (service, what)

# Connections that break, before and after the effect, and in the middle of the answer.
for what in ["drop-before", "drop-after"]:
    next_call("GetCallerIdentity", what)
    error(sts.get_caller_identity, botocore.exceptions.ConnectionClosedError)
next_call("GetCallerIdentity", "truncated")
error(sts.get_caller_identity, botocore.exceptions.HTTPClientError)
next_call("GetCallerIdentity", "malformed")
error(sts.get_caller_identity, botocore.parsers.ResponseParserError)

# Answers that never come, and that come slowly.
hasty = boto3.client(
    "sts", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="simulated",
    aws_secret_access_key="simulated",
    config=Config(read_timeout=1, retries={"total_max_attempts": 1}),
)
next_call("GetCallerIdentity", "hang")
error(hasty.get_caller_identity, botocore.exceptions.ReadTimeoutError)
next_call("GetCallerIdentity", "slow", secs=1)
assert sts.get_caller_identity()["Account"] == ACCOUNT

# Answers that lack or invent something.
next_call("GetCallerIdentity", "without", members=["Account"])
assert "Account" not in sts.get_caller_identity()
next_call("GetCallerIdentity", "unknown", members=["Account"])
assert sts.get_caller_identity()["Account"] == "SIMULATED_STRANGER"

# By chance, and counted.
control("PUT", endpoint, "mishaps",
        [{"operation": "GetCallerIdentity", "what": "throttled", "probability": 0.5}])
outcomes = set()
for _ in range(40):
    try:
        sts.get_caller_identity()
        outcomes.add("ok")
    except botocore.exceptions.ClientError as problem:
        outcomes.add(problem.response["Error"]["Code"])
assert outcomes == {"ok", "ThrottlingException"}, outcomes
assert control("GET", endpoint, "calls") == {"GetCallerIdentity": 40}
