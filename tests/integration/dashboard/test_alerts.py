"""/alerts/."""

import pytest

from alerts import services as alerts
from alerts.models import Alert
from tests import builders
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/alerts/"


def told(browser, **chosen):
    """The alerts on the page: severity, title and state of each."""
    found = rows(browser.get(PAGE, chosen), "List of alerts")
    return [(row[0], row[1].partition(" ")[0], row[2].split()[0]) for row in found]


@pytest.fixture
def three():
    """A critical and an erroneous alert that hold, and a warning that is over."""
    builders.alert("one", severity="critical", title="Down")
    builders.alert("two", title="Failed")
    builders.alert("three", severity="warning", title="Slow")
    alerts.resolve("three")


def test_the_alerts_that_hold_are_told_first_the_latest(viewer, three):
    assert [each[1] for each in told(viewer)] == ["Failedec2", "Downec2"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"state": "resolved"}, ["Slowec2"]),
        ({"state": ""}, ["Slowec2", "Failedec2", "Downec2"]),
        ({"severity": "critical"}, ["Downec2"]),
        ({"acknowledged": "true"}, []),
        ({"source": "cost"}, []),
    ],
)
def test_alerts_are_narrowed_down_by_the_address(viewer, three, chosen, found):
    assert [each[1] for each in told(viewer, **chosen)] == found


def test_what_cannot_be_read_is_told_beside_the_filters(viewer):
    answer = viewer.get(PAGE, {"severity": "mild"})
    assert answer.status_code == 400
    assert "mild is not one of the available choices" in " ".join(texts(answer, "filters"))


def test_an_empty_list_says_so(viewer):
    assert "No alerts match." in texts(viewer.get(PAGE), "empty")[0]


def test_the_list_is_asked_for_alone(viewer, three, part):
    answer = part(viewer, PAGE, "alerts")
    assert "Failed" in answer.content.decode()
    assert "<h1" not in answer.content.decode()


@pytest.mark.parametrize("number", [1, 20])
def test_the_number_of_queries_does_not_depend_on_the_alerts(viewer, number, django_assert_max_num_queries):
    for _ in range(number):
        builders.alert()
    with django_assert_max_num_queries(8):
        assert viewer.get(PAGE).status_code == 200


def test_an_operator_acknowledges_with_a_note(operator):
    alert = builders.alert()
    (address,) = parsed(operator.get(PAGE)).xpath("//*[@id='alerts']//form/@action")
    answer = operator.post(address, {"note": "I am on it."}, follow=True)
    assert notes(answer) == ["“ec2 (all) failed” is looked after by operator@example.com."]
    alert.refresh_from_db()
    assert (alert.acknowledged_by.email, alert.note) == ("operator@example.com", "I am on it.")
    assert "I am on it." in rows(answer, "List of alerts")[0][6]


def test_whoever_was_first_stays(operator):
    first = builders.user("operator", email="first@example.com")
    alert = builders.alert()
    Alert.objects.update(acknowledged_at=alert.opened_at, acknowledged_by=first)
    answer = operator.post(f"{PAGE}{alert.pk}/acknowledge/", follow=True)
    assert notes(answer) == ["“ec2 (all) failed” is looked after by first@example.com."]


def test_what_is_over_cannot_be_acknowledged(operator):
    alert = builders.alert("one")
    alerts.resolve("one")
    answer = operator.post(f"{PAGE}{alert.pk}/acknowledge/", follow=True)
    assert notes(answer) == ["The alert is resolved; there is nothing left to look after."]


def test_a_note_that_is_too_long_is_told(operator):
    alert = builders.alert()
    answer = operator.post(f"{PAGE}{alert.pk}/acknowledge/", {"note": "x" * 1001}, follow=True)
    assert "no more than 1000 characters" in notes(answer)[0]


def test_viewers_acknowledge_nothing(viewer):
    alert = builders.alert()
    assert parsed(viewer.get(PAGE)).xpath("//main//form[@method='post']") == []
    assert viewer.post(f"{PAGE}{alert.pk}/acknowledge/").status_code == 403
