"""/costs/."""

import json

import pytest

from tests import builders
from tests.integration.dashboard.reading import parsed, texts

pytestmark = pytest.mark.django_db

PAGE = "/costs/"
MARCH = {"start": "2026-03-01", "end": "2026-03-08"}


@pytest.fixture
def three_days():
    """Two final days and one that AWS may restate."""
    owner = builders.account()
    builders.cost(owner, "2026-03-01", "10")
    builders.cost(owner, "2026-03-02", "20.5")
    builders.cost(owner, "2026-03-03", "5", estimated=True)


def test_the_days_that_were_chosen_are_added_up(viewer, three_days):
    answer = viewer.get(PAGE, MARCH)
    assert texts(answer, xpath="//*[@class='value']") == ["$35.50", "$11.83", "3"]


def test_every_chart_has_its_table(viewer, three_days):
    answer = viewer.get(PAGE, MARCH)
    figure = parsed(answer).xpath("//figure[@data-chart]")[0]
    drawn = json.loads(figure.xpath(".//script[@type='application/json']")[0].text)
    assert [each["values"] for each in drawn["series"]] == [[10.0, 20.5, None], [None, None, 5.0]]
    table = parsed(answer).xpath("//figure//tbody/tr")
    assert [[cell.text_content() for cell in row] for row in table] == [
        ["2026-03-03", "", "$5.00"],
        ["2026-03-02", "$20.50", ""],
        ["2026-03-01", "$10.00", ""],
    ]


def test_what_is_not_stored_is_unknown_and_not_nothing(viewer):
    answer = viewer.get(PAGE, MARCH)
    assert texts(answer, xpath="//*[@class='value']")[0] == "unknown no costs are stored for these days"
    assert "No costs are stored for these days." in texts(answer, "empty")[0]


def test_the_form_shows_the_days_that_hold(viewer):
    fields = parsed(viewer.get(PAGE, {"end": "2026-03-31"})).xpath("//form[@method='get']//input")
    assert [(field.get("type"), field.get("value")) for field in fields] == [
        ("date", "2026-03-01"),
        ("date", "2026-03-31"),
    ]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"start": "yesterday"}, "Enter a valid date."),
        ({"start": "2026-03-02", "end": "2026-03-01"}, "must be before end"),
        ({"start": "2020-01-01", "end": "2026-01-01"}, "ask for 731 at most"),
    ],
)
def test_days_that_cannot_be_shown_are_told(viewer, chosen, told):
    answer = viewer.get(PAGE, chosen)
    assert answer.status_code == 400
    assert told in texts(answer, "filters")[0]
