"""/costs/savings/."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from analytics.models import Computation, Saving, Subject, WithheldSaving
from analytics.savings import tallies
from tests import builders
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/costs/savings/"


@pytest.fixture
def two():
    """An idle instance and an oversized one, of 73 and 20 dollars, computed an hour ago."""
    owner = builders.account("111111111111")
    idle = builders.saving(builders.instance(owner, instance_id="i-1"), name="notebook")
    large = builders.instance(owner, instance_id="i-2", region="us-east-1", instance_type="m5.xlarge")
    oversized = builders.saving(
        large, kind="oversized", to_type="m5.large", monthly_usd=Decimal(20), confidence=0.9
    )
    with transaction.atomic():
        tallies.renew()
    Computation.objects.done(Subject.SAVINGS, timezone.now() - timedelta(hours=1), None)
    return idle, oversized


def resources(answer):
    return texts(answer, xpath="//*[@aria-label='Recommendations']//tbody//th//code")


def test_recommendations_come_with_their_evidence_the_largest_first(viewer, two):
    answer = viewer.get(PAGE)
    assert texts(answer, "value")[0] == "$93.00"
    first, second = rows(answer, "Recommendations")
    assert first[0] == "i-1 notebook111111111111, eu-west-1"
    assert first[1].startswith("idle t3.micro Evidence")
    assert "days14" in first[1]
    assert "network worst percentunknown" in first[1]
    assert "Its network use is not known." in first[1]
    assert first[2:5] == ["$73.00", "47 %", "100 %"]
    assert second[1].startswith("oversized m5.xlarge to m5.large")
    assert "Computed 1 h ago." in " ".join(texts(answer, "computed"))


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"kind": "idle"}, ["i-1"]),
        ({"region": "us-east-1"}, ["i-2"]),
        ({"resource": "i-2"}, ["i-2"]),
        ({"min_monthly_usd": "50"}, ["i-1"]),
        ({"min_confidence": "0.5"}, ["i-2"]),
        ({"account": "111111111111"}, ["i-1", "i-2"]),
        ({"dismissed": "true"}, []),
    ],
)
def test_recommendations_are_narrowed_down_by_the_address(viewer, two, chosen, found):
    assert resources(viewer.get(PAGE, chosen)) == found


@pytest.mark.parametrize("wrong", [{"kind": "odd"}, {"min_confidence": "2"}, {"account": "nobody"}])
def test_what_cannot_be_read_is_told_beside_the_filters(viewer, two, wrong):
    answer = viewer.get(PAGE, wrong)
    assert answer.status_code == 400
    assert texts(answer, "error")
    assert resources(answer) == []


def test_before_the_first_computation_nothing_is_known(viewer):
    answer = viewer.get(PAGE)
    assert texts(answer, "value")[0] == "unknown This was not computed yet; it is each night."


def test_a_recommendation_is_dismissed_with_a_reason_and_restored(operator, two):
    idle, _ = two
    answer = operator.post(f"{PAGE}{idle.pk}/dismiss/", {"reason": "A spare."}, follow=True)
    assert notes(answer) == ["“idle: i-1” is dismissed."]
    assert resources(answer) == ["i-2"]
    assert texts(answer, "value")[0] == "$20.00"
    ((*_, act),) = rows(operator.get(PAGE, {"dismissed": "true"}), "Recommendations")
    assert "operator@example.com" in act
    assert "A spare." in act
    answer = operator.post(f"{PAGE}{idle.pk}/restore/", follow=True)
    assert notes(answer) == ["“idle: i-1” is recommended again."]
    assert resources(answer) == ["i-1", "i-2"]


def test_a_dismissal_needs_its_reason(operator, two):
    idle, _ = two
    answer = operator.post(f"{PAGE}{idle.pk}/dismiss/", {"reason": " "}, follow=True)
    assert "may not be blank" in notes(answer)[0]
    assert Saving.objects.standing().count() == 2


@pytest.mark.parametrize("action", ["dismiss", "restore"])
def test_a_recommendation_that_is_gone_is_told_on_a_page(operator, action):
    assert operator.post(f"{PAGE}999999/{action}/", {"reason": "Gone."}).status_code == 404


def test_what_was_followed_says_what_it_saved_or_that_it_is_not_known_yet(viewer):
    owner = builders.account("333333333333")
    builders.followed_saving(builders.instance(owner, instance_id="i-1"))
    settled = {"monthly_usd": Decimal(90), "held": True, "computed_at": timezone.now()}
    builders.followed_saving(builders.instance(owner, instance_id="i-2"), **settled)
    answer = viewer.get(PAGE)
    found = {row[0].partition(owner.account_id)[0]: row[3:] for row in rows(answer, "Followed")}
    assert found == {
        "i-1": ["$100.00", "unknown a fortnight has not passed", "unknown"],
        "i-2": ["$100.00", "$90.00", "yes"],
    }
    assert texts(answer, "value")[1] == "$90.00"


def test_it_is_told_why_more_is_not_recommended(viewer):
    owner = builders.account()
    WithheldSaving.objects.create(
        account=owner, region="eu-west-1", kind="oversized", reason="Memory is not measured.", resources=7
    )
    assert rows(viewer.get(PAGE), "Withheld") == [["oversized", "Memory is not measured.", "7"]]


def test_viewers_are_offered_no_action(viewer, two):
    assert parsed(viewer.get(PAGE)).xpath("//main//form[@method='post']") == []


def test_more_recommendations_ask_no_more_of_the_database(viewer, two, django_assert_max_num_queries):
    for _ in range(10):
        builders.saving()
        builders.followed_saving()
    with django_assert_max_num_queries(17):
        assert len(resources(viewer.get(PAGE))) == 12
