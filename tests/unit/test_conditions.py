"""When errors and CPU are trouble, when that is over, and how many workers are added: by minutes alone."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines import conditions
from pipelines.conditions import MINUTE, Change, Minute

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


def ended(*pairs):
    """Minutes up to now with that many failures of that many attempts; None: nobody wrote that minute."""
    first = NOW - len(pairs) * MINUTE
    rows = [(first + number * MINUTE, pair) for number, pair in enumerate(pairs)]
    return [Minute(at, attempts=pair[1], failures=pair[0]) for at, pair in rows if pair is not None]


def loads(*percents):
    """Minutes up to now with that CPU; "-": nobody wrote that minute."""
    first = NOW - len(percents) * MINUTE
    rows = [(first + number * MINUTE, percent) for number, percent in enumerate(percents)]
    return [Minute(at, 0, 0, percent) for at, percent in rows if percent != "-"]


# --- Errors ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("minutes", "is_trouble"),
    [
        pytest.param([(1, 10)] * 5, True, id="10 % for five minutes"),
        pytest.param([(1, 10)] * 4, False, id="four minutes are too short"),
        pytest.param([(1, 20)] * 5, False, id="5 % are not more than 5 %"),
        pytest.param([(0, 100), *[(1, 10)] * 4], False, id="the first of five was fine"),
        pytest.param([*[(1, 10)] * 4, (0, 10)], False, id="the last of five was fine"),
        pytest.param([(1, 1), (0, 0), (0, 0), (0, 0), (0, 0)], False, id="a single failure"),
        pytest.param([(1, 3)] * 5, False, id="15 attempts are too few"),
        pytest.param([(1, 4)] * 5, True, id="20 attempts are enough"),
        pytest.param([(5, 10), (0, 0), (5, 10), (0, 0), (5, 10)], True, id="idle minutes say nothing"),
        pytest.param([(5, 10), None, (5, 10), None, (5, 10)], True, id="nor do missing ones"),
        pytest.param([(50, 100), (0, 0), (0, 0), (0, 0), (50, 100)], False, id="two minutes are too few"),
        pytest.param([*[(1, 10)] * 5, *[(0, 0)] * 5], True, id="it may have been quiet for five minutes"),
        pytest.param([*[(1, 10)] * 5, *[(0, 0)] * 6], False, id="what was longer ago is no news"),
        pytest.param([*[(9, 9)] * 3, *[(0, 0)] * 6, *[(9, 9)] * 3], False, id="a gap ends the stretch"),
    ],
)
def test_errors_are_trouble_above_five_percent_for_five_minutes(minutes, is_trouble):
    assert bool(conditions.failing(ended(*minutes), NOW)) == is_trouble


@pytest.mark.parametrize(
    ("minutes", "is_calm"),
    [
        pytest.param([(9, 9), *[(0, 1)] * 5], True, id="five minutes without errors"),
        pytest.param([(9, 9), *[(1, 20)] * 5], True, id="5 % are not more than 5 %"),
        pytest.param([(9, 9), *[(0, 1)] * 4], False, id="four minutes are too short"),
        pytest.param([(9, 9), *[(0, 0)] * 30], False, id="silence is no success"),
        pytest.param([(9, 9), (0, 1), *[(0, 0)] * 30, (0, 1), (0, 1)], True, id="however long it was quiet"),
        pytest.param([*[(0, 1)] * 9, (1, 1), (0, 1)], False, id="a failure begins it anew"),
    ],
)
def test_errors_are_over_after_five_calm_minutes(minutes, is_calm):
    assert bool(conditions.calm(ended(*minutes), NOW)) == is_calm


def test_a_minute_without_attempts_has_no_error_rate():
    assert conditions.error_rate(ended((0, 0), (0, 0))) is None
    assert conditions.error_rate(ended((1, 10), (0, 0), (0, 10))) == 0.05


# --- CPU -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("minutes", "is_busy"),
    [
        pytest.param([81] * 10, True, id="81 % for ten minutes"),
        pytest.param([81] * 9, False, id="nine minutes are too short"),
        pytest.param([80] * 10, False, id="80 % are not more than 80 %"),
        pytest.param([*[99] * 5, 50, *[99] * 5], False, id="a minute in between was fine"),
        pytest.param([*[99] * 4, None, "-", *[99] * 4], True, id="two unknown minutes say nothing"),
        pytest.param([*[99] * 3, None, "-", None, *[99] * 9], False, id="three end the stretch"),
        pytest.param([99, None, None, 99, None, None, 99, None, 99, 99], False, id="five are too few"),
        pytest.param([*[99] * 10, None, None], True, id="unknown for two minutes"),
        pytest.param([*[99] * 10, None, None, None], False, id="unknown for three minutes"),
        pytest.param([], False, id="nothing is known"),
    ],
)
def test_cpu_is_trouble_above_eighty_percent_for_ten_minutes(minutes, is_busy):
    assert bool(conditions.busy(loads(*minutes), NOW)) == is_busy


@pytest.mark.parametrize(
    ("minutes", "is_over"), [([80] * 10, True), ([*[80] * 9, 81], False), ([70] * 9, False)]
)
def test_cpu_is_no_trouble_any_more_after_ten_minutes_at_most_at_eighty(minutes, is_over):
    assert bool(conditions.at_ease(loads(*minutes), NOW)) == is_over


# --- Workers ---------------------------------------------------------------------------------
def ago(minutes):
    return NOW - minutes * MINUTE


@pytest.mark.parametrize(
    ("percent", "extra", "changed_at", "wanted"),
    [
        pytest.param(90, 0, None, 1, id="busy: the first is added"),
        pytest.param(90, 1, ago(10), 2, id="still busy ten minutes later: another"),
        pytest.param(90, 1, ago(9), None, id="not before"),
        pytest.param(90, 5, ago(60), None, id="five at most"),
        pytest.param(70, 3, ago(60), None, id="between 60 and 80 % it stays"),
        pytest.param(60, 3, ago(60), None, id="60 % are not below 60 %"),
        pytest.param(50, 3, ago(10), 2, id="idle: one is taken back"),
        pytest.param(50, 3, ago(9), None, id="not before ten minutes either"),
        pytest.param(50, 0, None, None, id="there is none to take back"),
    ],
)
def test_a_worker_is_added_or_taken_back_every_ten_minutes(percent, extra, changed_at, wanted):
    change = conditions.capacity(loads(*[percent] * 10), extra, changed_at, NOW)
    assert (change and change.extra_workers) == wanted


def test_a_change_says_why():
    minutes = loads(*[90.0] * 11, 85.25)
    assert conditions.capacity(minutes, 0, None, NOW) == Change(
        1, "CPU above 80 % for 12 minutes (now 85.2 %)"
    )


@pytest.mark.parametrize("minutes", [["-"] * 10, [None] * 10, [50] * 5 + [None] * 5])
def test_what_is_not_known_neither_adds_nor_takes_away(minutes):
    assert conditions.capacity(loads(*minutes), 3, NOW - timedelta(hours=1), NOW) is None
