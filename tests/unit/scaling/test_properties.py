"""What holds of rules and guard whatever the load: hypothesis looks for a series that says otherwise."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks import decide_reference as reference
from scaling import capacity, guard
from scaling.rules import Rule
from tests.unit.scaling.series import NEWEST_US, judged, policy, series
from tests.unit.scaling.test_guard import NOON, state

PERCENT = st.one_of(
    st.floats(0, 100), st.sampled_from([0.0, 9.99, 10.0, 19.99, 20.0, 50.0, 90.0, 90.01, 100.0])
)
BYTES = st.floats(0, 1e9)
FLAGS = st.one_of(st.just(0), st.integers(0, 255))
ROWS = st.tuples(FLAGS, st.none() | PERCENT, st.none() | PERCENT, st.none() | BYTES, st.none() | BYTES)
CPU_ROWS = st.tuples(FLAGS, PERCENT, st.none() | PERCENT, st.none() | BYTES, st.none() | BYTES)
KNOWN_ROWS = st.tuples(st.just(0), PERCENT, PERCENT, BYTES, BYTES)
POLICIES = st.builds(
    policy,
    cpu_low=st.sampled_from([0, 10, 50]),
    cpu_high=st.sampled_from([50, 90, 100]),
    share=st.sampled_from([0.5, 0.55, 0.7, 0.8, 1.0]),
    window_s=st.sampled_from([120, 300, 900]),
    min_samples=st.integers(4, 12),
)
SOURCES = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=5)
WISHES = st.sampled_from([1, 0, -1])


def of(rows, **options):
    """The series whose samples are `rows`: flags and four metrics each."""
    outlier, *metrics = map(list, zip(*rows, strict=True)) if rows else [[] for _ in range(5)]
    return series(*metrics, outlier=outlier, **options)


def as_reference(each):
    """The same series as the reference has it."""
    values = [[None if np.isnan(value) else value for value in metric] for metric in each.values.tolist()]
    columns = (each.time.tolist(), each.source.tolist(), each.outlier.tolist(), *values)
    return [reference.Sample(*row) for row in zip(*columns, strict=True)]


# --- One answer, thought of twice ------------------------------------------------------------
@given(
    several=st.lists(st.tuples(st.lists(ROWS, max_size=40), SOURCES), min_size=1, max_size=5),
    rules=POLICIES,
    every_s=st.sampled_from([15, 30, 60, 300]),
    period_s=st.sampled_from([30, 60, 300]),
    age_s=st.sampled_from([0, 15, 240, 241, 900]),
)
def test_all_at_once_says_what_one_by_one_says(several, rules, every_s, period_s, age_s):
    several = [of(rows, every_s=every_s, source=np.resize(cycle, len(rows))) for rows, cycle in several]
    found = judged(*several, every_s=period_s, age_s=age_s, **vars(rules))
    for i, each in enumerate(several):
        window = reference.window(as_reference(each), rules, period_s)
        expected = reference.decide(window, rules, NEWEST_US + age_s * 1_000_000, period_s)
        votes = int(found.votes_up[i]), int(found.votes_down[i])
        assert (found.rule_name(i), int(found.direction[i]), *votes) == expected
        assert found.reason(i)


# --- Missing data never acts -----------------------------------------------------------------
@given(rows=st.lists(ROWS, max_size=3))
def test_fewer_samples_than_needed_never_act(rows):
    assert judged(of(rows)).direction[0] == 0


@given(rows=st.lists(KNOWN_ROWS, max_size=20), age_s=st.integers(241, 10**6))
def test_old_samples_never_act(rows, age_s):
    assert judged(of(rows), age_s=age_s).direction[0] == 0


@given(rows=st.lists(st.tuples(FLAGS, st.none(), st.none(), BYTES, BYTES), max_size=20))
def test_the_network_alone_never_acts(rows):
    assert judged(of(rows)).direction[0] == 0


@given(rows=st.lists(KNOWN_ROWS, min_size=10, max_size=10), data=st.data())
def test_losing_values_never_makes_a_sustained_rule_speak(rows, data):
    """Unless all of memory is forgotten: by design it takes no part then."""
    assume(judged(of(rows)).rule[0] not in (Rule.SUSTAINED_DOWN, Rule.SUSTAINED_UP))
    no_cpu, no_memory = (data.draw(st.sets(st.integers(0, 9), max_size=most)) for most in (10, 9))
    rest = [
        (flags, None if i in no_cpu else cpu, None if i in no_memory else memory, *network)
        for i, (flags, cpu, memory, *network) in enumerate(rows)
    ]
    assert judged(of(rest)).rule[0] not in (Rule.SUSTAINED_DOWN, Rule.SUSTAINED_UP)


# --- What makes no difference ----------------------------------------------------------------
@given(rows=st.lists(CPU_ROWS, min_size=1, max_size=10), data=st.data())
def test_the_order_of_the_samples_before_the_newest_does_not_matter(rows, data):
    """All of them know something: what is needed of the time between samples is of those that do."""
    other = [*data.draw(st.permutations(rows[:-1])), rows[-1]]
    found = judged(of(rows), of(other))
    assert (found.rule[0], found.direction[0]) == (found.rule[1], found.direction[1])
    assert found.reason(0) == found.reason(1)


@given(several=st.lists(st.lists(ROWS, max_size=20), min_size=2, max_size=6))
def test_what_others_do_does_not_matter(several):
    together = judged(*map(of, several))
    alone = [judged(of(rows)) for rows in several]
    assert [together.reason(i) for i in range(len(several))] == [each.reason(0) for each in alone]


# --- Flat and noisy series -------------------------------------------------------------------
@given(
    level=st.tuples(st.floats(10, 90), st.floats(20, 90), BYTES, BYTES), count=st.integers(0, 20), flags=FLAGS
)
def test_a_flat_series_never_acts(level, count, flags):
    assert judged(of([(flags, *level)] * count)).direction[0] == 0


@given(
    rows=st.lists(st.tuples(FLAGS, *[st.floats(40, 50)] * 2, *[st.floats(0.85e6, 1.15e6)] * 2), max_size=20)
)
def test_a_mocks_noise_never_acts(rows):
    """CPU and memory anywhere in 40 to 50 %, the network within 15 % of a middle."""
    found = judged(of(rows))
    assert (found.direction[0], found.votes_up[0], found.votes_down[0]) == (0, 0, 0)


# --- The guard -------------------------------------------------------------------------------
@given(
    wishes=st.lists(st.tuples(WISHES, st.integers(0, 600)), max_size=60),
    limits=st.tuples(st.integers(1, 10), st.integers(1, 10)).map(sorted),
    cooldown_s=st.integers(0, 600),
)
def test_the_level_stays_in_its_limits_and_actions_a_cooldown_apart(wishes, limits, cooldown_s):
    lowest, highest = limits
    rules = policy(min_level=lowest, max_level=highest, cooldown_up_s=cooldown_s, cooldown_down_s=cooldown_s)
    level, now, actions = lowest, NOON, []
    for wish, later_s in wishes:
        now += timedelta(seconds=later_s)
        how = state(level=level, last_action_at=actions[-1] if actions else None)
        ruling = guard.check(wish, how, rules, now)
        assert abs(ruling.level_after - level) == (ruling.outcome == "applied")
        actions += [now] * (ruling.outcome == "applied")
        level = ruling.level_after
        assert lowest <= level <= highest
    assert all(after - before >= timedelta(seconds=cooldown_s) for before, after in pairwise(actions))


@given(level=st.integers(1, 9))
def test_up_then_down_is_the_identity(level):
    """Of the level, and of the capacity that is derived from it: not 0.67, which is 1 / 1.5 rounded."""
    up = guard.check(1, state(level=level), policy(), NOON).level_after
    down = guard.check(-1, state(level=up), policy(), NOON).level_after
    assert (down, capacity.percent(down)) == (level, capacity.percent(level))
    assert capacity.percent(up) == 1.5 * capacity.percent(level)


@given(
    wish=WISHES,
    flags=st.fixed_dictionaries(
        dict.fromkeys(
            [
                "pending",
                "kill_switch",
                "simulated",
                "is_mock",
                "may_act",
                "has_actor_role",
                "in_maintenance_window",
            ],
            st.booleans(),
        )
    ),
    rest=st.fixed_dictionaries(
        {
            "level": st.integers(1, 10),
            "mode": st.sampled_from(["mock", "recommend", "asg", "ec2-resize"]),
            "actions_left": st.integers(-1, 2),
            "last_action_at": st.none()
            | st.timedeltas(timedelta(0), timedelta(days=1)).map(lambda ago: NOON - ago),
        }
    ),
)
def test_what_is_vetoed_or_not_wished_leaves_everything_as_it_is(wish, flags, rest):
    how = state(**flags, **rest)
    ruling = guard.check(wish, how, policy(), NOON)
    if ruling.vetoes or not wish:
        assert (ruling.level_after, ruling.outcome) == (how.level, "none")
    else:
        assert ruling.outcome in ("applied", "recommended", "pending")
    if how.mode in ("asg", "ec2-resize") and (how.simulated or how.is_mock):
        assert ruling.outcome == "none"
