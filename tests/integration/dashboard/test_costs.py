"""/costs/: days and their parts, what is expected of them, what is out of the ordinary."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.models import Anomaly, Computation, CostForecast, CostJudgement, Subject
from collectors.models import BillingManifest
from tests import builders
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/costs/"
MARCH = {"start": "2026-03-01", "end": "2026-03-08"}
MIDDAY = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def three_days():
    """Two final days and one that AWS may restate."""
    owner = builders.account("111111111111")
    builders.cost(owner, "2026-03-01", "10")
    builders.cost(owner, "2026-03-02", "20.5")
    builders.cost(owner, "2026-03-03", "5", estimated=True)
    return owner


@pytest.fixture
def two_services(three_days):
    """EC2 as above, and S3 in another region and account on the second day, more than it."""
    other = builders.account("222222222222")
    builders.cost(other, "2026-03-02", "100", service="AmazonS3", region="us-east-1")
    return three_days, other


def drawn(answer, chart="trend"):
    """What a chart of the page is drawn from."""
    found = parsed(answer).xpath(f"//figure[@id='{chart}']//script[@type='application/json']")
    return json.loads(found[0].text)


def series(answer, chart="trend"):
    return {each["label"]: each["values"] for each in drawn(answer, chart)["series"]}


def stats(answer):
    """The figures at the top, by their labels."""
    labels, values = (texts(answer, xpath=f"//*[@class='{name}']") for name in ("label", "value"))
    return dict(zip(labels, values, strict=True))


# --- Days ------------------------------------------------------------------------------------
def test_the_days_that_were_chosen_are_added_up(viewer, three_days):
    found = stats(viewer.get(PAGE, MARCH))
    assert (found["In all"], found["A day on average"], found["Days with costs"]) == ("$35.50", "$11.83", "3")


def test_the_parts_of_a_day_count_as_one_day(viewer, two_services):
    found = stats(viewer.get(PAGE, MARCH))
    assert (found["In all"], found["A day on average"], found["Days with costs"]) == (
        "$135.50",
        "$45.17",
        "3",
    )


def test_every_chart_has_its_table_and_says_which_days_are_estimated(viewer, three_days):
    answer = viewer.get(PAGE, MARCH)
    assert series(answer) == {"EC2": [10.0, 20.5, 5.0]}
    (span,) = drawn(answer)["spans"]
    assert span["first"] == span["last"] == datetime(2026, 3, 3, tzinfo=UTC).timestamp()
    table = parsed(answer).xpath("//figure[@id='trend']//tbody/tr")
    assert [[cell.text_content() for cell in row] for row in table] == [
        ["2026-03-03 estimated", "$5.00"],
        ["2026-03-02", "$20.50"],
        ["2026-03-01", "$10.00"],
    ]


def test_a_day_between_others_that_is_not_stored_is_unknown(viewer, three_days):
    builders.cost(three_days, "2026-03-05", "7")
    answer = viewer.get(PAGE, MARCH)
    assert series(answer) == {"EC2": [10.0, 20.5, 5.0, None, 7.0]}
    assert "2026-03-04unknown" in parsed(answer).xpath("string(//figure[@id='trend']//tbody)")


def test_what_is_not_stored_is_unknown_and_not_nothing(viewer):
    answer = viewer.get(PAGE, MARCH)
    assert stats(answer)["In all"] == "unknown no costs are stored for these days"
    assert "No costs are stored for these days." in texts(answer, "empty")[0]


def test_the_form_shows_the_days_that_hold(viewer):
    fields = parsed(viewer.get(PAGE, {"end": "2026-03-31"})).xpath("//form[@method='get']//input")
    assert [(field.get("type"), field.get("value")) for field in fields[:2]] == [
        ("date", "2026-03-01"),
        ("date", "2026-03-31"),
    ]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"start": "yesterday"}, "Enter a valid date."),
        ({"start": "2026-03-02", "end": "2026-03-01"}, "must be before end"),
        ({"start": "2020-01-01", "end": "2026-01-01"}, "ask for 731 at most"),
        ({"account": "999999999999"}, "999999999999 is not one of the available choices"),
        ({"group_by": "colour"}, "colour is not one of the available choices"),
        ({"currency": "dollars"}, "at most 3 characters"),
        ({"currency": "usd"}, "A currency is three capital letters"),
    ],
)
def test_what_cannot_be_shown_is_told(viewer, three_days, chosen, told):
    answer = viewer.get(PAGE, chosen)
    assert answer.status_code == 400
    assert told in texts(answer, "filters")[0]


# --- Parts -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("by", "parts"),
    [
        ("service", {"S3": [None, 100.0, None], "EC2": [10.0, 20.5, 5.0]}),
        ("account", {"222222222222": [None, 100.0, None], "111111111111": [10.0, 20.5, 5.0]}),
        ("region", {"us-east-1": [None, 100.0, None], "eu-west-1": [10.0, 20.5, 5.0]}),
        ("none", {"all costs": [10.0, 120.5, 5.0]}),
    ],
)
def test_costs_are_told_apart_by_what_is_chosen_the_largest_part_first(viewer, two_services, by, parts):
    answer = viewer.get(PAGE, {**MARCH, "group_by": by})
    assert list(series(answer).items()) == list(parts.items())
    assert drawn(answer)["stacked"]


def test_costs_are_told_apart_by_a_tag_as_far_as_billing_files_tell(viewer, two_services):
    owner, _ = two_services
    BillingManifest.objects.filter(pk=builders.billing_file().manifest_id).update(tag_keys=["team"])
    builders.cost_by_tag(owner, "2026-03-01", "4", "web")
    builders.cost_by_tag(owner, "2026-03-01", "6")
    builders.cost_by_tag(owner, "2026-03-02", "20.5", "web")
    answer = viewer.get(PAGE, {**MARCH, "group_by": "tag:team"})
    assert series(answer) == {
        "unknown: no billing file tells": [None, 100.0, 5.0],
        "web": [4.0, 20.5, None],
        "without this tag": [6.0, None, None],
    }
    assert [row[:2] for row in rows(answer, "By tag team")] == [
        ["unknown: no billing file tells", "$105.00"],
        ["web", "$24.50"],
        ["without this tag", "$6.00"],
    ]


def test_a_tag_of_which_no_billing_file_tells_is_not_offered(viewer, two_services):
    answer = viewer.get(PAGE, {**MARCH, "group_by": "tag:team"})
    assert answer.status_code == 400
    assert "tag:team is not one of the available choices" in texts(answer, "filters")[0]


@pytest.mark.parametrize(
    ("chosen", "total"),
    [
        ({"account": "222222222222"}, "$100.00"),
        ({"service": "AmazonEC2"}, "$35.50"),
        ({"region": "us-east-1"}, "$100.00"),
        ({"region": "us-east-1", "service": "AmazonEC2"}, "unknown no costs are stored for these days"),
        ({"currency": "EUR"}, "unknown no costs are stored for these days"),
    ],
)
def test_costs_are_narrowed_down_by_the_address(viewer, two_services, chosen, total):
    assert stats(viewer.get(PAGE, {**MARCH, **chosen}))["In all"] == total


def test_parts_that_are_not_among_the_largest_are_drawn_as_one(viewer):
    owner = builders.account()
    for number in range(1, 8):
        builders.cost(owner, "2026-03-01", str(number), service=f"S{number}")
    answer = viewer.get(PAGE, MARCH)
    assert series(answer) == {"S7": [7], "S6": [6], "S5": [5], "S4": [4], "S3": [3], "others": [3]}
    assert [row[0] for row in rows(answer, "By service")] == ["S7", "S6", "S5", "S4", "S3", "S2", "S1"]


def test_parts_are_listed_with_their_share_and_what_they_did_before(viewer, two_services):
    for day in ("2026-02-22", "2026-02-25", "2026-02-28"):
        builders.cost(two_services[0], day, "10")
    builders.cost(two_services[0], "2026-02-21", "1000")
    found = rows(viewer.get(PAGE, MARCH), "By service")
    assert found == [
        ["S3", "$100.00", "73.8 %", "unknown nothing is stored", "unknown"],
        ["EC2", "$35.50", "26.2 %", "$30.00", "+$5.50"],
    ]


def test_days_are_not_held_against_fewer_that_are_stored(viewer, three_days):
    builders.cost(three_days, "2026-02-25", "30")
    ((*_, before, change),) = rows(viewer.get(PAGE, MARCH), "By service")
    assert (before, change) == ("unknown too few days are stored", "unknown")


def test_a_part_leads_to_itself_alone(viewer, two_services):
    answer = viewer.get(PAGE, {**MARCH, "account": "222222222222"})
    (link,) = parsed(answer).xpath("//*[@aria-label='By service']//a/@href")
    assert link == "/costs/?start=2026-03-01&end=2026-03-08&account=222222222222&service=AmazonS3"


def test_services_and_regions_are_offered_where_they_are_asked_for(viewer, two_services):
    found = parsed(viewer.get(PAGE, {**MARCH, "service": "AmazonS3"}))
    assert found.xpath("//datalist[@id='services']/option/@value") == ["AmazonEC2", "AmazonS3"]
    assert found.xpath("//input[@name='region']/@list") == ["regions"]


def test_a_credit_is_drawn_below_nothing(viewer):
    builders.cost(builders.account(), "2026-03-01", "-5")
    answer = viewer.get(PAGE, MARCH)
    assert (series(answer)["EC2"], drawn(answer)["low"]) == ([-5.0], None)


# --- What is expected ------------------------------------------------------------------------
@pytest.fixture
def _foreseen(now, three_days):
    """It is 3 March, and these two days and the month are forecast, for all costs and for one account."""
    now(MIDDAY)
    builders.cost_forecast(days_ahead=29)
    builders.cost_forecast(three_days, expected=Decimal(200), low=Decimal(150), high=Decimal(260))
    CostForecast.objects.update(start=date(2026, 3, 3))
    Computation.objects.done(Subject.FORECAST, MIDDAY - timedelta(hours=2), None)


@pytest.mark.usefixtures("_foreseen")
def test_the_coming_days_are_drawn_with_their_range(viewer):
    answer = viewer.get(PAGE)
    assert series(answer)["forecast"] == [None, None, 10.5, 10.5]
    assert series(answer)["forecast, low"] == [None, None, 9.5, 9.5]
    assert series(answer)["forecast, high"] == [None, None, 12.0, 12.0]
    assert "holds 80 % of the coming days; on past days it held 79 %" in parsed(answer).text_content()
    assert "Forecast computed 2 h ago" in " ".join(parsed(answer).text_content().split())


@pytest.mark.usefixtures("_foreseen")
def test_a_range_that_is_over_has_no_coming_days(viewer):
    assert list(series(viewer.get(PAGE, {"start": "2026-03-01", "end": "2026-03-03"}))) == ["EC2"]


@pytest.mark.usefixtures("_foreseen")
@pytest.mark.parametrize(
    ("chosen", "told"), [({}, "$325.50"), ({"account": "111111111111"}, "$200.00")], ids=["all", "account"]
)
def test_the_month_is_forecast_for_what_is_chosen(viewer, chosen, told):
    assert stats(viewer.get(PAGE, chosen))["Expected at its end"] == told


@pytest.mark.usefixtures("_foreseen")
def test_a_region_has_no_forecast_and_says_so(viewer):
    answer = viewer.get(PAGE, {"region": "eu-west-1"})
    why = "The costs of a single region are not forecast."
    assert stats(answer)["Expected at its end"] == f"unknown {why}"
    assert "forecast" not in series(answer)


def test_a_forecast_that_is_withheld_says_why(viewer, now, three_days):
    now(MIDDAY)
    made = builders.cost_forecast(expected=None, low=None, high=None, reason="Too little is known.")
    made.expected, made.low, made.high, made.reason = [], [], [], "Too little is known."
    made.save()
    answer = viewer.get(PAGE)
    assert stats(answer)["Expected at its end"] == "unknown Too little is known."
    assert "No forecast: Too little is known." in " ".join(parsed(answer).text_content().split())


@pytest.mark.usefixtures("_foreseen")
def test_the_month_adds_up_to_what_is_expected_beside_its_budgets(viewer):
    builders.budget(name="All", amount=Decimal(300))
    builders.budget(name="S3", amount=Decimal(50), service="AmazonS3")
    found = series(viewer.get(PAGE), "month")
    assert found["spent"][:4] == [10.0, 30.5, 35.5, None]
    assert (found["expected"][2], found["expected"][3], found["expected"][-1]) == (35.5, None, 325.5)
    assert (found["month's end, low"][-1], found["month's end, high"][-1]) == (294.5, 372.0)
    assert found["budget All"] == [300.0] * 31
    assert "budget S3" not in found


# --- Out of the ordinary ---------------------------------------------------------------------
def test_incidents_are_marked_where_they_began_and_listed(viewer, three_days):
    builders.anomaly(three_days)
    answer = viewer.get(PAGE, MARCH)
    (mark,) = drawn(answer)["marks"]
    assert mark["label"] == "+$212.00 EC2"
    assert (mark["at"], mark["tone"]) == (datetime(2026, 3, 1, tzinfo=UTC).timestamp(), "bad")
    ((what, days, moved, state, word),) = rows(answer, "Anomalies")
    assert what.startswith("EC2 in eu-west-1 +$212, 84 % of the jump")
    assert "AmazonEC2 in eu-west-1: +$212.00, 84 % of all that moved" in what
    assert (days, moved) == ("2026-03-01", "+$212.00$100.00 was usual")
    assert (state, word) == ("Ended", "none yet")


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({}, 1),
        ({"account": "111111111111"}, 1),
        ({"account": "222222222222"}, 0),
        ({"service": "AmazonS3"}, 0),
        ({"region": "us-east-1"}, 0),
        ({"start": "2026-03-02", "end": "2026-03-08"}, 0),
    ],
)
def test_incidents_are_those_of_what_is_chosen(viewer, two_services, chosen, found):
    builders.anomaly(two_services[0])
    assert len(rows(viewer.get(PAGE, {**MARCH, **chosen}), "Anomalies")) == found


def test_an_incident_that_was_withdrawn_is_none(viewer, three_days):
    builders.anomaly(three_days, state="withdrawn")
    answer = viewer.get(PAGE, MARCH)
    assert (drawn(answer)["marks"], rows(answer, "Anomalies")) == ([], [])


def test_costs_that_could_not_be_judged_are_named(viewer, three_days):
    CostJudgement.objects.create(account=three_days, reason="Too few days are known.")
    assert "Not in 111111111111: Too few days are known." in texts(viewer.get(PAGE), "computed")[0]


@pytest.mark.parametrize(("verdict", "is_expected"), [("expected", True), ("real", False)])
def test_operators_say_what_an_incident_is(operator, three_days, verdict, is_expected):
    found = builders.anomaly(three_days)
    sent = {"verdict": verdict, "note": "The yearly test.", "next": "/costs/?start=2026-03-01&end=2026-03-08"}
    answer = operator.post(f"{PAGE}anomalies/{found.pk}/feedback/", sent, follow=True)
    assert notes(answer)[0] == f"“EC2 in eu-west-1 +$212, 84 % of the jump” is {verdict}."
    assert Anomaly.objects.get().is_expected is is_expected
    assert "operator@example.com" in rows(answer, "Anomalies")[0][4]
    assert "The yearly test." in rows(answer, "Anomalies")[0][4]


def test_a_word_that_means_nothing_is_refused(operator, three_days):
    found = builders.anomaly(three_days)
    answer = operator.post(f"{PAGE}anomalies/{found.pk}/feedback/", {"verdict": "odd"}, follow=True)
    assert "is not a valid choice" in notes(answer)[0]
    assert not found.feedback.exists()


def test_an_incident_that_is_gone_is_told_on_a_page(operator):
    assert operator.post(f"{PAGE}anomalies/999999/feedback/", {"verdict": "real"}).status_code == 404


# --- Its price -------------------------------------------------------------------------------
def test_more_costs_and_incidents_ask_no_more_of_the_database(
    viewer, three_days, django_assert_max_num_queries
):
    for number in range(10):
        other = builders.account()
        builders.cost(other, "2026-03-01", "10", service=f"S{number}")
        builders.anomaly(other)
        builders.budget(name=f"B{number}", account=other)
    with django_assert_max_num_queries(26):
        assert viewer.get(PAGE, MARCH).status_code == 200
