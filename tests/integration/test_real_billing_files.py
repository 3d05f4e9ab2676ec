"""Real billing files, added up once more by Python's own csv and decimal."""

import csv
import gzip
import json
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


# --- By tag ----------------------------------------------------------------------------------
def by_tag(found):
    """What is charged by tag, with the values that are told apart in their own rows."""
    sums = {}
    for row in found.tagged_rows(found.tags):
        add(
            sums,
            (row.account_id, row.date.isoformat(), row.service, row.region, row.key, row.value),
            row.amount,
        )
    return sums


def told_as(found, lines):
    """Add up by tag what `lines` yields: group, tags, and amount; of values that are not kept as others."""
    kept = {(row.key, row.value) for row in found.tagged_rows(found.tags)}
    sums = {}
    for group, tags, amount in lines:
        for key, value in tags.items():
            add(sums, (*group, key, value if (key, value) in kept else None), amount)
    return sums


def test_the_tags_of_the_focus_sample_add_up(read, shared_data):
    file = shared_data / "finops" / "focus_sample.csv"
    with file.open(newline="") as source:
        lines = [line for line in csv.DictReader(source) if line["ProviderName"] == "AWS"]
    groups = [
        (
            line["SubAccountId"],
            line["ChargePeriodStart"][:10],
            line["ServiceName"],
            line["RegionId"].replace("NULL", ""),
        )
        for line in lines
    ]
    tags = [json.loads(line["Tags"]) if line["Tags"] != "NULL" else {} for line in lines]
    with read(file) as found:
        told = told_as(found, zip(groups, tags, (line["BilledCost"] for line in lines), strict=True))
        assert set(found.tags) == {"application", "business_unit", "environment"}
        assert by_tag(found) == told


def test_the_tags_of_the_cost_and_usage_report_add_up(read, shared_data):
    file = shared_data / "finops" / "nise_cur_synthetic_2024-09.csv.gz"
    with gzip.open(file, "rt", newline="") as source:
        lines = list(csv.DictReader(source))
    columns = [name for name in lines[0] if name.startswith("resourceTags/")]
    with read(file) as found:
        told = told_as(found, (tags_of(line, columns) for line in lines))
        assert len(found.tags) == len(columns) == 8
        assert by_tag(found) == told


def tags_of(line, columns):
    group = (
        line["lineItem/UsageAccountId"],
        line["lineItem/UsageStartDate"][:10],
        line["product/ProductName"] or line["lineItem/ProductCode"],
        line["product/regionCode"] or line["product/region"],
    )
    names = {name.removeprefix("resourceTags/").removeprefix("user:"): name for name in columns}
    return (
        group,
        {key: line[name] for key, name in names.items() if line[name]},
        line["lineItem/UnblendedCost"],
    )
