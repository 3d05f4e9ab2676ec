"""What an Auto Scaling group is asked for: pure arithmetic."""

import pytest

from scaling.actuators.actuator import NotCarriedOutError
from scaling.actuators.asg import base_of, in_proportion, target
from scaling.aws import Group
from scaling.capacity import desired_at


def group(desired, *, smallest=1, largest=100):
    return Group("web", smallest, largest, desired)


def test_levels_stand_for_half_as_many_again_rounded_up():
    assert [desired_at(4, level) for level in (1, 2, 3, 4)] == [4, 6, 9, 14]


@pytest.mark.parametrize("base", range(1, 30))
def test_each_level_is_larger_than_the_one_before(base):
    sizes = [desired_at(base, level) for level in range(1, 11)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("desired", "level", "base"), [(4, 1, 4), (6, 2, 4), (9, 3, 4), (5, 3, 2), (1, 5, 1), (0, 1, 1)]
)
def test_the_present_level_stands_for_the_present_capacity(desired, level, base):
    assert base_of(desired, level) == base


@pytest.mark.parametrize(
    ("desired", "level", "up", "wanted"),
    [(4, 2, True, 6), (6, 1, False, 4), (1, 2, True, 2), (2, 1, False, 1)],
)
def test_up_and_down_are_inverse(desired, level, up, wanted):
    base = base_of(min(desired, wanted), 1)
    assert target(group(desired), base, level, up=up) == wanted


def test_up_always_raises_and_down_always_lowers():
    assert target(group(10), 1, 2, up=True) == 11
    assert target(group(1, smallest=0), 4, 1, up=False) == 0


@pytest.mark.parametrize(
    ("present", "level", "up", "wanted"),
    [(group(4, largest=5), 2, True, 5), (group(9, smallest=7), 2, False, 7)],
    ids=["largest", "smallest"],
)
def test_the_groups_limits_hold(present, level, up, wanted):
    assert target(present, 4, level, up=up) == wanted


@pytest.mark.parametrize(
    ("present", "level", "up", "told"),
    [
        (group(5, largest=5), 2, True, "largest size, 5"),
        (group(7, largest=5), 2, True, "largest size, 5"),
        (group(2, smallest=2), 1, False, "smallest size, 2"),
        (group(1, smallest=2), 1, False, "smallest size, 2"),
    ],
    ids=["at the largest", "beyond it", "at the smallest", "below it"],
)
def test_a_group_at_its_limit_is_left_as_it_is(present, level, up, told):
    with pytest.raises(NotCarriedOutError, match=told):
        target(present, 4, level, up=up)


@pytest.mark.parametrize(
    ("desired", "before", "wanted", "up", "asked"),
    [
        (12, 12, 13, True, 13),
        (12, 12, 9, False, 9),
        (4, 1, 1.5, True, 6),
        (20, 12, 13, True, 22),
        (3, 12, 11, False, 2),
        (98, 10, 20, True, 100),
    ],
    ids=["as wished", "fewer", "by level", "others changed it", "one at least", "the largest"],
)
def test_what_was_foreseen_is_asked_for_in_proportion_to_what_there_is(desired, before, wanted, up, asked):
    """20 instead of 12 units: 13/12 of 20 are 21.7."""
    assert in_proportion(group(desired), before, wanted, up=up) == asked
