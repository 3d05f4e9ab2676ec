"""Real billing files, added up once more by Python's own csv and decimal."""

import csv
import gzip
from collections import Counter
from datetime import UTC, datetime
from decimal import Context, Decimal

import pytest

from collectors.billing import reading

EXACT = Context(prec=80)


@pytest.fixture
def read(tmp_path):
    def reader(file):
        return reading.read(
            file,
            now=datetime(2024, 10, 15, tzinfo=UTC),
            scratch=tmp_path,
            memory_mb=256,
            on_progress=lambda percent: None,
        )

    return reader


def add(sums, key, amount):
    sums[key] = EXACT.add(sums.get(key, Decimal(0)), Decimal(amount))


def by_key(found):
    return {
        (row.account_id, row.date.isoformat(), row.service, row.region, row.unit, row.basis): row.amount
        for row in found.rows()
    }


def test_the_focus_sample_adds_up(read, shared_data):
    file, sums = shared_data / "finops" / "focus_sample.csv", {}
    costs = {
        "unblended": "BilledCost",
        "effective": "EffectiveCost",
        "contracted": "ContractedCost",
        "list": "ListCost",
    }
    with file.open(newline="") as source:
        for line in csv.DictReader(source):
            if line["ProviderName"] == "AWS":
                region = line["RegionId"].replace("NULL", "")
                key = line["SubAccountId"], line["ChargePeriodStart"][:10], line["ServiceName"], region
                for basis, column in costs.items():
                    add(sums, (*key, line["BillingCurrency"], basis), line[column])
    with read(file) as found:
        assert by_key(found) == sums
        assert (found.lines, found.quarantined, found.left_out) == (1000, 0, ("Id",))
        assert found.skipped == {"provider Microsoft": 51, "provider Oracle": 7}


def test_the_cost_and_usage_report_adds_up(read, shared_data):
    file, sums, kinds = shared_data / "finops" / "nise_cur_synthetic_2024-09.csv.gz", {}, Counter()
    with gzip.open(file, "rt", newline="") as source:
        for line in csv.DictReader(source):
            covered = line["lineItem/LineItemType"] == "SavingsPlanCoveredUsage"
            kinds[line["lineItem/LineItemType"]] += 1
            unblended = line["lineItem/UnblendedCost"]
            key = (
                line["lineItem/UsageAccountId"],
                line["lineItem/UsageStartDate"][:10],
                line["product/ProductName"] or line["lineItem/ProductCode"],
                line["product/regionCode"] or line["product/region"],
                line["lineItem/CurrencyCode"],
            )
            add(sums, (*key, "unblended"), unblended)
            add(
                sums,
                (*key, "amortized"),
                line["savingsPlan/SavingsPlanEffectiveCost"] if covered else unblended,
            )
    with read(file) as found:
        told = by_key(found)
        assert {key: amount for key, amount in told.items() if key[-1] != "list"} == sums
        assert (found.layout, found.lines, found.quarantined) == ("cur", sum(kinds.values()), 0)
        assert {row.estimated for row in found.rows()} == {False}
