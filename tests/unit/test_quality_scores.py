"""The arithmetic of quality: shares, means, weights, and what is unknown."""

import pytest

from pipelines.quality import scores
from pipelines.quality.scores import Failure, Finding, Result

FULL = dict.fromkeys(scores.DIMENSIONS, 100.0)


def result(dimension="completeness", dataset="costs", of=10, bad=0, check="a check", **fields):
    failures = tuple(Failure(f"{check} {number}", "missing") for number in range(min(bad, 200)))
    finding = Finding(of, bad, bad, failures, **fields)
    return Result(check, dimension, (dataset,), finding)


def test_a_score_is_the_share_of_slots_that_are_well():
    assert Finding(of=8, bad=2).score == 75.0


def test_nothing_to_look_at_is_unknown_and_not_100():
    finding = Finding(of=0)
    assert finding.score is None
    assert finding.why_unknown == "There was nothing to look at."


def test_what_cannot_be_told_says_why():
    assert Finding.cannot_tell("no schedule").why_unknown == "no schedule"


def test_the_total_is_the_weighted_mean():
    told = {
        "completeness": 90.0,
        "timeliness": 50.0,
        "validity": 100.0,
        "uniqueness": 80.0,
        "consistency": 60.0,
    }
    # .30 x 90 + .20 x 50 + .20 x 100 + .10 x 80 + .20 x 60
    assert scores.total(told) == 77.0


def test_what_is_unknown_takes_no_part_in_the_total():
    told = {**FULL, "completeness": 50.0, "consistency": None}
    # (.30 x 50 + .50 x 100) / .80
    assert scores.total(told) == 81.25


@pytest.mark.parametrize(
    ("known", "total"),
    [
        (("completeness", "timeliness"), 100.0),
        (("timeliness", "validity", "uniqueness"), 100.0),
        (("completeness", "uniqueness"), None),
        ((), None),
    ],
    ids=["half", "half of three", "less", "nothing"],
)
def test_the_total_needs_half_of_the_weight(known, total):
    assert scores.total({name: 100.0 if name in known else None for name in FULL}) == total


def test_data_sets_count_alike_however_many_slots_they_have():
    found = scores.report([result(dataset="cpu", of=10_000), result(dataset="costs", of=2, bad=1)])
    assert found.overall.scores["completeness"] == 75.0
    assert found.datasets["costs"].scores["completeness"] == 50.0


def test_checks_of_one_data_set_count_alike():
    found = scores.report([result(of=10), result(of=100, bad=50)])
    assert found.datasets["costs"].scores["completeness"] == 75.0


def test_one_failure_of_very_many_is_seen():
    found = scores.report([result(of=10_000_000, bad=1)])
    assert found.overall.scores["completeness"] == 99.99


def test_an_unknown_score_has_its_reasons():
    found = scores.report([Result("a", "consistency", ("costs",), Finding.cannot_tell("No files."))])
    assert found.overall.scores["consistency"] is None
    assert found.datasets["costs"].unknown["consistency"] == "No files."
    assert "costs: No files." in found.overall.unknown["consistency"]
    assert found.overall.total is None
    assert found.overall.unknown["total"] == "Less than half of the weight is known: nothing."


def test_a_check_of_two_data_sets_counts_for_both_and_is_filed_under_the_first():
    found = scores.report(
        [Result("a", "consistency", ("cpu", "samples"), Finding(2, 1, 1, (Failure("i", "d"),)))]
    )
    assert (
        found.datasets["cpu"].scores["consistency"] == found.datasets["samples"].scores["consistency"] == 50.0
    )
    assert found.failures == [{"check": "a", "dataset": "cpu", "subject": "i", "detail": "d"}]
    assert (found.failed["cpu"], found.failed["samples"]) == (1, 0)


def test_no_check_fills_the_list_of_failures_alone():
    found = scores.report([result(check="many", of=1000, bad=500), result(check="few", of=10, bad=3)])
    assert len(found.failures) == 200
    assert sum(each["check"] == "few" for each in found.failures) == 3
    assert found.failed["costs"] == 503
