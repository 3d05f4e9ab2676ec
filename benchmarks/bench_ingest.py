"""Ingest: rows a second of the cost service, beside the least PostgreSQL needs for the same rows.

The reference copies ready-made text into a temporary table and merges it with one plain upsert; it
neither renders rows, nor counts what changed, nor removes what vanished, nor asks who holds the lease.
"""

import io
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from django.db import connection, transaction

from cloudintel_project import heap
from collectors.aws.cost import CostDay, CostLine
from collectors.models import CloudAccount, DailyCost
from collectors.services import costs
from pipelines import claims, ledger

DAYS, SERVICES, REGIONS = 100, 40, 5
ROUNDS = 7


def _bill(salt: int) -> list[CostDay]:
    """Return 20,000 lines; another salt changes every amount."""
    return [
        CostDay(
            date=date(2026, 1, 1) + timedelta(days=day),
            estimated=False,
            lines=tuple(
                CostLine(
                    f"Service {service}", f"region-{region}", "USD", Decimal(f"{service}.{day:06}{salt:04}")
                )
                for service in range(SERVICES)
                for region in range(REGIONS)
            ),
        )
        for day in range(DAYS)
    ]


def _ours(claim: claims.Claim, account: CloudAccount, bill: list[CostDay]) -> None:
    with claim.writing():
        costs.store(account, bill)


def _rendered(account: CloudAccount, bill: list[CostDay]) -> str:
    return "".join(
        f"{account.pk}\t{day.date}\t{line.service}\t{line.region}\texplorer\tunblended\tUSD\t{line.amount}\tf\n"
        for day in bill
        for line in day.lines
    )


def _bare(text: str) -> None:
    columns = "account_id, date, service, region, source, basis, unit, amount, estimated"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE bare ON COMMIT DROP AS SELECT {columns} FROM daily_costs WHERE false"
        )
        cursor.copy_expert(f"COPY bare ({columns}) FROM STDIN", io.StringIO(text))
        cursor.execute(
            f"INSERT INTO daily_costs ({columns}) SELECT {columns} FROM bare"
            " ON CONFLICT (account_id, date, service, region, source, basis, unit)"
            " DO UPDATE SET amount = EXCLUDED.amount, estimated = EXCLUDED.estimated"
        )


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE daily_costs")


def _pair(claim: claims.Claim, account: CloudAccount, salt: int, *, fresh: bool) -> tuple[float, float]:
    """Return the seconds of both ways to store the same bill, into an empty table or over other amounts."""
    bill, text = _bill(salt), _rendered(account, _bill(salt + 1))
    seconds = []
    for work in (lambda: _ours(claim, account, bill), lambda: _bare(text)):
        if fresh:
            DailyCost.objects.all().delete()
        _vacuum()
        seconds.append(_seconds(work))
    return seconds[0], seconds[1]


def measure() -> dict[str, float]:
    """Return rows a second and the ratio to the reference, for new rows and for changed ones."""
    heap.settle()
    account = CloudAccount.objects.create(account_id="999999999999")
    claim = claims.claim_run(ledger.start("cost").pk)
    if claim is None:
        raise SystemExit("A cost collection is running in this database; use another one.")
    rows = DAYS * SERVICES * REGIONS
    figures: dict[str, float] = {}
    for name, fresh in (("insert", True), ("update", False)):
        pairs = [_pair(claim, account, 2 * salt, fresh=fresh) for salt in range(ROUNDS)]
        figures[f"ingest_{name}_rows_per_s"] = round(rows / median(ours for ours, _ in pairs))
        figures[f"ingest_{name}_ratio"] = round(median(bare / ours for ours, bare in pairs), 2)
    return figures
