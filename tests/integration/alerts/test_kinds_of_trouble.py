"""Each kind of trouble that the platform tells of, from where it is seen to a receiver's hands."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from alerts import services
from alerts.models import Severity
from alerts.services import delivering
from core.errors import PermanentCloudError
from pipelines import ledger, watching
from pipelines.models import Status
from tests import builders
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(receiver):
    """Deliver what is due, and return what the receiver was told so far: events by key."""
    builders.channel(receiver.url)

    def deliver():
        delivering.deliver_due()
        sent = [json.loads(body) for _headers, body in receiver.got]
        return [(each["alert"]["key"], each["event"], each["alert"]["severity"]) for each in sent]

    return deliver


def broken():
    raise PermanentCloudError("not today")


def test_a_failure_and_its_recovery(told, pipelines, sent):
    for outcome in (broken, dict):
        pipelines(ec2=FakeHandler({"one": outcome}))
        work_off(ledger.start("ec2"))
    assert told() == [("run:ec2:all", "opened", "error"), ("run:ec2:all", "resolved", "error")]


@pytest.mark.parametrize("key", ["quality:daily", "freshness:daily"])
def test_low_quality_and_missed_freshness(told, key):
    services.open(key, severity=Severity.ERROR, title="Below 90", body="costs: 62.1", source="quality")
    services.resolve(key)
    assert told() == [(key, "opened", "error"), (key, "resolved", "error")]


def test_the_error_rate(told, now):
    moment = timezone.now().replace(second=20, microsecond=0)
    now(moment)
    run = builders.run(status=Status.RUNNING)
    for number in range(25):
        status = Status.FAILED if number < 5 else Status.SUCCEEDED
        ended_at = moment - timedelta(seconds=21 + 60 * (number % 5))
        builders.step(run, f"step {number}", status, finished_at=ended_at)
    builders.minutes(moment.replace(second=0) - timedelta(minutes=6), number=1)
    watching.watch()
    assert told() == [("errors:rate", "opened", "error")]


def test_the_cpu(told, now):
    moment = timezone.now().replace(second=20, microsecond=0)
    now(moment)
    builders.minutes(moment.replace(second=0), cpu_percent=95.0)
    builders.worker(cpu_percent=95.0, seen_at=moment)
    watching.watch()
    assert told() == [("cpu:workers", "opened", "warning")]
