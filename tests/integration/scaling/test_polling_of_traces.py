"""A measured load, replayed by the demo cloud as if it were there now, arrives as samples."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from collectors.models import Instance
from collectors.pipelines import register
from democloud.estate import PRODUCTION
from pipelines import ledger, messages
from pipelines.models import Status
from scaling.models import ManagedSample, Source
from scaling.services import polling
from scaling.tasks import read_metrics
from tests import builders
from tests.integration.conftest import work_off
from tests.integration.test_democloud_server import demo_cloud

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = timedelta(minutes=5)


def cpu_percent(moment):
    """High all day, and another value at each of a day's 288 moments."""
    return 92 + (60 * moment.hour + moment.minute) / 1440


@pytest.fixture
def traces(tmp_path):
    """A folder with two days of one instance's CPU, a point each five minutes."""
    folder = tmp_path / "traces"
    folder.mkdir()
    first = datetime(2014, 2, 14, tzinfo=UTC)
    rows = [first + number * FIVE for number in range(2 * 288)]
    lines = [f"{moment:%Y-%m-%d %H:%M:%S},{cpu_percent(moment)!r}" for moment in rows]
    (folder / "cpu.csv").write_text("\n".join(["timestamp,value", *lines, ""]))
    return folder


def test_a_replayed_load_is_read_as_it_was_measured(tmp_path, traces, sent, settings, monkeypatch):
    register()
    settings.CLOUDINTEL_CLOUD = "demo"
    monkeypatch.setattr(messages, "order", lambda task, *batch, **_options: read_metrics(*batch) or True)
    builders.account(PRODUCTION.account_id, regions=list(PRODUCTION.regions))
    with demo_cloud(tmp_path / "home", "--traces", str(traces)) as (_, url, _log):
        settings.DEMO_CLOUD_URL = url
        run = ledger.start("ec2")
        work_off(run)
        run.refresh_from_db()
        assert run.status == Status.SUCCEEDED, run.error
        managed = builders.managed(builders.user("viewer"), inventory=Instance.objects.get())
        now = timezone.now()
        polling.start(now)
    samples = list(ManagedSample.objects.filter(instance=managed).order_by("timestamp"))
    assert len(samples) == 12
    assert now - samples[-1].timestamp < 2 * FIVE + timedelta(minutes=3), "fresh enough to decide by"
    for sample in samples:
        assert sample.cpu == pytest.approx(cpu_percent(sample.timestamp))
        assert (sample.memory, sample.network_in) == (None, None)
        assert sample.source == Source.CLOUDWATCH
