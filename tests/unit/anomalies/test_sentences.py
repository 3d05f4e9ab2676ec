"""What people are told: services by the names that they know, and in which way a point is unusual."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from analytics.anomalies.costs import Part, PartDay, find
from analytics.anomalies.detector import THRESHOLD, Detector
from analytics.anomalies.deviations import KINDS, NAMES
from analytics.anomalies.quiet import is_quiet
from analytics.service_names import short_name


@pytest.mark.parametrize(
    ("billed", "known"),
    [
        ("Amazon Elastic Compute Cloud - Compute", "EC2"),
        ("EC2 - Other", "EC2 - Other"),
        ("AmazonCloudWatch", "CloudWatch"),
        ("AWS Lambda", "Lambda"),
        ("Tax", "Tax"),
        ("", "all services"),
    ],
)
def test_services_have_the_names_that_people_use(billed, known):
    assert short_name(billed) == known


@pytest.mark.parametrize(
    ("region", "where"),
    [("eu-west-1", " in eu-west-1"), ("global", ""), ("", "")],
    ids=["one", "all", "none"],
)
def test_a_region_is_told_where_there_is_one(region, where):
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(40)]
    part = Part("111", "Amazon Route 53", region)
    rows = [PartDay(part, day, Decimal(40 if day == days[-1] else 10)) for day in days]
    (incident,) = find(rows, {"111": days}, since=days[-1]).incidents
    assert incident.sentence == f"Route 53{where} +$30, 100 % of the jump"


@pytest.mark.parametrize(
    ("moved", "marked", "quiet"), [(150, 100, True), (151, 100, False), (1, None, False)], ids=str
)
def test_what_is_expected_is_quiet_up_to_half_as_much_again(moved, marked, quiet):
    assert is_quiet(moved, marked) is quiet


def test_a_detector_says_in_which_way_a_point_is_unusual():
    assert len(NAMES) == KINDS
    values = np.random.default_rng(5).normal(30, 1, 1500)
    values[-1] = 97
    scores, kinds = Detector(300).judge(300 * np.arange(1500), values)
    assert scores[-1] >= THRESHOLD
    assert NAMES[kinds[-1]] == "by itself"
