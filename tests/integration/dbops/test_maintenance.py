"""The daily maintenance on a real server: what it does, leaves alone, goes on with, and tells."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Kind, SecurityEvent
from core.errors import LeaseLostError
from dbops import direct, models
from dbops.backups.errors import NotMadeError
from dbops.catalogue.glance import NoAnswerError
from dbops.readings import Index
from dbops.services import maintaining, reindexing, statistics
from pipelines import claims, ledger, registry, repair, retention, runner
from pipelines.heartbeat import beating
from pipelines.models import Run, Status, Step
from tests import builders
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/api/v1/database/automation/maintenance/run"
STATUS = "/api/v1/database/automation/maintenance/status"


def ago(days):
    return timezone.now() - timedelta(days=days)


@pytest.fixture(autouse=True)
def _alone(sent, monkeypatch):
    """No broker, no neighbours, no pauses; a table of the tests' own goes with them."""
    neighbours = maintaining.Neighbours(indexes=lambda _now: (), verify_backup=verified, advisers=[])
    monkeypatch.setattr(maintaining, "neighbours", neighbours)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS heap")


def verified(now, *, beat):
    return models.BackupCheck.objects.create(started_at=now, target="dump", is_verified=True)


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None


def table(rows=1000):
    """A table with an index that PostgreSQL does not look after by itself."""
    sql("CREATE TABLE heap (id int, filler text) WITH (autovacuum_enabled = off)")
    sql("INSERT INTO heap SELECT i, repeat('x', 20) FROM generate_series(1, %s) i", rows)
    sql("CREATE INDEX heap_index ON heap (id, filler)")
    counted()


def counted():
    """Have what this session changed counted at once, not some time."""
    sql("SELECT pg_stat_force_next_flush()")


def size(index="heap_index"):
    return sql("SELECT pg_relation_size(%s::regclass)", index)[0][0]


def estimate(name="heap_index", *, bloat=0.9):
    """Have the index's bloat estimated, as observing does."""
    found = Index(name, "heap", size(name), 0, False, True, bloat, "")
    maintaining.neighbours.indexes = lambda _now: (found,)


def done(run):
    work_off(run)
    run.refresh_from_db()
    return models.Maintenance.objects.get(run=run)


@contextmanager
def locked(statement="LOCK TABLE heap IN ACCESS EXCLUSIVE MODE"):
    """Another session that has the table for itself."""
    with direct.connect(statement_timeout_ms=30_000) as session:
        session.autocommit = False
        with session.cursor() as cursor:
            cursor.execute(statement)
            yield
            session.rollback()


# --- Deleting --------------------------------------------------------------------------------
def entry(days):
    kind = ContentType.objects.get_for_model(Run)
    return LogEntry.objects.create(
        content_type=kind, object_pk="1", object_repr="one", action=0, timestamp=ago(days)
    )


def session(days):
    return Session.objects.create(session_key=f"key{days}", session_data="", expire_date=ago(days))


def event(days):
    moment = ago(days)
    return SecurityEvent.objects.create(
        kind=Kind.LOGIN_FAILED, at=moment, hour=moment, method="POST", path="/"
    )


def hour(days, *, of=None):
    of = of or models.Statement.objects.first() or statement(1, 1)
    return models.StatementHour.objects.create(
        hour=ago(days), statement=of, calls=1, total_ms=1, slow_calls=0
    )


def change(days):
    return models.ThresholdChange.objects.create(
        at=ago(days), scale_up_threshold=0.8, scale_down_threshold=0.3, critical_threshold=0.95
    )


def alert(days):
    row = builders.alert()
    row.resolved_at = ago(days)
    row.save()
    return row


@pytest.mark.parametrize(
    ("name", "make", "kept", "over"),
    [
        ("audit-log", entry, 364, 366),
        ("sessions", session, 6, 8),
        ("security-events", event, 182, 184),
        ("statement-hours", hour, 34, 36),
        ("alerts", alert, 364, 366),
        ("threshold-changes", change, 364, 366),
    ],
)
def test_deletes_in_batches_exactly_what_is_over(tidy, monkeypatch, name, make, kept, over):
    monkeypatch.setattr(retention, "MOST_ROWS", 2)
    stays = make(kept)
    for days in range(over, over + 5):
        make(days)
    assert retention.every()[name].count(timezone.now()) == 5
    assert sum(tidy(name).values()) == 5
    assert list(type(stays)._default_manager.filter(pk=stays.pk)) == [stays]
    assert retention.every()[name].count(timezone.now()) == 0


def test_an_alert_that_still_holds_and_thresholds_that_still_hold_are_never_over(tidy):
    open_one = builders.alert()
    type(open_one).objects.update(opened_at=ago(500))
    change(500)
    change(400)
    tidy("alerts")
    tidy("threshold-changes")
    assert models.ThresholdChange.objects.get().at < ago(399)
    assert type(open_one).objects.exists()


def test_a_statement_stays_while_postgresql_knows_it_or_its_hours_are_kept(tidy):
    known, looked_back_to = statement(1, 1), statement(2, 0)
    statement(3, 0)
    hour(34, of=looked_back_to)
    assert tidy("statements") == {"statements_deleted": 1}
    assert set(models.Statement.objects.all()) == {known, looked_back_to}


def statement(query_id, calls):
    return models.Statement.objects.create(
        query_id=query_id, text="SELECT", first_seen=ago(99), last_seen=ago(36), calls=calls, total_ms=1
    )


def test_of_sizes_one_look_a_day_is_kept_after_35_days(tidy):
    noon = ago(40).replace(hour=12)
    for hours in range(5):
        at = noon + timedelta(hours=hours)
        models.RelationHour.objects.create(hour=at, at=at, database_bytes=1, tables=[], indexes=[])
    assert tidy("relation-hours") == {"relation_hours_deleted": 4}
    assert models.RelationHour.objects.get().hour == noon


def test_a_full_batch_of_hours_is_deleted_in_no_time(tidy, monkeypatch):
    monkeypatch.setattr(retention, "STATEMENT_TIMEOUT", "1s")
    statement(1, 1)
    sql(
        "INSERT INTO dbops_statementhour (hour, statement_id, calls, total_ms, slow_calls)"
        " SELECT now() - make_interval(days => 36, hours => i), 1, 1, 1, 0 FROM generate_series(1, 5001) i"
    )
    assert tidy("statement-hours") == {"statement_hours_deleted": 5001}


def test_rows_that_somebody_has_locked_are_left_with_the_reason(monkeypatch):
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "50ms")
    kept = session(9)
    with locked(f"SELECT FROM django_session WHERE session_key = '{kept.pk}' FOR UPDATE"):
        report = done(maintaining.start())
    (told,) = [each for each in report.tasks["cleanup"]["details"] if each["name"] == "sessions"]
    assert (told["status"], told["records_cleaned"]) == ("skipped", 0)
    assert "locked" in told["reason"]
    assert report.tasks["cleanup"]["status"] == "success", "the others are cleaned all the same"
    assert Session.objects.exists()


# --- Statistics ------------------------------------------------------------------------------
def analysed():
    return sql("SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'heap'")[0][0]


def test_a_table_that_was_never_analysed_is_and_then_it_is_not_stale():
    table()
    assert "heap" in statistics.refresh_stale()
    assert analysed()
    assert "heap" not in statistics.refresh_stale()


@pytest.mark.parametrize(("changed", "stale"), [(499, False), (500, True)])
def test_a_table_is_stale_once_500_rows_and_a_tenth_of_it_changed(changed, stale):
    table(rows=1000)
    statistics.refresh_stale()
    sql("UPDATE heap SET filler = 'y' WHERE id <= %s", changed)
    counted()
    assert ("heap" in [each.name for each in statistics.stale()]) == stale


def test_a_partitioned_table_gets_the_statistics_that_postgresql_does_not_make():
    sql("CREATE TABLE heap (id int) PARTITION BY RANGE (id)")
    sql("CREATE TABLE heap_1 PARTITION OF heap FOR VALUES FROM (0) TO (1000)")
    sql("INSERT INTO heap SELECT generate_series(1, 900)")
    counted()
    assert "heap" in statistics.refresh_stale()
    assert sql("SELECT count(*) FROM pg_stats WHERE tablename = 'heap'")[0][0] == 1
    assert "heap" not in statistics.refresh_stale()


def test_a_locked_table_is_skipped_in_time_with_a_note(monkeypatch):
    monkeypatch.setattr(statistics, "LOCK_TIMEOUT_MS", 100)
    table()
    began = time.monotonic()
    with locked():
        report = done(maintaining.start())
    assert time.monotonic() - began < 20
    told = {each["table"]: each for each in report.tasks["statistics"]["details"]}
    assert told["heap"] == {"table": "heap", "status": "skipped", "reason": statistics.BUSY}
    assert report.run.status == Status.SUCCEEDED


# --- Indexes ---------------------------------------------------------------------------------
def test_a_bloated_index_is_rebuilt_smaller():
    table(rows=50_000)
    sql("DELETE FROM heap WHERE id % 10 <> 0")
    before = size()
    estimate()
    report = done(maintaining.start())
    assert size() < 0.3 * before
    assert report.tasks["indexes"] == {
        "indexes_optimized": 1,
        "status": "success",
        "details": [
            {
                "index": "heap_index",
                "status": "success",
                "bytes_before": before,
                "bytes_after": size(),
                "reason": "",
            }
        ],
    }


def test_small_and_tidy_indexes_are_left_alone():
    megabyte = 1024**2
    found = [
        Index("small", "t", megabyte - 1, 0, False, True, 0.9, ""),
        Index("tidy", "t", 9 * megabyte, 0, False, True, 0.29, ""),
        Index("unknown", "t", 9 * megabyte, 0, False, True, None, ""),
        Index("wasteful", "t", megabyte, 0, False, True, 0.3, ""),
        Index("more wasteful", "t", 2 * megabyte, 0, False, True, 0.3, ""),
    ]
    assert reindexing.bloated(found) == ["more wasteful", "wasteful"]


def test_an_index_in_use_is_skipped_and_what_that_leaves_behind_goes_with_the_next_run(monkeypatch):
    monkeypatch.setattr(reindexing, "LOCK_TIMEOUT_MS", 200)
    table(rows=50_000)
    estimate()
    with locked("SELECT count(*) FROM heap"):
        report = done(maintaining.start())
    (told,) = report.tasks["indexes"]["details"]
    assert (told["status"], told["reason"]) == ("skipped", reindexing.BUSY)
    assert report.tasks["indexes"]["status"] == "skipped"
    maintaining.neighbours.indexes = lambda _now: ()
    done(maintaining.start())
    assert reindexing.leftovers() == []


def test_what_an_interrupted_rebuild_left_is_dropped_and_what_is_invalid_is_rebuilt():
    table()
    sql("CREATE INDEX heap_index_ccnew ON heap (id)")
    sql("CREATE INDEX heap_broken ON heap (id)")
    sql(
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid IN ('heap_index_ccnew'::regclass, 'heap_broken'::regclass)"
    )
    report = done(maintaining.start())
    told = {each["index"]: each["status"] for each in report.tasks["indexes"]["details"]}
    assert told == {"heap_index_ccnew": "dropped", "heap_broken": "success"}
    assert (reindexing.leftovers(), reindexing.broken()) == ([], [])


def test_what_is_invalid_is_rebuilt_even_when_it_is_not_known_what_is_bloated():
    table()
    sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'heap_index'::regclass")
    maintaining.neighbours.indexes = unanswered
    report = done(maintaining.start())
    indexes = report.tasks["indexes"]
    assert (indexes["status"], indexes["indexes_optimized"], report.run.status) == ("skipped", 1, "succeeded")
    assert indexes["reason"] == "It is not known which indexes are bloated. It took too long."
    assert reindexing.broken() == []


def unanswered(_now):
    raise NoAnswerError("It took too long.")


# --- Runs ------------------------------------------------------------------------------------
def test_a_run_whose_worker_was_killed_goes_on_with_what_is_left():
    entry(400)
    run = maintaining.start()
    runner.plan(run.pk)
    runner.execute(run.steps.get(name="cleanup/audit-log").pk)
    lost = claims.claim_step(run.steps.get(name="cleanup/sessions").pk)
    session(9)
    Step.objects.filter(pk=lost.work.pk).update(lease_until=ago(1))
    repair.take_over_lost_work()
    report = done(run)
    assert run.steps.get(name="cleanup/audit-log").attempt == 1, "what was done is not done again"
    assert run.steps.get(name="cleanup/sessions").attempt == 2
    assert not Session.objects.exists()
    assert report.tasks["cleanup"]["records_cleaned"] == 2
    with pytest.raises(LeaseLostError):
        retention.clean(lost, retention.every()["sessions"], timezone.now())


def test_what_was_deleted_before_an_interruption_is_reported(monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 10)
    for days in range(9, 9 + 25):
        session(days)
    run = maintaining.start()
    runner.plan(run.pk)
    lost = claims.claim_step(run.steps.get(name="cleanup/sessions").pk)
    retention._next(lost, retention.every()["sessions"].batches(timezone.now()))
    Step.objects.filter(pk=lost.work.pk).update(lease_until=ago(1))
    repair.take_over_lost_work()
    report = done(run)
    (told,) = [each for each in report.tasks["cleanup"]["details"] if each["name"] == "sessions"]
    assert (told["records_cleaned"], report.run.counts["sessions_deleted"]) == (25, 25)


def test_advice_that_cannot_be_had_costs_nothing_of_the_rest_of_the_report():
    maintaining.neighbours.advisers = [unanswered, lambda _now: sql("SELECT 1/0"), lambda _now: ["Do this"]]
    report = done(maintaining.start())
    assert report.run.status == Status.SUCCEEDED
    assert report.recommendations[-3:] == [
        "Advice is missing: It took too long.",
        "Advice is missing: division by zero",
        "Do this",
    ]


@pytest.mark.parametrize("left", [["heap_index"], []], ids=["one left", "none left"])
def test_indexes_that_were_rebuilt_before_an_interruption_are_not_again(left):
    table(rows=50_000)
    estimate()
    run = maintaining.start()
    runner.plan(run.pk)
    rebuilt = reindexing.Rebuilt("done_before", "success", 2, 1).as_json()
    run.steps.filter(name="indexes").update(payload={"left": left, "done": [rebuilt]})
    report = done(run)
    assert [each["index"] for each in report.tasks["indexes"]["details"]] == ["done_before", *left]


def test_one_failing_task_leaves_the_others_alone(monkeypatch):
    def broken():
        raise RuntimeError("boom")

    monkeypatch.setattr(statistics, "refresh", broken)
    session(9)
    report = done(maintaining.start())
    assert report.run.status == Status.PARTIAL
    assert report.tasks["statistics"]["status"] == "failed"
    assert "RuntimeError" in report.tasks["statistics"]["error"]
    assert report.tasks["cleanup"] == {**report.tasks["cleanup"], "status": "success", "records_cleaned": 1}
    assert "Find out why statistics failed, then run the maintenance again" in report.recommendations


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing():
    table(rows=50_000)
    session(9)
    estimate()
    before = size()
    run = maintaining.start(dry_run=True)
    report = done(run)
    assert report.dry_run
    assert {name: task["status"] for name, task in report.tasks.items()} == {
        "cleanup": "dry_run",
        "statistics": "dry_run",
        "indexes": "dry_run",
        "backups": "dry_run",
    }
    assert report.tasks["cleanup"]["records_found"] == 1
    assert report.tasks["indexes"]["details"] == [{"index": "heap_index", "reason": "bloated"}]
    assert "heap" in [each["table"] for each in report.tasks["statistics"]["details"]]
    assert (size(), analysed(), Session.objects.count()) == (before, False, 1)


def test_a_dry_run_is_no_obstacle_to_a_real_one():
    assert maintaining.start(dry_run=True).pk != maintaining.start().pk
    assert maintaining.start(dry_run=True).pk == maintaining.start(dry_run=True).pk


def test_indexes_wait_for_deletions_and_the_backup_for_all():
    run = maintaining.start()
    runner.plan(run.pk)
    runner.execute(run.steps.get(name="backups").pk)
    step = run.steps.get(name="backups")
    assert (step.status, step.attempt) == (Status.QUEUED, 0)
    assert step.not_before > timezone.now()


@pytest.mark.parametrize(("verified", "status"), [(True, "success"), (False, "failed")])
def test_a_backup_is_verified_and_the_lease_kept_meanwhile(verified, status):
    kept = []

    def verify(now, *, beat):
        kept.append(beat())
        return models.BackupCheck.objects.create(
            started_at=now, target="dump", is_verified=verified, error="" if verified else "corrupt"
        )

    maintaining.neighbours.verify_backup = verify
    backups = done(maintaining.start()).tasks["backups"]
    assert (backups["backups_verified"], backups["status"]) == (int(verified), status)
    assert backups.get("error", "") == ("" if verified else "corrupt")
    assert kept


def test_a_database_that_is_away_for_a_moment_ends_no_verification(monkeypatch):
    prolong = claims.Claim.prolong
    away = iter([OperationalError("server closed the connection unexpectedly")])
    kept = []

    def prolong_in_vain_at_first(claim):
        for error in away:
            raise error
        kept.append(prolong(claim))

    def verify(now, *, beat):
        monkeypatch.setattr(claims.Claim, "prolong", prolong_in_vain_at_first)
        beat()
        beat()
        return verified(now, beat=beat)

    maintaining.neighbours.verify_backup = verify
    run = maintaining.start()
    assert done(run).tasks["backups"]["status"] == "success"
    assert len(kept) == 1
    assert run.steps.get(name="backups").attempt == 1


def test_a_backup_that_could_not_be_made_this_time_is_tried_again(monkeypatch):
    ways = iter([NotMadeError("A table is locked.")])

    def verify(now, *, beat):
        for error in ways:
            raise error
        return verified(now, beat=beat)

    maintaining.neighbours.verify_backup = verify
    run = maintaining.start()
    assert done(run).tasks["backups"]["status"] == "success"
    assert run.steps.get(name="backups").retries == 1


def test_is_due_at_two_every_night():
    pipeline = registry.get("database-maintenance")
    assert (pipeline.cron.expression, str(pipeline.cron.zone)) == ("0 2 * * *", "UTC")
    assert pipeline.queue == "maintenance"


# --- The heartbeat ---------------------------------------------------------------------------
def test_a_lease_is_kept_while_its_holder_waits_for_long(claimed, monkeypatch):
    monkeypatch.setattr(claims.settings, "LEASE_S", 0.3)
    claimed.renew()
    before = Step.objects.get().lease_until
    with beating(claimed):
        deadline = time.monotonic() + 10
        while Step.objects.get().lease_until <= before:
            assert time.monotonic() < deadline


def test_whoever_lost_the_lease_is_told_while_they_wait(claimed, monkeypatch):
    monkeypatch.setattr(claims.settings, "LEASE_S", 0.3)
    told = threading.Event()
    Step.objects.update(fence=99)
    with pytest.raises(LeaseLostError), beating(claimed, on_loss=told.set):
        assert told.wait(10)


# --- Over HTTP -------------------------------------------------------------------------------
def test_is_started_over_http_and_followed():
    client = builders.client("operator")
    answer = client.post(RUN)
    run = Run.objects.get(pipeline="database-maintenance")
    assert answer.status_code == 202
    assert answer.json() == {
        "run_id": run.pk,
        "status": "queued",
        "status_url": f"http://testserver/api/v1/runs/{run.pk}/",
    }
    assert (run.scope, run.requested_by.groups.get().name) == ("all", "operator")
    assert client.post(RUN, {"dry_run": True}).json()["run_id"] != run.pk


def test_waiting_answers_with_the_report(monkeypatch):
    begin = ledger.start

    def start(*args, **kwargs):
        run = begin(*args, **kwargs)
        work_off(run)
        return run

    monkeypatch.setattr(ledger, "start", start)
    answer = builders.client("operator").post(f"{RUN}?wait=30", {"dry_run": True})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.json()["dry_run"] is True
    assert set(answer.json()["tasks"]) == {"cleanup", "indexes", "statistics", "backups"}


@pytest.mark.parametrize("body", [{"dry_run": "perhaps"}, []])
def test_refuses_what_it_cannot_understand(body):
    answer = builders.client("operator").post(RUN, body)
    assert (answer.status_code, set(answer.json()) >= {"error"}) == (400, True)
    assert not Run.objects.exists()


def test_a_misspelt_dry_run_starts_no_real_maintenance():
    answer = builders.client("operator").post(RUN, {"dryrun": True})
    assert (answer.status_code, answer.json()["error"]) == (400, "dryrun: Unknown key; known are: dry_run.")
    assert not Run.objects.exists()


def test_before_the_first_maintenance_there_is_nothing_and_the_reason():
    answer = builders.client("viewer").get(STATUS).json()
    reason = answer.pop("reason")
    assert answer == {"timestamp": None, "tasks": None, "recommendations": None, "history": []}
    assert "2:00 UTC" in reason


def test_the_status_is_that_of_the_last_real_maintenance_with_the_history_of_all():
    builders.alert()
    maintaining.neighbours.advisers = [maintaining.report.alerts]
    real = done(maintaining.start())
    dry = done(maintaining.start(dry_run=True))
    answer = builders.client("viewer").get(STATUS).json()
    assert set(answer) == {"timestamp", "tasks", "recommendations", "history"}
    assert [(each["run_id"], each["dry_run"]) for each in answer["history"]] == [
        (dry.run_id, True),
        (real.run_id, False),
    ]
    tasks = answer["tasks"]
    counted = ("records_cleaned", "indexes_optimized", "tables_updated", "backups_verified")
    names = ("cleanup", "indexes", "statistics", "backups")
    assert all(isinstance(tasks[name][key], int) for name, key in zip(names, counted, strict=True))
    assert answer["recommendations"] == ["Review monitoring alerts for any patterns"]


def test_can_be_started_from_a_shell(capsys):
    call_command("maintain_database", "--dry-run")
    assert "queued" in capsys.readouterr().out
    assert Run.objects.get(pipeline="database-maintenance").scope == "dry-run"
