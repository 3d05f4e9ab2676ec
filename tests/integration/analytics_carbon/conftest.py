from datetime import UTC, datetime

import pytest

from analytics import computing
from analytics.models import Subject
from pipelines import ledger
from pipelines.models import Status
from pipelines.params import INTELLIGENCE
from tests.integration.conftest import work_off

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
"""The thirty days before it are the first to the thirtieth of March."""


@pytest.fixture
def compute(sent, now, monkeypatch):
    """Compute emissions, as each night does, and return the run: `compute(at=NOW)`."""
    monkeypatch.setattr(computing, "_steps", {Subject.CARBON: computing._steps[Subject.CARBON]})

    def run(at=NOW, expected=Status.SUCCEEDED):
        now(at)
        started = ledger.start(INTELLIGENCE)
        work_off(started)
        started.refresh_from_db()
        assert started.status == expected, started.error
        return started

    return run
