"""AssumeRole, and accounts that see only their own."""

import datetime
import sys
import urllib.error

import boto3
from account import ACCOUNT, REGION, client, control, refusal, until
from botocore.config import Config

endpoint = sys.argv[1]
OTHER, THIRD = "210987654321", "333333333333"
sts = client("sts", endpoint)


def role(name, account=OTHER):
    return f"arn:aws:iam::{account}:role/{name}"


def assume(by=sts, arn=role("teams/spotcron"), session="test-1", **more):
    return by.assume_role(RoleArn=arn, RoleSessionName=session, **more)


def of(credentials, service, **changed):
    given = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return boto3.client(service, region_name=REGION, endpoint_url=endpoint,
                        config=Config(retries={"total_max_attempts": 1}), **(given | changed))


# What AssumeRole gives, and who one is with it.
answer = assume()
given = answer["Credentials"]
assert given["AccessKeyId"].startswith("ASIA"), given
lasts = given["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
assert datetime.timedelta(minutes=58) < lasts <= datetime.timedelta(hours=1), lasts
arn = f"arn:aws:sts::{OTHER}:assumed-role/spotcron/test-1"
assert answer["AssumedRoleUser"]["Arn"] == arn, answer
identity = of(given, "sts").get_caller_identity()
assert (identity["Account"], identity["Arn"]) == (OTHER, arn), identity
assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"], identity
assert identity["UserId"].startswith("AROA") and identity["UserId"].endswith(":test-1"), identity
assert sts.get_caller_identity()["Account"] == ACCOUNT, "one's own credentials stay one's own"

# Each account sees only its own jobs, machines and prices.
here, there = client("batch", endpoint), of(given, "batch")
queues = {account: batch.describe_job_queues()["jobQueues"]
          for account, batch in [(ACCOUNT, here), (OTHER, there)]}
for account, listed in queues.items():
    assert listed and all(f":{account}:" in queue["jobQueueArn"] for queue in listed), listed
job = there.submit_job(jobName="there", jobQueue="on-demand", jobDefinition="long")
assert f":{OTHER}:" in job["jobArn"], job
assert here.describe_jobs(jobs=[job["jobId"]])["jobs"] == []
assert [found["jobId"] for found in there.describe_jobs(jobs=[job["jobId"]])["jobs"]] == [job["jobId"]]
running = until("the container", lambda: there.describe_jobs(jobs=[job["jobId"]])["jobs"][0],
                lambda shown: shown["status"] == "RUNNING")
host = running["container"]["containerInstanceArn"]
assert f":{OTHER}:" in host, host
cluster = host.split("/")[1]
hosts = of(given, "ecs").describe_container_instances(cluster=cluster, containerInstances=[host])
instance = hosts["containerInstances"][0]["ec2InstanceId"]
assert of(given, "ec2").describe_instances(InstanceIds=[instance])["Reservations"]
assert refusal(client("ec2", endpoint).describe_instances, InstanceIds=[instance])[0] \
    == "InvalidInstanceID.NotFound"
foreign = refusal(here.submit_job, jobName="x", jobDefinition="long",
                  jobQueue=queues[OTHER][0]["jobQueueArn"])
assert foreign == ("ClientException", 400), foreign


def prices(ec2):
    history = ec2.describe_spot_price_history(
        InstanceTypes=["m6i.large"], ProductDescriptions=["Linux/UNIX"])["SpotPriceHistory"]
    return {(price["AvailabilityZone"], price["SpotPrice"]) for price in history}


assert prices(client("ec2", endpoint)) != prices(of(given, "ec2")), "pools of their own"
control("PUT", endpoint, f"accounts/{OTHER}/price",
        {"pool": "us-east-1a/m6i.large", "usd_per_hour": "0.0123"})
assert ("us-east-1a", "0.012300") in prices(of(given, "ec2"))
assert ("us-east-1a", "0.012300") not in prices(client("ec2", endpoint))

# Who is not trusted is told one thing only.
denied = ("AccessDenied", 403)
for wrong in [role("none"), role("of-others"), role("asks"), role("inner", THIRD),
              role("spotcron"), role("teams/spotcron", "444444444444")]:
    assert refusal(assume, arn=wrong) == denied, wrong
assert refusal(assume, arn=role("asks"), ExternalId="guessed") == denied
asked = assume(arn=role("asks"), ExternalId="spotcron-7f3a")
assert of(asked["Credentials"], "sts").get_caller_identity()["Account"] == OTHER

# A role may be assumed from another one, for an hour.
through = of(given, "sts")
inner = assume(through, role("inner", THIRD), DurationSeconds=3600)["Credentials"]
assert refusal(assume, by=through, arn=role("inner", THIRD), DurationSeconds=7200) \
    == ("ValidationError", 400)
own = of(inner, "batch").describe_job_queues()["jobQueues"]
assert [queue["jobQueueName"] for queue in own] == ["own"], own

# What is no request.
invalid = ("ValidationError", 400)
for more in [{"session": "a b"}, {"DurationSeconds": 899}, {"DurationSeconds": 43201},
             {"DurationSeconds": 7200}, {"ExternalId": "a b"}, {"arn": "arn:aws:iam::1:role/short"},
             {"arn": f"arn:aws:iam::{OTHER}:user/spotcron"}]:
    lax = client("sts", endpoint, parameter_validation=False)
    assert refusal(assume, by=lax, **more) == invalid, more

# A session's key is nothing without its token, and a token nothing with another key.
for service, call, unknown in [
    ("batch", "describe_job_queues", ("UnrecognizedClientException", 403)),
    ("ec2", "describe_availability_zones", ("AuthFailure", 401)),
    ("sts", "get_caller_identity", ("InvalidClientTokenId", 403)),
]:
    for changed in [{"aws_session_token": None}, {"aws_session_token": "guessed"},
                    {"aws_session_token": asked["Credentials"]["SessionToken"]},
                    {"aws_access_key_id": "simulated", "aws_secret_access_key": "simulated"}]:
        assert refusal(getattr(of(given, service, **changed), call)) == unknown, (service, changed)
wrong = refusal(of(given, "batch", aws_secret_access_key="guessed").describe_job_queues)
assert wrong == ("InvalidSignatureException", 403), wrong

# What has ended is told from what never was, in each service's words.
brief = assume(arn=role("brief"))["Credentials"]


def ended():
    try:
        of(brief, "sts").get_caller_identity()
    except Exception as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


assert until("the end", ended, lambda said: said) == ("ExpiredToken", 403)
for service, call, code in [
    ("batch", "describe_job_queues", ("ExpiredTokenException", 403)),
    ("ecs", "describe_container_instances", ("ExpiredTokenException", 403)),
    ("ec2", "describe_availability_zones", ("RequestExpired", 400)),
]:
    more = {"containerInstances": [host]} if service == "ecs" else {}
    assert refusal(getattr(of(brief, service), call), **more) == code, service

# A trust that is withdrawn holds for new sessions; those that there are go on until they end.
control("PUT", endpoint, f"accounts/{OTHER}/roles", [])
assert refusal(assume) == denied
assert of(given, "sts").get_caller_identity()["Account"] == OTHER
try:
    control("PUT", endpoint, "accounts/444444444444/roles", [])
    raise AssertionError("an account that there is not took roles")
except urllib.error.HTTPError as problem:
    assert problem.code == 400 and "444444444444" in problem.read().decode()
