"""Budgets through HTTP."""

from datetime import timedelta

import jsonschema
import pytest
from auditlog.models import LogEntry
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from alerts.models import Alert
from analytics.models import Budget
from tests import builders
from tests.integration.test_api_schema import answer_schema

pytestmark = pytest.mark.django_db

BUDGETS = "/api/v1/budgets/"


@pytest.fixture
def today(now):
    """The eleventh of March; ten days of the month cost 5 dollars each."""
    now(builders.MORNING + timedelta(days=10))
    account = builders.account("111111111111")
    for day in range(1, 11):
        builders.cost(account, f"2026-03-{day:02}", "5")


def create(client=None, **fields):
    body = {"name": "all", "amount": 100, **fields}
    return (client or builders.client("operator")).post(BUDGETS, body, format="json")


def test_a_new_budget_tells_at_once_how_far_the_month_is_along(today):
    operator = builders.client("operator")
    answer = create(operator, amount=80, account="111111111111")
    assert answer.status_code == 201
    told = answer.json()
    assert (told["account"], told["amount"], told["currency"], told["thresholds"]) == (
        "111111111111",
        80,
        "USD",
        [50, 80, 100],
    )
    assert told["created_by"]
    status = told["status"]
    assert (status["month"], status["spent"], status["used_percent"]) == ("2026-03-01", 50, 62.5)
    assert status["unknown_days"] == []
    assert status["forecast"] is None
    assert status["thresholds"][0] == {
        "measure": "actual",
        "percent": 50,
        "amount": 40,
        "crossed": True,
        "reason": None,
    }
    assert status["thresholds"][3]["reason"] == "There is no forecast."
    assert Alert.objects.unresolved().count() == 1


def test_what_is_spent_is_told_by_the_digit(today):
    builders.cost(builders.account("222222222222", enabled=False), "2026-03-01", "0.0000008072")
    assert b'"spent":50.0000008072' in create().content


def test_a_raised_budget_ends_its_alerts(today):
    operator = builders.client("operator")
    key = create(operator, amount=50).json()["id"]
    assert Alert.objects.unresolved().count() == 3
    answer = operator.patch(f"{BUDGETS}{key}/", {"amount": 90}, format="json")
    assert answer.json()["status"]["thresholds"][1]["crossed"] is False
    assert list(Alert.objects.unresolved().values_list("key", flat=True)) == [
        f"budget:{key}:2026-03:actual:50"
    ]


def test_another_name_ends_nothing(today):
    operator = builders.client("operator")
    key = create(operator, amount=50).json()["id"]
    operator.patch(f"{BUDGETS}{key}/", {"name": "everything"}, format="json")
    assert Alert.objects.unresolved().count() == 3


def test_a_deleted_budget_takes_its_alerts_along(today):
    operator = builders.client("operator")
    key = create(operator, amount=50).json()["id"]
    assert operator.delete(f"{BUDGETS}{key}/").status_code == 204
    assert not Alert.objects.unresolved().exists()
    assert not Budget.objects.exists()


def test_changes_are_in_the_audit_log_with_who_made_them(today):
    person = builders.user("operator")
    create(builders.bearer(person))
    entry = LogEntry.objects.get_for_model(Budget).get()
    assert (entry.actor, entry.changes["amount"][1]) == (person, "100")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"currency": "usd"},
        {"account": "999999999999"},
        {"thresholds": []},
        {"thresholds": [0]},
        {"thresholds": ["half"]},
        {"tag_value": "web"},
        {"name": ""},
        {"treshold": 50},
    ],
    ids=str,
)
def test_what_makes_no_budget_is_refused(today, wrong):
    answer = create(**wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not Budget.objects.exists()


def test_a_name_is_given_once(today):
    create()
    assert create().status_code == 400


def test_thresholds_are_kept_in_order_and_once(today):
    assert create(thresholds=[90, 10, 90]).json()["thresholds"] == [10, 90]


def test_viewers_read_and_do_not_write(today):
    create()
    viewer = builders.client("viewer")
    assert viewer.get(BUDGETS).json()["count"] == 1
    assert create(viewer, name="mine").status_code == 403
    assert builders.client().get(BUDGETS).status_code == 403


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?account=111111111111", ["one"]),
        ("?service=AmazonS3", ["s3"]),
        ("?ordering=-name&page_size=1", ["s3"]),
    ],
)
def test_budgets_can_be_chosen(today, query, names):
    create(name="one", account="111111111111")
    create(name="s3", service="AmazonS3")
    answer = builders.client("viewer").get(BUDGETS + query)
    assert [each["name"] for each in answer.json()["results"]] == names


def test_what_a_list_does_not_know_is_refused(today):
    assert builders.client("viewer").get(f"{BUDGETS}?month=2026-03").status_code == 400


def test_the_answers_keep_to_the_schema(today):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    made = create(tag_key="Team").json()
    listed = builders.client("viewer").get(BUDGETS).json()
    jsonschema.validate(made, answer_schema(schema, BUDGETS, "post", 201))
    jsonschema.validate(listed, answer_schema(schema, BUDGETS, "get", 200))


def test_a_list_is_a_few_queries_however_long(today, django_assert_max_num_queries):
    for number in range(5):
        create(name=f"budget {number}")
    viewer = builders.client("viewer")
    with django_assert_max_num_queries(4):
        assert viewer.get(BUDGETS).json()["count"] == 5


def test_a_budget_that_nobody_looked_at_has_no_status():
    made = Budget.objects.create(name="new", amount=1, created_at=timezone.now())
    assert builders.client("viewer").get(f"{BUDGETS}{made.pk}/").json()["status"] is None
