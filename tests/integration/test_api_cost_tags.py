"""Costs by tag: GET /cost-trend with a tag, and the tags and values there are."""

from datetime import UTC, datetime

import pytest

from collectors.models import BillingManifest
from tests import builders

pytestmark = pytest.mark.django_db

MARCH = {"start": "2026-03-01", "end": "2026-04-01"}
DAY, NEXT = "2026-03-01", "2026-03-02"


@pytest.fixture
def viewer():
    return builders.client("viewer")


@pytest.fixture
def account():
    return builders.account("111111111111")


@pytest.fixture
def tagged(account):
    """Ten dollars on two days: on the first 3 for web, 5 for shop, 2 without; on the next all for web."""
    for day in (DAY, NEXT):
        builders.cost(account, day, "10", source="files")
    account.cost_source = "files"
    account.save()
    builders.cost_by_tag(account, DAY, "3", "web")
    builders.cost_by_tag(account, DAY, "5", "shop", service="AmazonS3")
    builders.cost_by_tag(account, DAY, "2")
    builders.cost_by_tag(account, NEXT, "10", "web", estimated=True)


def trend(viewer, **params):
    return viewer.get("/cost-trend", {**MARCH, "tag_key": "team", **params})


def by_tag(viewer, **params):
    rows = trend(viewer, group_by="tag", **params).json()["data"]
    return [(row["date"], row["tag_state"], row["tag_value"], row["amount"]) for row in rows]


# --- By the values of a tag ------------------------------------------------------------------
def test_each_value_has_a_row_a_day_and_so_has_what_has_none(viewer, tagged):
    answer = trend(viewer, group_by="tag").json()
    assert (answer["unknown_days"], answer["reason"], answer["final_through"]) == ([], None, NEXT)
    assert by_tag(viewer) == [
        (DAY, "untagged", "", 2),
        (DAY, "tagged", "shop", 5),
        (DAY, "tagged", "web", 3),
        (NEXT, "tagged", "web", 10),
    ]
    assert answer["data"][-1] == {
        "date": NEXT,
        "tag_value": "web",
        "tag_state": "tagged",
        "amount": 10,
        "unit": "USD",
        "estimated": True,
    }


def test_what_no_file_tells_is_unknown_and_not_untagged(viewer, tagged):
    builders.cost(builders.account(), DAY, "7")
    answer = trend(viewer, group_by="tag").json()
    assert (DAY, "unknown", None, 7) in by_tag(viewer)
    assert (answer["unknown_days"], answer["reason"]) == (
        [DAY],
        "Days on which no billing file that counts tells of this tag: 1.",
    )


def test_of_a_tag_that_nobody_tells_all_is_unknown(viewer, tagged):
    assert by_tag(viewer, tag_key="Team") == [(DAY, "unknown", None, 10), (NEXT, "unknown", None, 10)]


def test_beyond_the_dearest_values_the_others_are_one(viewer, account, tagged):
    builders.cost_by_tag(account, DAY, "0.5", is_other=True)
    assert by_tag(viewer, values=1) == [
        (DAY, "untagged", "", 2),
        (DAY, "tagged", "web", 3),
        (DAY, "other", None, 5.5),
        (NEXT, "tagged", "web", 10),
    ]


def test_amounts_by_tag_have_every_digit(viewer, account):
    builders.cost(account, DAY, "1")
    builders.cost_by_tag(account, DAY, "12345678901234567890.123456789", "web")
    builders.cost_by_tag(account, DAY, "0.0000000001", "web", service="AmazonS3")
    content = trend(viewer, group_by="tag").content.decode()
    assert '"amount":12345678901234567890.1234567891,' in content


@pytest.mark.parametrize(
    ("scope", "values"),
    [
        ({"service": "AmazonS3"}, {"shop": 5}),
        ({"account": "222222222222"}, {"other team": 1}),
        ({"currency": "EUR"}, {}),
        ({"start": NEXT}, {"web": 10}),
    ],
    ids=["service", "account", "currency", "days"],
)
def test_a_tag_is_told_within_what_is_asked_for(viewer, tagged, scope, values):
    other = builders.account("222222222222")
    builders.cost_by_tag(other, DAY, "1", "other team")
    rows = by_tag(viewer, **scope)
    assert {value: amount for _, state, value, amount in rows if state == "tagged"} == values


# --- One value -------------------------------------------------------------------------------
def amounts(answer):
    return [(row["date"], row["amount"]) for row in answer.json()["data"]]


def test_one_value_is_a_row_a_day(viewer, tagged):
    assert amounts(trend(viewer, tag_value="web")) == [(DAY, 3), (NEXT, 10)]
    assert amounts(trend(viewer, tag_value="")) == [(DAY, 2)]


def test_one_value_is_told_by_service(viewer, account, tagged):
    builders.cost_by_tag(account, DAY, "1", "web", service="AmazonS3")
    rows = trend(viewer, tag_value="web", group_by="service").json()["data"]
    assert [(row["date"], row["service"], row["amount"]) for row in rows] == [
        (DAY, "AmazonEC2", 3),
        (DAY, "AmazonS3", 1),
        (NEXT, "AmazonEC2", 10),
    ]


def test_of_one_value_days_are_unknown_on_which_it_may_be_among_others(viewer, account, tagged):
    builders.cost_by_tag(account, NEXT, "1", is_other=True)
    answer = trend(viewer, tag_value="web").json()
    assert (answer["unknown_days"], answer["reason"]) == (
        [NEXT],
        "Days with values that are not told apart: 1.",
    )
    assert trend(viewer, tag_value="").json()["unknown_days"] == [NEXT], "or what cannot be read"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("tag_key=team", "tag_key: A tag needs tag_value, or group_by=tag."),
        ("tag_value=web", "tag_key: Which tag is missing."),
        ("group_by=tag", "tag_key: Which tag is missing."),
        ("group_by=tag&tag_key=team&tag_value=web", "tag_value: group_by=tag tells all values"),
        ("tag_key=team&tag_value=web&values=3", "values: Values are told apart with group_by=tag alone."),
        ("group_by=tag&tag_key=team&values=0", "values"),
        ("group_by=tag&tag_key=team&values=101", "values"),
        ("group_by=tag&tag_key=", "tag_key"),
        ("group_by=tag&tag_key=" + 129 * "a", "tag_key"),
        ("tag_key=team&tag_value=" + 257 * "a", "tag_value"),
        ("tag_key=a%00&tag_value=b", "NUL"),
        ("group_by=tag:team", "group_by"),
    ],
)
def test_refuses_with_the_reason(viewer, query, reason):
    answer = viewer.get(f"/cost-trend?{query}")
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_asks_the_database_as_often_for_many_values_as_for_few(viewer, account, django_assert_num_queries):
    builders.cost(account, DAY, "100")
    for number in range(60):
        builders.cost_by_tag(account, DAY, "1", f"team {number}")
    # The role, the currency, final through (2), the gaps (1), the dearest, the days, what is unknown.
    with django_assert_num_queries(8):
        assert len(by_tag(viewer)) == 21


# --- Which there are -------------------------------------------------------------------------
def test_the_tags_are_listed_with_the_bills_that_tell_of_them(viewer):
    builders.billing_file()
    BillingManifest.objects.update(tag_keys=["team", "env"])
    assert viewer.get("/api/v1/cost-tags/").json()["results"] == [
        {"tag_key": "env", "start": "2026-03-01", "end": "2026-04-01"},
        {"tag_key": "team", "start": "2026-03-01", "end": "2026-04-01"},
    ]


def test_the_values_of_a_tag_are_listed_page_by_page(viewer, tagged):
    listed = {"tag_key": "team", "start": DAY, "page_size": 1}
    first = viewer.get("/api/v1/cost-tags/values/", listed).json()
    assert (first["count"], first["results"]) == (2, [{"tag_value": "shop", "last_day": DAY}])
    second = viewer.get(first["next"]).json()
    assert second["results"] == [{"tag_value": "web", "last_day": NEXT}]


def test_values_are_those_of_the_last_month_unless_days_are_named(viewer, tagged, now):
    now(datetime(2026, 4, 1, 12, tzinfo=UTC))
    values = viewer.get("/api/v1/cost-tags/values/", {"tag_key": "team"}).json()["results"]
    assert [row["tag_value"] for row in values] == ["web"]
    values = viewer.get("/api/v1/cost-tags/values/", {"tag_key": "team", "end": NEXT}).json()["results"]
    assert [row["tag_value"] for row in values] == ["shop", "web"]


def test_the_list_of_tags_refuses_what_it_does_not_heed(viewer):
    answer = viewer.get("/api/v1/cost-tags/?account=111111111111")
    assert answer.status_code == 400
    assert "account: Unknown parameter" in answer.json()["error"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [("", "tag_key"), ("tag_key=team&start=soon", "start"), ("tag_key=team&value=web", "value")],
)
def test_a_question_for_values_that_cannot_be_read_is_refused(viewer, query, reason):
    answer = viewer.get(f"/api/v1/cost-tags/values/?{query}")
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
