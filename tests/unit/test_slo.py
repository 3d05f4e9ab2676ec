"""What is made of the ends of the daily runs: rates and times."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines import slo
from pipelines.slo import Ended

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


def ended(outcomes, minutes=10):
    """Runs that ended so many minutes apart, + having succeeded and - not."""
    return [
        Ended(MONDAY + timedelta(minutes=minutes * number), outcome == "+")
        for number, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(("outcomes", "rate"), [("+++-", 0.75), ("+", 1.0), ("-", 0.0), ("", None)])
def test_the_success_rate_is_a_share_of_what_ended(outcomes, rate):
    assert slo.success_rate(ended(outcomes)) == rate


@pytest.mark.parametrize(
    ("outcomes", "minutes"),
    [
        ("+-+", 10),
        ("---+", 30),
        ("-+--+", 15),  # 10 and 20
        ("-+-", 10),  # the last one has not recovered yet
        ("-", None),
        ("++", None),
    ],
)
def test_recovery_takes_from_the_first_failure_to_the_next_success(outcomes, minutes):
    expected = None if minutes is None else minutes * 60.0
    assert slo.mean_time_to_recovery_s(ended(outcomes)) == expected


def test_whether_a_promise_is_kept():
    assert slo.kept(0.999, at_least=0.999) is True
    assert slo.kept(301.0, at_most=300.0) is False
    assert slo.kept(None, at_least=0.999) is None
