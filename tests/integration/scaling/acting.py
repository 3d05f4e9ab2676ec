"""What tests of acting share: an AWS by moto, a managed instance in it, and decisions about that."""

from collections import Counter
from functools import partialmethod
from io import BytesIO
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.httpsession import URLLib3Session
from django.utils import timezone

from pipelines import ledger, repair, runner
from pipelines.models import Run, Step
from scaling.models import ManagedInstance, ScalingDecision, ScalingPolicy
from scaling.services import acting
from tests import builders
from tests.integration.conftest import work_off

ACCOUNT = "123456789012"
REGION = "eu-west-1"
ACTOR = f"arn:aws:iam::{ACCOUNT}:role/CloudIntelActor"
IMAGE = "ami-1e749f67"


class KilledError(BaseException):
    """Stands for the end of a worker's process: nobody catches it."""


class Wire:
    """What goes to AWS: it counts the calls, and has some of them go wrong."""

    def __init__(self, monkeypatch):
        self.calls = Counter()
        self.refusals = {}
        self.killed_before, self.killed_after, self.silent = set(), set(), set()
        self._send = URLLib3Session.send
        monkeypatch.setattr(URLLib3Session, "send", partialmethod(_sent_by, self))

    def send(self, session, request):
        asked = parse_qs(request.body if isinstance(request.body, str) else (request.body or b"").decode())
        action = asked.get("Action", [""])[0]
        if action in self.killed_before:
            raise KilledError
        self.calls[action] += 1
        if action in self.refusals:
            return _refusal(*self.refusals[action])
        answer = self._send(session, request)
        if action in self.killed_after:
            raise KilledError
        return _refusal("ServiceUnavailable", 503) if action in self.silent else answer

    def well(self):
        """Let all calls through again."""
        self.refusals = {}
        self.killed_before, self.killed_after, self.silent = set(), set(), set()


def _sent_by(session, wire, request):
    return wire.send(session, request)


def _refusal(code, status):
    error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    body = f"<Response>{error}<Errors>{error}</Errors><RequestId>1</RequestId></Response>".encode()
    raw = BytesIO(body)
    raw.stream = lambda *a, **k: iter([body])
    return AWSResponse("http://aws", status, HeadersDict({"content-type": "text/xml"}), raw)


def owner(service, url):
    """A client that may write, of the account's owner."""
    keys = {"aws_access_key_id": "owner", "aws_secret_access_key": "owner"}
    return boto3.client(service, region_name=REGION, endpoint_url=url, **keys)


def launched(url, **options):
    """Launch an instance and return its id."""
    client = owner("ec2", url)
    started = client.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, **options)
    return started["Instances"][0]["InstanceId"]


def grouped(url, *, desired=4, smallest=1, largest=20):
    """Create the Auto Scaling group "web" and return the id of one of its instances."""
    client = owner("autoscaling", url)
    client.create_launch_configuration(LaunchConfigurationName="web", ImageId=IMAGE, InstanceType="t3.medium")
    client.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchConfigurationName="web",
        MinSize=smallest,
        MaxSize=largest,
        DesiredCapacity=desired,
        AvailabilityZones=[f"{REGION}a"],
    )
    return group(url)["Instances"][0]["InstanceId"]


def group(url):
    return owner("autoscaling", url).describe_auto_scaling_groups()["AutoScalingGroups"][0]


def managed(instance_id, *, mode="asg", account=None, **fields):
    """A monitored instance of an operator in the inventory, with a policy that acts."""
    account = account or builders.account(ACCOUNT, actor_role_arn=ACTOR)
    found = builders.instance(account, instance_id=instance_id, region=REGION)
    policy = {"allow_restart": True, "maintenance_window": always()} if mode == "ec2-resize" else {}
    instance = ManagedInstance.objects.create(
        **{
            "owner": builders.user("operator"),
            "instance_id": instance_id,
            "instance_type": "t3.medium",
            "region": REGION,
            "inventory": found,
            "is_monitoring": True,
            **fields,
        }
    )
    ScalingPolicy.objects.create(instance=instance, mode=mode, **policy)
    return instance


def always():
    """A maintenance window that is open today."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    today = timezone.now().weekday()
    return f"{days[today]}:00:00-{days[(today + 1) % 7]}:00:00"


def decided(instance, *, up=True, **fields):
    """A pending decision about the instance, ordered as a tick would."""
    now = timezone.now()
    decision = ScalingDecision.objects.create(
        **{
            "instance": instance,
            "slot": now,
            "timestamp": now,
            "decision": "scale_up" if up else "scale_down",
            "rule": "sustained_up" if up else "sustained_down",
            "reason": "Sustained scale up: CPU > 90% for 85.0% of last 5 minutes (Current: 92.50%)",
            "level_before": instance.level,
            "level_after": instance.level,
            "mode": instance.policy.mode,
            "policy_version": 1,
            "outcome": "pending",
            **fields,
        }
    )
    acting.order(decision)
    return decision


def carried_out(instance, **fields):
    """Decide, have it carried out, and return the decision as it is then."""
    decision = decided(instance, **fields)
    work_off()
    return reread(instance, decision)


def reread(instance, decision):
    instance.refresh_from_db()
    decision.refresh_from_db()
    return decision


def killed(instance, wire, **where):
    """Have the worker end where told, and others take over; return the decision as it is then."""
    decision = decided(instance)
    for moment, action in where.items():
        getattr(wire, moment).add(action)
    until_killed()
    wire.well()
    taken_over()
    work_off()
    return reread(instance, decision)


def until_killed():
    """Work until the worker is killed."""
    run = ledger.ready_runs().get()
    runner.plan(run.pk)
    with pytest.raises(KilledError):
        _execute_often(run.steps.get().pk)


def _execute_often(step_id):
    for _ in range(10):
        Step.objects.update(not_before=None)
        runner.execute(step_id)


def taken_over():
    """Have the leases run out."""
    for work in (Run, Step):
        work.objects.filter(lease_until__isnull=False).update(
            lease_until=timezone.now() - acting.vetoes.OLDEST
        )
    assert repair.take_over_lost_work() == 1
