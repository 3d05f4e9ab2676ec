"""Starting, stopping and looking at the automation."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from alerts.models import Alert
from dbops import schedule, tasks
from dbops.catalogue import glance
from dbops.catalogue.glance import NoAnswerError
from dbops.models import Observation, PoolEvent
from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading
from dbops.services import control, watching
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patience")]

ADDRESS = "/api/v1/database/automation"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _scheduled():
    PeriodicTask.objects.all().delete()
    schedule.ensure()


@pytest.fixture
def operator():
    return builders.client("operator")


def enabled():
    return {row.enabled for row in schedule.rows()}


def test_there_are_four_schedules_as_promised():
    rhythms = {str(row.crontab or row.interval) for row in schedule.rows()}
    assert rhythms == {"every minute", "every 15 minutes", "every hour", "0 2 * * * (m/h/dM/MY/d) UTC"}


def test_stopping_and_starting_switch_all_schedules_and_say_whether_that_is_new(operator):
    assert operator.post(f"{ADDRESS}/stop").json() == {"running": False, "changed": True}
    assert enabled() == {False}
    assert operator.post(f"{ADDRESS}/stop").json() == {"running": False, "changed": False}
    assert operator.post(f"{ADDRESS}/start").json() == {"running": True, "changed": True}
    assert enabled() == {True}


def test_what_was_stopped_stays_so_after_a_restart(operator):
    operator.post(f"{ADDRESS}/stop")
    call_command("migrate", verbosity=0)
    assert enabled() == {False}


def test_starting_brings_back_a_schedule_that_somebody_deleted(operator):
    PeriodicTask.objects.filter(task=schedule.OBSERVE).delete()
    assert not operator.get(f"{ADDRESS}/status").json()["running"] or len(schedule.rows()) == 3
    operator.post(f"{ADDRESS}/start")
    assert len(schedule.rows()) == 4


@pytest.mark.parametrize("body", ['{"for": "1h"}', "[]", "null", "false", '""'])
def test_a_body_that_would_not_be_heeded_is_refused(operator, body):
    answer = operator.post(f"{ADDRESS}/stop", body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"error": "This takes no body."})
    assert enabled() == {True}


def test_the_status_before_anything_was_done_says_that_nothing_is_known():
    status = builders.client("viewer").get(f"{ADDRESS}/status").json()
    assert status["running"]
    assert {each["last_run"] for each in status["schedules"]} == {None}
    assert all(each["next_run"] for each in status["schedules"])
    assert status["thresholds"] == {
        "scale_up_threshold": 0.8,
        "scale_down_threshold": 0.3,
        "critical_threshold": 0.95,
    }
    assert (status["health"]["score"], status["last_event"]) == (None, None)
    assert status["health"]["reason"].startswith("Nothing has been observed yet")


def test_the_status_tells_the_pool_as_it_is_now():
    pool = builders.client("viewer").get(f"{ADDRESS}/status").json()["pool"]
    assert (pool["backend"], pool["size"], pool["waiting"]) == ("observe-only", 200, 0)
    assert 0 < pool["utilization"] < 0.5
    assert "PGBOUNCER_ADMIN_URL" in pool["reason"]


def test_the_status_is_told_though_the_pool_does_not_answer(settings):
    settings.PGBOUNCER_ADMIN_URL = "postgresql://admin:secret@127.0.0.1:1/pgbouncer"
    answer = builders.client("viewer").get(f"{ADDRESS}/status")
    pool = answer.json()["pool"]
    assert (answer.status_code, pool["size"], pool["utilization"]) == (200, None, None)
    assert pool["reason"]
    assert "secret" not in answer.content.decode()


def test_the_status_names_the_last_run_and_the_last_event(operator):
    tasks.observe()
    operator.post(f"{ADDRESS}/stop")
    status = operator.get(f"{ADDRESS}/status").json()
    last = {each["name"]: each["last_run"] for each in status["schedules"]}
    assert last["Watch the database"]
    assert {each["next_run"] for each in status["schedules"]} == {None}
    assert status["last_event"]["action"] == "scale_down"
    assert (status["last_event"]["to_size"], status["last_event"]["applied"]) == (195, False)
    assert status["health"]["score"] is not None or status["health"]["reason"]


class FullPool(Pool):
    """Twenty connections, all of them busy, and clients that wait."""

    backend = "pgbouncer"
    resized_to = None
    silent = False

    def read(self):
        if self.silent:
            raise PoolError("PgBouncer does not answer.")
        return PoolReading("pgbouncer", self.resized_to or 20, 20.0, 0.0, 3.0, 1.5, 1.0)

    def why_fixed(self):
        return ""

    def resize(self, size):
        self.resized_to = size


# --- The look of each minute -----------------------------------------------------------------
def test_what_one_part_of_the_look_meets_holds_up_no_other(monkeypatch):
    def fail(*_arguments, **_named):
        raise PoolError("the console is away")

    evaluated = []
    monkeypatch.setattr(watching.scaling, "reconcile", fail)
    monkeypatch.setattr(watching.alarming, "look", fail)
    monkeypatch.setattr(watching.scaling, "evaluate", lambda *seen: evaluated.append(seen))
    with pytest.raises(PoolError):
        watching.watch(timezone.now())
    assert len(evaluated) == 1


def test_the_look_belongs_to_the_minute_that_was_taken_though_beat_is_early(monkeypatch, now):
    looked = []
    monkeypatch.setattr(tasks.watching, "watch", looked.append)
    for second in (0.4, 59.3):
        now(NOON + timedelta(seconds=second))
        tasks.observe()
    assert [moment.replace(second=0, microsecond=0) for moment in looked] == [
        NOON,
        NOON + timedelta(minutes=1),
    ]


def test_two_beats_have_a_minute_looked_at_once(monkeypatch):
    looked = []
    monkeypatch.setattr(tasks.watching, "watch", looked.append)
    tasks.observe()
    tasks.observe()
    assert len(looked) == 1


def test_a_schedule_is_due_within_its_period():
    now = timezone.now()
    (watch,) = [each for each in control.status()["schedules"] if each.name == "Watch the database"]
    assert now < watch.next_run <= now + timedelta(minutes=1, seconds=5)


@pytest.fixture
def full(monkeypatch):
    """A pool that is used up."""
    pool = FullPool()
    monkeypatch.setattr("dbops.pool.choice.chosen", lambda: pool)
    return pool


def open_alerts():
    return set(Alert.objects.unresolved().values_list("key", flat=True))


def test_a_pool_that_does_not_answer_is_told_and_the_database_observed_all_the_same(full):
    full.silent = True
    with pytest.raises(PoolError):
        watching.watch(NOON)
    assert Observation.objects.get().pool_size is None
    assert open_alerts() == {"database:pooler"}
    full.silent = False
    watching.watch(NOON + timedelta(minutes=1))
    assert "database:pooler" not in open_alerts()


def test_a_database_too_busy_to_be_looked_at_has_its_pool_enlarged_and_is_told(full, monkeypatch):
    monkeypatch.setattr(glance, "LIMIT_MS", 0)
    with pytest.raises(NoAnswerError):
        watching.watch(NOON)
    assert full.resized_to == 100
    assert open_alerts() == {"database:unobserved"}


@pytest.mark.parametrize(("severity", "prepares"), [("critical", 1), ("warning", 1), (None, 0)])
def test_while_an_alert_holds_the_next_hour_is_prepared_for_at_once(severity, prepares, monkeypatch):
    prepared = []
    monkeypatch.setattr(watching.alarming, "look", lambda *_seen: severity)
    monkeypatch.setattr(watching.anticipating, "anticipate", prepared.append)
    watching.watch(timezone.now())
    assert len(prepared) == prepares


def test_a_pool_that_is_used_up_is_told_and_grows_to_its_maximum_at_once(full):
    watching.watch(timezone.now())
    event = PoolEvent.objects.get()
    assert (event.action, event.trigger, event.applied) == ("emergency_scale_up", "critical", True)
    assert full.resized_to == event.to_size == 100
    assert Alert.objects.unresolved().get(key="database:pool").severity == "critical"


def test_the_daily_maintenance_is_due_at_two_to_the_second():
    (daily,) = [each for each in control.status()["schedules"] if each.name == "Maintain the database"]
    assert (daily.next_run.hour, daily.next_run.minute, daily.next_run.second) == (2, 0, 0)
    assert daily.next_run.microsecond == 0


def test_a_dry_run_is_no_run_of_the_daily_maintenance():
    builders.run(schedule.MAINTENANCE, scope="dry-run")
    (daily,) = [each for each in control.status()["schedules"] if each.name == "Maintain the database"]
    assert daily.last_run is None
