"""STS, and what is said to requests that are signed wrongly."""

import sys

from account import ACCOUNT, client, refusal

endpoint = sys.argv[1]

identity = client("sts", endpoint).get_caller_identity()
assert identity["Account"] == ACCOUNT, identity
assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/simulated", identity

for service, call, codes in [
    ("sts", "get_caller_identity", ("InvalidClientTokenId", "SignatureDoesNotMatch")),
    ("ec2", "describe_availability_zones", ("AuthFailure", "AuthFailure")),
    ("batch", "describe_job_queues",
     ("UnrecognizedClientException", "InvalidSignatureException")),
    ("ecs", "list_clusters", ("UnrecognizedClientException", "InvalidSignatureException")),
    ("pricing", "describe_services",
     ("UnrecognizedClientException", "InvalidSignatureException")),
]:
    strange = client(service, endpoint, access_key="AKIASTRANGER")
    assert refusal(getattr(strange, call))[0] == codes[0], service
    wrong = client(service, endpoint, secret="guessed")
    assert refusal(getattr(wrong, call))[0] == codes[1], service

# An operation that is not simulated says so.
code, status = refusal(client("ecs", endpoint).list_clusters)
assert (code, status) == ("UnknownOperationException", 400), (code, status)
