"""Recommendations that were followed, and what that has saved a fortnight later."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from analytics.models import FollowedSaving, Saving
from collectors.models import CpuMetric
from tests import builders
from tests.integration.analytics_savings.conftest import NOW, days_ago, machine, sampled, told

pytestmark = pytest.mark.django_db

FORTNIGHT_LATER = NOW + timedelta(days=15)


def change(row, **fields):
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def ran(of, days, *, share=1.0, average=1.0):
    """Daily figures of that many days after now."""
    for number in range(1, days + 1):
        builders.cpu_day(of, (NOW + timedelta(days=number)).date(), average, coverage=share)


@pytest.fixture
def idle(compute):
    """An idle instance that is recommended about, at 146 dollars a month."""
    found = machine(instance_id="i-1")
    builders.state_change(found, "running", observed_at=days_ago(60))
    told(found, average=1.0)
    compute()
    return found


def stop(instance, *, at=NOW):
    change(instance, state="stopped", stopped_at=at)
    builders.state_change(instance, "stopped", from_state="running", observed_at=at)


def test_an_idle_instance_that_was_stopped_is_kept_as_followed(idle, compute):
    stop(idle)
    counts = compute(NOW + timedelta(hours=1))
    found = FollowedSaving.objects.get()
    assert (found.kind, found.change, found.changed_at) == ("idle", "stopped", NOW)
    assert (found.promised_usd, found.monthly_usd) == (Decimal("146.0"), None)
    assert counts["followed"] == 1
    assert not Saving.objects.exists()


def test_what_it_saved_is_told_after_a_fortnight(idle, compute):
    stop(idle)
    compute(NOW + timedelta(hours=1))
    compute(FORTNIGHT_LATER - timedelta(days=1))
    assert FollowedSaving.objects.get().monthly_usd is None
    compute(FORTNIGHT_LATER)
    found = FollowedSaving.objects.get()
    # Fourteen days at 24 hours and 20 cents before, none after.
    assert (found.monthly_usd, found.of_promised) == (Decimal("146.0"), 1.0)


def test_what_was_started_again_has_saved_less(idle, compute):
    stop(idle)
    compute(NOW + timedelta(hours=1))
    change(idle, state="running", stopped_at=None)
    builders.state_change(idle, "running", from_state="stopped", observed_at=NOW + timedelta(hours=2))
    ran(idle, 14, share=0.5)
    compute(FORTNIGHT_LATER)
    assert FollowedSaving.objects.get().monthly_usd == Decimal("73.0")


def test_a_smaller_type_saves_the_difference_and_its_load_is_looked_at(compute):
    busy = machine(instance_id="i-1")
    told(busy, average=30.0)
    compute()
    change(busy, instance_type="m5.large", type_since=NOW)
    Saving.objects.filter(kind="generation").update(to_type="m5.large")
    compute(NOW + timedelta(hours=1))
    ran(busy, 14, average=45.0)
    compute(FORTNIGHT_LATER)
    found = FollowedSaving.objects.get()
    # Ten cents an hour less; the highest was 90 %, so that the 99th percentile may or may not be below 80 %.
    assert (found.to_type, found.monthly_usd, found.held) == ("m5.large", Decimal("73.0"), None)
    # A twelfth... of the newer type's 2 cents, five times as much.
    assert found.of_promised == 5.0


def test_a_load_that_stayed_within_the_limit_has_held(compute):
    busy = machine(instance_id="i-1")
    told(busy, average=30.0)
    compute()
    change(busy, instance_type="m6i.xlarge", type_since=NOW)
    compute(NOW + timedelta(hours=1))
    ran(busy, 14, average=30.0)
    compute(FORTNIGHT_LATER)
    assert FollowedSaving.objects.get().held is True


def test_a_type_that_costs_more_follows_no_recommendation(compute):
    busy = machine(instance_id="i-1", instance_type="m5.large")
    Saving.objects.create(
        account=busy.account,
        region=busy.region,
        resource="i-1",
        instance=busy,
        kind="oversized",
        from_type="m5.large",
        to_type="m5.medium",
        coverage=1,
        confidence=0.9,
        monthly_usd=Decimal(40),
        recommended_at=days_ago(1),
    )
    change(busy, instance_type="m5.xlarge", type_since=NOW)
    compute()
    assert not FollowedSaving.objects.exists()
    assert not Saving.objects.filter(from_type="m5.large").exists()


def test_a_volume_that_was_deleted_saves_its_storage(compute):
    volume = builders.volume(volume_id="vol-1", state="available", size_gib=100, available_since=days_ago(30))
    compute()
    change(volume, gone_at=NOW)
    compute(NOW + timedelta(hours=1))
    compute(FORTNIGHT_LATER)
    found = FollowedSaving.objects.get()
    assert (found.kind, found.change) == ("unattached", "deleted")
    assert found.monthly_usd == pytest.approx(Decimal("10.0"))
    assert found.of_promised == pytest.approx(1.0)


def test_disks_that_outlive_their_stopped_instance_are_not_counted_as_saved(compute):
    stopped = machine(instance_id="i-1", state="stopped", stopped_at=days_ago(30))
    root = builders.volume(stopped.account, attached_to="i-1", size_gib=100)
    builders.volume(stopped.account, attached_to="i-1", size_gib=50)
    compute()
    for row in (stopped, root):
        change(row, gone_at=NOW)
    compute(NOW + timedelta(hours=1))
    compute(FORTNIGHT_LATER)
    found = FollowedSaving.objects.get()
    assert (found.promised_usd, found.monthly_usd) == (Decimal("15.0"), pytest.approx(Decimal("10.0")))


def test_days_that_nothing_is_known_of_leave_it_unknown(idle, compute):
    stop(idle)
    compute(NOW + timedelta(hours=1))
    CpuMetric.objects.filter(date__gt=date(2026, 3, 10)).delete()
    idle.state_changes.filter(to_state="running").delete()
    compute(FORTNIGHT_LATER)
    found = FollowedSaving.objects.get()
    assert found.monthly_usd is None
    assert "5 days are known" in found.reason


def test_a_type_that_was_changed_again_leaves_it_unknown(compute):
    busy = machine(instance_id="i-1")
    told(busy, average=30.0)
    compute()
    change(busy, instance_type="m6i.xlarge", type_since=NOW)
    compute(NOW + timedelta(hours=1))
    change(busy, instance_type="m5.xlarge", type_since=NOW + timedelta(days=3))
    ran(busy, 14)
    compute(FORTNIGHT_LATER)
    assert FollowedSaving.objects.get().reason == "Its type was changed again."


def test_what_was_dismissed_is_not_followed(idle, compute):
    Saving.objects.update(dismissed_at=NOW, dismissal_reason="It is a spare.")
    stop(idle)
    compute(NOW + timedelta(hours=1))
    assert not FollowedSaving.objects.exists()
    assert set(Saving.objects.values_list("is_standing", flat=True)) == {False}


def test_a_dismissal_holds_when_it_is_recommended_again(idle, compute):
    Saving.objects.filter(kind="idle").update(dismissed_at=NOW, dismissal_reason="It is a spare.")
    idle.cpu.all().delete()
    compute(NOW + timedelta(hours=1))
    assert Saving.objects.get(kind="idle").is_standing is False
    sampled(idle, percent=1)
    compute(NOW + timedelta(hours=2))
    found = Saving.objects.get(kind="idle")
    assert (found.is_standing, found.dismissal_reason) == (True, "It is a spare.")


def test_a_dismissal_goes_with_its_resource(idle, compute):
    Saving.objects.update(dismissed_at=NOW)
    change(idle, gone_at=NOW)
    compute(NOW + timedelta(hours=1))
    assert not Saving.objects.exists()


def test_following_is_noted_once(idle, compute):
    stop(idle)
    for hours in (1, 2, 3):
        compute(NOW + timedelta(hours=hours))
    assert FollowedSaving.objects.count() == 1
