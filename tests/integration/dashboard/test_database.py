"""/database/."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from dashboard import heat
from dbops import advice, patterns
from dbops.catalogue.glance import NoAnswerError
from dbops.models import (
    BackupCheck,
    LoadHour,
    Maintenance,
    Observation,
    Optimization,
    PoolEvent,
    Prediction,
)
from dbops.pool import choice
from dbops.services import control, recommending
from pipelines.models import Run
from tests import builders
from tests.integration.dashboard.reading import notes, parsed, rows, texts
from tests.integration.dbops.looking import PlayedPool

pytestmark = pytest.mark.django_db

PAGE = "/database/"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 3, 4, 12, 30, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _played(monkeypatch):
    """A pool of twenty connections, five of them busy."""
    monkeypatch.setattr(choice, "chosen", PlayedPool)


@pytest.fixture
def at_noon(monkeypatch):
    """Half past twelve on a Wednesday."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def observed(at, **fields):
    pool = {"pool_size": 20, "active": 5, "idle": 15, "waiting": 0, "utilization": 0.25}
    empty = {"connections": {}, "queries": {}, "blocking": [], "size": {"database_bytes": 3 << 20}}
    return Observation.objects.create(at=at, backend="pgbouncer", took_ms=1, **{**empty, **pool, **fields})


def learned(hours, until=NOW, utilization=0.2):
    """So many hours before this one, each with the same load."""
    last = until.replace(minute=0, second=0, microsecond=0)
    LoadHour.objects.bulk_create(
        LoadHour(
            hour=last - n * HOUR,
            samples=60,
            average_demand=4,
            peak_demand=8,
            average_utilization=utilization,
            peak_utilization=0.4,
        )
        for n in range(1, hours + 1)
    )


def figures(answer, label):
    """What the figure of that label says, and what is said below it."""
    path = f"//*[contains(@class, 'stat')][*[@class='label'] = '{label}']/*[not(@class='label')]"
    return texts(answer, xpath=path)


def drawn(answer, chart):
    (script,) = parsed(answer).xpath(f"//figure[@id='{chart}']//script[@type='application/json']")
    return json.loads(script.text)


# --- The pool --------------------------------------------------------------------------------
def test_the_pool_is_told_as_it_is_now(viewer):
    answer = viewer.get(PAGE)
    assert figures(answer, "Size")[0] == "20"
    assert figures(answer, "In use") == ["25.0 %", "grows at 80 %, shrinks at 30 %"]
    assert figures(answer, "Clients waiting")[0] == "0"
    assert "it is played" in texts(answer, xpath="//*[@id='pool']")[0]


def test_a_pool_that_does_not_answer_is_unknown_and_says_why(viewer, monkeypatch):
    class Gone(PlayedPool):
        def read(self):
            self.resize(0)

    monkeypatch.setattr(choice, "chosen", Gone)
    answer = viewer.get(PAGE)
    assert figures(answer, "Size")[0] == "unknown the pool does not answer"
    assert "it is played" in texts(answer, xpath="//*[@id='pool']")[0]


def test_minutes_are_thinned_out_to_the_worst_and_gaps_stay_gaps(viewer, at_noon):
    for minute, used in ((1, 0.2), (2, 0.9), (9, None)):
        at = NOW - NOW.minute % 4 * MINUTE - timedelta(minutes=8) + minute * MINUTE
        observed(at.replace(second=0), utilization=used, health=None if used is None else int(used * 100))
    answer = viewer.get(PAGE, {"hours": "24"})
    load = drawn(answer, "load")
    assert len(load["at"]) == 24 * 60 / 4 + 1
    assert load["series"][0]["values"][-4:] == [None, 18.0, None, None]
    assert drawn(answer, "score")["series"][0]["values"][-4:] == [None, 20.0, None, None]


@pytest.mark.parametrize(("hours", "points"), [(6, 361), (24, 361), (72, 361), (168, 337), (720, 361)])
def test_the_table_of_a_chart_lists_all_its_points_however_far_back_it_goes(viewer, hours, points):
    answer = viewer.get(PAGE, {"hours": str(hours)})
    assert len(drawn(answer, "load")["at"]) == points
    assert len(parsed(answer).xpath("//*[@id='load-data']//tbody/tr")) == points


@pytest.mark.parametrize(("hours", "trigger"), [(24, "every 15s"), (72, "every 720s"), (720, "every 7200s")])
def test_the_further_back_a_chart_looks_the_less_often_it_is_drawn_anew(viewer, hours, trigger):
    answer = viewer.get(PAGE, {"hours": str(hours)})
    assert parsed(answer).xpath("//*[@id='load-data']/@hx-trigger") == [trigger]


def test_a_span_that_is_not_offered_is_told_beside_its_field(viewer):
    answer = viewer.get(PAGE, {"hours": "5"})
    assert answer.status_code == 400
    assert "Select a valid choice. 5 is not one of the available choices." in texts(answer, "filters")[0]


def test_decisions_are_listed_with_their_reasons_and_drawn_where_they_were_applied(viewer):
    by = builders.user("operator", email="op@example.com")
    common = {"action": "scale_up", "from_size": 20, "to_size": 25, "timestamp": timezone.now()}
    PoolEvent.objects.create(
        **common, reason="85 % in use.", trigger="operator", applied=True, requested_by=by
    )
    PoolEvent.objects.create(**common, reason="It is fixed.", trigger="observation", applied=False)
    answer = viewer.get(PAGE)
    assert [row[1:] for row in rows(answer, "Decisions about the pool")] == [
        ["Scale up", "20", "25", "not applied", "It is fixed.", "observation"],
        ["Scale up", "20", "25", "applied", "85 % in use.", "op@example.com"],
    ]
    assert [mark["label"] for mark in drawn(answer, "load")["marks"]] == ["scale up 20 to 25"]


# --- Parts -----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["pool", "load-data", "events", "health", "score-data", "maintenance"])
def test_parts_are_asked_for_alone(viewer, part, name):
    observed(timezone.now(), health=90)
    answer = part(viewer, f"{PAGE}?hours=6", name)
    assert answer.status_code == 200
    assert "<h1" not in answer.content.decode()


def test_a_chart_that_is_asked_for_again_keeps_how_far_it_looks_back(viewer, part):
    answer = part(viewer, f"{PAGE}?hours=168", "load-data")
    assert len(json.loads(parsed(answer).xpath("//script")[0].text)["at"]) == 337


# --- Health ----------------------------------------------------------------------------------
def test_the_health_is_told_with_its_parts_and_what_is_unknown(viewer):
    parts = [
        {"name": "cache_hit", "weight": 10, "value": 0.99, "score": 98, "reason": "99 % were in memory."},
        {"name": "backup", "weight": 5, "value": None, "score": None, "reason": "None was ever checked."},
    ]
    observed(timezone.now(), health=93, health_parts=parts)
    answer = viewer.get(PAGE)
    assert texts(answer, "score")[0].startswith("93 of 100")
    assert rows(answer, "Parts of the health") == [
        ["Cache hit", "10", "98", "99 % were in memory."],
        ["Backup", "5", "unknown", "None was ever checked."],
    ]


def test_before_the_first_look_the_health_is_unknown(viewer):
    assert texts(viewer.get(PAGE), "score")[0].startswith("unknown Nothing has been observed yet")


# --- What is usual ---------------------------------------------------------------------------
def test_every_hour_of_the_week_is_a_cell_that_can_be_read(viewer, at_noon):
    learned(30)
    answer = viewer.get(PAGE)
    table = parsed(answer).xpath("//*[contains(@class, 'heat')]//tbody/tr")
    cells = [[cell.text_content() for cell in row.xpath("./td")] for row in table]
    assert [len(day) for day in cells] == [24] * 7
    known = [cell for day in cells for cell in day if cell == "20"]
    assert len(known) == 30
    assert cells[1][5] == "–unknown"  # Tuesday's fifth hour is 31 hours before
    assert cells[1][6] == cells[2][11] == "20"
    assert "not observed yet: 138 of 168 hours" in texts(answer, "legend")[0]


def test_shades_lie_between_the_least_and_the_most_loaded_hour():
    usual = [patterns.Cell(0, hour, 0.1 * hour, 0.9, 2, 9, 3) for hour in range(9)]
    monday = heat.week(usual).days[0].cells
    assert [cell.level for cell in monday[:9]] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    assert monday[4].told == "Monday 04:00: 40.0 % on average, 90.0 % at most, of 3 hours"
    assert (monday[9].level, monday[9].told) == (None, "Monday 09:00: not observed yet")


def test_hours_that_hardly_differ_are_shaded_alike():
    usual = [patterns.Cell(0, hour, 0.2 + hour / 1000, 0.3, 2, 9, 1) for hour in range(5)]
    assert {cell.level for cell in heat.week(usual).days[0].cells[:5]} == {0}


def test_before_a_day_was_seen_nothing_is_usual(viewer, at_noon):
    learned(3)
    answer = viewer.get(PAGE)
    assert "3 of the 24 hours that patterns are learned from were observed." in texts(answer, "empty")[1]
    assert figures(answer, "Baseline")[0] == "unknown"


def test_predictions_are_drawn_beside_what_came(viewer, at_noon):
    for hours, actual in ((-1, 9.5), (0, None)):
        Prediction.objects.create(
            hour=NOW.replace(minute=0, second=0) + hours * HOUR,
            made_at=NOW,
            demand=8,
            low=5,
            high=12,
            utilization=0.4,
            recommended_size=20,
            basis="as usual",
            actual_peak=actual,
        )
    series = {each["label"]: each["values"] for each in drawn(viewer.get(PAGE), "predictions")["series"]}
    assert series == {"at least": [5, 5], "at most": [12, 12], "expected": [8, 8], "seen": [9.5, None]}


# --- Recommendations -------------------------------------------------------------------------
def test_recommendations_are_looked_for_once_the_page_is_there(viewer, part, monkeypatch):
    found = advice.Recommendation("Drop the index t_i", "warning", "0 scans.", "DROP INDEX t_i", "Space.")
    unknown = advice.Unknown("The cache", "No block was counted.")
    monkeypatch.setattr(recommending, "advice", lambda _now: advice.Advice((found,), (unknown,)))
    assert "Drop the index" not in viewer.get(PAGE).content.decode()
    told = " ".join(texts(part(viewer, PAGE, "advice"), xpath="//*"))
    for words in ("Drop the index t_i", "warning", "0 scans.", "DROP INDEX t_i", "No block was counted."):
        assert words in told


def test_a_database_that_cannot_be_looked_at_recommends_nothing_and_says_why(viewer, part, monkeypatch):
    def busy(_now):
        raise NoAnswerError("It takes too long.")

    monkeypatch.setattr(recommending, "advice", busy)
    assert texts(part(viewer, PAGE, "advice"), "unknown") == ["unknown It takes too long."]


# --- Maintenance -----------------------------------------------------------------------------
def test_maintenance_and_backups_are_told_with_their_proof(viewer):
    now = timezone.now()
    done = {"status": "success", "details": []}
    Maintenance.objects.create(
        timestamp=now,
        dry_run=False,
        tasks={
            "cleanup": {**done, "records_cleaned": 1234},
            "statistics": {**done, "tables_updated": 3},
            "indexes": {**done, "status": "skipped", "indexes_optimized": 0},
            "backups": {**done, "status": "failed", "backups_verified": 0, "error": "The disk is full."},
        },
        recommendations=["Find out why backups failed"],
    )
    BackupCheck.objects.create(
        started_at=now - HOUR,
        finished_at=now,
        target="backups/a.dump",
        size_bytes=7 << 20,
        dump_s=1.5,
        restore_s=2,
        tables=60,
        rows=12_345,
        is_verified=True,
    )
    answer = viewer.get(PAGE)
    (run,) = rows(answer, "Maintenance runs")
    assert run[1:] == [
        "Success1,234 rows deleted",
        "Success3 tables analysed",
        "Skipped0 rebuilt",
        "FailedThe disk is full.",
        f"1 point of the maintenance of {now:%Y-%m-%d %H:%M:%S} UTCFind out why backups failed",
    ]
    (backup,) = rows(answer, "Backups")
    assert backup[1:] == [
        "verified",
        "7.0 MiB",
        "1.5 s",
        "2.0 s",
        "60 tables, 12,345 rows",
        "backups/a.dump",
    ]
    assert (
        "60 tables with 12,345 rows were found equal" in figures(answer, "Last backup that was restored")[1]
    )


def test_a_backup_that_was_never_restored_is_no_proof(viewer):
    BackupCheck.objects.create(started_at=timezone.now(), target="backups", error="Cut short.")
    answer = viewer.get(PAGE)
    assert figures(answer, "Last backup that was restored")[0] == "none yet"
    assert rows(answer, "Backups")[0][1] == "runningCut short."


# --- Bounds ----------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [1, 40])
def test_the_number_of_queries_does_not_depend_on_what_is_stored(
    viewer, number, django_assert_max_num_queries
):
    now = timezone.now()
    for n in range(number):
        at = now - n * MINUTE
        observed(at, health=90)
        PoolEvent.objects.create(
            timestamp=at, action="scale_up", from_size=1, to_size=2, applied=True, trigger="observation"
        )
        BackupCheck.objects.create(started_at=at, target="backups")
    learned(30 + number, now)
    with django_assert_max_num_queries(34):
        assert viewer.get(PAGE).status_code == 200


# --- Acting ----------------------------------------------------------------------------------
ACTIONS = (
    "automation/start",
    "automation/stop",
    "pool/evaluate",
    "pool/emergency",
    "predict",
    "optimize",
    "maintain",
    "maintain/dry-run",
)


def test_viewers_are_offered_nothing_to_do_and_may_do_nothing(viewer):
    assert parsed(viewer.get(PAGE)).xpath("//main//form[@method='post']") == []
    for action in ACTIONS:
        assert viewer.post(f"{PAGE}{action}/").status_code == 403
    assert not PoolEvent.objects.exists()
    assert not Run.objects.exists()
    assert not Optimization.objects.exists()


def test_operators_are_offered_what_the_api_offers(operator):
    control.switch(on=True)
    offered = set(parsed(operator.get(PAGE)).xpath("//main//form[@method='post']/@action"))
    assert offered == {f"{PAGE}{action}/" for action in ACTIONS if action != "automation/start"}


def test_the_automation_is_stopped_and_started(operator):
    control.switch(on=True)
    told = [notes(operator.post(f"{PAGE}automation/{word}/", follow=True)) for word in ("stop", "stop")]
    assert told == [["The automation is stopped."], ["The automation was stopped already."]]
    assert control.status()["running"] is False
    answer = operator.post(f"{PAGE}automation/start/", follow=True)
    assert notes(answer) == ["The automation runs now."]
    assert figures(answer, "Automation")[0] == "running"


def test_a_decision_is_told(operator):
    answer = operator.post(f"{PAGE}pool/evaluate/", follow=True)
    assert notes(answer)[0].startswith(("Scale down: ", "Maintain: "))


def test_an_emergency_is_recorded_with_who_asked_for_it(operator):
    answer = operator.post(f"{PAGE}pool/emergency/", follow=True)
    assert "Not applied: it is played" in notes(answer)[0]
    assert rows(answer, "Decisions about the pool")[0][6] == "operator@example.com"


def test_a_prediction_that_cannot_be_made_says_why(operator):
    assert "hours" in notes(operator.post(f"{PAGE}predict/", follow=True))[0]


def test_an_optimisation_tells_what_it_did(operator, monkeypatch):
    answer = operator.post(f"{PAGE}optimize/", follow=True)
    assert "Thresholds: The thresholds stay as they are." in notes(answer)[0]
    assert Optimization.objects.count() == 1


@pytest.mark.parametrize(("address", "scope"), [("maintain", "all"), ("maintain/dry-run", "dry-run")])
def test_a_maintenance_is_started_once(operator, address, scope):
    first, second = (notes(operator.post(f"{PAGE}{address}/", follow=True)) for _ in range(2))
    run = Run.objects.get(pipeline="database-maintenance")
    assert first == second == [f"{run} is queued."]
    assert (run.scope, run.requested_by.email) == (scope, "operator@example.com")
