"""An AWS account in moto: a network, roles, and per kind of capacity a compute environment with its
queue. Run as a program it sets one up and prints the names as JSON:

    python account.py http://127.0.0.1:PORT
"""

import json
import sys
import urllib.request

import boto3

REGION = "us-east-1"
INSTANCE_TYPES = ["m6i.large", "m6i.xlarge"]


def client(service, endpoint):
    return boto3.client(
        service, region_name=REGION, endpoint_url=endpoint,
        aws_access_key_id="test", aws_secret_access_key="test",
    )


def configure(endpoint):
    """Jobs succeed inside SubmitJob instead of running in Docker."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/config",
        data=json.dumps({"batch": {"use_docker": False}}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()


def role(iam, name, service):
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


def network(endpoint):
    ec2 = client("ec2", endpoint)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)
        ["Subnet"]["SubnetId"]
        for index, zone in enumerate([f"{REGION}a", f"{REGION}b"])
    ]
    group = ec2.create_security_group(GroupName="batch", Description="batch", VpcId=vpc)["GroupId"]
    return subnets, group


def set_up(endpoint):
    """Two queues, `spot` and `on-demand`, and a job definition."""
    configure(endpoint)
    iam, batch = client("iam", endpoint), client("batch", endpoint)
    service_role = role(iam, "batch-service", "batch.amazonaws.com")
    role(iam, "batch-instance", "ec2.amazonaws.com")
    iam.create_instance_profile(InstanceProfileName="batch-instance")
    iam.add_role_to_instance_profile(
        InstanceProfileName="batch-instance", RoleName="batch-instance")
    profile = iam.get_instance_profile(InstanceProfileName="batch-instance")
    subnets, group = network(endpoint)
    for name, kind in (("spot", "SPOT"), ("on-demand", "EC2")):
        environment = batch.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", state="ENABLED", serviceRole=service_role,
            computeResources={
                "type": kind, "minvCpus": 0, "maxvCpus": 16, "desiredvCpus": 0,
                "instanceTypes": INSTANCE_TYPES, "subnets": subnets, "securityGroupIds": [group],
                "instanceRole": profile["InstanceProfile"]["Arn"],
            },
        )["computeEnvironmentArn"]
        batch.create_job_queue(
            jobQueueName=name, state="ENABLED", priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
        )
    batch.register_job_definition(
        jobDefinitionName="sleeper", type="container",
        containerProperties={
            "image": "busybox", "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        },
    )
    return {"region": REGION, "definition": "sleeper:1", "instance_types": INSTANCE_TYPES,
            "queues": {"spot": "spot", "on-demand": "on-demand"}}


if __name__ == "__main__":
    print(json.dumps(set_up(sys.argv[1])))
