"""What is decided about the pool, and recorded: by evaluations, predictions and operators."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import jsonschema
import pytest
from django.db import connection
from drf_spectacular.generators import SchemaGenerator

from dbops.models import Action, PoolEvent, PoolState
from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading
from dbops.services import scaling
from tests import builders
from tests.builders import MORNING
from tests.integration.test_api_schema import answer_schema

pytestmark = pytest.mark.django_db
BASE = "/api/v1/database/automation"


class FakePool(Pool):
    """A pool whose connections are as busy as it is told; `broken` is what its console answers."""

    backend = "pgbouncer"

    def __init__(self, size=20, busy=0, broken=""):
        self.has, self.busy, self.broken, self.sizes = size, busy, broken, []

    def read(self):
        return PoolReading(
            self.backend, self.has, self.busy, self.has - self.busy, 0, 0, self.busy / self.has
        )

    def why_fixed(self):
        return ""

    def resize(self, size):
        if self.broken:
            raise PoolError(self.broken)
        self.sizes.append(size)
        self.has = size


@pytest.fixture
def pool(monkeypatch):
    fake = FakePool()
    monkeypatch.setattr("dbops.pool.choice.chosen", lambda: fake)
    return fake


def evaluate(pool, minutes=0):
    """Look and decide so many minutes after six; the cooldown is five."""
    return scaling.evaluate(pool.read(), MORNING + timedelta(minutes=minutes))


def test_what_is_decided_is_done_and_recorded(pool):
    pool.busy = 17
    found = evaluate(pool)
    assert (found.decision, found.recommended_pool_size, found.applied) == ("scale_up", 25, True)
    assert pool.sizes == [25]
    event = PoolEvent.objects.get()
    assert (event.action, event.from_size, event.to_size) == ("scale_up", 20, 25)
    assert (event.trigger, event.applied, event.reason) == ("observation", True, found.reason)
    assert PoolState.objects.get().wanted_size == 25


def test_a_pool_that_was_changed_is_left_alone_for_the_cooldown(pool):
    pool.busy = 24
    assert [evaluate(pool, minutes).decision for minutes in (0, 1)] == ["emergency_scale_up", "maintain"]
    pool.busy = 20  # of 100
    assert [evaluate(pool, minutes).decision for minutes in (4, 5)] == ["maintain", "scale_down"]


def test_what_failed_is_tried_again_each_minute_and_told_once_an_hour(pool):
    pool.busy, pool.broken = 17, "Connection refused"
    found = [evaluate(pool, minutes) for minutes in range(62)]
    assert {each.decision for each in found} == {"scale_up"}
    assert not any(each.applied for each in found)
    told = [event.timestamp - MORNING for event in PoolEvent.objects.filter(applied=False)]
    assert told == [timedelta(hours=1), timedelta(0)]
    assert PoolEvent.objects.first().reason.endswith("Not applied: Connection refused")
    assert PoolState.objects.get().wanted_size is None
    pool.broken = ""
    assert evaluate(pool, 62).applied


def test_what_was_decided_in_vain_is_told_at_once_when_it_is_something_else(pool):
    pool.broken = "Connection refused"
    for minutes, busy in enumerate((17, 17, 20, 20)):
        pool.busy = busy
        evaluate(pool, minutes)
    assert [event.action for event in PoolEvent.objects.all()] == ["emergency_scale_up", "scale_up"]


# --- Two workers -----------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("busy", [17, 20], ids=["step", "emergency"])
def test_of_two_workers_with_the_same_reading_one_decides(pool, busy):
    pool.busy = busy
    seen, both = pool.read(), Barrier(2)

    def work(_number):
        both.wait()
        try:
            return scaling.evaluate(seen, MORNING).applied
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        assert sorted(workers.map(work, range(2))) == [False, True]
    assert PoolEvent.objects.count() == len(pool.sizes) == 1


# --- Predictions -----------------------------------------------------------------------------
def test_a_prediction_has_the_pool_grow_and_never_shrink(pool):
    event = scaling.pre_scale(35, "85 % are predicted for 07:00", MORNING)
    assert (event.action, event.from_size, event.to_size) == ("pre_scale_up", 20, 35)
    assert (event.trigger, event.applied) == ("prediction", True)
    assert scaling.pre_scale(30, "a quiet hour is predicted", MORNING) is None
    assert pool.sizes == [35]


def test_a_prediction_ends_at_the_maximum(pool):
    event = scaling.pre_scale(500, "a flood is predicted", MORNING)
    assert (event.to_size, event.reason) == (100, "a flood is predicted; 100 is the maximum.")


@pytest.mark.parametrize(("minutes", "decision"), [(119, "maintain"), (120, "scale_down")])
def test_what_a_predicted_hour_needs_is_kept_until_that_hour_is_over(pool, minutes, decision):
    """At 06:00 the hour from 07:00 is predicted; it ends at 08:00."""
    scaling.pre_scale(35, "a peak is predicted", MORNING)
    assert evaluate(pool, minutes).decision == decision


# --- Without a pooler ------------------------------------------------------------------------
def test_without_a_pooler_decisions_are_recorded_and_not_applied():
    full = PoolReading("observe-only", 60, 58, 0, 0, None, 58 / 60)
    found = scaling.evaluate(full, MORNING)
    assert (found.decision, found.recommended_pool_size, found.applied) == ("emergency_scale_up", 205, False)
    event = PoolEvent.objects.get()
    assert not event.applied
    assert "There is no pooler: PGBOUNCER_ADMIN_URL names none" in event.reason
    assert scaling.reconcile() is False


def test_without_a_pooler_the_servers_sessions_are_its_pool():
    found = scaling.choice.chosen().read()
    assert (found.backend, found.size, found.waiting, found.max_wait_s) == ("observe-only", 200, 0, None)
    assert found.active >= 1
    assert found.utilization == (found.active + found.idle) / 200


# --- The API ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_an_operator_has_it_evaluated(pool, schema):
    pool.busy = 17
    answer = builders.client("operator").post(f"{BASE}/scaling/evaluate")
    jsonschema.validate(answer.json(), answer_schema(schema, f"{BASE}/scaling/evaluate", "post", 200))
    assert answer.json() == {
        "decision": "scale_up",
        "reason": "17 of 20 connections are busy (utilisation 85 %): 80 % or more, 5 more.",
        "current_pool_size": 20,
        "recommended_pool_size": 25,
        "utilization": 0.85,
        "thresholds": {
            "scale_up_threshold": 0.8,
            "scale_down_threshold": 0.3,
            "critical_threshold": 0.95,
        },
        "applied": True,
    }
    assert PoolEvent.objects.get().trigger == "operator"


def test_an_operator_grows_it_to_the_maximum(pool, schema):
    person = builders.user("operator")
    answer = builders.bearer(person).post(f"{BASE}/emergency/scale-up", {})
    jsonschema.validate(answer.json(), answer_schema(schema, f"{BASE}/emergency/scale-up", "post", 200))
    event = PoolEvent.objects.get()
    assert event.requested_by == person
    assert answer.json()["id"] == event.pk
    assert {key: answer.json()[key] for key in ("action", "from_size", "to_size", "trigger", "applied")} == {
        "action": "emergency_scale_up",
        "from_size": 20,
        "to_size": 100,
        "trigger": "operator",
        "applied": True,
    }


def test_the_history_has_the_latest_first_as_many_as_are_wanted(schema):
    for number in range(3):
        PoolEvent.objects.create(
            timestamp=MORNING + timedelta(minutes=number),
            action=Action.SCALE_UP,
            from_size=5 * number + 5,
            to_size=5 * number + 10,
            reason="busy",
            trigger="observation",
            applied=True,
        )
    answer = builders.client("viewer").get(f"{BASE}/scaling/history?limit=2")
    jsonschema.validate(answer.json(), answer_schema(schema, f"{BASE}/scaling/history", "get", 200))
    assert [event["to_size"] for event in answer.json()["events"]] == [20, 15]


@pytest.mark.parametrize("limit", ["0", "1001", "ten"])
def test_a_history_of_an_impossible_length_is_refused(limit):
    answer = builders.client("viewer").get(f"{BASE}/scaling/history?limit={limit}")
    assert answer.status_code == 400
    assert "limit" in answer.json()["error"]


@pytest.mark.parametrize("path", ["scaling/evaluate", "emergency/scale-up"])
def test_controls_take_neither_a_body_nor_parameters(pool, path):
    operator = builders.client("operator")
    assert operator.post(f"{BASE}/{path}", {"size": 7}).status_code == 400
    assert operator.post(f"{BASE}/{path}?size=7").status_code == 400
    assert pool.sizes == []


def test_a_pool_that_does_not_answer_is_told(pool, monkeypatch):
    def refuse():
        raise PoolError("PgBouncer's console does not answer.")

    monkeypatch.setattr(pool, "read", refuse)
    answer = builders.client("operator").post(f"{BASE}/scaling/evaluate")
    assert (answer.status_code, answer.json()) == (503, {"error": "PgBouncer's console does not answer."})
