"""Billing: reading a FOCUS export, beside DuckDB reading and adding up the same file alone.

The file has SIZE_GB gigabytes (0.5) of hourly lines in all 43 columns of FOCUS 1.0; a resource has the same
two tags in each of its hours. Both ways have the same threads and the same limit of memory. The reference is
one statement with declared types: it neither judges a line, nor keeps digits that do not fit, nor adds up by
tag, nor hands out rows.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

from collectors.billing.focus import COLUMNS, COSTS

ROUNDS = 3
MEMORY_MB = 512
LINE_BYTES = 660
_AMOUNT = "CAST(random() * 10 AS DECIMAL(20, 11))"
_VALUES = {
    "AvailabilityZone": "'eu-west-1a'",
    **dict.fromkeys(COSTS.values(), _AMOUNT),
    "BillingAccountId": "'111122223333'",
    "BillingAccountName": "'Example'",
    "BillingCurrency": "'USD'",
    "BillingPeriodStart": "'2026-03-01T00:00:00Z'",
    "BillingPeriodEnd": "'2026-04-01T00:00:00Z'",
    "ChargeCategory": "'Usage'",
    "ChargeDescription": "'$0.40 per million requests in tier ' || i % 50",
    "ChargeFrequency": "'Usage-Based'",
    "ChargePeriodStart": "strftime(hour, '%Y-%m-%dT%H:%M:%SZ')",
    "ChargePeriodEnd": "strftime(hour + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%M:%SZ')",
    "ConsumedQuantity": "CAST(random() * 100 AS DECIMAL(20, 15))",
    "ConsumedUnit": "'Requests'",
    "ContractedUnitPrice": "'0.0000004'",
    "InvoiceIssuerName": "'Amazon Web Services, Inc.'",
    "ListUnitPrice": "'0.0000004'",
    "PricingCategory": "'Standard'",
    "PricingQuantity": "CAST(random() * 100 AS DECIMAL(20, 11))",
    "PricingUnit": "'Requests'",
    "ProviderName": "'AWS'",
    "PublisherName": "'Amazon Web Services, Inc.'",
    "RegionId": "'eu-west-' || kind % 4",
    "RegionName": "'EU (Ireland ' || kind % 4 || ')'",
    "ResourceId": "'arn:aws:sqs:eu-west-1:111122223333:queue-' || md5(CAST(i AS VARCHAR))",
    "ServiceCategory": "'Integration'",
    "ServiceName": "'Amazon Service Number ' || kind % 25",
    "SkuId": "upper(left(md5(CAST(kind AS VARCHAR)), 16))",
    "SkuPriceId": "upper(md5(CAST(kind AS VARCHAR)))",
    "SubAccountId": "CAST(100000000000 + kind % 10 AS VARCHAR)",
    "SubAccountName": "'Account ' || kind % 10",
    "Tags": """'{"application": "app' || hash(i // 744) % 100 || '", "environment": "dev"}'""",
}


def generate(file: Path, size_gb: float) -> None:
    """Write about so many gigabytes of lines: each hour of March has the same resources."""
    lines = round(size_gb * 10**9 / LINE_BYTES)
    values = ", ".join(f'{_VALUES.get(name, "NULL")} AS "{name}"' for name in COLUMNS)
    with _duckdb() as connection:
        connection.execute(
            f"COPY (SELECT {values} FROM (SELECT i, TIMESTAMP '2026-03-01' + to_hours(i % 744) AS hour,"
            f" hash(i // 744) % 1000 AS kind FROM range({lines}) t(i))) TO '{file}' (HEADER, NULLSTR '')"
        )


def _duckdb() -> duckdb.DuckDBPyConnection:
    threads = min(4, os.cpu_count() or 1)
    return duckdb.connect(
        config={"memory_limit": f"{MEMORY_MB}MB", "threads": threads, "preserve_insertion_order": False}
    )


def _alone(file: Path) -> float:
    types = {**dict.fromkeys(COSTS.values(), "DECIMAL(18, 11)"), "ChargePeriodStart": "TIMESTAMP"}
    columns = ", ".join(f"'{name}': '{types.get(name, 'VARCHAR')}'" for name in COLUMNS)
    sums = ", ".join(f"sum({name})" for name in COSTS.values())
    start = time.perf_counter()
    with _duckdb() as connection:
        connection.execute(
            "CREATE TABLE totals AS SELECT SubAccountId, CAST(ChargePeriodStart AS DATE), ServiceName,"
            f" RegionId, {sums} FROM read_csv('{file}', header = true, auto_detect = false, delim = ',',"
            f" quote = '\"', escape = '\"', columns = {{{columns}}}) GROUP BY ALL"
        )
    return time.perf_counter() - start


# --- Our reading, in a process of its own ----------------------------------------------------
def _ours(file: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.billing_reader", str(file), str(MEMORY_MB)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def measure() -> dict[str, float]:
    """Return the seconds of both ways, their ratio, and the most memory that ours held."""
    size_gb = float(os.environ.get("SIZE_GB", "0.5"))
    with tempfile.TemporaryDirectory(prefix="bench-billing-") as folder:
        file = Path(folder) / "focus.csv"
        generate(file, size_gb)
        alone, ours = [], []
        for _ in range(ROUNDS):
            alone.append(_alone(file))
            ours.append(_ours(file))
        seconds = median(each["seconds"] for each in ours)
        return {
            "gb": size_gb,
            "billing_bytes": file.stat().st_size,
            "billing_lines": ours[0]["lines"],
            "billing_rows": ours[0]["rows"],
            "billing_tag_rows": ours[0]["tag_rows"],
            "billing_alone_seconds": round(median(alone), 2),
            "billing_seconds": round(seconds, 2),
            "billing_ratio": round(median(alone) / seconds, 2),
            "billing_peak_mb": round(max(each["peak_mb"] for each in ours)),
        }
