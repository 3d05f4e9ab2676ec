"""Costs by tag: stored with the costs that they are a part of, replaced whole, and unknown where not told."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from collectors.billing import storing
from collectors.models import (
    BillingCost,
    BillingFile,
    BillingManifest,
    BillingTag,
    BillingTagCost,
    CloudAccount,
    DailyCost,
    DailyTagCost,
)
from collectors.services import billing
from tests.integration.billing import telling
from tests.integration.billing.conftest import collect

pytestmark = pytest.mark.django_db(transaction=True)

DAY, NEXT = "2026-03-01", "2026-03-02"
S3 = "AmazonS3"


def told(key="team", **fields):
    """What is stored by a tag, as amounts by day and value."""
    rows = DailyTagCost.objects.filter(key=key, **fields).values("date", "value", "is_other")
    return {
        (row["date"].isoformat(), "?" if row["is_other"] else row["value"]): f"{row['total']:f}"
        for row in rows.annotate(total=Sum("amount")).order_by()
    }


def assert_adds_up():
    """Each key's rows of a group come to what the group was charged."""
    keys = ("account", "date", "service", "region", "unit")
    for key in DailyTagCost.objects.values_list("key", flat=True).distinct():
        rows = DailyTagCost.objects.filter(key=key).order_by().values(*keys).annotate(total=Sum("amount"))
        costs = DailyCost.objects.filter(basis="unblended", source="files").order_by().values(*keys)
        assert list(rows.order_by(*keys)) == list(costs.annotate(total=Sum("amount")).order_by(*keys))


def test_each_value_and_what_has_none_is_stored(folder):
    folder.write("a.csv", f"{DAY} 1.25 team=web", f"{DAY} 2 team=shop", f"{DAY} 4", f"{NEXT} 8")
    folder.manifest("a.csv")
    collect()
    assert told() == {(DAY, "web"): "1.25", (DAY, "shop"): "2", (DAY, ""): "4", (NEXT, ""): "8"}
    assert_adds_up()


def test_the_values_of_each_key_add_up_to_the_same_money(folder):
    folder.write(
        "a.csv",
        f"{DAY} 0.10000000000000000000000001 team=web env=prod",
        f"{DAY} 123456789012.3 env=prod",
        f"{DAY} -0.3 {S3} team=web",
    )
    folder.manifest("a.csv")
    collect()
    assert told()[(DAY, "web")] == "-0.19999999999999999999999999"
    assert told("env")[(DAY, "prod")] == "123456789012.40000000000000000000000001"
    assert_adds_up()


def test_nothing_is_left_over_where_all_is_tagged(folder):
    folder.write("a.csv", f"{DAY} 1.10 team=web", f"{DAY} 0 {S3}")
    folder.manifest("a.csv")
    collect()
    assert told() == {(DAY, "web"): "1.1", (DAY, ""): "0"}
    assert set(DailyTagCost.objects.filter(value="").values_list("service", flat=True)) == {S3}


def test_what_is_not_told_apart_is_neither_a_value_nor_untagged(folder):
    folder.write("a.csv", f"{DAY} 1 team=web", f"{DAY} 2 team=?", f"{DAY} 4")
    folder.manifest("a.csv")
    collect()
    assert told() == {(DAY, "web"): "1", (DAY, "?"): "2", (DAY, ""): "4"}


def test_of_a_key_that_no_line_has_nothing_is_known(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    assert BillingFile.objects.get().tag_keys == []
    assert not DailyTagCost.objects.exists()


def test_accounts_and_months_are_told_by_their_own_bills_alone(folder):
    folder.write("a.csv", f"{DAY} 1 team=web")
    folder.manifest("a.csv", key="a/manifest.json", export="a")
    folder.write("b.csv", f"{DAY} 1 {S3} 222222222222")
    folder.manifest("b.csv", key="b/manifest.json", export="b")
    folder.write("c.csv", "2026-04-01 1")
    folder.manifest("c.csv", key="c/manifest.json", export="a", start="2026-04-01", end="2026-05-01")
    for name in "abc":
        (folder.path / f"{name}.csv").rename(folder.path / name / f"{name}.csv")
    collect()
    assert DailyCost.objects.count() == 3
    assert told() == {(DAY, "web"): "1"}


# --- Several files ---------------------------------------------------------------------------
def test_a_file_without_the_key_has_its_costs_untagged_where_another_of_its_bill_tells(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.write("b.csv", f"{DAY} 2 team=web", f"{NEXT} 3")
    folder.manifest("a.csv", "b.csv")
    collect()
    assert told() == {(DAY, "web"): "2", (DAY, ""): "1", (NEXT, ""): "3"}
    assert_adds_up()


def test_what_was_untagged_is_unknown_again_when_no_file_tells_any_more(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.write("b.csv", f"{DAY} 2 team=web")
    folder.manifest("a.csv", "b.csv")
    collect()
    folder.write("b.csv", f"{NEXT} 22")
    collect()
    assert told() == {}
    assert DailyCost.objects.count() == 2


def test_a_key_that_one_file_left_out_is_unknown_in_the_whole_bill(folder, settings):
    settings.BILLING_TAGS = ["env"]
    folder.write("a.csv", f"{DAY} 1 team=web env=prod")
    folder.manifest("a.csv", "b.csv")
    collect()
    assert BillingFile.objects.get().tags_left_out == ["team"]
    settings.BILLING_TAGS = ["team", "env"]
    folder.write("b.csv", f"{DAY} 2 team=web env=prod")
    collect()
    assert (told("team"), told("env")) == ({}, {(DAY, "prod"): "3"})


def test_a_file_that_was_read_before_tags_were_kept_tells_of_none(folder):
    folder.write("a.csv", f"{DAY} 1 team=web")
    folder.manifest("a.csv", "b.csv")
    collect()
    BillingFile.objects.update(tag_keys=None)
    folder.write("b.csv", f"{DAY} 2 team=web")
    collect()
    assert told() == {}
    collect(start=DAY, end=NEXT)
    assert told() == {(DAY, "web"): "3"}, "read again, it does"


def test_of_two_exports_of_the_same_money_the_tags_of_one_count(folder):
    folder.write("cur/a.csv", f"{DAY} 5 team=web")
    folder.manifest("a.csv", key="cur/manifest.json", export="cur")
    folder.write("focus/a.csv", f"{DAY} 5 team=web", f"{DAY} 4 {S3} {telling.ACCOUNT} effective")
    folder.manifest("a.csv", key="focus/manifest.json", export="focus")
    collect()
    assert told() == {(DAY, "web"): "5"}
    assert_adds_up()


# --- Replaced, read again, deleted -----------------------------------------------------------
def test_a_new_version_replaces_the_tags_of_the_former_one_whole(folder):
    folder.write("a.csv", f"{DAY} 1 team=web", f"{DAY} 2 team=shop", f"{NEXT} 3 team=web")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", f"{DAY} 10 team=web", f"{DAY} 20")
    collect()
    assert told() == {(DAY, "web"): "10", (DAY, ""): "20"}
    assert BillingTagCost.objects.count() == 1
    assert_adds_up()


def test_reading_again_doubles_nothing(folder):
    folder.write("a.csv", f"{DAY} 1 team=web", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    keys = set(DailyTagCost.objects.values_list("pk", flat=True))
    collect(start=DAY, end=NEXT)
    assert told() == {(DAY, "web"): "1", (DAY, ""): "1"}
    assert set(DailyTagCost.objects.values_list("pk", flat=True)) == keys


def test_a_version_that_fails_half_way_leaves_what_was_there(folder, monkeypatch):
    folder.write("a.csv", f"{DAY} 1 team=web")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", f"{DAY} 22 team=shop")

    def fail():
        raise RuntimeError("lost")

    with monkeypatch.context() as broken:
        broken.setattr(storing, "_add_up_tags", fail)
        collect()
    assert told() == {(DAY, "web"): "1"}
    assert list(BillingTagCost.objects.values_list("value", flat=True)) == ["web"]


def test_a_period_of_which_nothing_is_left_has_no_tags_left(folder):
    folder.write("a.csv", f"{DAY} 1 team=web")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", "")
    collect()
    assert not DailyTagCost.objects.exists()
    assert not BillingTagCost.objects.exists()
    assert not DailyCost.objects.exists()


def test_versions_that_are_over_go_without_what_counts(folder):
    folder.write("a.csv", f"{DAY} 1 team=web")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", f"{DAY} 22 team=web")
    collect()
    billing._replaced(timezone.now() + timedelta(days=1000)).delete()
    assert BillingFile.objects.count() == 1
    assert told() == {(DAY, "web"): "22"}


def test_a_bill_that_is_deleted_takes_what_its_files_say_with_it(folder):
    folder.write("a.csv", f"{DAY} 1 team=web")
    folder.manifest("a.csv")
    collect()
    BillingManifest.objects.all().delete()
    assert not BillingTagCost.objects.exists()


def test_an_account_that_is_deleted_takes_its_tags_with_it(folder):
    folder.write("a.csv", f"{DAY} 1 team=web", f"{DAY} 2 {S3} 222222222222 team=web")
    folder.manifest("a.csv")
    collect()
    CloudAccount.objects.get(account_id=telling.ACCOUNT).delete()
    assert told() == {(DAY, "web"): "2"}
    assert BillingTagCost.objects.count() == BillingCost.objects.count() == 1


# --- Which keys ------------------------------------------------------------------------------
def test_the_ten_keys_that_are_used_first_are_kept_for_good(folder):
    many = " ".join(f"key{number:02}=x" for number in range(12))
    folder.write("a.csv", f"{DAY} 1 {many}")
    folder.manifest("a.csv")
    collect()
    kept = [f"key{number:02}" for number in range(10)]
    assert list(BillingTag.objects.order_by("key").values_list("key", flat=True)) == kept
    folder.write("a.csv", f"{DAY} 1 other=x {many}")
    collect()
    file = BillingFile.objects.latest("pk")
    assert (file.tag_keys, file.tags_left_out) == (kept, ["key10", "key11", "other"])


def test_keys_that_are_named_are_kept_and_no_others(folder, settings):
    settings.BILLING_TAGS = ["env", "owner"]
    folder.write("a.csv", f"{DAY} 1 team=web env=prod")
    folder.manifest("a.csv")
    collect()
    assert (told("env"), told("team"), told("owner")) == ({(DAY, "prod"): "1"}, {}, {})
    assert not BillingTag.objects.exists()


# --- What is asked ---------------------------------------------------------------------------
@pytest.fixture
def stored(folder):
    folder.write(
        "a.csv", f"{DAY} 1 team=web", f"{DAY} 5 team=shop", f"{DAY} 2 team=?", f"{NEXT} 3 {S3} team=web"
    )
    folder.manifest("a.csv")
    collect()
    return DailyTagCost.objects.of_key("team")


def test_the_dearest_values_come_first(stored):
    assert stored.dearest_values(5) == ["shop", "web"]
    assert stored.dearest_values(1) == ["shop"]


def test_days_are_added_up_by_value(stored):
    days = stored.between(date(2026, 3, 1), date(2026, 3, 3)).of_value("web").daily_totals("value")
    assert [(row["date"].isoformat(), row["value"], row["total"]) for row in days] == [
        (DAY, "web", Decimal(1)),
        (NEXT, "web", Decimal(3)),
    ]


def test_values_are_listed_with_the_last_day(stored):
    assert [(row["value"], row["last_day"].isoformat()) for row in stored.values_told()] == [
        ("shop", DAY),
        ("web", NEXT),
    ]


def test_days_of_accounts_are_told_by_one_tag_and_not_by_another(stored):
    assert not DailyCost.objects.untold_by("team").exists()
    assert DailyCost.objects.untold_by("env").count() == 2
