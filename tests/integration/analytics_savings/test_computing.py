"""What is computed from what was collected, and stored."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db.models import Sum

from analytics.models import (
    Computation,
    PriceList,
    Saving,
    SavingsScope,
    SavingTally,
    Subject,
    WithheldSaving,
)
from analytics.savings import service, tallies
from analytics.savings.service import NOTHING
from collectors.models import MetricHour, MetricSeries
from collectors.samples import partitions
from core.errors import LeaseLostError
from pipelines.models import Step
from tests import builders
from tests.integration.analytics_savings.conftest import (
    NOW,
    TODAY,
    days_ago,
    histogram,
    machine,
    sampled,
    told,
)

pytestmark = pytest.mark.django_db


def stored():
    """The recommendations: the type in the present one's place, and the dollars."""
    return {(row.resource, row.kind): (row.to_type, row.monthly_usd) for row in Saving.objects.all()}


def reasons(kind):
    return {row.reason: row.resources for row in WithheldSaving.objects.filter(kind=kind)}


def test_before_anything_is_known_it_says_so(compute):
    compute()
    assert Computation.objects.standing(Subject.SAVINGS) == {"computed_at": None, "reason": NOTHING}


def test_an_instance_that_does_nothing_is_recommended_about(compute):
    sampled(machine(instance_id="i-1"), percent=1)
    compute()
    # 730 hours at 20 cents, and at the 2 cents that the newer type costs less.
    assert stored() == {
        ("i-1", "idle"): ("", Decimal("146.0")),
        ("i-1", "generation"): ("m6i.xlarge", Decimal("14.60")),
    }
    assert Computation.objects.standing(Subject.SAVINGS) == {"computed_at": NOW, "reason": None}


def test_memory_that_is_measured_lets_a_smaller_size_be_recommended(compute):
    memory = {"memory_count": 288, "memory_sum": 288 * 20.0, "memory_min": 20.0, "memory_max": 20.0}
    sampled(machine(instance_id="i-1"), percent=20, memory_histogram=histogram(20), **memory)
    compute()
    found = Saving.objects.get(kind="oversized")
    assert (found.to_type, found.monthly_usd) == ("m5.large", Decimal("73.0"))
    # Twice the 20 % that were used of all of it, on fourteen of fourteen days.
    assert found.evidence["to_cpu_p99_percent"] == 40.0
    assert (found.evidence["days_held"], found.coverage) == (14, 1.0)


def test_daily_figures_do_where_samples_do_not_reach_back_that_far(compute):
    told(machine(), average=1.0)
    compute()
    found = Saving.objects.get(kind="idle")
    assert found.evidence["cpu_worst_p99_percent"] == 2.0
    assert "14 days the highest CPU stands" in found.notes[0]


def test_what_was_measured_of_another_type_is_not_held_against_this_one(compute):
    sampled(machine(type_since=days_ago(5)), percent=1)
    compute()
    assert not Saving.objects.filter(kind="idle").exists()
    assert reasons("idle") == {"CPU is known of fewer than 7 days.": 1}


def test_a_volume_counts_from_when_it_was_found_attached_to_nothing(compute):
    owner = builders.account()
    for volume_id, since in (("vol-old", days_ago(8)), ("vol-new", days_ago(2)), ("vol-unknown", None)):
        builders.volume(owner, volume_id=volume_id, state="available", size_gib=50, available_since=since)
    compute()
    assert stored() == {("vol-old", "unattached"): ("", Decimal("5.0"))}
    assert reasons("unattached") == {
        "That is so for less than 7 days.": 1,
        "Since when is not known.": 1,
    }


def test_the_disks_of_what_ec2_says_was_stopped_long_ago_are_recommended_about(compute):
    stopped = machine(instance_id="i-1", state="stopped", stopped_at=days_ago(12))
    disk = builders.volume(stopped.account, attached_to="i-1", size_gib=100)
    builders.volume(builders.account(), attached_to="i-1", size_gib=999)
    compute()
    found = Saving.objects.get()
    assert (found.kind, found.monthly_usd, found.volumes) == ("stopped", Decimal("10.0"), [disk.pk])
    assert found.evidence["days"] == 12


def test_a_state_that_ec2_does_not_date_counts_from_when_it_was_seen(compute):
    stopped = machine(state="stopped")
    builders.state_change(stopped, "stopped", observed_at=days_ago(9))
    builders.volume(stopped.account, attached_to=stopped.instance_id)
    compute()
    assert Saving.objects.get().evidence["days"] == 9


def office_hours(of, weeks=4):
    """Hours with a busy CPU from 07:00 to 18:00 UTC, every day."""
    series = MetricSeries.objects.create(instance=of)
    start = partitions.midnight(TODAY) - timedelta(weeks=weeks)
    moments = [start + timedelta(hours=hour) for hour in range(168 * weeks)]
    partitions.HOURS.ensure({moment.date() for moment in moments})
    others = {f"{metric}_count": 0 for metric in ("memory", "network_in", "network_out")}
    MetricHour.objects.bulk_create(
        MetricHour(
            series=series,
            hour=moment,
            cpu_count=12,
            cpu_sum=12.0,
            cpu_max=60.0 if 7 <= moment.hour < 18 else 1.0,
            **others,
        )
        for moment in moments
    )


def test_the_hours_of_four_weeks_make_a_schedule_in_the_zone_of_the_settings(compute, settings):
    settings.SAVINGS_TIME_ZONE = "Europe/Berlin"
    office_hours(machine())
    compute()
    found = Saving.objects.get(kind="schedule")
    # In Berlin it is an hour later: from 08:00 to 19:00.
    assert found.evidence["zone"] == "Europe/Berlin"
    assert found.evidence["off"].startswith("Mon 00-08, 19-24")
    assert found.monthly_usd == pytest.approx(Decimal("0.2") * 730 * 13 / 24)


def test_the_hours_of_two_weeks_do_not(compute):
    office_hours(machine(), weeks=2)
    compute()
    assert reasons("schedule") == {"Its hours are not known for 3 weeks yet.": 1}


def test_doing_it_again_changes_nothing(compute):
    sampled(machine(), percent=1)
    compute()
    before = list(Saving.objects.values())
    counts = compute(NOW + timedelta(minutes=5))
    assert list(Saving.objects.values()) == before
    assert (counts["created"], counts["updated"], counts["gone"]) == (0, 0, 0)
    # An instance that runs has a verdict by each of five rules.
    assert WithheldSaving.objects.aggregate(count=Sum("resources"))["count"] == 5 - len(before)


def test_what_is_recommended_no_more_goes(compute):
    idle = machine(instance_id="i-1")
    sampled(idle, percent=1)
    compute()
    idle.metric_series.days.all().delete()
    compute(NOW + timedelta(days=1))
    assert set(stored()) == {("i-1", "generation")}


def test_two_accounts_may_share_an_id(compute):
    for owner in (builders.account("111111111111"), builders.account("222222222222")):
        sampled(machine(owner, instance_id="i-1"), percent=1)
    compute()
    assert Saving.objects.filter(resource="i-1", kind="idle").count() == 2


def test_a_worker_that_lost_its_claim_stores_nothing(compute, claimed):
    sampled(machine(), percent=1)
    Step.objects.filter(pk=claimed.work.pk).update(fence=99)
    with pytest.raises(LeaseLostError):
        compute()
    assert not Saving.objects.exists()


def test_what_fails_leaves_the_last_results(compute, monkeypatch):
    sampled(machine(), percent=1)
    compute()
    before = stored()
    monkeypatch.setattr(service, "_store_rest", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compute(NOW + timedelta(days=1))
    assert stored() == before
    assert Computation.objects.standing(Subject.SAVINGS)["computed_at"] == NOW


def test_shipped_prices_count_where_none_were_fetched(compute):
    PriceList.objects.all().delete()
    sampled(machine(region="us-east-1"), percent=1)
    compute()
    found = Saving.objects.get(kind="idle")
    assert (found.monthly_usd, str(found.price_date)) == (Decimal("140.160"), "2026-07-20")
    assert "shipped" in found.price_source
    scope = SavingsScope.objects.get()
    assert (scope.region, scope.instances, scope.volumes) == ("us-east-1", 1, 0)


def test_a_region_without_prices_has_no_amounts(compute):
    sampled(machine(region="ap-south-2"), percent=1)
    compute()
    found = Saving.objects.get(kind="idle")
    assert (found.monthly_usd, found.price_date) == (None, None)
    assert "not known" in found.notes[-1]


def test_it_reads_no_more_often_for_many_instances(compute, django_assert_max_num_queries):
    owner = builders.account()
    for number in range(30):
        sampled(machine(owner, instance_id=f"i-{number}"), percent=1, days=range(1, 9))
    with django_assert_max_num_queries(45):
        compute()
    assert Saving.objects.filter(kind="idle").count() == 30


def test_the_total_is_that_of_an_independent_sum(compute):
    owner, random = builders.account(), np.random.default_rng(3)
    expected = Decimal(0)
    for number in range(12):
        percent = int(random.choice([1, 70]))
        sampled(machine(owner, instance_id=f"i-{number}"), percent=percent)
        # Idle ones save all 20 cents an hour, busy ones the 2 of the newer generation.
        expected += 730 * Decimal("0.2" if percent == 1 else "0.02")
    compute()
    total = {"monthly_usd": expected, "resources": 12, "unpriced": 0}
    assert Saving.objects.all().total() == total
    assert tallies.total(SavingTally.objects.all(), of_kind=False) == total
