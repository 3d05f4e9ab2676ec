"""Stored costs written as a FOCUS 1.0 file: a line for each account, day, service, region and currency."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from django.db.models import F, Q, Sum

from collectors.billing.amounts import WIDE
from collectors.billing.engine import engine
from collectors.billing.focus import COLUMNS, COSTS
from collectors.billing.layouts import quoted
from collectors.billing.tables import cells, csv_relation
from collectors.models import DailyCostQuerySet

PROVIDER = "AWS"
_MEMORY_MB = 256
_CHUNK = 5000
_PIECE = 1 << 16
_MOMENTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


def one_source(costs: DailyCostQuerySet, source: str | None) -> DailyCostQuerySet:
    """Keep one source's figures: the one named, or else that from which each account is answered."""
    return costs.filter(source=source) if source else costs.filter(source=F("account__cost_source"))


def lines(costs: DailyCostQuerySet) -> Iterator[list[Any]]:
    """Yield the lines, cells in the order of `COLUMNS`; what is not known is empty."""
    keys = ("date", "account__account_id", "account__name", "service", "region", "source", "unit")
    sums = {column: Sum("amount", filter=Q(basis=basis)) for basis, column in COSTS.items()}
    groups = costs.order_by(*keys).values(*keys).annotate(**sums)
    for group in groups.iterator(chunk_size=_CHUNK):
        told = _told(group)
        yield [_cell(told.get(column)) for column in COLUMNS]


def _told(group: dict[str, Any]) -> dict[str, Any]:
    day: date = group["date"]
    month = day.replace(day=1)
    return {
        **{column: group[column] for column in COSTS.values()},
        "BillingCurrency": group["unit"],
        # AWS bills by calendar months of UTC.
        "BillingPeriodStart": _moment(month),
        "BillingPeriodEnd": _moment((month + timedelta(days=32)).replace(day=1)),
        "ChargePeriodStart": _moment(day),
        "ChargePeriodEnd": _moment(day + timedelta(days=1)),
        "ProviderName": PROVIDER,
        "RegionId": group["region"],
        "ServiceName": group["service"],
        "SubAccountId": group["account__account_id"],
        "SubAccountName": group["account__name"],
    }


def _cell(value: Any) -> Any:
    return "" if value is None else value


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


# --- Parquet ---------------------------------------------------------------------------------
def parquet(costs: DailyCostQuerySet) -> IO[bytes]:
    """Return the lines as a Parquet file, open for reading; it vanishes when it is closed."""
    with TemporaryDirectory(prefix="export-") as name:
        folder = Path(name).resolve()
        plain, target = folder / "plain.csv", folder / "costs.parquet"
        with plain.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(lines(costs))
        with engine(folder, plain, memory_mb=_MEMORY_MB) as connection:
            connection.execute(
                f"COPY (SELECT {_typed()} FROM {csv_relation(plain, len(COLUMNS), is_gzip=False)})"
                f" TO {quoted(str(target))} (FORMAT parquet)"
            )
        return target.open("rb")


def _typed() -> str:
    kinds = {**dict.fromkeys(COSTS.values(), WIDE), **dict.fromkeys(_MOMENTS, "TIMESTAMP")}
    return ", ".join(
        f'CAST({cell} AS {kinds.get(column, "VARCHAR")}) AS "{column}"'
        for cell, column in zip(cells(len(COLUMNS)), COLUMNS, strict=True)
    )


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the file in pieces, and close it."""
    with file:
        while piece := file.read(_PIECE):
            yield piece
