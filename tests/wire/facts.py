"""What the scripts about prices and machines are told of the account, and what they share."""

import json
import sys
from datetime import datetime

import boto3
from botocore.config import Config

from account import REGION

endpoint = sys.argv[1]
facts = json.loads(sys.argv[2])

#: The account's time, which stands still.
NOW = datetime.fromisoformat(facts["now"].replace("Z", "+00:00"))
#: Where each job ran: `host` and `task`.
JOBS = facts["jobs"]
ZONES = [REGION + letter for letter in "abcdef"]


def on(service, region=REGION):
    # Unchecked, so that the account gets to refuse what is wrong.
    return boto3.client(
        service, region_name=region, endpoint_url=endpoint,
        aws_access_key_id="simulated", aws_secret_access_key="simulated",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))


def cluster_of(arn):
    return arn.split("/")[1]


def machine(job):
    """The container instance of a job, as ECS tells it."""
    arn = JOBS[job]["host"]
    answer = on("ecs").describe_container_instances(
        cluster=cluster_of(arn), containerInstances=[arn])
    assert not answer["failures"], (job, answer)
    return answer["containerInstances"][0]


def pages(call, member, **arguments):
    """Every page's rows. Stops at an absent or an empty token; no page but the last is short."""
    rows, token = [], None
    while True:
        answer = call(**arguments, **({"NextToken": token} if token else {}))
        rows.append(answer[member])
        token = answer.get("NextToken")
        if not token:
            break
    limit = arguments.get("MaxResults")
    if limit:
        assert all(len(page) == limit for page in rows[:-1]), [len(page) for page in rows]
        assert 0 < len(rows[-1]) <= limit, len(rows[-1])
    return rows
