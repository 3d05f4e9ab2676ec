"""What a policy would have done: with samples of the autoscaler's, and with what was collected."""

from datetime import UTC, datetime, timedelta

import pytest

from scaling import storage
from scaling.models import Source
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
