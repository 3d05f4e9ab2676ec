"""What the detector says of series made for the purpose."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomalies.detector import HOLD, THRESHOLD, Detector

STEP_S = 300
DAY = 288


def noise(points, seed=1, size=1.0):
    return np.random.default_rng(seed).normal(0, size, points)


def daily(days, seed=1):
    points = days * DAY
    return 50 + 20 * np.sin(2 * np.pi * np.arange(points) / DAY) + noise(points, seed)


def scored(values, step_s=STEP_S):
    return Detector(step_s).update(step_s * np.arange(len(values)), values)


def alarms(values, step_s=STEP_S):
    return np.flatnonzero(scored(values, step_s) >= THRESHOLD).tolist()


@pytest.mark.parametrize("size", [30.0, -30.0], ids=["up", "down"])
def test_a_spike_raises_one_alarm_at_once(size):
    values = 50 + noise(2000)
    values[1500] += size
    found = [at for at in alarms(values) if at >= 1500 - HOLD]
    assert found[0] == 1500
    assert not [at for at in found if 1500 < at < 1500 + DAY]


def test_a_lasting_move_is_reported_once_and_then_usual():
    values = 50 + noise(3000)
    values[1500:] += 15
    assert [at for at in alarms(values) if 1500 - DAY <= at < 1500 + DAY] == [1500]


def test_a_day_whose_rise_does_not_come_is_noticed():
    values = daily(12)
    values[10 * DAY : 11 * DAY] = 50 + noise(DAY)
    found = [at for at in alarms(values) if at >= 10 * DAY]
    assert found
    assert found[0] < 10 * DAY + DAY // 4


def test_a_series_that_falls_silent_but_keeps_its_level_is_noticed_by_its_rhythm():
    values = daily(12)
    values[10 * DAY : 10 * DAY + DAY // 2] = 50.0
    assert any(10 * DAY <= at < 10 * DAY + DAY // 2 for at in alarms(values))


def test_the_usual_day_raises_nothing():
    assert [at for at in alarms(daily(14)) if at >= 3 * DAY] == []


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(50, 5, 20_000),
        lambda rng: rng.exponential(1, 20_000),
        lambda rng: rng.lognormal(0, 1, 20_000),
        lambda rng: np.cumsum(rng.normal(0, 1, 20_000)),
        lambda rng: rng.poisson(0.2, 20_000).astype(float),
    ],
    ids=["normal", "exponential", "lognormal", "random walk", "rare counts"],
)
def test_false_alarms_are_about_as_rare_as_they_say(draw):
    # Eight kinds of deviation, each beyond its limit once in 10,000 points, make 16 in 20,000; a few more are
    # allowed for tails that are estimated.
    assert len(alarms(draw(np.random.default_rng(7)))) <= 20


def test_an_alarm_is_followed_by_none_for_a_while():
    values = 50 + noise(3000)
    values[1500:1600] += 100 * np.arange(100) % 700
    found = [at for at in alarms(values) if at >= 1500]
    assert all(after - before >= HOLD for before, after in pairwise(found))


@pytest.mark.parametrize("level", [0.0, 42.0, -42.0, 1e12])
def test_a_constant_series_is_quiet_until_it_moves(level):
    values = np.full(1000, level)
    assert alarms(values) == []
    values[800:] += max(1.0, abs(level)) * 0.5
    assert alarms(values)[:1] == [800]


def test_jitter_far_below_the_level_of_a_still_series_is_no_anomaly():
    values = np.full(1000, 100.0)
    values[800] += 0.1
    assert alarms(values) == []


def test_little_history_says_nothing():
    values = np.concatenate([noise(50), [1e6], noise(20)])
    assert scored(values).tolist() == [0.0] * 71


def test_unknown_values_score_0_and_teach_nothing():
    values = 50 + noise(2000)
    values[1500] += 30
    holed = np.insert(values, [700, 700, 1200], [np.nan, np.inf, 1e300])
    times = STEP_S * np.arange(len(values))
    scores = Detector(STEP_S).update(np.insert(times, [700, 700, 1200], 0), holed)
    assert scores[[700, 701, 1202]].tolist() == [0.0, 0.0, 0.0]
    assert np.array_equal(np.delete(scores, [700, 701, 1202]), scored(values))


def test_nothing_at_all_is_scored_as_nothing():
    detector = Detector(STEP_S)
    assert detector.update([], []).tolist() == []
    assert detector.update([0.0], [float("nan")]).tolist() == [0.0]


@pytest.mark.parametrize("moved", [7200, 3 * 86_400, -3600], ids=["two hours", "three days", "repeated"])
def test_gaps_and_clocks_set_back_are_no_anomaly(moved):
    values, times = 50 + noise(2000, seed=3), STEP_S * np.arange(2000)
    times[1000:] += moved
    scores = Detector(STEP_S).update(times, values)
    assert scores[950:1050].max() < THRESHOLD


@pytest.mark.parametrize("step_s", [60, 300, 3600, 86_400])
def test_steps_from_a_minute_to_a_day_are_followed(step_s):
    values = 50 + noise(1500)
    values[1400] += 40
    assert 1400 in alarms(values, step_s)


@pytest.mark.parametrize("step_s", [0, -1, float("nan"), float("inf")])
def test_a_step_that_is_none_is_refused(step_s):
    with pytest.raises(ValueError, match="step"):
        Detector(step_s)


def test_times_and_values_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shape"):
        Detector(STEP_S).update([0, 1], [1.0])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=12), st.booleans())
def test_chunks_and_a_saved_state_change_no_score(cuts, save):
    values = daily(3)[:700]
    values[[400, 520]] += 60
    times = STEP_S * np.arange(700)
    detector, scores = Detector(STEP_S), []
    for part in np.split(np.arange(700), sorted(cuts)):
        scores += detector.update(times[part], values[part]).tolist()
        if save:
            detector = Detector.restored(json.loads(json.dumps(detector.state(), allow_nan=False)))
    assert scores == scored(values).tolist()


def test_points_one_by_one_score_as_at_once():
    values = daily(2)[:300]
    values[250] += 60
    detector = Detector(STEP_S)
    single = [detector.update([STEP_S * at], [value])[0] for at, value in enumerate(values.tolist())]
    assert single == scored(values).tolist()


def test_what_is_to_come_changes_no_score():
    values = daily(4)
    other = values.copy()
    other[700:] = 1e6
    assert np.array_equal(scored(values)[:700], scored(other)[:700])


def test_the_unit_does_not_matter():
    values = daily(4)
    values[900] += 60
    assert np.allclose(scored(values), scored(2.0**20 * values), atol=1e-9)


def test_the_state_is_small():
    detector = Detector(STEP_S)
    detector.update(STEP_S * np.arange(3000), 50 + noise(3000))
    assert len(json.dumps(detector.state())) < 12_000
