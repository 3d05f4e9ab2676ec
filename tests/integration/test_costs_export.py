"""GET /api/v1/costs/export: stored costs as a FOCUS file."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from collectors.billing import focus, reading
from collectors.models import Basis, DailyCost
from tests import builders

pytestmark = pytest.mark.django_db

EXPORT = "/api/v1/costs/export"
ALL_FOUR = {
    Basis.UNBLENDED: "-1.5",
    Basis.EFFECTIVE: "2.25",
    Basis.CONTRACTED: "3",
    Basis.LIST: "4.000000000001",
}


@pytest.fixture
def viewer():
    return builders.client("viewer")


@pytest.fixture
def billed():
    """An account of which files told all four costs of two days."""
    account = builders.account("111111111111", name="=shop", cost_source="files")
    for day in ("2026-03-30", "2026-12-31"):
        for basis, amount in ALL_FOUR.items():
            builders.cost(account, day, amount, basis=basis, source="files")
    return account


def exported(answer):
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


def test_has_the_columns_of_focus_and_leaves_empty_what_is_not_known(viewer, billed):
    answer = viewer.get(EXPORT, {"end": "2026-04-01"})
    (line,) = exported(answer)
    assert tuple(line) == focus.COLUMNS
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="focus-costs.csv"'
    assert {name: value for name, value in line.items() if value} == {
        "BilledCost": "-1.5",
        "EffectiveCost": "2.25",
        "ContractedCost": "3",
        "ListCost": "4.000000000001",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "ChargePeriodStart": "2026-03-30T00:00:00Z",
        "ChargePeriodEnd": "2026-03-31T00:00:00Z",
        "ProviderName": "AWS",
        "RegionId": "eu-west-1",
        "ServiceName": "AmazonEC2",
        "SubAccountId": "111111111111",
        "SubAccountName": "'=shop",
    }


def test_an_unknown_cost_is_empty_rather_than_zero(viewer):
    builders.cost(builders.account(), "2026-03-01", "0")
    (line,) = exported(viewer.get(EXPORT))
    assert (line["BilledCost"], line["EffectiveCost"], line["ListCost"]) == ("0", "", "")


def test_each_account_is_told_from_one_source_unless_another_is_asked_for(viewer, billed):
    builders.cost(billed, "2026-03-30", "9", source="explorer")
    assert {line["BilledCost"] for line in exported(viewer.get(EXPORT))} == {"-1.5"}
    assert {line["BilledCost"] for line in exported(viewer.get(EXPORT, {"source": "explorer"}))} == {"9"}


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("start=2026-03-31", ["2026-12-31T00:00:00Z"]),
        ("end=2026-12-31", ["2026-03-30T00:00:00Z"]),
        ("account=222222222222", []),
        (
            "account=111111111111&layout=focus&as=csv&source=files",
            ["2026-03-30T00:00:00Z", "2026-12-31T00:00:00Z"],
        ),
    ],
)
def test_is_narrowed_down_like_the_list(viewer, billed, query, days):
    assert [line["ChargePeriodStart"] for line in exported(viewer.get(f"{EXPORT}?{query}"))] == days


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("layout=cur", "layout"),
        ("as=xlsx", "as"),
        ("source=guess", "source"),
        ("start=soon", "start"),
        ("start=2026-03-02&end=2026-03-01", "start (2026-03-02)"),
        ("region=eu-west-1", "region"),
        ("as=csv&as=parquet", "as"),
    ],
)
def test_what_cannot_be_answered_is_an_error_in_json(viewer, query, named):
    answer = viewer.get(f"{EXPORT}?{query}")
    assert answer.status_code == 400
    assert named in answer.json()["error"]


def test_is_written_as_parquet_with_exact_amounts(viewer, billed, tmp_path):
    answer = viewer.get(EXPORT, {"as": "parquet"})
    file = tmp_path / "costs.parquet"
    file.write_bytes(answer.getvalue())
    assert answer["Content-Disposition"] == 'attachment; filename="focus-costs.parquet"'
    table = duckdb.read_parquet(str(file))
    assert tuple(table.columns) == focus.COLUMNS
    assert duckdb.execute(
        f"SELECT DISTINCT BilledCost, ListCost, SubAccountName, ChargeCategory FROM '{file}'"
    ).fetchall() == [(Decimal("-1.5"), Decimal("4.000000000001"), "=shop", None)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_is_read_again_as_what_it_was(viewer, billed, tmp_path, kind):
    file = tmp_path / f"costs.{kind}"
    file.write_bytes(viewer.get(EXPORT, {"as": kind}).getvalue())
    with reading.read(
        file,
        now=datetime(2027, 1, 2, tzinfo=UTC),
        scratch=tmp_path,
        memory_mb=256,
        on_progress=lambda percent: None,
    ) as found:
        told = {
            (row.account_id, row.date, row.service, row.region, row.unit, row.basis): row
            for row in found.rows()
        }
        assert (found.quarantined, found.left_out) == (0, ())
    assert {key: row.amount for key, row in told.items()} == {
        ("111111111111", cost.date, cost.service, cost.region, cost.unit, cost.basis): cost.amount
        for cost in DailyCost.objects.all()
    }
