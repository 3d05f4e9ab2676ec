"""POST /api/v1/backfill, and what is read for it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from collectors.aws import cost, cpu
from collectors.services import access, budget
from pipelines import ledger, messages
from pipelines.models import Run, Status
from tests import builders
from tests.integration.conftest import work_off

TODAY = date(2026, 3, 20)
ACCOUNT = "123456789012"
BACKFILL = "/api/v1/backfill"


@pytest.fixture(autouse=True)
def _today(monkeypatch):
    monkeypatch.setattr(budget, "today", lambda: TODAY)
    monkeypatch.setattr(messages, "send", lambda _run: True)


@pytest.fixture
def post():
    """Ask as an operator."""
    client = builders.client("operator")
    return lambda path=BACKFILL, headers=None, **body: client.post(path, body, headers=headers)


def ago(days):
    return str(TODAY - timedelta(days=days))


# --- Asking ----------------------------------------------------------------------------------
@pytest.mark.django_db
class TestAsking:
    def test_starts_a_run_for_these_days(self, post):
        answer = post(start="2026-02-01", end="2026-03-01")
        run = Run.objects.get(pipeline="backfill")
        assert (answer.status_code, answer.json()["run_id"]) == (202, run.pk)
        assert answer.json()["status_url"].endswith(f"/api/v1/runs/{run.pk}/")
        days = {"start": "2026-02-01", "end": "2026-03-01"}
        assert (run.scope, run.params) == ("2026-02-01..2026-03-01", {**days, "sources": ["cost", "cpu"]})
        assert set(run.children.values_list("pipeline", "scope")) == {("cost", run.scope), ("cpu", run.scope)}

    def test_the_same_days_are_the_same_run_while_it_is_active(self, post):
        first = post(start="2026-02-01", end="2026-03-01").json()
        assert post(start="2026-02-01", end="2026-03-01").json() == first
        assert post(start="2026-02-01", end="2026-02-28").json()["run_id"] != first["run_id"]

    def test_fewer_sources_join_the_active_run_and_one_that_it_leaves_out_is_a_conflict(self, post):
        days = {"start": "2026-02-01", "end": "2026-03-01"}
        first = post(**days, sources=["cost", "cpu"]).json()
        assert post(**days, sources=["cpu"]).json() == first
        answer = post(**days, sources=["cpu", "billing"])
        assert (answer.status_code, Run.objects.filter(pipeline="backfill").count()) == (409, 1)
        assert f"Run {first['run_id']} (backfill" in answer.json()["error"]
        assert "is reading these days already, without billing" in answer.json()["error"]

    def test_a_key_stands_for_one_backfill_after_its_end_too(self, post):
        key = {"Idempotency-Key": "february"}
        first = post(start="2026-02-01", end="2026-03-01", headers=key).json()["run_id"]
        Run.objects.update(status=Status.SUCCEEDED)
        assert post(start="2026-02-01", end="2026-03-01", headers=key).json()["run_id"] == first
        answer = post(start="2026-02-01", end="2026-03-02", headers=key)
        assert (answer.status_code, "another body" in answer.json()["error"]) == (422, True)

    def test_reads_what_is_named(self, post):
        post(start="2026-02-01", end="2026-03-01", sources=["cost", "cost"])
        assert Run.objects.get(pipeline="backfill").params["sources"] == ["cost"]

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({}, "start"),
            ({"start": "2026-02-01"}, "end"),
            ({"start": "1 February", "end": "2026-03-01"}, "start: A day is written YYYY-MM-DD"),
            (
                {"start": "2026-03-01", "end": "2026-03-01"},
                "start (2026-03-01) must be before end (2026-03-01)",
            ),
            ({"start": "2026-03-01", "end": "2026-03-22"}, "may be 2026-03-21 at the latest"),
            ({"start": ago(456), "end": ago(400)}, "the first days are: cost 2025-02-18, cpu 2024-12-20"),
            ({"start": ago(396), "end": ago(390), "sources": ["cost"]}, "cost 2025-02-18"),
            ({"start": "2026-02-01", "end": "2026-03-01", "sources": ["s3"]}, "no source 's3'"),
            ({"start": "2026-02-01", "end": "2026-03-01", "sources": []}, "sources"),
            ({"start": "2026-02-01", "end": "2026-03-01", "source": ["cost"]}, "source: Unknown key"),
        ],
    )
    def test_refuses_what_cannot_be_read_and_says_why(self, post, body, reason):
        answer = post(**body)
        assert answer.status_code == 400
        assert reason in answer.json()["error"]
        assert not Run.objects.exists()

    def test_days_that_one_of_the_sources_keeps_are_read(self, post):
        assert post(start=ago(400), end=ago(390)).status_code == 202

    def test_is_for_operators(self):
        body = {"start": "2026-02-01", "end": "2026-03-01"}
        assert builders.client("viewer").post(BACKFILL, body).status_code == 403


# --- Reading ---------------------------------------------------------------------------------
@pytest.fixture
def asked(monkeypatch):
    """The windows that AWS was asked for, and of which instances."""
    found = []
    monkeypatch.setattr(access.Cloud, "account_id", lambda _self: ACCOUNT)
    monkeypatch.setattr(cost, "daily_costs", lambda _cloud, *window: found.append(window) or [])

    def daily_cpu(_cloud, region, ids, *window):
        found.append((region, sorted(ids), *window))
        return []

    monkeypatch.setattr(cpu, "daily_cpu", daily_cpu)
    return found


def read(pipeline, start, end):
    run = ledger.start(pipeline, scope=f"{start}..{end}", params={"start": str(start), "end": str(end)})
    work_off()
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
class TestReading:
    @pytest.fixture(autouse=True)
    def account(self):
        return builders.account(ACCOUNT)

    def test_costs_are_asked_for_exactly_the_days(self, asked):
        assert read("cost", "2026-02-01", "2026-02-15").status == Status.SUCCEEDED
        assert asked == [(date(2026, 2, 1), date(2026, 2, 15))]

    def test_many_days_are_read_in_parts_of_a_hundred_and_twenty(self, asked):
        run = read("cost", "2025-06-01", "2026-02-01")
        assert asked == [
            (date(2025, 6, 1), date(2025, 9, 29)),
            (date(2025, 9, 29), date(2026, 1, 27)),
            (date(2026, 1, 27), date(2026, 2, 1)),
        ]
        part = run.steps.get(name=f"{ACCOUNT}/us-east-1/cost/3")
        assert part.inputs == {"start": "2026-01-27", "end": "2026-02-01"}
        assert part.outputs == {**part.inputs, "days": 0, "final_through": None}

    def test_costs_of_days_that_are_not_over_are_not_asked_for(self, asked):
        read("cost", "2026-03-18", "2026-03-21")
        assert asked == [(date(2026, 3, 18), TODAY)]

    @pytest.mark.parametrize(("source", "days"), [("cost", 396), ("cpu", 456)])
    def test_nothing_is_asked_of_days_before_what_aws_keeps(self, asked, source, days):
        run = read(source, ago(days), ago(300))
        assert (run.status, asked) == (Status.FAILED, [])
        assert f"{source} from {ago(days)}: AWS keeps {days - 1} days" in run.error

    def test_cpu_is_asked_of_what_was_there_then(self, asked, account):
        then = datetime(2026, 2, 1, tzinfo=UTC)
        builders.instance(account, instance_id="i-stopped", state="stopped", launched_at=then)
        builders.instance(account, instance_id="i-gone", gone_at=then.replace(day=10))
        builders.instance(account, instance_id="i-gone-before", gone_at=then.replace(day=4))
        builders.instance(account, instance_id="i-launched-after", launched_at=then.replace(day=15))
        run = read("cpu", "2026-02-05", "2026-02-15")
        assert asked == [("eu-west-1", ["i-gone", "i-stopped"], date(2026, 2, 5), date(2026, 2, 15))]
        part = run.steps.get(name=f"{ACCOUNT}/eu-west-1/cpu/2026-02-05.1")
        assert part.inputs == {"instances": 2, "start": "2026-02-05", "end": "2026-02-15"}
        assert part.outputs == {"start": "2026-02-05", "end": "2026-02-15"}

    def test_an_inventory_has_no_past(self, monkeypatch):
        monkeypatch.setattr("collectors.services.inventory.InventoryHandler.execute", lambda *_: {})
        run = read("ec2", "2026-02-05", "2026-02-15")
        assert run.outputs == {"window": "An inventory has no past: what is there now was read."}
