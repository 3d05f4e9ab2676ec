"""All savings together."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.savings.advice import Subject, advise, total
from analytics.savings.records import Kind, Recommendation
from tests.unit.savings.builders import NOW, REGION, days_ago, disk, facts, machine, market, usage

MARKET = market(
    (facts("m5.xlarge"), "0.20"), (facts("m5.large", 2, 8), "0.10"), (facts("m6a.xlarge"), "0.18")
)


def recommended(resource, usd, *, kind=Kind.OVERSIZED, confidence=0.9):
    return Recommendation(
        kind=kind,
        resource=resource,
        region=REGION,
        from_type="",
        coverage=1,
        confidence=confidence,
        monthly_usd=None if usd is None else Decimal(usd),
    )


def advice(subjects=(), loose=()):
    return advise(subjects, loose, lambda region: MARKET, NOW)


def test_an_instance_that_could_be_stopped_shrunk_or_renewed_is_counted_once():
    found = advice([Subject(machine(), usage=usage(1, 1, network=1))])
    assert [(each.kind, each.monthly_usd) for each in found.recommendations] == [
        (Kind.IDLE, Decimal("146.00")),
        (Kind.OVERSIZED, Decimal("73.00")),
        (Kind.GENERATION, Decimal("14.60")),
    ]
    assert found.total.monthly_usd == Decimal("146.00")
    assert [each.kind for each in found.total.counted] == [Kind.IDLE]


def test_what_is_not_recommended_has_its_reason():
    found = advice([Subject(machine())])
    assert {(each.kind, bool(each.reason)) for each in found.withheld} == {
        (Kind.IDLE, True),
        (Kind.OVERSIZED, True),
        (Kind.FAMILY, True),
        (Kind.SCHEDULE, True),
    }


def test_disks_of_stopped_instances_and_loose_volumes_add_up():
    subject = Subject(machine(state="stopped", since=days_ago(30)), disks=(disk(size_gib=100),))
    found = advice([subject], [disk("vol-9", state="available", since=days_ago(30), size_gib=50)])
    assert found.total.monthly_usd == Decimal("12.00")
    assert [each.kind for each in found.recommendations] == [Kind.STOPPED, Kind.UNATTACHED]


def test_an_unknown_amount_is_not_zero_and_is_counted_apart():
    found = total([recommended("i-1", None), recommended("i-2", "5"), recommended("i-2", None)])
    assert (found.monthly_usd, found.unpriced) == (Decimal(5), 1)


def test_nothing_comes_to_nothing():
    found = advice()
    assert (found.recommendations, found.total.monthly_usd, found.total.unpriced) == ((), 0, 0)


def test_of_equal_amounts_the_surer_counts():
    unsure, sure = recommended("i-1", "5", confidence=0.5), recommended("i-1", "5", confidence=0.9)
    assert total([unsure, sure]).counted == (sure,)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99)), max_size=20), st.randoms())
def test_the_total_is_the_sum_of_the_best_whatever_the_order(given_, random):
    many = [recommended(resource, usd) for resource, usd in given_]
    random.shuffle(many)
    best = {resource: max(usd for other, usd in given_ if other == resource) for resource, _ in given_}
    assert total(many).monthly_usd == sum(best.values())
