"""Sparklines, grids of moments, and what is typed into forms."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from rest_framework import serializers

from core.epoch import microseconds
from dashboard import filling
from dashboard.measured import Grid, Points, Span
from dashboard.sparklines import Sparkline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


# --- Sparklines ------------------------------------------------------------------------------
def test_a_line_goes_from_the_bottom_to_the_top():
    assert Sparkline([0, 50, 100]).path == "M1.5 22.5 L48.0 12.0 L94.5 1.5"


def test_a_gap_breaks_the_line_and_a_single_value_is_a_dot():
    assert Sparkline([0, None, 0]).path == "M1.5 22.5 L1.5 22.5 M94.5 22.5 L94.5 22.5"


def test_what_is_beyond_the_ends_stays_within():
    assert Sparkline([150]).path == "M1.5 1.5 L1.5 1.5"


def test_nothing_is_no_line():
    assert Sparkline([None, None]).path == ""


# --- Grids -----------------------------------------------------------------------------------
def test_a_grid_begins_with_a_whole_step_and_reaches_the_end():
    span = Span(NOON + timedelta(minutes=2), NOON + timedelta(minutes=11))
    grid = Grid.over(span, FIVE_MINUTES)
    assert [f"{moment:%H:%M}" for moment in grid.moments] == ["12:00", "12:05", "12:10"]
    assert grid.end == NOON + timedelta(minutes=15)


def points(*samples):
    """Samples by the minutes after noon."""
    times = np.array([microseconds(NOON + timedelta(minutes=minutes)) for minutes, _ in samples], np.int64)
    values = np.array([value for _, value in samples])
    return Points(times, np.ones(len(samples)), values, values)


def test_samples_are_averaged_by_step_and_steps_without_any_are_unknown():
    average, most = points((0, 10.0), (4.9, 30.0), (10, 50.0), (15, 99.0), (-1, 99.0)).on(
        Grid(NOON, FIVE_MINUTES, 3)
    )
    assert average == [20.0, None, 50.0]
    assert most == [30.0, None, 50.0]


def test_what_is_unknown_counts_for_nothing():
    known = points((0, 10.0), (1, np.nan))
    found = Points(known.time_us, np.array([1.0, 0.0]), np.array([10.0, 0.0]), known.most)
    assert found.on(Grid(NOON, FIVE_MINUTES, 1)) == ([10.0], [10.0])


# --- Forms -----------------------------------------------------------------------------------
class Shape(serializers.Serializer):
    name = serializers.CharField(allow_blank=True)
    share = serializers.FloatField()
    count = serializers.IntegerField(allow_null=True)
    is_on = serializers.BooleanField()
    period = serializers.ChoiceField(choices=[10, 60])
    shown = serializers.CharField(read_only=True)


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        ({"name": " a ", "share": "0.5", "count": "3", "is_on": "true"},
         {"name": "a", "share": 0.5, "count": 3, "is_on": True}),
        ({"name": "", "share": "", "count": "", "is_on": ""}, {"name": "", "count": None}),
        ({"share": "much", "is_on": "on", "period": "60"}, {"share": "much", "is_on": "on", "period": 60}),
        ({"shown": "a", "csrfmiddlewaretoken": "b"}, {}),
        ({"share": "nan"}, {"share": "nan"}),
    ],
    ids=["typed", "empty", "not to be read", "not to be written", "no number"],
)  # fmt: skip
def test_what_is_typed_becomes_what_the_api_takes(typed, body):
    assert filling.body(Shape, typed) == body
