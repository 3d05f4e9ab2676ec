"""What the demo cloud's instances measure is enough to decide about them after one reading."""

from datetime import timedelta

import pytest
from django.utils import timezone

from collectors.models import Instance
from collectors.pipelines import register
from democloud.estate import ACCOUNTS
from pipelines import ledger, messages
from pipelines.models import Status
from scaling.models import ManagedInstance, ManagedSample, ScalingDecision, Source
from scaling.services import deciding, polling
from scaling.tasks import read_metrics
from tests import builders
from tests.integration.conftest import work_off
from tests.integration.test_democloud_server import demo_cloud

pytestmark = pytest.mark.django_db(transaction=True)
REAL_LOAD = {"sustained_up", "sustained_down", "iqr", "steady"}


def judged(managed):
    """Rule and outcome of the only decision about it, and the codes of what was against it."""
    found = ScalingDecision.objects.get(instance=managed)
    return found.rule, found.outcome, [veto["code"] for veto in found.vetoes]


def test_the_demos_instances_are_judged_by_their_load_after_one_reading(
    tmp_path, sent, settings, monkeypatch
):
    register()
    settings.CLOUDINTEL_CLOUD = "demo"
    monkeypatch.setattr(messages, "order", lambda task, *batch, **_options: read_metrics(*batch) or True)
    for account in ACCOUNTS:
        builders.account(account.account_id, regions=list(account.regions), role_arn=account.role_arn)
    with demo_cloud(tmp_path / "home") as (_, url, _log):
        settings.DEMO_CLOUD_URL = url
        run = ledger.start("ec2")
        work_off(run)
        run.refresh_from_db()
        assert run.status == Status.SUCCEEDED, run.error
        owner = builders.user("viewer")
        # What is busy day and night is above 40 % at every hour.
        managed = {
            one.tags["Name"]: builders.managed(owner, inventory=one, policy={"cpu_high": 40})
            for one in Instance.objects.running()
        }
        now = timezone.now()
        polling.start(now)
    assert len(managed) == 20
    assert ManagedInstance.objects.filter(inventory__detailed_monitoring=True).get() == managed["search-1"]
    for one in managed.values():
        samples = ManagedSample.objects.filter(instance=one, timestamp__gt=now - timedelta(minutes=30))
        recent = samples.filter(cpu__gte=0, network_in__gt=0, network_out__gt=0, source=Source.CLOUDWATCH)
        assert recent.count() >= (20 if one is managed["search-1"] else 4)
    deciding.decide(now, 0, 1)
    assert {judged(one)[0] for one in managed.values()} <= REAL_LOAD
    assert judged(managed["search-1"]) == ("sustained_up", "recommended", [])
    assert judged(managed["api-1"]) == ("sustained_up", "recommended", [])
    assert judged(managed["bastion"]) == ("sustained_down", "none", ["min_level"])
    assert judged(managed["reports-us"]) == ("sustained_down", "none", ["min_level"])
