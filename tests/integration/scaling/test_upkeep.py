"""Decisions and the audit trail are kept for RUN_RETENTION_DAYS; what is still to be settled stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from pipelines import retention
from scaling.models import Direction, Mode, Outcome, ScalingDecision, ScalingEvent
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def decision(instance, *, days, outcome=Outcome.NONE):
    then = timezone.now() - timedelta(days=days)
    return ScalingDecision.objects.create(
        instance=instance,
        slot=then,
        timestamp=then,
        decision=Direction.NO_ACTION,
        rule="steady",
        level_before=1,
        level_after=1,
        mode=Mode.MOCK,
        policy_version=1,
        outcome=outcome,
    )


def event(*, days, **fields):
    return ScalingEvent.objects.create(at=timezone.now() - timedelta(days=days), kind="tested", **fields)


def test_deletes_what_is_older_than_runs_are_kept(tidy, settings):
    settings.RUN_RETENTION_DAYS = 5
    instance = builders.managed()
    for days in (7, 6, 4):
        decision(instance, days=days)
        event(days=days)
    assert tidy("decisions") == {"decisions_deleted": 2}
    assert tidy("events") == {"events_deleted": 2}
    assert ScalingDecision.objects.count() == ScalingEvent.objects.count() == 1


def test_an_event_outlives_its_decision(tidy):
    kept = event(days=1, decision=decision(builders.managed(), days=91))
    assert tidy("decisions") == {"decisions_deleted": 1}
    kept.refresh_from_db()
    assert kept.decision is None


def test_a_decision_that_is_still_being_carried_out_stays(tidy):
    decision(builders.managed(), days=91, outcome=Outcome.PENDING)
    assert tidy("decisions") == {}


def test_works_in_batches(tidy, monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 2)
    instance = builders.managed()
    for days in range(91, 96):
        decision(instance, days=days)
    assert tidy("decisions") == {"decisions_deleted": 5}
