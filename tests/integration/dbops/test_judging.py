"""Recommendations, the optimisation and the report, from what is stored, and as they are asked for."""

from datetime import timedelta

import jsonschema
import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from alerts import services as alerts
from alerts.models import Alert
from dbops import tasks
from dbops.advice import Advice, Recommendation, Unknown
from dbops.models import (
    Action,
    Cause,
    Maintenance,
    Optimization,
    PoolEvent,
    Statement,
    StatementHour,
)
from dbops.services import optimizing, recommending, reporting
from tests import builders, judged
from tests.integration.test_api_schema import answer_schema
from tests.judged import MINUTE, NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
ADDRESS = "/api/v1/database/automation"


def statement(number, text, *, hours=(NOW - HOUR,), calls=10, total_ms=20_000.0):
    """A statement that was called in those hours."""
    known = Statement.objects.create(
        query_id=number, text=text, first_seen=NOW, last_seen=NOW, calls=calls, total_ms=total_ms
    )
    for hour in hours:
        StatementHour.objects.create(hour=hour, statement=known, calls=calls, total_ms=total_ms, slow_calls=0)


def looking(**seen):
    return lambda _now: judged.reading(**seen)


@pytest.fixture
def neighbourhood(monkeypatch):
    """The other parts of the automation: a database without trouble, and nothing to do."""

    class Parts:
        look = staticmethod(looking())
        refresh_stale = staticmethod(lambda: ["public.orders"])
        adapt = staticmethod(lambda _now: None)
        report = staticmethod(lambda: {"hit_rate": 0.5})

    monkeypatch.setattr(recommending.observing, "look", Parts.look)
    plain = optimizing.Steps(Parts.refresh_stale, Parts.adapt, Parts.report)
    monkeypatch.setattr(optimizing, "Steps", lambda: plain)


# --- Recommendations -------------------------------------------------------------------------------
def test_recommendations_are_made_of_the_look_and_of_the_last_day():
    statement(7, "SELECT * FROM orders WHERE shop = $1")
    statement(8, "SELECT * FROM old", hours=(NOW - timedelta(hours=25),))
    for number in range(720):
        judged.observe(
            judged.reading(NOW - number * MINUTE - MINUTE, pool=judged.pool(1.0, size=100)),
            counters={"blocks_hit": 100, "blocks_read": 900},
        )
    found = recommending.recommendations(NOW, look=looking())
    titles = [each.title for each in found]
    assert titles == [
        "Make statement 7 faster",
        "Raise the pool's maximum",
        "Give PostgreSQL more shared buffers",
        "Have a backup verified",
    ]
    assert found[0].evidence.startswith("10 calls in the last day took 2000 ms on average")
    assert "was used up in 720" in found[1].evidence
    assert "10.0% of 720,000 blocks" in found[2].evidence


def test_the_role_of_a_session_is_asked_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_user")
        pid, role = cursor.fetchone()
    judged.check(NOW)
    seen = judged.connections(idle_in_transaction=(judged.idler(120, pid=pid),))
    (found,) = recommending.recommendations(NOW, look=looking(connections=seen))
    assert found.sql == f"""ALTER ROLE "{role}" SET idle_in_transaction_session_timeout = '60s';"""


@pytest.mark.parametrize(
    ("missed_hours_ago", "told"),
    [(None, "in the 3.0 days"), (24, "in the 23.0 hours"), (1, "in this look, the first")],
    ids=["in each look", "not in that of a day ago", "not in the latest"],
)
def test_an_index_was_watched_since_the_last_look_that_did_not_find_it_unused(missed_hours_ago, told):
    judged.check(NOW)
    for hours in range(1, 73):
        names = [] if hours == missed_hours_ago else ["public.orders_day", "public.other"]
        judged.observe(judged.reading(NOW - hours * HOUR), size={"unused_indexes": names})
    seen = judged.size(unused_indexes=(judged.index(),))
    (found,) = recommending.recommendations(NOW, look=looking(size=seen))
    assert f"{told} " in found.evidence


def test_what_is_unknown_is_beside_what_is_recommended(neighbourhood):
    answer = builders.client("viewer").get(f"{ADDRESS}/recommendations")
    assert answer.status_code == 200
    assert [each["title"] for each in answer.json()["recommendations"]] == ["Have a backup verified"]
    assert {each["subject"] for each in answer.json()["unknown"]} == {"pool limits", "cache hit"}


# --- The optimisation ------------------------------------------------------------------------------
ADVICE = Advice(
    (Recommendation("Drop it", "info", "0 scans", "DROP INDEX x;", "Frees 1 MB."),),
    (Unknown("bloat", "never analysed"),),
)


def steps(**changes):
    plain = {
        "refresh_stale": lambda: ["public.orders", "public.users"],
        "adapt": lambda _now: "0.75 / 0.3 / 0.95: the load is steady",
        "cache_report": lambda: {"hit_rate": 0.875},
        "advice": lambda _now: ADVICE,
    }
    return optimizing.Steps(**{**plain, **changes})


def told(optimization):
    return {each["task"]: (each["status"], each["detail"]) for each in optimization.done}


def test_an_optimisation_stores_what_it_did_and_what_it_proposes():
    statement(7, "SELECT 1", hours=(NOW,))
    optimizing.optimize(NOW, steps=steps())
    stored = Optimization.objects.get()
    assert told(stored) == {
        "statistics": ("success", "Analysed 2 tables: public.orders, public.users."),
        "statements": ("skipped", "No statement was counted in the last hour."),
        "advice": ("success", "1 recommendation. Unknown: bloat (never analysed)"),
        "thresholds": ("success", "0.75 / 0.3 / 0.95: the load is steady"),
        "analytics cache": ("success", "87.5% of the analytics answers came from the cache."),
    }
    assert [each["sql"] for each in stored.proposed] == ["DROP INDEX x;"]


def test_one_of_a_thing_is_told_in_the_singular():
    statement(7, "SELECT 1", hours=(NOW - HOUR,), calls=1)
    found = told(optimizing.optimize(NOW, steps=steps(refresh_stale=lambda: ["public.orders"])))
    assert found["statistics"][1] == "Analysed 1 table: public.orders."
    assert found["statements"][1].startswith("1 statement was counted")
    assert found["statements"][1].endswith("took 20.0 s in 1 call.")
    assert found["advice"][1].startswith("1 recommendation.")


def test_a_step_that_fails_is_told_and_the_others_are_done():
    def fail(*_arguments):
        raise DatabaseError("canceling statement due to lock timeout\nCONTEXT: ...")

    found = told(optimizing.optimize(NOW, steps=steps(refresh_stale=fail, advice=fail)))
    assert found["statistics"] == found["advice"] == ("failed", "canceling statement due to lock timeout")
    assert found["thresholds"][0] == "success"
    assert Optimization.objects.get().proposed == []


def test_an_operator_optimises(neighbourhood):
    answer = builders.client("operator").post(f"{ADDRESS}/optimize")
    assert answer.status_code == 200
    assert set(answer.json()) == {"timestamp", "done", "proposed"}
    assert Optimization.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "post", "optimize", 403),
        (None, "post", "optimize", 403),
        (None, "get", "recommendations", 403),
        (None, "get", "report", 403),
    ],
)
def test_reading_is_for_viewers_and_optimising_for_operators(role, method, path, status):
    answer = getattr(builders.client(role), method)(f"{ADDRESS}/{path}")
    assert answer.status_code == status
    assert not Optimization.objects.exists()


# --- The report ------------------------------------------------------------------------------------
def test_a_report_over_nothing_says_why_everything_is_null():
    found = reporting.report(NOW - HOUR, NOW)
    nothing = "Nothing was observed in this period."
    assert found["coverage"] == {
        "observations": 0,
        "expected": 60,
        "share": 0.0,
        "reason": "60 of 60 minutes were not observed.",
    }
    assert found["pool"]["utilization"] == {"average": None, "p95": None, "maximum": None}
    assert (found["pool"]["waiting_minutes"], found["pool"]["reason"]) == (None, nothing)
    assert (found["health"]["average"], found["health"]["reason"]) == (None, nothing)
    assert (found["statements"]["slowest"], found["statements"]["reason"]) == (None, nothing)
    assert (found["size"]["bytes"], found["size"]["reason"]) == (None, nothing)
    assert found["cache"]["reason"] == "No block was counted in this period."
    assert found["backups"]["reason"] == "No backup was restored and found equal in this period."


def test_a_report_sums_up_what_was_observed_and_how_much_was_not():
    # Half of the hour's minutes: utilisations 0.00, 0.01 … 0.29, of which clients waited in three.
    for minute in range(30):
        at = NOW - HOUR + 2 * minute * MINUTE
        judged.observe(
            judged.reading(at, pool=judged.pool(minute / 100, waiting=minute < 3)),
            health=100 - minute,
            size={"database_bytes": 1000 + minute},
        )
    found = reporting.report(NOW - HOUR, NOW)
    assert (found["coverage"]["share"], found["coverage"]["expected"]) == (0.5, 60)
    assert found["pool"]["utilization"] == {
        "average": pytest.approx(0.145),
        "p95": pytest.approx(0.2755),  # of 29 steps the 27.55th
        "maximum": 0.29,
    }
    assert found["pool"]["waiting_minutes"] == 3
    assert (found["health"]["minimum"], found["health"]["average"]) == (71, 85.5)
    assert found["health"]["minimum_at"] == NOW - 2 * MINUTE
    assert found["cache"] == {"hit": 0.99, "blocks": 30 * 10_000, "reason": ""}
    assert (found["size"]["bytes"], found["size"]["growth_bytes"]) == (1029, 29)


def test_growth_a_day_is_told_of_an_hour_and_more():
    judged.observe(judged.reading(NOW - 3 * HOUR), size={"database_bytes": 1000})
    judged.observe(judged.reading(NOW - HOUR), size={"database_bytes": 3000})
    assert reporting.report(NOW - 4 * HOUR, NOW)["size"]["growth_bytes_a_day"] == 24_000
    assert reporting.report(NOW - 2 * HOUR, NOW)["size"]["growth_bytes_a_day"] is None


def test_counters_that_are_missing_are_left_out_of_the_cache_hit():
    judged.observe(judged.reading(NOW - 2 * MINUTE), counters=None)
    judged.observe(judged.reading(NOW - MINUTE), counters={"blocks_hit": 30, "blocks_read": 10})
    assert reporting.report(NOW - HOUR, NOW)["cache"]["hit"] == 0.75


def test_a_server_that_counts_no_statements_is_the_reason_in_the_report():
    seen = judged.reading(NOW - MINUTE)
    judged.observe(seen, queries={"slow": None, "response_s": None, "reason": "no extension"})
    assert reporting.report(NOW - HOUR, NOW)["statements"] == {"slowest": None, "reason": "no extension"}


def test_a_report_tells_what_was_decided_done_and_told():
    for applied in (True, True, False):
        PoolEvent.objects.create(
            timestamp=NOW - MINUTE,
            action=Action.SCALE_UP,
            from_size=20,
            to_size=25,
            reason="",
            trigger=Cause.OBSERVATION,
            applied=applied,
        )
    judged.check(NOW - MINUTE, restore_s=2.5)
    judged.check(NOW - 2 * MINUTE, is_verified=False)
    statuses = {"cleanup": "success", "indexes": "skipped", "backups": "failed"}
    tasks = {name: {"status": status} for name, status in statuses.items()}
    Maintenance.objects.create(timestamp=NOW - MINUTE, dry_run=False, tasks=tasks)
    for key in ("database:pool", "database:size"):
        alerts.open(key, severity="warning", title=key, body="", source="database")
    alerts.resolve("database:size")
    Alert.objects.update(opened_at=NOW - MINUTE)
    Alert.objects.exclude(resolved_at=None).update(resolved_at=NOW - MINUTE)
    found = reporting.report(NOW - HOUR, NOW)
    assert found["scaling"] == {"applied": 2, "not_applied": 1, "by_action": {"scale_up": 3}}
    assert (found["backups"]["verified"], found["backups"]["failed"], found["backups"]["restore_s"]) == (
        1,
        1,
        2.5,
    )
    assert found["maintenance"]["failed_tasks"] == ["backups (2026-03-01 11:59)"]
    assert found["maintenance"]["skipped_tasks"] == ["indexes (2026-03-01 11:59)"]
    assert len(found["alerts"]["opened"]) == 2
    assert (found["alerts"]["resolved"], found["alerts"]["open_at_end"]) == (1, 1)


@pytest.mark.parametrize(
    ("hours", "status"),
    [("", 200), ("?hours=1", 200), ("?hours=720", 200)]
    + [(f"?hours={each}", 400) for each in ("0", "721", "-1", "1.5", "day")]
    + [("?days=1", 400), ("?hours=1&hours=2", 400)],
)
def test_a_report_is_asked_for_by_hours(hours, status):
    answer = builders.client("viewer").get(f"{ADDRESS}/report{hours}")
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["period"]["hours"] == float(hours.removeprefix("?hours=") or 24)


# --- The page --------------------------------------------------------------------------------------
PAGE = "admin:dbops_report"


def browser(person):
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_page_shows_the_report_and_escapes_what_it_shows(now):
    now(NOW)
    statement(7, "SELECT '<script>alert(1)</script>'")
    judged.observe(judged.reading(NOW - MINUTE, pool=judged.pool(0.4)), health=87)
    alerts.open("database:pool", severity="warning", title="<b>pool</b>", body="", source="database")
    Alert.objects.update(opened_at=NOW - MINUTE)
    shown = browser(builders.user("administrator")).get(reverse(PAGE), {"hours": "168"}).content.decode()
    assert "1 of 10080 minutes were observed" in shown
    assert "40.0%" in shown
    assert "87" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<b>pool</b>" not in shown
    assert '<a href="?hours=720">30 days</a>' in shown


@pytest.mark.parametrize("hours", ["", "0", "99999999", "<b>"])
def test_a_period_that_is_not_offered_is_a_day(hours):
    answer = browser(builders.user("administrator")).get(reverse(PAGE), {"hours": hours})
    assert (answer.status_code, answer.context["hours"]) == (200, 24)


def test_the_list_of_optimisations_leads_to_the_page():
    Optimization.objects.create(at=NOW, done=[{"task": "statistics", "status": "failed"}], proposed=[])
    shown = browser(builders.user("administrator")).get(reverse("admin:dbops_optimization_changelist"))
    assert reverse(PAGE) in shown.content.decode()
    assert "0 of 1, statistics failed" in shown.content.decode()


def test_the_page_is_not_for_staff_without_the_permission():
    assert browser(builders.user(is_staff=True)).get(reverse(PAGE)).status_code == 403


# --- The schema ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"), [("get", "recommendations"), ("post", "optimize"), ("get", "report")]
)
def test_answers_and_examples_keep_to_the_schema(neighbourhood, method, path):
    url = f"{ADDRESS}/{path}"
    schema = SchemaGenerator().get_schema(request=None, public=True)
    promised = answer_schema(schema, url, method, 200)
    content = schema["paths"][url][method]["responses"]["200"]["content"]["application/json"]
    jsonschema.validate(content["examples"]["Answer"]["value"], promised)
    jsonschema.validate(getattr(builders.client("operator"), method)(url).json(), promised)
    assert schema["paths"][url][method]["tags"] == ["database automation"]


def test_of_two_beats_one_optimises(neighbourhood):
    tasks.optimize()
    tasks.optimize()
    assert Optimization.objects.count() == 1
