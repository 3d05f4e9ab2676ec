"""Budgets on /costs/, and the form in which they are given."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alerts.models import Alert
from analytics.models import Budget
from tests import builders
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE, FORM = "/costs/", "/costs/budgets/new/"
GIVEN = {"name": "Production", "amount": "1500", "thresholds": "80, 50 %"}


@pytest.fixture
def _spent(now):
    """It is 3 March; 30 dollars of its two days are known."""
    now(datetime(2026, 3, 3, 12, tzinfo=UTC))
    owner = builders.account("111111111111", name="production")
    for day in ("2026-03-01", "2026-03-02"):
        builders.cost(owner, day, "15")
    return owner


def listed(browser):
    return rows(browser.get(PAGE), "Budgets")


def errors(answer):
    """What is wrong, by the field."""
    found = parsed(answer).xpath("//*[@class='error']")
    return {each.get("id").removeprefix("error_"): each.text_content() for each in found}


# --- Looking ---------------------------------------------------------------------------------
@pytest.mark.usefixtures("_spent")
def test_a_budget_says_how_far_the_month_is_along(viewer):
    builders.cost_forecast()
    builders.budget(name="All", amount=Decimal(50))
    ((name, amount, spent, expected, crossed, looked),) = listed(viewer)
    assert (name, amount) == ("Allall costs", "$50.00")
    assert (spent, expected) == ("60 %$30.00", "651 %$325.50")
    assert crossed == "50 % 100 % expected"
    assert looked == "1 s ago"


@pytest.mark.usefixtures("_spent")
def test_what_is_not_known_of_a_budget_is_not_nothing(viewer):
    builders.budget(name="Elsewhere", account=builders.account("222222222222"), service="AmazonS3")
    ((name, _, spent, expected, crossed, _),) = listed(viewer)
    assert name == "Elsewhere222222222222, S3"
    assert (spent, expected) == ("unknown Days not collected: 2.", "unknown no forecast")
    assert crossed == "none"


def test_without_a_budget_that_is_said(viewer):
    assert "There is no budget yet." in " ".join(texts(viewer.get(PAGE), "empty"))


# --- Acting ----------------------------------------------------------------------------------
@pytest.mark.usefixtures("_spent")
def test_an_operator_makes_a_budget_that_is_looked_at_at_once(operator):
    sent = {**GIVEN, "account": "111111111111", "service": "AmazonEC2", "currency": "USD"}
    answer = operator.post(FORM, sent, follow=True)
    assert notes(answer) == ["The budget “Production” holds."]
    made = Budget.objects.get()
    assert (made.amount, made.thresholds, made.service) == (1500, [50, 80], "AmazonEC2")
    assert (made.account.account_id, made.created_by.email) == ("111111111111", "operator@example.com")
    assert made.status.spent == 30


@pytest.mark.parametrize(
    ("wrong", "field", "why"),
    [
        ({"name": ""}, "name", "This field may not be blank."),
        ({"amount": "0"}, "amount", "A budget is more than nothing."),
        ({"amount": "much"}, "amount", "A valid number is required."),
        ({"currency": "dollars"}, "currency", "A currency is three capital letters, such as USD."),
        ({"account": "999999999999"}, "account", "No account 999999999999 is known."),
        ({"thresholds": "half"}, "thresholds", "A valid integer is required."),
        ({"thresholds": "0"}, "thresholds", "Ensure this value is greater than or equal to 1."),
        ({"tag_value": "web"}, "tag_key", "A tag's value needs its key."),
    ],
)
def test_what_is_wrong_with_a_budget_is_told_beside_its_field_and_the_rest_is_kept(
    operator, wrong, field, why
):
    answer = operator.post(FORM, {**GIVEN, "service": "AmazonS3", **wrong})
    assert answer.status_code == 400
    assert errors(answer) == {field: why}
    assert parsed(answer).xpath("//input[@name='service']/@value") == ["AmazonS3"]
    assert not Budget.objects.exists()


def test_two_budgets_of_a_name_are_refused(operator):
    builders.budget(name="Production")
    assert errors(operator.post(FORM, GIVEN)) == {"name": "budget with this name already exists."}


def test_a_budget_is_shown_as_it_is_and_changed(operator):
    made = builders.budget(name="Old", thresholds=[50, 90])
    address = f"/costs/budgets/{made.pk}/"
    fields = parsed(operator.get(address)).xpath("//main//input[@type!='hidden' or not(@type)]")
    shown = {each.get("name"): each.get("value") for each in fields}
    assert (shown["name"], shown["amount"], shown["thresholds"]) == ("Old", "100", "50, 90")
    answer = operator.post(address, {**shown, "name": "New", "amount": "250.5"}, follow=True)
    assert notes(answer) == ["The budget “New” holds."]
    made.refresh_from_db()
    assert (made.name, made.amount, made.thresholds) == ("New", Decimal("250.5"), [50, 90])


@pytest.mark.usefixtures("_spent")
def test_a_budget_is_taken_away_with_its_alerts(operator):
    made = builders.budget(name="Small", amount=Decimal(10))
    assert Alert.objects.unresolved().exists()
    answer = operator.post(f"/costs/budgets/{made.pk}/delete/", follow=True)
    assert notes(answer) == ["The budget “Small” is gone."]
    assert not Budget.objects.exists()
    assert not Alert.objects.unresolved().exists()


@pytest.mark.parametrize("address", ["/costs/budgets/999/", "/costs/budgets/999/delete/"])
def test_a_budget_that_is_gone_is_told_on_a_page(operator, address):
    assert operator.post(address, GIVEN).status_code == 404
