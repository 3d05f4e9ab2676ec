"""What a policy would have done: with samples of the autoscaler's, and with what was collected."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from collectors.models import MetricSeries
from collectors.samples import store
from collectors.samples.batch import Batch, Sample
from scaling import storage
from scaling.models import Direction, Outcome, Source
from scaling.services import replaying
from scaling.services.replaying import HPA, PREDICTIVE, TARGET_TRACKING, THREE_TIER, Question
from tests import builders
from tests.integration.scaling import samples as scaling

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
PATH = "/api/v1/analytics/replay"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def at_noon(now):
    now(NOON)


def measured(instance, cpu, *, hours=6, source=Source.MOCK):
    """Have an instance measured each minute until noon: CPU by the minute."""
    minutes = range(hours * 60)
    rows = [(instance, NOON - (hours * 60 - n) * timedelta(minutes=1), float(cpu(n))) for n in minutes]
    scaling.write(storage.store, *rows, source=source)


def asked(policy=PREDICTIVE, *, hours=6, **parameters):
    return Question(policy, NOON - hours * HOUR, NOON, parameters)


def replayed(instance, policy=PREDICTIVE, *, hours=6, **parameters):
    question = asked(policy, hours=hours, **parameters)
    return replaying.replay(replaying.managed(instance, question.start, question.end), question)


def surging(minute):
    """Half an hour at 40 %, and half an hour at 95 %, again and again."""
    return 40 if minute % 60 < 30 else 95


@pytest.mark.parametrize("policy", [THREE_TIER, PREDICTIVE, HPA, TARGET_TRACKING])
def test_every_policy_answers_for_a_mock(policy):
    instance = builders.managed()
    measured(instance, surging)
    found = replayed(instance, policy)
    assert (found.coverage, found.minutes) == (1, 360)
    assert found.was.minutes_above_limit == 180
    assert found.was.instance_hours == 6
    assert found.would.minutes_above_limit < 180
    assert found.would.events == len(found.changes) > 0
    assert found.changes[0].before == 1
    assert found.changes[0].reason


def test_what_the_autoscaler_measured_of_a_level_is_that_share_of_it():
    """At level 2, applied three hours ago, 60 % of 150 % are as much as 90 % before."""
    instance = builders.managed(level=2)
    measured(instance, lambda minute: 90 if minute < 180 else 60)
    at = NOON - 3 * HOUR
    builders.decision(instance, at, outcome=Outcome.APPLIED, outcome_at=at, mode="mock")
    found = replayed(instance, THREE_TIER)
    assert found.was.minutes_above_limit == 180
    assert found.was.instance_hours == pytest.approx(3 + 1.5 * 3, abs=0.05)
    assert [each.decision for each in found.decisions] == [Direction.SCALE_UP]


def test_a_recommendation_changed_nothing_of_what_there_was():
    instance = builders.managed()
    measured(instance, lambda _: 50)
    at = NOON - 3 * HOUR
    builders.decision(instance, at, outcome=Outcome.RECOMMENDED, outcome_at=at, mode="mock")
    assert replayed(instance).was.instance_hours == 6


def test_an_instance_is_replayed_by_its_own_policy_unless_told_otherwise():
    policy = {"cpu_high": 70, "max_level": 3, "worth": 5}
    instance = builders.managed(policy=policy)
    measured(instance, surging, hours=2)
    own = replayed(instance, PREDICTIVE, hours=2).parameters
    assert (own["cpu_high"], own["max_level"], own["worth"], own["cooldown_up_s"]) == (70, 3, 5, 0)
    told = replayed(instance, PREDICTIVE, hours=2, max_level=5, worth=1).parameters
    assert (told["cpu_high"], told["max_level"], told["worth"]) == (70, 5, 1)
    assert replayed(instance, HPA, hours=2).parameters == {"target": 60, "min_level": 1, "max_level": 3}


def test_what_nobody_chose_is_worth_twelve_times_what_the_load_needs():
    """40 % of one instance is what half of one carries at 80 %."""
    instance = builders.managed()
    measured(instance, lambda _: 40, hours=2)
    assert replayed(instance, hours=2).parameters["worth"] == 6


def test_with_too_little_measured_it_says_why_it_tells_nothing():
    instance = builders.managed()
    found = replayed(instance)
    assert (found.would, found.was, found.changes, found.minutes) == (None, None, [], 0)
    assert found.reason == "Nothing can be told: there are no samples."
    measured(instance, surging, hours=1)
    question = Question(PREDICTIVE, NOON - timedelta(minutes=30), NOON)
    short = replaying.replay(replaying.managed(instance, question.start, question.end), question)
    assert short.reason == "Nothing can be told: 30 of the 60 minutes that are needed are known."


# --- What was collected ----------------------------------------------------------------------
def collected(instance, cpu, *, hours=6):
    """Have an instance of the inventory measured each five minutes until noon."""
    series = MetricSeries.objects.create(instance=instance)
    began = NOON - hours * HOUR
    moments = {5 * n: began + 5 * n * timedelta(minutes=1) for n in range(hours * 12)}
    with transaction.atomic():
        store.store(Batch.of(Sample(series.pk, at, float(cpu(minute))) for minute, at in moments.items()))


def test_an_instance_of_the_inventory_is_replayed_at_its_price():
    """Three hours of six at 95 %; a t3.medium is $0.0456 an hour in Ireland."""
    instance = builders.instance(instance_type="t3.medium", region="eu-west-1", platform="")
    collected(instance, surging)
    question = asked(THREE_TIER)
    found = replaying.replay(replaying.collected(instance, question.start, question.end), question)
    assert (found.coverage, found.was.minutes_above_limit) == (1, 180)
    assert found.was.cost_usd == Decimal("0.2736")
    assert found.would.cost_usd > found.was.cost_usd
    assert found.would.minutes_above_limit < 180


def test_a_group_is_as_many_units_as_are_measured_of_it():
    owner = builders.account()
    tags = {"aws:autoscaling:groupName": "web"}
    for number in range(3):
        member = builders.instance(owner, tags=tags, instance_type="t3.medium", region="eu-west-1")
        collected(member, surging if number else lambda _: 50, hours=6 if number else 3)
    builders.instance(owner, tags={"aws:autoscaling:groupName": "other"})
    question = asked(HPA)
    found = replaying.replay(replaying.group("web", question.start, question.end), question)
    assert found.was.instance_hours == 15
    assert found.subject.scale.base == 2
    assert found.was.cost_usd == Decimal("0.684")


def test_a_group_of_different_types_has_no_price():
    owner = builders.account()
    tags = {"aws:autoscaling:groupName": "web"}
    for kind in ("t3.medium", "t3.large"):
        collected(builders.instance(owner, tags=tags, instance_type=kind), surging)
    question = asked()
    found = replaying.replay(replaying.group("web", question.start, question.end), question)
    assert found.would.cost_usd is None
    assert found.subject.price.reason == "The group's instances are not all of one type and platform."


# --- The endpoint ----------------------------------------------------------------------------
def test_the_answer_tells_policy_outcome_and_what_was():
    viewer = builders.user("viewer")
    instance = builders.managed(viewer)
    measured(instance, surging)
    decision = builders.decision(instance, NOON - HOUR)
    answer = builders.bearer(viewer).get(PATH, {"instance_id": instance.instance_id, "policy": "three_tier"})
    told = answer.json()
    assert answer.status_code == 200, told
    assert (told["computed_at"], told["reason"]) == ("2026-03-20T12:00:00Z", None)
    assert (told["start"], told["end"]) == ("2026-03-13T12:00:00Z", "2026-03-20T12:00:00Z")
    assert (told["coverage"], told["minutes"]) == (pytest.approx(6 / 168), 360)
    assert told["was"]["minutes_above_limit"] == 180
    assert (told["cost_usd"], told["was_usd"]) == (None, None)
    assert told["price"]["reason"] == "The price of t2.micro in mock is not known."
    assert told["changes"][0]["before"] == 1
    assert [each["id"] for each in told["decisions"]] == [str(decision.pk)]
    assert told["parameters"]["cpu_high"] == 90


def test_too_little_known_answers_with_the_reason():
    viewer = builders.user("viewer")
    instance = builders.managed(viewer)
    told = builders.bearer(viewer).get(PATH, {"instance_id": instance.instance_id}).json()
    assert (told["computed_at"], told["would"], told["was_usd"]) == (None, None, None)
    assert told["reason"] == "Nothing can be told: there are no samples."


def test_anothers_instance_is_known_by_what_was_collected_alone():
    found = builders.instance()
    collected(found, surging)
    instance = builders.managed(inventory=found)
    measured(instance, lambda _: 50, source=Source.CLOUDWATCH)
    builders.decision(instance, NOON - HOUR)
    told = builders.client("viewer").get(PATH, {"instance_id": found.instance_id}).json()
    assert (told["source"], told["decisions"]) == ("collected", [])
    mine = builders.bearer(instance.owner).get(PATH, {"instance_id": found.instance_id}).json()
    assert (mine["source"], len(mine["decisions"])) == ("managed", 1)


@pytest.mark.parametrize("asked", [{"instance_id": "mock-of-another"}, {"group": "nothing"}])
def test_what_is_not_known_is_not_found(asked):
    builders.managed(instance_id="mock-of-another")
    assert builders.client("viewer").get(PATH, asked).status_code == 404


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "Give either instance_id or group"),
        ({"instance_id": "i-1", "group": "web"}, "Give either instance_id or group"),
        ({"instance_id": "i-1", "base": 2}, "This is of a group"),
        ({"instance_id": "i-1", "policy": "best"}, "best"),
        ({"instance_id": "i-1", "days": 15}, "14"),
        ({"instance_id": "i-1", "days": 0}, "1"),
        ({"instance_id": "i-1", "days": 3, "start": "2026-03-01"}, "Give either days, or start and end"),
        ({"instance_id": "i-1", "start": "2026-03-21"}, "start must be before end"),
        ({"instance_id": "i-1", "start": "2026-02-01"}, "Ask for 14 days at most"),
        ({"instance_id": "i-1", "policy": "hpa", "worth": 3}, "hpa does not have this"),
        ({"instance_id": "i-1", "policy": "three_tier", "target": 60}, "three_tier does not have this"),
        ({"instance_id": "i-1", "worth": "nan"}, "number"),
        ({"instance_id": "i-1", "worth": 0}, "0.1"),
        ({"instance_id": "i-1", "horizon": 3}, "Unknown parameter"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(asked, reason):
    answer = builders.client("viewer").get(PATH, asked)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_limits_that_leave_nothing_between_them_are_refused():
    viewer = builders.user("viewer")
    instance = builders.managed(viewer, policy={"max_level": 3})
    answer = builders.bearer(viewer).get(PATH, {"instance_id": instance.instance_id, "min_level": 4})
    assert answer.status_code == 400
    assert answer.json()["error"] == "min_level (4) must not be greater than max_level (3)."


def test_a_replay_takes_as_many_queries_for_two_weeks_as_for_a_day(django_assert_max_num_queries):
    viewer = builders.user("viewer")
    instance = builders.managed(viewer)
    measured(instance, surging)
    client = builders.bearer(viewer)
    with django_assert_max_num_queries(12):
        client.get(PATH, {"instance_id": instance.instance_id, "policy": "three_tier", "days": 14})
