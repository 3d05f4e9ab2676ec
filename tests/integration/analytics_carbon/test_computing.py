"""What each night computes of the estate's emissions, and of how sustainably it runs."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.carbon import estate
from analytics.models import CarbonReport, Computation, InstanceFootprint, Subject, SustainabilityScore
from pipelines.models import Status
from tests import builders
from tests.integration.analytics_carbon.conftest import NOW

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
THIRTY_DAYS = [date(2026, 3, 1) + timedelta(days=number) for number in range(30)]


def machine(owner=None, **fields):
    """An m6i.large in Virginia that has run since January."""
    since = {"first_seen": LONG_AGO, "launched_at": LONG_AGO}
    place = {"region": "us-east-1", "instance_type": "m6i.large"}
    return builders.instance(owner, **{**since, **place, **fields})


def measured(instance, percent=40.0, days=THIRTY_DAYS):
    for day in days:
        builders.cpu_day(instance, day, percent)
    return instance


def test_a_month_of_an_instance_is_what_the_method_makes_of_it_by_hand(compute):
    """Ice Lake: 0.766796875 W idle and 3.7582031249999996 W full a vCPU; a server has 128 and 2 x 136 GiB."""
    instance = measured(machine())
    compute()
    found = InstanceFootprint.objects.get(instance=instance)
    vcpus_w = 2 * (0.766796875 + 0.40 * (3.7582031249999996 - 0.766796875))
    more_gib = 8 - 136 * 2 * 2 / 128
    low_kwh = (vcpus_w + more_gib * 0.375) * 1 * 720 / 1000 * 1.04
    high_kwh = (vcpus_w + more_gib * 0.4083) * 3 * 720 / 1000 * 1.25
    assert (found.energy_low_kwh, found.energy_high_kwh) == (pytest.approx(low_kwh), pytest.approx(high_kwh))
    assert found.operational_low_kg == pytest.approx(low_kwh * 0.415755 * 0.8)
    assert found.operational_high_kg == pytest.approx(high_kwh * 0.415755 * 1.2)
    made_kg = 1100 * 2 / 128 + 533 / 384 * (8 - 16 * 2 / 128)
    assert found.embodied_low_kg == pytest.approx(made_kg * 720 / (6 * 8760))
    assert found.embodied_high_kg == pytest.approx(made_kg * 720 / (4 * 8760))
    assert (found.hours, found.unknown_hours, found.cpu_percent) == (720, 0, 40)
    assert found.assumptions == ["Network not measured: left out."]


def test_what_accounts_and_services_caused_adds_up(compute):
    one, other = builders.account("111111111111"), builders.account("222222222222")
    measured(machine(one))
    measured(machine(one, region="eu-west-1"))
    measured(machine(other))
    builders.volume(other, created_at=LONG_AGO, size_gib=100, region="us-east-1")
    compute()
    report = CarbonReport.objects.get()
    assert (report.start, report.end) == (date(2026, 3, 1), date(2026, 3, 31))
    for bound in ("low", "high"):
        whole = report.totals["operational_kg"][bound]
        for groups in (report.accounts, report.services):
            assert sum(each["operational_kg"][bound] for each in groups) == pytest.approx(whole)
    assert [each["account"] for each in report.accounts] == ["111111111111", "222222222222"]
    assert [each["service"] for each in report.services] == ["EBS", "EC2"]
    instances = InstanceFootprint.objects.filter(instance__account=one)
    assert sum(each.operational_low_kg for each in instances) == pytest.approx(
        report.accounts[0]["operational_kg"]["low"]
    )


def test_a_volume_is_counted_for_the_hours_that_it_was_there(compute):
    builders.volume(created_at=datetime(2026, 3, 21, tzinfo=UTC), size_gib=1000, region="us-east-1")
    compute()
    ebs = CarbonReport.objects.get().services[0]
    # Ten days, 1.2 W a TB, two copies.
    kwh = 1.2 * 2 * (1000 * 2**30 / 1e12) * 240 / 1000
    assert ebs["operational_kg"]["low"] == pytest.approx(kwh * 1.04 * 0.415755 * 0.8)
    assert ebs["embodied_kg"] is None
    assert ebs["coverage"]["operational"]["hours"] == 240
    assert ebs["reasons"] == [{"reason": "The method has no figure for making volumes.", "resources": 1}]


def test_other_services_of_the_bill_are_unknown_and_say_why(compute):
    owner = builders.account()
    measured(machine(owner))
    builders.cost(owner, "2026-03-05", "3", service="Amazon Simple Storage Service")
    builders.cost(owner, "2026-03-05", "3", service="EC2 - Other")
    builders.cost(owner, "2026-03-05", "0", service="AWS Key Management Service")
    compute()
    *_, other = CarbonReport.objects.get().services
    assert (other["service"], other["operational_kg"], other["embodied_kg"]) == (
        "Amazon Simple Storage Service",
        None,
        None,
    )
    assert other["reasons"][0]["reason"].startswith("The method is applied to EC2's instances")
    assert len(CarbonReport.objects.get().services) == 2


def test_what_cannot_be_estimated_is_null_and_counted_and_not_zero(compute):
    measured(machine())
    measured(machine(instance_type="p3.2xlarge"))
    compute()
    unknown = InstanceFootprint.objects.get(instance_type="p3.2xlarge")
    assert (unknown.operational_low_kg, unknown.embodied_low_kg) == (None, None)
    assert unknown.reasons == ["p3 has accelerators, whose load is not measured."]
    assert CarbonReport.objects.get().totals["coverage"]["operational"] == {
        "resources": 2,
        "estimated": 1,
        "share": 0.5,
        "hours": 1440,
        "estimated_hours": 720,
        "share_of_hours": 0.5,
    }


def test_hours_of_which_nothing_is_known_are_left_out_and_told(compute):
    """First seen on the 21st as stopped; of nothing before was the CPU read."""
    seen = datetime(2026, 3, 21, tzinfo=UTC)
    instance = machine(state="stopped", first_seen=seen, launched_at=None)
    builders.state_change(instance, "stopped", observed_at=seen)
    compute()
    found = InstanceFootprint.objects.get()
    assert (found.hours, found.unknown_hours) == (0, 480)
    assert found.assumptions == ["Whether it ran is not known of 480 hours: left out."]


def test_one_that_is_gone_since_long_ago_is_left_out(compute):
    machine(gone_at=datetime(2026, 2, 1, tzinfo=UTC))
    measured(machine(gone_at=datetime(2026, 3, 11, tzinfo=UTC)), days=THIRTY_DAYS[:10])
    compute()
    assert InstanceFootprint.objects.get().hours == 240


def test_the_network_counts_in_the_hours_in_which_it_was_measured(compute):
    instance = measured(machine())
    builders.metric_day(instance, "2026-03-30", 40.0, network_out_count=288, network_out_sum=5e9)
    before = compute()
    found = InstanceFootprint.objects.get()
    assert before.status == Status.SUCCEEDED
    assert found.assumptions == ["Network not measured in 97% of the hours: left out there."]
    without = found.energy_high_kwh - 0.001 * 5 * 1.25
    assert found.energy_low_kwh < without < found.energy_high_kwh


def test_a_cheaper_and_cleaner_region_is_named_with_what_it_would_save(compute):
    """A t3.large costs 0.0912 an hour in Ireland and 0.0864 in Stockholm, whose grid is a fortieth."""
    measured(machine(instance_type="t3.large", region="eu-west-1"))
    measured(machine(instance_type="t3.large", region="eu-west-1", platform="Windows"))
    compute()
    by_platform = {
        each.instance.platform: each for each in InstanceFootprint.objects.select_related("instance")
    }
    (hint,) = by_platform[""].hints
    assert (hint["region"], hint["is_near"]) == ("eu-north-1", True)
    assert hint["usd"] == pytest.approx(0.0048 * 720)
    assert hint["operational_kg"]["low"] == pytest.approx(
        by_platform[""].energy_low_kwh * (0.316 * 0.8 - 0.008 * 1.2)
    )
    assert by_platform["Windows"].no_hint == "The price of t3.large in eu-west-1 is unknown."
    (move,) = CarbonReport.objects.get().hints
    assert (move["from_region"], move["to_region"], move["instances"]) == ("eu-west-1", "eu-north-1", 1)


def test_the_score_is_that_of_the_same_hours(compute):
    measured(machine(), percent=25.0)
    builders.volume(created_at=LONG_AGO, size_gib=30, attached_to="i-1")
    builders.volume(created_at=LONG_AGO, size_gib=10, attached_to="")
    compute()
    found = SustainabilityScore.objects.get()
    scores = {part["name"]: part["score"] for part in found.parts}
    assert (scores["utilisation"], scores["idle"], scores["storage"]) == (50, 100, 75)
    assert scores["grid"] == pytest.approx(100 * (1 - 0.415755 / 0.928))
    assert found.score == pytest.approx(sum(part["weight"] * part["score"] for part in found.parts))
    assert found.date == date(2026, 3, 30)


def test_computing_twice_changes_nothing_but_the_moment(compute):
    measured(machine())
    builders.volume(created_at=LONG_AGO)

    def stored():
        return [
            list(model.objects.order_by("pk").values(*fields))
            for model, fields in (
                (InstanceFootprint, ()),
                (CarbonReport, ("start", "end", "totals", "accounts", "services", "hints")),
                (SustainabilityScore, ()),
            )
        ]

    compute()
    first = stored()
    compute(NOW + timedelta(hours=1))
    assert stored() == first
    assert Computation.objects.get(subject=Subject.CARBON).computed_at == NOW + timedelta(hours=1)


def test_a_score_of_each_day_is_kept(compute):
    measured(machine())
    compute()
    compute(NOW + timedelta(days=1))
    assert list(SustainabilityScore.objects.values_list("date", flat=True)) == [
        date(2026, 3, 31),
        date(2026, 3, 30),
    ]


def test_without_anything_collected_it_is_withheld(compute):
    compute()
    assert not CarbonReport.objects.exists()
    for subject in (Subject.CARBON, Subject.SUSTAINABILITY):
        found = Computation.objects.get(subject=subject)
        assert (found.computed_at, found.reason) == (
            None,
            "No instance and no volume is known that was there in these days.",
        )


def test_a_step_that_fails_leaves_the_last_results(compute, monkeypatch):
    measured(machine())
    compute()
    before = InstanceFootprint.objects.values().get()

    def broken():
        raise RuntimeError("broken")

    monkeypatch.setattr(estate, "storage", broken)
    compute(NOW + timedelta(days=1), expected=Status.FAILED)
    assert InstanceFootprint.objects.values().get() == before
    assert Computation.objects.get(subject=Subject.CARBON).computed_at == NOW


def test_the_number_of_queries_does_not_grow_with_the_instances(compute):
    owner = builders.account()
    measured(machine(owner), days=THIRTY_DAYS[:1])

    def queries():
        with CaptureQueriesContext(connection) as captured:
            compute()
        return len(captured)

    few = queries()
    for _ in range(20):
        measured(machine(owner), days=THIRTY_DAYS[:1])
    assert queries() <= few + 1
