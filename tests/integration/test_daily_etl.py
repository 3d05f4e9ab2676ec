"""The daily ETL: one schedule, one run at a time, one bill; and the way of older schedules to it."""

import importlib
import importlib.util
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from collectors import pipelines as collection
from collectors.pipelines import CHILDREN, SOURCES
from core.errors import InvalidInputError
from pipelines import due, ledger, registry, schedules
from pipelines.errors import RunConflictError
from pipelines.models import Run, Status
from pipelines.params import DAILY, chosen
from pipelines.registry import ETL_RETRY
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db

TITLE = "Collect EC2, costs and CPU"
HOUR = timedelta(hours=1)
MODULES = {"billing": "collectors.services.billing", "quality": "collectors.quality"}
"""Where the children are that are no source of AWS's."""


@pytest.fixture
def etl(sent, now):
    """The schedule of the daily ETL, created on that day: `etl(2026, 3, 7)`."""

    def create(*day):
        now(datetime(*day, tzinfo=UTC))
        PeriodicTask.objects.all().delete()
        schedules.ensure_pipeline(registry.get(DAILY))
        return PeriodicTask.objects.get(name=TITLE)

    return create


def slots():
    return list(Run.objects.filter(pipeline=DAILY).order_by("pk").values_list("scheduled_for", flat=True))


# --- What it consists of ---------------------------------------------------------------------
@pytest.mark.parametrize("child", MODULES)
def test_no_child_that_exists_is_forgotten(child):
    exists = importlib.util.find_spec(MODULES[child]) is not None
    assert (child in CHILDREN) is exists


def test_its_children_are_known_and_keep_to_the_documents_retries(sent):
    assert tuple(registry.get(DAILY).children) == CHILDREN
    run = ledger.start(DAILY)
    assert {registry.retry_of(child) for child in run.children.all()} == {ETL_RETRY}


def test_a_source_that_somebody_starts_by_itself_is_tried_again_sooner(sent):
    assert registry.retry_of(ledger.start("cost")).first_s < ETL_RETRY.first_s


# --- When it runs ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "slot"),
    [
        ((2026, 3, 7), datetime(2026, 3, 7, 9, 30, tzinfo=UTC)),
        ((2026, 3, 8), datetime(2026, 3, 8, 8, 30, tzinfo=UTC)),
        ((2026, 10, 31), datetime(2026, 10, 31, 8, 30, tzinfo=UTC)),
        ((2026, 11, 1), datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
    ],
    ids=["winter", "clocks go forward", "summer", "clocks go back"],
)
def test_it_starts_once_at_half_past_four_in_new_york(etl, now, before, slot):
    etl(*before)
    now(slot - timedelta(seconds=1))
    due.start_all_due()
    assert slots() == []
    for later in (0, 15, 3600):
        now(slot + timedelta(seconds=later))
        due.start_all_due()
        Run.objects.update(status=Status.FAILED)
    assert slots() == [slot]


def test_it_is_made_up_for_within_twelve_hours(etl, now):
    etl(2026, 3, 7)
    now(datetime(2026, 3, 7, 21, 30, tzinfo=UTC))
    due.start_all_due()
    assert Run.objects.get(parent=None).status == Status.QUEUED


def test_collect_every_overrides_it(etl, settings):
    etl(2026, 3, 7)
    settings.COLLECT_EVERY = "6h"
    schedules.ensure_pipeline(registry.get(DAILY))
    row = PeriodicTask.objects.get(name=TITLE)
    assert (str(row.interval), row.crontab) == ("every 6 hours", None)


def test_it_is_the_only_schedule_that_collects_costs(etl):
    etl(2026, 3, 7)
    schedules.ensure()
    by_schedule = {pipeline.name for pipeline in registry.scheduled()}
    assert {name for name in by_schedule if {name, *registry.get(name).children} & set(SOURCES)} == {DAILY}
    assert len(schedules.rows_of(DAILY)) == 1
    assert due.slots_a_day(DAILY) in (0, 1, 2)  # of 24 hours, on a day of 23, 24 or 25


def test_there_is_one_at_a_time(etl, now):
    etl(2026, 3, 7)
    by_hand = ledger.start(DAILY)
    now(datetime(2026, 3, 7, 9, 30, tzinfo=UTC))
    due.start_all_due()
    assert ledger.start(DAILY) == by_hand == Run.objects.get(parent=None)
    assert Run.objects.filter(pipeline="cost").count() == 1


# --- What it is asked for --------------------------------------------------------------------
WEEK = {"start": "2026-03-01", "end": "2026-03-08"}


def children(run):
    return list(run.children.order_by("position").values_list("pipeline", "scope"))


def test_sources_choose_among_its_children(sent):
    run = ledger.start(DAILY, params={"sources": ["cpu", "ec2"]})
    assert children(run) == [("ec2", "all"), ("cpu", "all"), ("quality", "all")]
    assert {child.params["sources"][0] for child in run.children.all()} == {"cpu"}


def test_children_with_days_of_their_own_join_no_other_collection(sent):
    alone = ledger.start("cost")
    run = ledger.start(DAILY, params={**WEEK, "sources": ["cost"]})
    assert children(run) == [
        ("cost", "2026-03-01..2026-03-08"),
        ("quality", "2026-03-01..2026-03-08"),
    ]
    assert run.scope == "all"
    alone.refresh_from_db()
    assert alone.parent is None


def test_without_validation_the_judge_is_left_out():
    every = ("ec2", "cost", "quality")
    assert chosen(every, {}) == list(every)
    assert chosen(every, {"validate": False}) == ["ec2", "cost"]
    assert chosen(every, {"sources": ["cost"]}) == ["cost", "quality"]


@pytest.mark.parametrize(
    "params", [{"sources": ["s3"]}, {"sources": [], "validate": False}], ids=["unknown", "none"]
)
def test_what_leaves_nothing_to_do_is_refused(sent, params):
    with pytest.raises(InvalidInputError):
        ledger.start(DAILY, params=params)
    assert not Run.objects.exists()


def test_days_that_another_run_is_reading_are_not_taken_from_it(sent):
    scope = f"{WEEK['start']}..{WEEK['end']}"
    backfill = ledger.start("backfill", scope=scope, params={**WEEK, "sources": ["cost"]})
    with pytest.raises(RunConflictError, match=f"as a part of run {backfill.pk}"):
        ledger.start(DAILY, params={**WEEK, "sources": ["cost"]})
    assert children(backfill) == [("cost", scope)]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_asked_for_less_makes_up_for_no_slot(pipelines, sent, now):
    pipelines(one=FakeHandler({}), two=FakeHandler({}))
    registry.register(
        registry.Pipeline(name=DAILY, children=("one", "two"), cron=collection.AT_HALF_PAST_FOUR, title=TITLE)
    )
    PeriodicTask.objects.all().delete()
    now(datetime(2026, 3, 7, tzinfo=UTC))
    schedules.ensure_pipeline(registry.get(DAILY))
    work_off(ledger.start(DAILY, params={"sources": ["one"]}))
    slot = datetime(2026, 3, 7, 9, 30, tzinfo=UTC)
    Run.objects.update(status=Status.SUCCEEDED, started_at=slot + HOUR)
    now(slot + 2 * HOUR)
    due.start_all_due()
    assert Run.objects.filter(pipeline=DAILY, scheduled_for=slot, status=Status.QUEUED).exists()


# --- The way there ---------------------------------------------------------------------------
move = importlib.import_module("pipelines.migrations.0012_daily_etl").move


def stored(**changes):
    """The schedule as it was created before, with changes."""
    PeriodicTask.objects.all().delete()
    day = IntervalSchedule.objects.create(every=1, period="days")
    values = {"name": TITLE, "interval": day, "kwargs": json.dumps({"pipeline": DAILY}), **changes}
    return PeriodicTask.objects.create(
        task=schedules.START, start_time=timezone.now() - 30 * 24 * HOUR, **values
    )


def test_a_schedule_that_nobody_edited_moves_to_half_past_four():
    row = stored()
    before = timezone.now()
    move(apps, None)
    row.refresh_from_db()
    crontab = row.crontab
    assert (row.interval, crontab.minute, crontab.hour, str(crontab.timezone)) == (
        None,
        "30",
        "4",
        "America/New_York",
    )
    # What was due before then was collected by the old rhythm.
    assert row.start_time >= before


@pytest.mark.parametrize("change", ["interval", "crontab", "name", "disabled", "another pipeline"])
def test_an_edited_schedule_stays(change):
    row = stored(
        **{
            "interval": lambda: {"interval": IntervalSchedule.objects.create(every=12, period="hours")},
            "crontab": lambda: {"interval": None, "crontab": CrontabSchedule.objects.create(hour="6")},
            "name": lambda: {"name": "Collect"},
            "disabled": lambda: {"enabled": False},
            "another pipeline": lambda: {"kwargs": json.dumps({"pipeline": "cost"})},
        }[change]()
    )
    before = PeriodicTask.objects.values().get(pk=row.pk)
    move(apps, None)
    assert PeriodicTask.objects.values().get(pk=row.pk) == before
