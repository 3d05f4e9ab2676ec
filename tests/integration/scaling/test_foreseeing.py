"""Predictive policies: learned from what is stored, ahead of the rules, never below what they ask for."""

from datetime import UTC, datetime, timedelta
from math import sin, tau

import numpy as np
import pytest

from scaling import storage
from scaling.capacity import percent
from scaling.models import (
    KillSwitch,
    Kind,
    ManagedSample,
    Mode,
    Outcome,
    Prediction,
    ScalingDecision,
    ScalingPolicy,
    Source,
)
from scaling.services import deciding, foreseeing, learning
from tests import builders
from tests.integration.scaling import samples as scaling
from tests.integration.scaling.test_deciding import level

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
MINUTE, SLOT = timedelta(minutes=1), timedelta(seconds=15)
FORECAST = {"kind": Kind.PREDICTIVE}
ACT = {**FORECAST, "prediction": Prediction.ACT, "cooldown_up_s": 0}


@pytest.fixture(autouse=True)
def fresh(now, monkeypatch):
    """A process that begins at noon, and has as long to learn as it needs."""
    monkeypatch.setattr(learning, "LEARNING_S", 600)
    learning.forget()
    now(NOON)
    yield
    learning.forget()


def measured(instance, cpu, *, since, until=NOON, source=Source.MOCK):
    """Have an instance measured each minute of that time: CPU by the moment."""
    minutes = int((until - since) / MINUTE)
    moments = [since + n * MINUTE for n in range(minutes)]
    rows = [(instance, at, float(cpu(at)), 40.0) for at in moments]
    scaling.write(storage.store, *rows, source=source)


def work_day(at):
    """Demand in percent of level 1: 50 by night, and within ten minutes from ten o'clock on 130 till four."""
    hour = at.hour + at.minute / 60
    if not 10 <= hour < 16:
        return 50
    return 50 + 80 * min(1, (hour - 10) * 6)


def decisions(instance, **kept):
    return list(ScalingDecision.objects.filter(instance=instance, **kept).order_by("slot"))


def tick(at, now):
    now(at)
    deciding.decide(at, 0, 1)


def tick_on(until, now, *, since=NOON):
    """Decide each 15 s, until that moment."""
    at = since
    while at < until:
        tick(at, now)
        at += SLOT


def live(instance, now, *, start, end, demand=work_day):
    """Let a mock live: each minute it measures its demand by what it has, and each 15 s is decided about."""
    at = start
    while at < end:
        instance.refresh_from_db()
        busy = min(100, 100 * demand(at) / percent(instance.level))
        scaling.write(storage.store, (instance, at, busy, 40.0), source=Source.MOCK)
        for part in range(1, 5):
            tick(at + part * SLOT, now)
        at += MINUTE


# --- Acting ----------------------------------------------------------------------------------
def test_a_load_that_comes_each_day_finds_capacity_there_before_the_rules_would_add_any(now):
    """Two like mocks, after three days of the same; the load grows from 50 to 130 % at ten."""
    start, end = NOON.replace(hour=9, minute=50), NOON.replace(hour=10, minute=20)
    found = {}
    for name, policy in (("ahead", ACT), ("rules", {"cooldown_up_s": 0})):
        instance = builders.managed(policy=policy)
        measured(instance, lambda at: min(100, work_day(at)), since=start - timedelta(days=3), until=start)
        live(instance, now, start=start, end=end)
        found[name] = decisions(instance, outcome=Outcome.APPLIED)[0]
        ScalingDecision.objects.filter(instance=instance).exclude(pk=found[name].pk).delete()
        instance.is_monitoring = False
        instance.save()
    decision = found["ahead"]
    assert decision.timestamp < NOON.replace(hour=10) < found["rules"].timestamp
    assert (decision.rule, decision.decision, decision.mode) == ("predictive", "scale_up", Mode.MOCK)
    assert decision.cpu_utilization == 50
    assert decision.probability > 0
    assert (decision.units_before, decision.units_wanted) == (1, percent(decision.level_after) / 100)
    assert decision.reason.startswith("Foreseen: ")
    assert decision.inputs["foreseen"]["worth"] > 0


def test_what_is_foreseen_gives_back_what_is_not_needed(now):
    """The rules would give back nothing: 20 % is neither low nor idle. Waiting has to cost a change first."""
    instance = builders.managed(policy=ACT, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3), until=NOON + 20 * MINUTE)
    tick_on(NOON + MINUTE, now)
    assert [each.decision for each in decisions(instance)] == ["no_action"]
    tick_on(NOON + 20 * MINUTE, now, since=NOON + MINUTE)
    decision = decisions(instance, outcome=Outcome.APPLIED)[0]
    assert (decision.decision, decision.outcome, decision.level_before) == (
        "scale_down",
        Outcome.APPLIED,
        4,
    )
    assert level(instance)[0] == decision.level_after < 4


@pytest.mark.parametrize("cpu", [95, 85], ids=["the rules ask", "the last minutes ask"])
def test_a_forecast_never_goes_below_what_the_rules_ask_for(now, cpu):
    """An hour and more of idleness says that nothing comes; the last five minutes say otherwise."""
    instance = builders.managed(policy=ACT | {"worth": 0.1}, level=4)
    measured(instance, lambda at: cpu if at >= NOON - 5 * MINUTE else 1, since=NOON - timedelta(hours=20))
    tick(NOON, now)
    (decision,) = decisions(instance)
    assert (decision.decision, decision.rule) == ("scale_up", "predictive")
    assert decision.inputs["foreseen"]["asked_by_rules"]
    assert level(instance)[0] > 4


def test_an_outlier_that_asks_for_more_keeps_what_there_is(now):
    """45 after 5 % is outside the fences: the rules ask for more, and less is not for a forecast to give."""
    instance = builders.managed(policy=ACT | {"worth": 0.1}, level=4)
    measured(instance, lambda at: 45 if at == NOON - MINUTE else 5, since=NOON - timedelta(hours=20))
    tick(NOON, now)
    (decision,) = decisions(instance)
    assert (decision.decision, decision.rule, level(instance)[0]) == ("no_action", "predictive", 4)


def test_until_anything_is_foreseen_the_rules_are_followed(now):
    """Nothing is before an hour was observed."""
    instance = builders.managed(policy=ACT, level=3)
    measured(instance, lambda _: 3, since=NOON - 59 * MINUTE)
    tick(NOON, now)
    assert [(each.rule, each.probability) for each in decisions(instance)] == [("steady", None)]


def test_stale_data_hold_whatever_was_foreseen(now):
    instance = builders.managed(policy=ACT, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3), until=NOON - 6 * MINUTE)
    tick(NOON, now)
    assert [(each.rule, each.outcome) for each in decisions(instance)] == [("stale", Outcome.NONE)]
    assert level(instance)[0] == 4


def test_the_guard_rules_on_what_is_foreseen_as_on_all_else(now):
    KillSwitch.objects.update_or_create(defaults={"engaged": True})
    instance = builders.managed(policy=ACT, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3), until=NOON + 21 * MINUTE)
    tick_on(NOON + 20 * MINUTE, now)
    _, decision = decisions(instance)
    assert [veto["code"] for veto in decision.vetoes] == ["kill_switch"]
    assert level(instance)[0] == 4
    KillSwitch.objects.update(engaged=False)
    tick(NOON + 20 * MINUTE, now)
    assert level(instance)[0] < 4


def test_that_nothing_is_to_be_changed_is_told_once(now):
    instance = builders.managed(policy=ACT)
    measured(instance, lambda _: 45, since=NOON - timedelta(hours=3))
    for number in range(3):
        tick(NOON + number * SLOT, now)
    (decision,) = decisions(instance)
    assert (decision.decision, decision.rule) == ("no_action", "predictive")
    assert decision.reason.startswith("Foreseen: 0.0% of the next minutes above the limit with 100% capacity")


# --- Forecast only ---------------------------------------------------------------------------
def test_a_forecast_without_effect_is_recorded_and_changes_nothing(now):
    """Beside it the rules do what they do without it: nothing, at 20 % and level 4."""
    instance = builders.managed(policy=FORECAST, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3), until=NOON + 20 * MINUTE)
    tick_on(NOON + 20 * MINUTE, now)
    found = decisions(instance)
    assert sorted((each.rule, each.outcome) for each in found) == [
        ("predictive", Outcome.RECOMMENDED),
        ("steady", Outcome.NONE),
    ]
    told = next(each for each in found if each.rule == "predictive")
    assert (told.mode, told.level_before, told.level_after) == (Mode.RECOMMEND, 4, 4)
    assert told.units_wanted < told.units_before == percent(4) / 100
    instance.refresh_from_db()
    assert (instance.level, instance.last_action_at, instance.last_verdict) == (4, None, "steady:hold")


def test_a_forecast_without_effect_holds_no_rule_up(now):
    """What was forecast is no action: the rule acts in the next slot, within any cooldown."""
    instance = builders.managed(policy=FORECAST, level=4)
    later = NOON + 20 * MINUTE
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3), until=later - 4 * MINUTE)
    tick_on(later - 4 * MINUTE, now)
    assert decisions(instance, rule="predictive")
    measured(instance, lambda _: 95, since=later - 4 * MINUTE, until=later)
    tick(later, now)
    assert decisions(instance)[-1].rule == "sustained_up"
    assert level(instance)[0] == 5


def test_the_same_forecast_is_told_again_after_an_hour(now):
    instance = builders.managed(policy=FORECAST, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3), until=NOON + timedelta(hours=2))
    tick_on(NOON + 90 * MINUTE, now)
    told = decisions(instance, rule="predictive", decision="scale_down")
    assert len(told) == 2
    assert told[1].timestamp - told[0].timestamp == timedelta(hours=1)


# --- Learning --------------------------------------------------------------------------------
def state_of(instance):
    """All that one process knows of an instance."""
    shard = learning._shards[0]
    ((cohort, place),) = [
        (each, place)
        for each in shard._cohorts
        for place, member in shard.mine(each)
        if member.instance == instance.pk
    ]
    forecaster = cohort.forecaster
    return [
        cohort.over[place],
        forecaster.ahead(240)[place],
        forecaster.weights[place],
        np.array([cohort.through, cohort.highest(place), cohort.usual(place), forecaster.minutes[place]]),
    ]


def test_a_process_that_begins_learns_what_the_one_before_it_knew(now):
    """One was there for four hours, and changed the level; the other reads all of it at once."""
    start = NOON - timedelta(hours=4)
    instance = builders.managed(policy=ACT | {"worth": 5})
    swing = lambda at: 60 + 50 * sin(tau * at.timestamp() / 5400)  # noqa: E731 - a load
    measured(instance, lambda at: min(100, swing(at)), since=start - timedelta(hours=26), until=start)
    at = start
    while at < NOON:
        instance.refresh_from_db()
        busy = min(100, 100 * swing(at) / percent(instance.level))
        scaling.write(storage.store, (instance, at, busy, 40.0), source=Source.MOCK)
        at += MINUTE
        tick(at, now)
    assert decisions(instance, outcome=Outcome.APPLIED)
    known = state_of(instance)
    learning.forget()
    foreseeing.look(0, 1, NOON)
    for before, after in zip(known, state_of(instance), strict=True):
        assert after == pytest.approx(before, nan_ok=True)


def test_what_is_long_past_is_learned_in_parts_and_meanwhile_the_rules_are_followed(now, monkeypatch):
    instance = builders.managed(policy=ACT, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(days=2))
    monkeypatch.setattr(learning, "LEARNING_S", -1)
    tick(NOON, now)
    assert [each.rule for each in decisions(instance)] == ["steady"]
    monkeypatch.setattr(learning, "LEARNING_S", 600)
    tick(NOON + SLOT, now)
    assert [each.rule for each in decisions(instance)] == ["steady", "predictive"]


def test_what_is_learned_twice_is_read_once(now):
    instance = builders.managed(policy=ACT)
    measured(instance, lambda _: 45, since=NOON - timedelta(hours=3), until=NOON + 5 * MINUTE)
    tick(NOON, now)
    ManagedSample.objects.filter(instance=instance, timestamp__lt=NOON - timedelta(hours=1)).delete()
    tick(NOON + MINUTE, now)
    assert state_of(instance)[3][3] == 181


def test_those_that_join_later_learn_beside_the_others(now):
    first = builders.managed(policy=ACT)
    measured(first, lambda _: 45, since=NOON - timedelta(hours=3))
    tick(NOON, now)
    known = state_of(first)
    second = builders.managed(policy=ACT)
    measured(second, lambda _: 20, since=NOON - timedelta(hours=2))
    tick(NOON + SLOT, now)
    assert state_of(first)[3].tolist() == known[3].tolist()
    assert state_of(second)[3][3] == 120
    for number in range(6):
        another = builders.managed(policy=ACT)
        measured(another, lambda _: 30, since=NOON - timedelta(hours=2))
        tick(NOON + (number + 2) * SLOT, now)
    assert len(learning._shards[0]._cohorts) <= learning.MOST_COHORTS


def test_what_is_learned_of_real_instances_is_measured_alone(now):
    """Simulated samples never lead to an action at AWS, not as the past of a forecast either."""
    instance = builders.managed(inventory=builders.instance(), policy=ACT | {"mode": Mode.RECOMMEND})
    measured(instance, lambda _: 45, since=NOON - timedelta(hours=3), until=NOON - timedelta(hours=2))
    measured(
        instance,
        lambda _: 95,
        since=NOON - timedelta(hours=2),
        until=NOON - timedelta(hours=1),
        source=Source.SIMULATED,
    )
    foreseeing.look(0, 1, NOON)
    assert state_of(instance)[2] == pytest.approx([0.25] * 4, abs=0.2)
    assert state_of(instance)[3][3] == pytest.approx(60, abs=5)


def test_samples_of_five_minutes_stand_for_each_of_them():
    pace = learning.Pace.of(300, is_mock=False)
    assert (pace.spread, pace.late) == (5, 8)
    assert learning.Pace.of(60, is_mock=False) == learning.Pace(1, 4)
    assert learning.Pace.of(30, is_mock=True) == learning.Pace(1, 0)


def test_a_fleet_without_predictive_policies_asks_one_query_more(now, django_assert_num_queries):
    builders.managed()
    with django_assert_num_queries(1):
        assert foreseeing.look(0, 1, NOON) is None


def test_learning_takes_as_many_queries_for_many_as_for_one(now, django_assert_max_num_queries):
    for _ in range(20):
        measured(builders.managed(policy=ACT), lambda _: 45, since=NOON - timedelta(minutes=90))
    foreseeing.look(0, 1, NOON)
    with django_assert_max_num_queries(3):
        foreseeing.look(0, 1, NOON + MINUTE)


def test_a_policy_that_was_changed_meanwhile_is_asked_at_the_next_tick(now, monkeypatch):
    instance = builders.managed(policy=ACT, level=4)
    measured(instance, lambda _: 20, since=NOON - timedelta(hours=3))
    learned = learning.learned

    def changed_after(*args):
        found = learned(*args)
        ScalingPolicy.objects.update(prediction=Prediction.FORECAST_ONLY, version=2)
        return found

    monkeypatch.setattr(learning, "learned", changed_after)
    tick(NOON, now)
    assert decisions(instance) == []
    assert level(instance)[0] == 4


def test_what_failed_while_it_was_learned_begins_anew(now, monkeypatch):
    instance = builders.managed(policy=ACT)
    measured(instance, lambda _: 45, since=NOON - timedelta(hours=3))
    with monkeypatch.context() as broken:
        broken.setattr(learning.Forecaster, "over", None)
        with pytest.raises(TypeError):
            foreseeing.look(0, 1, NOON)
    foreseeing.look(0, 1, NOON)
    assert state_of(instance)[3][3] == 180


def test_what_cannot_be_foreseen_keeps_nobody_from_following_the_rules(now, monkeypatch):
    def broken(*_args):
        raise RuntimeError("no forecast")

    monkeypatch.setattr(learning, "learned", broken)
    instance = builders.managed(policy=ACT)
    measured(instance, lambda _: 95, since=NOON - timedelta(hours=1))
    with pytest.raises(RuntimeError, match="no forecast"):
        tick(NOON, now)
    assert level(instance)[0] == 2
