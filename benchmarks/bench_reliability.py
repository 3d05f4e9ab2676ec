"""Reliability: daily runs against an AWS of which a share of the calls fails, and succeeds when tried again.

N runs (1000) of the pipeline `daily`, each planned and done in this process by the product's own code, ask
the stub of AWS for the inventory, costs and CPU of one account in three regions. Of the HTTP requests a share
of RATE (0.1), chosen by SEED (1), is throttled, answered by a server's error, or never answered, a third of
them each. So botocore's retries come first, and the ledger's behind them. Pauses of both pass in no time,
and a caller gives up on silence after a third of a second.

After each run what is stored is held against what a run without any failure stored: rows that are missing,
and rows that should not be there. Every second run begins with empty tables, the others read over the rows.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
from botocore.config import Config
from django.db import connection
from django.db.models import Q, Sum
from django.test import override_settings

from benchmarks.bench_collect import Scale, running_stub
from benchmarks.stub.protocol import ACCOUNT
from collectors.aws import session
from collectors.models import CloudAccount, CpuMetric, DailyCost, Instance, Volume
from collectors.services.access import open_clouds
from pipelines import ledger, messages, runner
from pipelines.models import Run, Status, Step
from pipelines.params import DAILY

REGIONS = ("eu-west-1", "eu-north-1", "us-east-1")
INSTANCES, VOLUMES = 20, 1
KINDS = ("throttle", "unavailable", "timeout")
GIVE_UP_S = 0.33
FIRST_DAY = datetime(2024, 1, 1, 9, 30, tzinfo=UTC)

Rows = Counter[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Order:
    """How much is simulated."""

    runs: int
    rate: float
    seed: int


def measure() -> dict[str, float]:
    """Return how the runs ended, what they took, and what was lost or doubled."""
    order = Order(
        int(os.environ.get("N") or 1000),
        float(os.environ.get("RATE") or 0.1),
        int(os.environ.get("SEED") or 1),
    )
    with stub() as url:
        return {"n": order.runs, **simulated(order, url)}


@contextmanager
def stub() -> Iterator[str]:
    """Run the stub, and give its address."""
    estate = ("--regions", ",".join(REGIONS), "--volumes", str(VOLUMES))
    with running_stub(Scale(instances=INSTANCES, latency_ms=0), *estate) as (_child, url):
        yield url


def simulated(order: Order, url: str) -> dict[str, float]:
    """Do the runs against the stub at that address."""
    total: Counter[str] = Counter()
    with _asking(url):
        _empty()
        _behave(url, order, number=0, rate=0.0)
        if _finished(number=0).status != Status.SUCCEEDED:
            raise SystemExit("The run without failures did not succeed.")
        truth = _stored()
        for number in range(1, order.runs + 1):
            if number % 2:
                _empty()
            _behave(url, order, number=number, rate=order.rate)
            run = _finished(number=number)
            stored = _stored()
            total.update(_told(url), retries=_retries(run), **{str(run.status): 1})
            if run.status == Status.SUCCEEDED:
                total.update(lost=(truth - stored).total(), doubled=(stored - truth).total())
    return _figures(order, total)


def _figures(order: Order, total: Counter[str]) -> dict[str, float]:
    succeeded = total[Status.SUCCEEDED]
    return {
        "rate": order.rate,
        "seed": order.seed,
        "succeeded": succeeded,
        "partial": total[Status.PARTIAL],
        "failed": total[Status.FAILED],
        "success_rate": round(succeeded / order.runs, 5),
        "calls": total["calls"],
        "failed_calls": total["failed_calls"],
        "failed_share": round(total["failed_calls"] / max(1, total["calls"]), 4),
        "ledger_retries": total["retries"],
        "lost_rows": total["lost"],
        "doubled_rows": total["doubled"],
    }


# --- One run ---------------------------------------------------------------------------------
def _finished(*, number: int) -> Run:
    """Do one daily run to its end, as workers would; pauses pass in no time."""
    run = ledger.start(DAILY, slot=FIRST_DAY + timedelta(days=number))
    ours = Q(pk=run.pk) | Q(parent=run)
    while run.is_active:
        waiting = {"status": Status.QUEUED, "not_before__isnull": False}
        Run.objects.filter(ours, **waiting).update(not_before=None)
        Step.objects.filter(run__parent=run, **waiting).update(not_before=None)
        for planned in ledger.ready_runs().filter(ours):
            runner.plan(planned.pk)
        for step in ledger.ready_steps().filter(run__parent=run):
            runner.execute(step.pk)
        run.refresh_from_db()
    return run


def _retries(run: Run) -> int:
    """Return how often the ledger had work of the run tried again."""
    steps = Step.objects.filter(run__parent=run)
    again = (steps.aggregate(sum=Sum("attempt"))["sum"] or 0) - steps.count()
    return again + sum(child.attempt - 1 for child in run.children.all())


# --- What is stored --------------------------------------------------------------------------
def _empty() -> None:
    for model in (CpuMetric, DailyCost, Volume, Instance):
        model.objects.all().delete()


def _stored() -> Rows:
    """Count each row by what it says; today's CPU is still changing."""
    today = datetime.now(UTC).date()
    cpu = CpuMetric.objects.filter(date__lt=today)
    return Counter(
        (
            *Instance.objects.values_list("region", "instance_id", "state"),
            *Volume.objects.values_list("region", "volume_id", "size_gib"),
            *DailyCost.objects.values_list("date", "service", "region", "source", "basis", "amount"),
            *cpu.values_list("instance_id", "date", "average_cpu", "maximum_cpu", "samples"),
        )
    )


# --- The stub --------------------------------------------------------------------------------
@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Have this process take the stub for AWS, be impatient, and never pause; nobody is told of work."""
    keys = {"AWS_ACCESS_KEY_ID": "stub", "AWS_SECRET_ACCESS_KEY": "stub", "AWS_ENDPOINT_URL": url}
    impatient = session._CONFIG.merge(Config(read_timeout=GIVE_UP_S))  # noqa: SLF001 - else silence takes 30 s
    with (
        mock.patch.dict(os.environ, keys | {"NO_PROXY": "127.0.0.1"}),
        mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None)),
        mock.patch.object(session, "_CONFIG", impatient),
        mock.patch.object(messages, "send", return_value=True),
        override_settings(CLOUDINTEL_CLOUD="aws"),
    ):
        open_clouds.close()
        with connection.cursor() as cursor:
            # Nothing is said about disks.
            cursor.execute("SET synchronous_commit TO off")
        CloudAccount.objects.get_or_create(account_id=ACCOUNT, defaults={"regions": list(REGIONS)})
        try:
            yield
        finally:
            open_clouds.close()


def _behave(url: str, order: Order, *, number: int, rate: float) -> None:
    """Have the stub begin anew, with another fate of its calls in each run."""
    # Three kinds strike one after the other what the ones before have spared.
    share = 1 - (1 - rate) ** (1 / len(KINDS))
    told = {"seed": f"{order.seed}/{number}", "faults": [f"{kind}={share}" for kind in KINDS]}
    requests.post(f"{url}/stub/reset", json=told, timeout=10).raise_for_status()


def _told(url: str) -> dict[str, int]:
    """Return how many calls came since then, and how many of them failed."""
    said = requests.get(f"{url}/stub/calls", timeout=10).json()
    failed = sum(sum(kinds.values()) for kinds in said["refused"].values())
    return {"calls": sum(said["calls"].values()), "failed_calls": failed}
