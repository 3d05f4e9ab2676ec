"""The nightly computation as such; what it computes is tested by subject."""

import pytest

from analytics import computing
from analytics.models import Computation, Subject
from core.errors import PermanentCloudError
from pipelines import ledger
from pipelines.models import Status
from pipelines.registry import Counts
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def night(sent, monkeypatch):
    """Compute with these steps and conclusions, and return the run: `night(steps, conclusions)`."""
    computing.register_pipeline()

    def run(steps, conclusions=()):
        monkeypatch.setattr(computing, "_steps", dict(steps))
        monkeypatch.setattr(computing, "_conclusions", dict(conclusions))
        started = ledger.start("intelligence")
        work_off(started)
        started.refresh_from_db()
        return started

    return run


def compute(claim, now):
    with claim.writing():
        Computation.objects.done(Subject.SAVINGS, now, claim.run)
    return Counts(savings=3)


def fail(_claim, _now):
    raise PermanentCloudError("The price of nothing is not known.")


def test_a_subject_whose_computation_fails_says_so_keeps_its_moment_and_leaves_the_others_be(night):
    night({Subject.CARBON: lambda _claim, _now: {}, Subject.SAVINGS: compute})
    before = Computation.objects.standing(Subject.SAVINGS)["computed_at"]
    run = night({Subject.CARBON: lambda _claim, _now: Counts(instances=1), Subject.SAVINGS: fail})
    assert (run.status, run.counts) == (Status.PARTIAL, {"instances": 1})
    assert Computation.objects.standing(Subject.SAVINGS) == {
        "computed_at": before,
        "reason": "Its computation failed: The price of nothing is not known.",
    }


def test_conclusions_are_drawn_from_what_all_steps_stored(night):
    seen = []
    night(
        {Subject.SAVINGS: compute},
        {Subject.BUDGETS: lambda run, _now: seen.extend(Computation.objects.filter(run=run)) or {}},
    )
    assert [computation.subject for computation in seen] == [Subject.SAVINGS]


def test_a_subject_that_was_computed_again_has_no_reason_any_more(night):
    night({Subject.SAVINGS: fail})
    assert Computation.objects.standing(Subject.SAVINGS)["computed_at"] is None
    night({Subject.SAVINGS: compute})
    assert Computation.objects.standing(Subject.SAVINGS)["reason"] is None
