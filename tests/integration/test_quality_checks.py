"""Each check finds what it is there for, and names the row that failed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django_celery_beat.models import PeriodicTask

from collectors import quality
from collectors.models import Basis, BillingManifest, CostSource, FileState, QuarantinedLine
from collectors.quality import slots
from pipelines import schedules
from pipelines.models import Status
from pipelines.quality import checks
from pipelines.windows import Window
from tests import builders

pytestmark = pytest.mark.django_db

DAY = "2026-03-01"
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 2))
NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
SLOT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def find(name, window=WINDOW, now=NOW):
    return checks.every()[name].find(window, now)


def told(name, **kwargs):
    """How many slots there are, how many are bad, and which rows failed."""
    finding = find(name, **kwargs)
    return finding.of, finding.bad, [(each.subject, each.detail) for each in finding.failures]


def why_unknown(name, **kwargs):
    finding = find(name, **kwargs)
    assert finding.score is None
    return finding.why_unknown


def account(account_id="111111111111", **fields):
    return builders.account(account_id, **{"created_at": MIDNIGHT, **fields})


def ran(owner, instance_id="i-1", **fields):
    """An instance that has run since before the window."""
    return builders.instance(
        owner, instance_id=instance_id, **{"first_seen": MIDNIGHT - timedelta(days=9), **fields}
    )


def run(pipeline, began_at=SLOT, minutes=10, status=Status.SUCCEEDED, **fields):
    ended_at = began_at + timedelta(minutes=minutes)
    return builders.run(pipeline, status, started_at=began_at, finished_at=ended_at, **fields)


def test_all_checks_are_registered_and_answer_an_empty_database():
    assert len(checks.every()) == len(quality._TABLE) + len(slots.SOURCES)
    for name in checks.every():
        assert find(name).score is None
        assert find(name).why_unknown


# --- Completeness ----------------------------------------------------------------------------
class TestScans:
    def test_a_failed_page_fails_its_region(self):
        account(regions=["eu-west-1", "us-east-1"])
        scan = run("ec2", status=Status.PARTIAL)
        for region, outcome in (("eu-west-1", Status.SUCCEEDED), ("us-east-1", Status.FAILED)):
            builders.step(scan, f"111111111111/{region}/instances/1", outcome)
        assert told("scans") == (2, 1, [("111111111111 us-east-1 2026-03-01", "part of the scan failed")])

    def test_a_later_scan_makes_up_for_it(self):
        account(regions=["eu-west-1"])
        builders.step(run("ec2", status=Status.FAILED), "111111111111/eu-west-1/instances/1", Status.FAILED)
        again = run("ec2", SLOT + timedelta(minutes=30))
        builders.step(again, "111111111111/eu-west-1/instances/1")
        assert told("scans") == (1, 0, [])

    def test_an_account_that_could_not_be_entered_is_one_slot(self):
        account()
        builders.step(run("ec2", status=Status.FAILED), "111111111111", Status.FAILED)
        assert told("scans") == (1, 1, [("111111111111 2026-03-01", "not scanned")])

    def test_the_regions_of_an_account_that_names_none_are_those_it_was_scanned_in(self):
        account()
        scan = run("ec2")
        builders.step(scan, "111111111111")
        for region in ("eu-west-1", "us-east-1"):
            builders.step(scan, f"111111111111/{region}/instances/1")
        assert told("scans")[:2] == (2, 0)

    def test_nothing_is_owed_from_before_an_account_was_there_nor_by_a_disabled_one(self):
        account(created_at=NOW + timedelta(days=1))
        account("222222222222", enabled=False)
        assert why_unknown("scans") == "No account is enabled."


class TestCosts:
    def test_an_account_without_costs_is_named(self):
        builders.cost(account(), DAY, "0")
        account("222222222222")
        assert told("costs-there") == (2, 1, [("222222222222 2026-03-01", "no costs from explorer")])

    def test_each_day_is_a_slot(self):
        owner = account()
        for day in (1, 3):
            builders.cost(owner, f"2026-03-0{day}", "1")
        week = Window(date(2026, 3, 1), date(2026, 3, 4))
        assert told("costs-there", window=week, now=NOW + timedelta(days=3))[:2] == (3, 1)

    @pytest.mark.parametrize(
        "other", [{"source": CostSource.FILES}, {"basis": Basis.AMORTIZED}], ids=lambda each: str(*each)
    )
    def test_costs_of_another_source_or_basis_do_not_count(self, other):
        builders.cost(account(), DAY, "1", **other)
        assert told("costs-there")[:2] == (1, 1)

    def test_a_day_that_is_not_due_yet_owes_nothing(self):
        account()
        assert why_unknown("costs-there", now=SLOT) == slots.NOT_DUE

    def test_a_collection_of_the_day_that_failed_makes_it_due(self):
        account()
        run("cost", SLOT - timedelta(minutes=20), status=Status.FAILED)
        assert told("costs-there", now=SLOT)[:2] == (1, 1)


class TestCpu:
    def test_an_instance_without_figures_is_named(self):
        owner = account()
        builders.cpu_day(ran(owner), DAY)
        ran(owner, "i-2")
        missing = ("i-2 2026-03-01", "no CPU figures, though it ran in account 111111111111, eu-west-1")
        assert told("cpu-there") == (2, 1, [missing])

    @pytest.mark.parametrize(
        "how",
        [
            {"state": "stopped"},
            {"launched_at": MIDNIGHT + timedelta(hours=23, minutes=30)},
            {"gone_at": MIDNIGHT + timedelta(hours=4), "last_seen": MIDNIGHT + timedelta(minutes=30)},
        ],
        ids=["stopped", "launched late", "gone early"],
    )
    def test_what_did_not_run_for_an_hour_owes_nothing(self, how):
        ran(account(), **how)
        assert why_unknown("cpu-there").startswith("No instance of an enabled account ran")

    def test_what_is_gone_by_now_owes_the_day_that_it_ran(self):
        ran(account(), gone_at=NOW, last_seen=MIDNIGHT + timedelta(hours=20))
        assert told("cpu-there")[:2] == (1, 1)

    def test_instances_of_disabled_accounts_owe_nothing(self):
        ran(account(enabled=False))
        assert find("cpu-there").of == 0


class TestSamples:
    @pytest.fixture
    def collected(self):
        """Have metric samples collected since a moment."""

        def since(moment):
            PeriodicTask.objects.filter(pk__in=[row.pk for row in schedules.rows_of("metrics")]).update(
                start_time=moment, enabled=True
            )

        return since

    def test_hours_without_samples_are_counted(self, collected):
        collected(MIDNIGHT - timedelta(days=1))
        owner = account()
        builders.metric_day(ran(owner), DAY, hours=24)
        builders.metric_day(ran(owner, "i-2"), DAY, hours=20)
        assert told("samples-there") == (48, 4, [("i-2 2026-03-01", "20 of 24 hours have samples")])

    def test_nothing_is_owed_from_before_samples_were_collected(self, collected):
        collected(MIDNIGHT + timedelta(hours=16))
        builders.metric_day(ran(account()), DAY, hours=8)
        assert told("samples-there")[:2] == (8, 0)

    def test_is_unknown_where_they_are_not_collected(self, collected):
        PeriodicTask.objects.update(enabled=False)
        ran(account())
        assert "disabled" in why_unknown("samples-there")

    def test_is_unknown_before_they_have_been_for_an_hour(self, collected):
        collected(NOW)
        ran(account())
        assert "only since 2026-03-02 11:00 UTC" in why_unknown("samples-there")


# --- Timeliness ------------------------------------------------------------------------------
class TestTimeliness:
    def test_data_that_were_there_by_five_are_in_time(self):
        run("cost", minutes=30)
        assert told("costs-in-time") == (1, 0, [])

    def test_data_that_came_later_are_not(self):
        run("cost", minutes=31)
        late = ("2026-03-01", "collected at 2026-03-02 10:01, due at 2026-03-02 10:00 UTC")
        assert told("costs-in-time") == (1, 1, [late])

    def test_a_failed_run_brings_nothing(self):
        run("cost", status=Status.FAILED)
        assert told("costs-in-time") == (1, 1, [("2026-03-01", "not collected")])

    def test_a_run_that_began_before_the_day_was_over_does_not_have_it(self):
        run("cost", MIDNIGHT + timedelta(hours=12))
        assert told("costs-in-time")[:2] == (1, 1)

    def test_a_run_for_other_days_does_not_have_it(self):
        run("cost", params={"start": "2026-01-01", "end": "2026-02-01"})
        assert told("costs-in-time")[:2] == (1, 1)

    def test_nothing_is_promised_from_before_the_first_run(self):
        run("cost", SLOT + timedelta(hours=1))
        assert why_unknown("costs-in-time").startswith("Nothing was collected before")

    def test_days_are_counted_each(self):
        run("ec2")
        run("ec2", SLOT + timedelta(days=2))
        window, now = Window(date(2026, 3, 1), date(2026, 3, 4)), NOW + timedelta(days=2)
        late = ("2026-03-02", "collected at 2026-03-04 09:40, due at 2026-03-03 10:00 UTC")
        assert told("inventory-in-time", window=window, now=now) == (3, 1, [late])


# --- Validity --------------------------------------------------------------------------------
def test_instances_are_in_a_state_and_not_seen_in_the_future():
    ran(account())
    ran(account("222222222222"), "i-2", state="melted", last_seen=NOW + timedelta(days=1))
    of, bad, [(subject, detail)] = told("instances-valid")
    assert (of, bad, subject) == (2, 1, "i-2")
    assert detail.startswith("the state is melted, last seen in the future")


@pytest.mark.parametrize(
    ("day", "fields", "detail"),
    [
        (DAY, {"unit": "usd"}, "no currency: 'usd'"),
        (DAY, {"unit": ""}, "no currency: ''"),
        ("2026-04-01", {}, "a day of the future"),
    ],
)
def test_costs_have_a_currency_and_a_day_that_was(day, fields, detail):
    owner = account()
    builders.cost(owner, DAY, "1", service="AmazonS3")
    builders.cost(owner, day, "1", **fields)
    assert told("costs-valid") == (2, 1, [(f"111111111111 {day} AmazonEC2 eu-west-1", detail)])


def test_an_amount_that_is_no_number_is_named():
    builders.cost(account(), DAY, "1")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE daily_costs SET amount = 'NaN'")
    assert told("costs-valid")[2] == [("111111111111 2026-03-01 AmazonEC2 eu-west-1", "the amount is NaN")]


def test_broken_lines_of_billing_files_are_held_against_all():
    file = builders.billing_file(key="bill.csv", lines=10, quarantined=2)
    QuarantinedLine.objects.create(file=file, line=7, reason="no amount")
    assert told("billing-lines") == (
        10,
        2,
        [("bill.csv", "2 of 10 lines are broken; line 7: no amount")],
    )


def unreadable(**fields):
    return builders.billing_file(state=FileState.FAILED, lines=0, read_at=None, **fields)


def test_a_billing_file_that_failed_is_not_hidden_by_the_lines_of_others():
    builders.billing_file(lines=1_000_000)
    unreadable(key="other.csv", error="no column BilledCost")
    assert told("billing-files") == (2, 1, [("other.csv", "not readable: no column BilledCost")])
    assert told("billing-lines")[:2] == (1_000_000, 0)


def test_a_billing_file_that_failed_long_ago_counts_as_long_as_it_is_found():
    unreadable(found_at=MIDNIGHT - timedelta(days=9))
    BillingManifest.objects.update(seen_at=MIDNIGHT)
    assert told("billing-files")[:2] == (1, 1)
    BillingManifest.objects.update(seen_at=MIDNIGHT - timedelta(days=1))
    assert why_unknown("billing-files") == "No billing file was found."


def test_superseded_billing_files_count_no_more():
    builders.billing_file(state=FileState.SUPERSEDED, quarantined=2)
    assert why_unknown("billing-lines") == "No billing file was read."


def test_cpu_is_between_0_and_100():
    owner = account()
    builders.cpu_day(ran(owner), DAY)
    builders.cpu_day(ran(owner, "i-2"), DAY, average=60.0)
    assert told("cpu-valid") == (2, 1, [("i-2 2026-03-01", "maximum 120 %")])


def test_samples_are_within_their_bounds():
    owner = account()
    builders.metric_day(ran(owner), DAY)
    builders.metric_day(ran(owner, "i-2"), DAY, cpu_min=-1.0, hours=25)
    assert told("samples-valid") == (2, 1, [("i-2 2026-03-01", "CPU from -1 to 10 %, 25 hours")])


# --- Uniqueness ------------------------------------------------------------------------------
def test_an_instance_in_two_places_at_once_is_named():
    first, second = account(), account("222222222222")
    ran(first)
    ran(second, region="us-east-1")
    ran(first, "i-2")
    place = "in 222222222222 us-east-1 and in 111111111111 eu-west-1 at once"
    assert told("instances-once") == (3, 1, [("i-1", place)])


def test_an_instance_that_is_gone_elsewhere_is_in_one_place():
    ran(account(), gone_at=NOW)
    ran(account("222222222222"))
    assert told("instances-once") == (1, 0, [])


def test_the_same_cost_under_two_spellings_is_named():
    owner = account()
    builders.cost(owner, DAY, "1")
    builders.cost(owner, DAY, "1", service="amazonec2 ")
    builders.cost(owner, DAY, "1", service="AmazonS3")
    of, bad, [(subject, detail)] = told("costs-once")
    assert (of, bad, subject) == (3, 1, "111111111111 2026-03-01")
    assert "amazonec2 " in detail


def test_costs_of_two_bases_or_sources_are_not_the_same():
    owner = account()
    builders.cost(owner, DAY, "1")
    builders.cost(owner, DAY, "1", basis=Basis.AMORTIZED)
    builders.cost(owner, DAY, "1", source=CostSource.FILES)
    assert told("costs-once")[:2] == (3, 0)


def test_a_billing_file_that_counts_twice_is_named():
    first = builders.billing_file(key="bill.csv", etag="e")
    builders.billing_file(manifest=first.manifest, key="copy.csv", etag="e")
    assert told("files-once") == (2, 1, [("copy.csv", "counts twice: it is the same file as bill.csv")])


def test_two_figures_of_one_instance_and_day_are_named():
    for owner in (account(), account("222222222222")):
        builders.cpu_day(ran(owner), DAY)
    assert told("cpu-once") == (2, 1, [("i-1 2026-03-01", "two instances of that id have figures")])


# --- Consistency -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("files", "explorer", "bad"),
    [("101", "100", 0), ("101.01", "100", 1), ("0.02", "0.01", 0), ("0.03", "0.01", 1), ("-99", "-100", 0)],
)
def test_bills_may_differ_by_a_hundredth_or_a_cent(files, explorer, bad):
    builders.reconciliation(account(), DAY, files, explorer)
    assert told("reconciled")[:2] == (1, bad)


def test_a_bill_that_differs_is_named():
    builders.reconciliation(account(), DAY, "110", "100")
    detail = "billing files say 110 and Cost Explorer 100 USD"
    assert told("reconciled")[2] == [("111111111111 2026-03-01", detail)]


def test_what_was_compared_lately_counts_whatever_its_day():
    owner = account()
    builders.reconciliation(owner, "2026-02-01", "110", "100", compared_at=NOW)
    builders.reconciliation(owner, "2026-02-02", "110", "100", compared_at=MIDNIGHT - timedelta(hours=1))
    assert told("reconciled")[:2] == (1, 1)


def test_cpu_days_agree_with_their_samples():
    owner = account()
    for instance_id, average in (("i-1", 10.9), ("i-2", 12.0)):
        instance = ran(owner, instance_id)
        builders.cpu_day(instance, DAY, average)
        builders.metric_day(instance, DAY, 10.0)
    detail = "the day has 12.00 % on average, its samples 10.00 %"
    assert told("cpu-as-samples") == (2, 1, [("i-2 2026-03-01", detail)])


def test_days_that_one_of_them_knows_in_part_are_not_compared():
    instance = ran(account())
    builders.cpu_day(instance, DAY, 50.0)
    builders.metric_day(instance, DAY, 10.0, hours=12)
    assert why_unknown("cpu-as-samples").startswith("No day has both")


def test_cpu_of_what_was_gone_is_named():
    owner = account()
    builders.cpu_day(ran(owner), DAY)
    builders.cpu_day(ran(owner, "i-2", gone_at=MIDNIGHT - timedelta(days=2)), DAY)
    assert told("cpu-known") == (2, 1, [("i-2 2026-03-01", "the instance was gone on 2026-02-27")])


def test_cpu_under_another_name_than_the_inventorys_is_named():
    builders.cpu_day(ran(account()), DAY, instance_id="i-9")
    assert told("cpu-known")[2] == [("i-9 2026-03-01", "the inventory has i-1 instead")]


def test_a_check_names_200_rows_and_counts_all():
    owner = account()
    for number in range(205):
        ran(owner, f"i-{number}")
    finding = find("cpu-there")
    assert (finding.bad, finding.rows, len(finding.failures)) == (205, 205, 200)
