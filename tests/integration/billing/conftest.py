import json
import os

import pytest

from collectors.billing import reading
from collectors.models import DailyCost
from pipelines import ledger
from pipelines.models import Run
from tests.integration.billing import telling
from tests.integration.conftest import work_off


class Folder:
    """A folder of billing files."""

    def __init__(self, path):
        self.path = path
        self._moment = 1_700_000_000

    def write(self, key, *lines):
        """Write a file, later than all before it."""
        file = self.path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines))
        self._moment += 10
        os.utime(file, (self._moment, self._moment))

    def manifest(self, *files, key="manifest.json", export="bill", start="2026-03-01", end="2026-04-01"):
        period = {"start": start, "end": end}
        self.write(key, json.dumps({"export": export, "billingPeriod": period, "files": files}))


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
    monkeypatch.setattr(reading, "read", telling.read)


@pytest.fixture
def folder(tmp_path, settings, sent):
    """The one location of billing files."""
    settings.CLOUDINTEL_HOME = tmp_path
    settings.BILLING_EXPORTS = ["exports"]
    (tmp_path / "exports").mkdir()
    return Folder(tmp_path / "exports")


def collect(**params):
    """Run the pipeline to its end; the words are what the run is asked for."""
    run = ledger.start("billing", scope="all" if not params else f"{params['start']}..{params['end']}")
    Run.objects.filter(pk=run.pk).update(params=params)
    work_off(run)
    return Run.objects.get(pk=run.pk)


def stored():
    """What files tell, as amounts by day and service."""
    rows = DailyCost.objects.filter(source="files")
    return {(row.date.isoformat(), row.service): f"{row.amount:f}" for row in rows}
