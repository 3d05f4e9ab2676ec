"""A worker that is killed in the midst of a billing file."""

import gzip
import json

import pytest

from benchmarks.stub.protocol import ACCOUNT
from tests.faults.cluster import TAKEN_OVER_S
from tests.unit.billing.files import focus_line, text

pytestmark = pytest.mark.timeout(240)

DAYS, TIMES = 28, 30_000
"""So many lines are read for some seconds: the file is still being read when the worker is killed."""
STORED = "SELECT date, basis, amount FROM daily_costs WHERE source = 'files'"


@pytest.fixture
def delivered(cluster):
    """Lay a file of many lines, as many for each day, into the cluster's folder of billing files."""
    lines = [
        focus_line(SubAccountId=ACCOUNT, ChargePeriodStart=f"2026-03-{day:02}T07:00:00Z")
        for day in range(1, DAYS + 1)
    ]
    head, _, body = text(lines, end="\n").partition("\n")
    folder = cluster.home / "exports"
    folder.mkdir()
    with gzip.open(folder / "bill.csv.gz", "wt", compresslevel=1) as file:
        file.write(f"{head}\n")
        file.writelines(body for _ in range(TIMES))
    period = {"start": "2026-03-01", "end": "2026-04-01"}
    told = {"export": "bill", "billingPeriod": period, "files": ["bill.csv.gz"]}
    (folder / "manifest.json").write_text(json.dumps(told))


def reading(cluster):
    """Whether a file is being read."""
    return cluster.books.rows("SELECT 1 FROM pipelines_step WHERE status = 'running' AND inputs ? 'etag'")


@pytest.mark.usefixtures("delivered")
def test_worker_killed_mid_file_resumes_without_duplicates(cluster):
    slot = cluster.start("billing")
    cluster.until(lambda: reading(cluster), within_s=60, what="the file is being read")
    cluster.let_pass(0.3)
    cluster.stall("cpu-0")
    assert reading(cluster)
    assert cluster.books.rows(STORED) == []
    cluster.crew.kill("cpu-0")

    run = cluster.finished("billing", slot, within_s=TAKEN_OVER_S + 60)
    _found, read = cluster.books.steps(run.id)
    assert (run.status, run.error) == ("succeeded", "")
    assert (read.status, read.attempt, read.lost_workers) == ("succeeded", 2, 1)
    assert read.outputs["lines"] == DAYS * TIMES
    stored = sorted((row.date.day, row.basis, row.amount) for row in cluster.books.rows(STORED))
    assert stored == sorted(
        (day, basis, amount * TIMES)
        for day in range(1, DAYS + 1)
        for basis, amount in {"unblended": 1, "effective": 2, "contracted": 3, "list": 4}.items()
    )
    assert [row.state for row in cluster.books.rows("SELECT state FROM collectors_billingfile")] == ["active"]
    assert not list((cluster.home / "billing-scratch").iterdir())
