"""/costs/carbon/."""

import json
from datetime import UTC, date, datetime

import pytest

from analytics.models import CarbonReport, Computation, InstanceFootprint, Subject, SustainabilityScore
from tests import builders
from tests.integration.dashboard.reading import parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/costs/carbon/"
COVERED = {"resources": 3, "estimated": 2, "share": 0.67, "hours": 1.0, "estimated_hours": 1.0}
TOTALS = {
    "operational_kg": {"low": 23.4, "high": 128.1},
    "embodied_kg": {"low": 1.0, "high": 2.5},
    "coverage": {part: {**COVERED, "share_of_hours": 1.0} for part in ("operational", "embodied")},
    "reasons": [{"reason": "Its type is not known.", "resources": 1}],
}
UNKNOWN = {"operational_kg": None, "embodied_kg": None, "coverage": None, "reasons": []}
MOVE = {"from_region": "us-east-1", "to_region": "eu-north-1", "is_near": False, "instances": 5, "usd": 9.07}


@pytest.fixture
def _report():
    CarbonReport.objects.create(
        start=date(2026, 2, 1),
        end=date(2026, 3, 3),
        coefficients_as_of=date(2026, 1, 1),
        totals=TOTALS,
        accounts=[{"account": "111111111111", **TOTALS}],
        services=[{"service": "EC2", **TOTALS}, {"service": "AmazonS3", **UNKNOWN}],
        hints=[{**MOVE, "operational_kg": {"low": 2.2, "high": 13.4}}],
    )
    Computation.objects.done(Subject.CARBON, datetime(2026, 3, 3, tzinfo=UTC), None)


def footprint(of, low=None, high=None):
    InstanceFootprint.objects.create(
        instance=of,
        instance_type=of.instance_type,
        unknown_hours=0,
        measured_share=1,
        operational_low_kg=low,
        operational_high_kg=high,
    )


@pytest.mark.usefixtures("_report")
def test_emissions_are_ranges_by_account_and_service_and_what_is_unknown_says_so(viewer):
    answer = viewer.get(PAGE)
    assert texts(answer, "value")[:2] == ["23 to 128", "1.00 to 2.50"]
    known = ["23 to 128", "1.00 to 2.50", "2 of 3", "Its type is not known. (1)"]
    assert rows(answer, "By account") == [["111111111111", *known]]
    assert rows(answer, "By service") == [["EC2", *known], ["S3", "unknown", "unknown", "unknown", ""]]


@pytest.mark.usefixtures("_report")
def test_emissions_are_added_up_by_region_the_unknown_told_apart(viewer):
    owner = builders.account()
    footprint(builders.instance(owner, region="eu-west-1"), 1, 4)
    footprint(builders.instance(owner, region="eu-west-1"), 2, 5)
    footprint(builders.instance(owner, region="eu-west-1"))
    footprint(builders.instance(owner, region="us-east-1"))
    assert rows(viewer.get(PAGE), "By region") == [
        ["eu-west-1", "3.00 to 9.00", "unknown", "2 of 3"],
        ["us-east-1", "unknown", "unknown", "0 of 1"],
    ]


@pytest.mark.usefixtures("_report")
def test_the_instances_that_caused_most_come_first(viewer):
    owner = builders.account("111111111111")
    for number, high in ((1, 4), (2, 9), (3, None)):
        footprint(builders.instance(owner, instance_id=f"i-{number}"), high and 1, high)
    found = rows(viewer.get(PAGE), "Instances")
    assert [row[0].split()[0][:3] for row in found] == ["i-2", "i-1", "i-3"]
    assert found[2][3] == "unknown"


@pytest.mark.usefixtures("_report")
def test_cheaper_and_cleaner_regions_are_named(viewer):
    assert rows(viewer.get(PAGE), "Moves") == [["us-east-1", "eu-north-1", "5", "$9.07", "2.2 to 13.4"]]


def test_the_score_is_drawn_beside_its_parts(viewer):
    parts = [
        {"name": "idle", "weight": 0.25, "score": 60.0, "reason": None},
        {"name": "storage", "weight": 0.1, "score": None, "reason": "No volumes are known."},
    ]
    for day, score in ((1, 50.0), (2, None), (3, 58.04)):
        SustainabilityScore.objects.create(
            date=date(2026, 3, day), score=score, known_weight=0.9, parts=parts
        )
    answer = viewer.get(PAGE)
    assert texts(answer, "value")[2] == "58.0"
    assert rows(answer, "Parts of the score") == [
        ["idle", "60.0", "25 %"],
        ["storage", "unknown No volumes are known.", "10 %"],
    ]
    drawn = json.loads(parsed(answer).xpath("//figure[@id='score']//script")[0].text)
    assert drawn["series"][0]["values"] == [50.0, None, 58.04]


def test_before_the_first_report_that_is_said(viewer):
    answer = viewer.get(PAGE)
    why = "This was not computed yet; it is each night."
    assert texts(answer, "value") == [f"unknown {why}"] * 3
    assert "No report was made yet." in texts(answer, "empty")[0]
