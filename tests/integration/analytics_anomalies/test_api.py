"""What is asked about anomalies, and what is said of them, through HTTP."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Anomaly
from collectors.models import DailyCost
from tests import builders
from tests.integration.analytics_anomalies.conftest import (
    EC2,
    NOW,
    TODAY,
    ago,
    bill,
    measure,
    midnight,
    series_of,
    steady,
)

pytestmark = pytest.mark.django_db
URL = "/api/v1/analytics/anomalies"


@pytest.fixture
def estate(compute):
    """An incident in the costs of each of two accounts, and one in the CPU of an instance."""
    one, two = builders.account("111111111111"), builders.account("222222222222")
    bill(one, d9=312)
    bill(two, service="AWS Lambda", region="us-east-1", d20=30, usual=90)
    load = steady(5 * 288)
    load[-3:] = 97
    measure(series_of(builders.instance(one, instance_id="i-1", name="web")), load)
    compute()


def asked(role="viewer", **query):
    return builders.client(role).get(URL, query)


def sentences(**query):
    return [each["sentence"].partition(",")[0] for each in asked(**query).json()["results"]]


COMPUTE, LAMBDA = "EC2 in eu-west-1 +$212", "Lambda in us-east-1 -$60"
CPU = "CPU of web (i-1) at 97.0 %"


# --- Reading ---------------------------------------------------------------------------------
def test_before_the_first_computation_the_reason_is_told():
    assert asked().json() == {
        "computed_at": None,
        "reason": "This was not computed yet; it is each night.",
        "judged": [],
        "count": 0,
        "next": None,
        "previous": None,
        "results": [],
    }


def test_what_was_found_is_told_with_what_moved(estate):
    answer = asked(kind="cost", account="111111111111").json()
    assert answer["computed_at"] == "2026-03-20T06:00:00Z"
    assert answer["reason"] is None
    assert answer["judged"] == [
        {"account": number, "judged_through": str(ago(3)), "reason": None}
        for number in ("111111111111", "222222222222")
    ]
    (found,) = answer["results"]
    assert found == {
        "id": found["id"],
        "kind": "cost",
        "state": "ended",
        "sentence": "EC2 in eu-west-1 +$212, 100 % of the jump",
        "account": "111111111111",
        "service": EC2,
        "region": "eu-west-1",
        "instance_id": None,
        "metric": None,
        "direction": "more",
        "first_day": str(ago(9)),
        "last_day": str(ago(9)),
        "days": 1,
        "delta_usd": pytest.approx(212),
        "expected_usd": pytest.approx(100),
        "parts": [{"service": EC2, "region": "eu-west-1", "delta_usd": pytest.approx(212), "share": 1.0}],
        "alarms": [],
        "is_expected": False,
        "feedback": None,
        "found_at": "2026-03-20T06:00:00Z",
    }


def test_an_alarm_of_a_metric_is_told_with_its_value(estate):
    (found,) = asked(kind="metric").json()["results"]
    assert (found["instance_id"], found["metric"], found["service"]) == ("i-1", "cpu", None)
    assert found["parts"] == []
    (alarm,) = found["alarms"]
    assert (alarm["metric"], alarm["value"], alarm["at"]) == ("cpu", 97.0, "2026-03-20T05:45:00Z")
    assert alarm["usual"] == pytest.approx(30, abs=1)
    assert 0.5 <= alarm["score"] <= 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [CPU, COMPUTE, LAMBDA]),
        ({"kind": "metric"}, [CPU]),
        ({"account": "222222222222"}, [LAMBDA]),
        ({"service": EC2}, [COMPUTE]),
        ({"region": "us-east-1"}, [LAMBDA]),
        ({"instance": "i-1"}, [CPU]),
        ({"state": "open"}, [CPU]),
        ({"since": str(ago(9))}, [CPU, COMPUTE]),
        ({"since": str(TODAY)}, [CPU]),
        ({"expected": "true"}, []),
    ],
    ids=str,
)
def test_anomalies_can_be_narrowed_down(estate, query, found):
    assert sentences(**query) == found


@pytest.mark.parametrize(
    "query",
    [{"kind": "log"}, {"state": "closed"}, {"since": "yesterday"}, {"expected": "maybe"}, {"colour": "red"}],
    ids=str,
)
def test_what_cannot_be_understood_is_refused(query):
    assert asked(**query).status_code == 400


def test_one_is_read_by_its_number(estate):
    first = asked().json()["results"][0]
    assert builders.client("viewer").get(f"{URL}/{first['id']}").json() == first
    assert builders.client("viewer").get(f"{URL}/999999999999999999999").status_code == 404


def test_a_page_takes_few_queries_however_long_it_is(estate):
    account = builders.account()
    Anomaly.objects.bulk_create(
        Anomaly(
            key=str(number),
            cause="a cause",
            kind="cost",
            account=account,
            direction=1,
            first_at=midnight(TODAY),
            last_at=midnight(TODAY),
            days=1,
            moved=1,
            sentence="+$1",
        )
        for number in range(150)
    )
    client = builders.client("viewer")
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(URL).json()["results"]) == 100
    # The role, the number of rows, the rows, their feedback, when it was computed, and how far was judged.
    assert len(queries) == 6


# --- Feedback --------------------------------------------------------------------------------
def say(role, number, **body):
    return builders.client(role).post(f"{URL}/{number}/feedback", body, format="json")


def test_an_operator_says_that_one_was_expected(estate):
    number = asked(kind="cost").json()["results"][0]["id"]
    answer = say("operator", number, verdict="expected", note="The yearly load test.")
    assert answer.status_code == 200
    assert answer.json()["is_expected"] is True
    said = answer.json()["feedback"]
    assert (said["verdict"], said["note"]) == ("expected", "The yearly load test.")
    assert said["given_at"] == "2026-03-20T06:00:00Z"
    assert said["given_by"].endswith("@example.com")
    assert sentences(expected="true") == [COMPUTE]


def test_the_last_word_is_the_one_that_is_shown(estate):
    number = asked(kind="cost").json()["results"][0]["id"]
    for verdict in ("expected", "real"):
        answer = say("operator", number, verdict=verdict)
    assert (answer.json()["feedback"]["verdict"], answer.json()["is_expected"]) == ("real", False)


def test_a_viewer_says_nothing(estate):
    number = asked().json()["results"][0]["id"]
    assert say("viewer", number, verdict="real").status_code == 403


@pytest.mark.parametrize(
    "body",
    [{}, {"verdict": "maybe"}, {"verdict": "real", "notes": "x"}, {"verdict": "real", "note": "x" * 1001}],
    ids=["nothing", "maybe", "misspelt", "too long"],
)
def test_feedback_that_cannot_be_understood_is_refused(estate, body):
    number = asked().json()["results"][0]["id"]
    assert say("operator", number, **body).status_code == 400


def test_feedback_on_nothing_is_not_found():
    assert say("operator", 1, verdict="real").status_code == 404


def test_feedback_outlives_the_night(estate, compute):
    number = asked(kind="cost").json()["results"][0]["id"]
    say("operator", number, verdict="expected")
    DailyCost.objects.filter(date=ago(9)).update(amount=320)
    compute(NOW)
    again = builders.client("viewer").get(f"{URL}/{number}").json()
    assert (again["sentence"], again["is_expected"]) == ("EC2 in eu-west-1 +$220, 100 % of the jump", True)
