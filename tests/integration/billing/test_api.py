"""/api/v1/billing-files/, its broken lines, and /api/v1/reconciliations/."""

import pytest

from collectors.models import FileState
from tests import builders

pytestmark = pytest.mark.django_db

FILES, COMPARED = "/api/v1/billing-files/", "/api/v1/reconciliations/"


@pytest.fixture
def viewer():
    return builders.client("viewer")


def test_a_file_is_told_with_its_bill_and_what_became_of_it(viewer):
    file = builders.billing_file(quarantined=1, skipped={"not of AWS": 2}, left_out=["x"], run=builders.run())
    [row] = viewer.get(FILES).json()["results"]
    assert row == {
        "id": file.pk,
        "location": "exports",
        "export": "bill",
        "period_start": "2026-03-01",
        "period_end": "2026-04-01",
        "key": file.key,
        "etag": file.etag,
        "size": 100,
        "layout": "focus",
        "state": "active",
        "lines": 10,
        "quarantined": 1,
        "skipped": {"not of AWS": 2},
        "left_out": ["x"],
        "tag_keys": None,
        "tags_left_out": [],
        "error": "",
        "run": file.run_id,
        "found_at": "2026-03-01T06:00:00Z",
        "read_at": "2026-03-01T06:00:00Z",
    }
    assert viewer.get(f"{FILES}{file.pk}/").json() == row


@pytest.mark.parametrize(
    ("query", "kept"), [("state=failed", ["b.csv"]), ("export=bill", ["b.csv", "a.csv"]), ("export=x", [])]
)
def test_files_can_be_narrowed_down(viewer, query, kept):
    builders.billing_file(key="a.csv")
    builders.billing_file(key="b.csv", state=FileState.FAILED, error="torn")
    assert [row["key"] for row in viewer.get(f"{FILES}?{query}").json()["results"]] == kept


@pytest.mark.parametrize("query", ["state=lost", "stat=failed"])
def test_a_filter_that_nobody_knows_is_refused(viewer, query):
    answer = viewer.get(f"{FILES}?{query}")
    assert answer.status_code == 400
    assert "state" in answer.json()["error"]


def test_broken_lines_are_paged(viewer):
    file = builders.billing_file()
    for number in (7, 3, 5):
        builders.quarantined(file, number)
    builders.quarantined(builders.billing_file())
    answer = viewer.get(f"{FILES}{file.pk}/quarantine/?page_size=2").json()
    assert answer["count"] == 3
    assert answer["results"] == [
        {"line": line, "reason": "BilledCost is no number", "text": "a,b"} for line in (3, 5)
    ]


def test_an_unknown_file_is_not_found(viewer):
    for address in (f"{FILES}1/", f"{FILES}1/quarantine/"):
        answer = viewer.get(address)
        assert (answer.status_code, set(answer.json())) == (404, {"error"})


def test_a_comparison_is_told_to_the_last_digit(viewer):
    account = builders.account("111111111111")
    builders.reconciliation(account, "2026-03-01", "0.0000000012", "0.0000000011")
    answer = viewer.get(COMPARED)
    [row] = answer.json()["results"]
    assert (row["date"], row["account"], row["unit"]) == ("2026-03-01", "111111111111", "USD")
    assert '"difference":0.0000000001' in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("", ["2026-03-03", "2026-03-02", "2026-03-01"]),
        ("start=2026-03-02&end=2026-03-03", ["2026-03-02"]),
        ("account=999999999999", []),
    ],
)
def test_comparisons_can_be_narrowed_down(viewer, query, days):
    account = builders.account("111111111111")
    for day in (1, 2, 3):
        builders.reconciliation(account, f"2026-03-0{day}")
    assert [row["date"] for row in viewer.get(f"{COMPARED}?{query}").json()["results"]] == days


def test_where_an_accounts_costs_are_answered_from_can_be_chosen():
    builders.account("111111111111")
    answer = builders.client("administrator").patch(
        "/api/v1/accounts/111111111111/", {"cost_source": "files"}
    )
    assert (answer.status_code, answer.json()["cost_source"]) == (200, "files")
