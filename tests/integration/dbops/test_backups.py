"""Backups, verified by restoring them with PostgreSQL's own programs."""

import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import psycopg2
import pytest
from botocore.config import Config
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg2 import sql

from alerts.models import Alert
from collectors.aws import s3
from collectors.models import DailyCost
from core.errors import LeaseLostError, TransientCloudError
from dbops import backups, direct
from dbops.backups import attending, binaries, contents, dump, restore, stores
from dbops.models import BackupCheck
from dbops.services import alarming, maintenance_report
from dbops.services.health import latest_check
from tests import builders, judged

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 1, 15, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.BACKUP_TARGET = str(tmp_path / "dumps")
    return tmp_path / "dumps"


@pytest.fixture
def costs():
    account = builders.account()
    return [builders.cost(account, f"2026-01-{day:02}", "1.50") for day in range(1, 11)]


def databases():
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", ["%\\_verify\\_%"])
        return [name for (name,) in cursor.fetchall()]


def in_scratch(monkeypatch, statement):
    """Have a statement executed in the scratch database once the dump is restored there."""
    load = restore.load

    def load_and_spoil(file, database, programs, beat):
        seconds = load(file, database, programs, beat)
        with direct.connect(statement_timeout_ms=10_000, database=database) as session:
            session.cursor().execute(statement)
        return seconds

    monkeypatch.setattr(restore, "load", load_and_spoil)


def spoil_dumps(monkeypatch):
    """Have the bytes of each dump's second half flipped, where the rows are: before are texts of SQL."""
    write = dump.write

    def write_and_spoil(file, programs, beat):
        dumped = write(file, programs, beat)
        content = bytearray(file.read_bytes())
        middle = len(content) // 2
        content[middle:] = bytes(byte ^ 0xFF for byte in content[middle:])
        file.write_bytes(content)
        return dumped

    monkeypatch.setattr(dump, "write", write_and_spoil)


# --- Good ------------------------------------------------------------------------------------
def test_a_good_backup_is_verified_by_its_rows(costs, folder):
    check = backups.verify(NOW)
    check.refresh_from_db()
    assert (check.error, check.is_verified, check.differences) == ("", True, [])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        (tables,) = cursor.fetchone()
    assert check.tables == tables
    assert check.rows > len(costs)
    assert check.restore_s > 0
    file = Path(check.target)
    assert file == folder / "test_cloudintel-20260115T020000.000000Z.dump"
    assert file.stat().st_size == check.size_bytes
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]
    assert databases() == []


def test_beside_a_verified_dump_lies_its_proof(costs, folder):
    check = backups.verify(NOW)
    proof = json.loads(Path(f"{check.target}.verified.json").read_text())
    assert (proof["rows"], proof["size_bytes"]) == (check.rows, check.size_bytes)
    assert {path.name for path in folder.iterdir()} == {
        Path(check.target).name,
        f"{Path(check.target).name}.verified.json",
    }


def test_writers_go_on_meanwhile_and_what_they_write_belongs_to_the_next_backup(costs, monkeypatch):
    monkeypatch.setattr(attending, "BEAT_S", 0.01)
    account = builders.account()
    written = []

    def write():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '250ms'")
        DailyCost.objects.update(amount="2")
        written.append(builders.cost(account, NOW.date() + timedelta(days=len(written)), "3"))

    check = backups.verify(NOW, beat=write)
    assert len(written) > 5
    assert check.is_verified, check.error


def test_dump_and_comparison_look_through_the_same_snapshot(costs, monkeypatch):
    run = dump.run

    def run_once_more_is_written(*command, **how):
        DailyCost.objects.update(amount="2")
        printed = run(*command, **how)
        DailyCost.objects.all().delete()
        return printed

    monkeypatch.setattr(dump, "run", run_once_more_is_written)
    check = backups.verify(NOW)
    assert (check.error, check.is_verified) == ("", True)


def test_a_table_that_is_dropped_just_then_is_no_matter(costs, monkeypatch):
    relations = contents.relations
    dropped = iter([[sql.Identifier("public", "metric_samples_20200101")]])

    def relations_with_one_that_was_dropped(session, kind):
        found = relations(session, kind)
        return [*found, *next(dropped, [])] if kind == "r" else found

    monkeypatch.setattr(contents, "relations", relations_with_one_that_was_dropped)
    check = backups.verify(NOW)
    assert (check.error, check.is_verified) == ("", True)


def test_a_verification_waits_for_the_one_that_is_going_on(monkeypatch):
    monkeypatch.setattr(attending, "BEAT_S", 0.01)
    with direct.connect(statement_timeout_ms=10_000) as other:
        other.cursor().execute("SELECT pg_advisory_lock(hashtextextended('backup verification', 0))")
        beats = []

        def beat():
            beats.append(BackupCheck.objects.get().target)
            other.cursor().execute("SELECT pg_advisory_unlock_all()")

        check = backups.verify(NOW, beat=beat)
    assert beats[0] != check.target
    assert check.is_verified


def test_a_role_that_may_only_create_databases_is_enough(costs, settings):
    with direct.connect(statement_timeout_ms=10_000) as session, session.cursor() as cursor:
        cursor.execute("CREATE ROLE clerk LOGIN CREATEDB PASSWORD 'clerk'")
        cursor.execute("GRANT pg_read_all_data TO clerk")
    settings.DATABASE_DIRECT = {**settings.DATABASE_DIRECT, "USER": "clerk", "PASSWORD": "clerk"}
    try:
        check = backups.verify(NOW)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP ROLE clerk")
    assert (check.error, check.is_verified) == ("", True)


# --- Bad -------------------------------------------------------------------------------------
def test_flipped_bytes_are_caught(costs, monkeypatch, folder):
    spoil_dumps(monkeypatch)
    check = backups.verify(NOW)
    check.refresh_from_db()
    assert not check.is_verified
    assert check.error.startswith("pg_restore failed: ")
    assert check.finished_at is not None
    assert not list(folder.glob("*.verified.json"))
    assert databases() == []


def test_a_dump_that_is_cut_off_is_caught(costs, monkeypatch):
    write = dump.write

    def write_and_cut(file, programs, beat):
        dumped = write(file, programs, beat)
        content = file.read_bytes()
        file.write_bytes(content[: len(content) * 9 // 10])
        return dumped

    monkeypatch.setattr(dump, "write", write_and_cut)
    assert not backups.verify(NOW).is_verified


def test_missing_rows_are_caught_and_counted(costs, monkeypatch):
    in_scratch(monkeypatch, "DELETE FROM daily_costs WHERE date > '2026-01-07'")
    check = backups.verify(NOW)
    check.refresh_from_db()
    assert not check.is_verified
    assert "daily_costs" in check.error
    found = {each["table"]: (each["expected_rows"], each["restored_rows"]) for each in check.differences}
    assert found["daily_costs"] == (10, 7)
    assert databases() == []


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE daily_costs SET amount = 1.51 WHERE date = '2026-01-07'", "daily_costs"),
        ("UPDATE daily_costs SET amount = 1.500 WHERE date = '2026-01-07'", "daily_costs"),
        ("DROP TABLE daily_costs", "daily_costs"),
        ("ALTER SEQUENCE daily_costs_id_seq RESTART", "daily_costs_id_seq"),
    ],
    ids=["another amount", "another way to write it", "no table", "a sequence that begins anew"],
)
def test_what_is_not_as_it_was_is_caught(costs, monkeypatch, statement, name):
    in_scratch(monkeypatch, statement)
    check = backups.verify(NOW)
    assert not check.is_verified
    assert name in check.error


def test_a_folder_that_cannot_be_made_is_told(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.BACKUP_TARGET = str(tmp_path / "file" / "dumps")
    check = backups.verify(NOW)
    assert not check.is_verified
    assert check.error == f"Not a directory: {settings.BACKUP_TARGET}"


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(stores.Folder, "keep", lambda *_: Path("/dev/full").write_bytes(b"x"))
    check = backups.verify(NOW)
    assert check.error == "No space left on device"


def test_programs_of_another_version_are_refused(monkeypatch, tmp_path):
    for name in ("pg_dump", "pg_restore"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.4'\n")
        program.chmod(0o755)
    monkeypatch.setattr(binaries, "folders", lambda _major: [tmp_path / "none", tmp_path])
    check = backups.verify(NOW)
    assert not check.is_verified
    assert check.error == (
        f"The server is PostgreSQL 18, whose dumps need pg_dump and pg_restore 18; found: 15 in {tmp_path}. "
        "Install postgresql-client-18, or put the programs on the PATH."
    )


# --- Not made --------------------------------------------------------------------------------
def no_alert_says_so():
    """Tell whether people are left in peace by what says nothing about a dump."""
    alarming.look(NOW, judged.reading())
    return not Alert.objects.exists() and latest_check() is None


def not_made():
    """Have a verification not made; return what is kept of it."""
    with pytest.raises(TransientCloudError) as raised:
        backups.verify(NOW)
    check = BackupCheck.objects.get()
    assert check.outcome == "interrupted"
    assert check.error == str(raised.value)
    assert no_alert_says_so()
    assert databases() == []
    return check


def instead_of(monkeypatch, name, script):
    """Have a shell script run in the place of a program, which it finds as "$real"."""
    found = binaries.matching(18)
    program = Path(stores.settings.BACKUP_TARGET).parent / f"pg_{name}"
    program.write_text(f"#!/bin/sh\nreal={getattr(found, name)}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(binaries, "matching", lambda _major: replace(found, **{name: program}))


def test_a_server_that_does_not_answer_says_nothing_about_the_backup(settings):
    answering = settings.DATABASE_DIRECT
    settings.DATABASE_DIRECT = {**answering, "PORT": 1, "PASSWORD": "hidden-from-all"}
    with pytest.raises(TransientCloudError, match="refused"):
        backups.verify(NOW)
    check = BackupCheck.objects.get()
    assert check.outcome == "interrupted"
    assert "hidden-from-all" not in check.error


def test_a_table_that_is_locked_for_long_says_nothing_about_the_backup(monkeypatch):
    monkeypatch.setattr(dump, "LOCK_TIMEOUT_MS", 200)
    with direct.connect(statement_timeout_ms=30_000) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE daily_costs IN ACCESS EXCLUSIVE MODE")
        assert "lock timeout" in not_made().error


def test_a_table_that_is_locked_just_before_it_is_dumped_says_nothing_about_the_backup(monkeypatch):
    monkeypatch.setattr(dump, "LOCK_TIMEOUT_MS", 200)
    run = dump.run

    def run_behind_somebody_who_waits(*command, **how):
        with direct.connect(statement_timeout_ms=30_000) as other, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(other.cursor().execute, "ALTER TABLE daily_costs ADD COLUMN more int")
            deadline = time.monotonic() + 20
            while not waits(other.info.backend_pid):
                assert time.monotonic() < deadline
            try:
                return run(*command, **how)
            finally:
                other.cancel()
                assert isinstance(waiting.exception(), psycopg2.errors.QueryCanceled)

    monkeypatch.setattr(dump, "run", run_behind_somebody_who_waits)
    assert not_made().error.startswith("pg_dump failed: ")


def waits(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)", [pid])
        return cursor.fetchone()[0]


def test_a_connection_that_is_lost_while_it_is_compared_says_nothing_about_the_backup(monkeypatch):
    tables = contents.tables

    def tables_of_a_session_that_is_ended(session):
        if "_verify_" in session.info.dbname:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [session.info.backend_pid])
            connection.close()
        return tables(session)

    monkeypatch.setattr(contents, "tables", tables_of_a_session_that_is_ended)
    not_made()


def test_a_connection_that_is_refused_when_it_is_restored_says_nothing_about_the_backup(monkeypatch):
    bad = 'case "$*" in *--list*) exec "$real" "$@";; esac; PGPORT=1 exec "$real" "$@"'
    instead_of(monkeypatch, "restore", bad)
    assert not_made().error.startswith("pg_restore failed: ")


def test_a_program_that_is_killed_says_nothing_about_the_backup(monkeypatch):
    instead_of(monkeypatch, "dump", "kill -KILL $$")
    assert not_made().error == "pg_dump failed: exit code -9"


def test_a_program_that_fails_by_itself_tells_of_a_failed_backup(monkeypatch):
    told = 'ERROR:  invalid input syntax for type json: "FATAL:  server closed the connection"'
    instead_of(monkeypatch, "dump", f"echo 'pg_dump: error: query failed: {told}' >&2; exit 1")
    check = backups.verify(NOW)
    assert check.outcome == "failed"
    assert alarming.look(NOW, judged.reading()) == "critical"


def test_who_cancels_a_verification_has_it_told_and_not_tried_again(monkeypatch):
    def cancelled(session):
        session.cursor().execute("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)")

    monkeypatch.setattr(contents, "tables", cancelled)
    check = backups.verify(NOW)
    assert check.outcome == "interrupted"
    assert no_alert_says_so()
    told = maintenance_report.of_backup(check)
    assert (told["status"], told["backups_verified"]) == ("skipped", 0)
    assert "canceling statement due to user request" in told["reason"]


def test_who_lost_the_right_to_go_on_ends_and_leaves_nothing(costs, monkeypatch):
    monkeypatch.setattr(attending, "BEAT_S", 0.01)

    def beat():
        if databases():
            raise LeaseLostError("Taken over.")

    with pytest.raises(LeaseLostError):
        backups.verify(NOW, beat=beat)
    check = BackupCheck.objects.get()
    assert (check.outcome, check.error) == ("interrupted", "The verification was interrupted before its end.")
    assert no_alert_says_so()
    assert databases() == []


def test_what_a_killed_verification_left_is_cleared_up(folder):
    killed = BackupCheck.objects.create(started_at=NOW, target="somewhere")
    name = "test_cloudintel_verify_0123456789ab"
    with direct.connect(statement_timeout_ms=60_000) as session:
        session.cursor().execute(f"CREATE DATABASE {name} TEMPLATE template0")
    folder.mkdir()
    (folder / ".test_cloudintel-20260114T020000.000000Z.dump.partial").touch()
    (folder / ".mine.partial").touch()
    still_there = psycopg2.connect(**direct.parameters(database=name))
    backups.verify(NOW)
    still_there.close()
    killed.refresh_from_db()
    assert (killed.outcome, killed.error) == (
        "interrupted",
        "The verification was interrupted before its end.",
    )
    assert databases() == []
    assert [path.name for path in folder.glob(".*")] == [".mine.partial"]


# --- Keeping ---------------------------------------------------------------------------------
def test_so_many_verified_dumps_are_kept_and_no_other_file_is_touched(settings, folder, monkeypatch):
    settings.BACKUP_KEEP = 2
    folder.mkdir()
    (folder / "notes.txt").touch()
    (folder / "other-20250101T000000.000000Z.dump").touch()
    targets = [backups.verify(NOW + timedelta(days=day)).target for day in range(3)]
    spoil_dumps(monkeypatch)
    targets.append(backups.verify(NOW + timedelta(days=3)).target)
    assert [Path(target).exists() for target in targets] == [False, True, True, True]
    assert {path.name for path in folder.iterdir() if "test_cloudintel" not in path.name} == {
        "notes.txt",
        "other-20250101T000000.000000Z.dump",
    }
    assert len(list(folder.glob("*.verified.json"))) == 2


# --- S3 --------------------------------------------------------------------------------------
@pytest.fixture
def bucket(moto_aws, settings, tmp_path):
    settings.CLOUDINTEL_HOME = tmp_path
    settings.BACKUP_TARGET = "s3://dumps/of/cloudintel"
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="dumps")
    return s3


def test_a_dump_in_s3_is_downloaded_again_before_it_counts(costs, bucket, settings, tmp_path):
    settings.BACKUP_KEEP = 1
    first, second = (backups.verify(NOW + timedelta(days=day)) for day in range(2))
    assert (first.error, second.error) == ("", "")
    found = bucket.list_objects_v2(Bucket="dumps")["Contents"]
    name = "of/cloudintel/test_cloudintel-20260116T020000.000000Z.dump"
    assert second.target == f"s3://dumps/{name}"
    assert {each["Key"]: each["Size"] for each in found}[name] == second.size_bytes
    assert len(found) == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_bytes_that_s3_lost_are_caught(costs, bucket, monkeypatch):
    keep = stores.chosen().__class__.keep

    def keep_half(store, draft, name, beat):
        keep(store, draft, name, beat)
        draft.write_bytes(draft.read_bytes()[: draft.stat().st_size // 2])
        keep(store, draft, name, beat)

    monkeypatch.setattr(stores.chosen().__class__, "keep", keep_half)
    assert not backups.verify(NOW).is_verified


def test_a_bucket_that_does_not_exist_is_told(moto_aws, settings, tmp_path):
    settings.CLOUDINTEL_HOME = tmp_path
    settings.BACKUP_TARGET = "s3://elsewhere"
    check = backups.verify(NOW)
    assert not check.is_verified
    assert "NoSuchBucket" in check.error
    assert check.error.startswith("s3:PutObject s3://elsewhere/")


def test_a_bucket_that_does_not_answer_says_nothing_about_the_backup(bucket, monkeypatch):
    # Nothing listens there.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(s3, "_CONFIG", s3._CONFIG.merge(Config(retries={"total_max_attempts": 1})))
    not_made()


def test_a_target_that_is_neither_folder_nor_bucket_is_told(settings):
    settings.BACKUP_TARGET = "ftp://example.com/dumps"
    assert backups.verify(NOW).error.startswith("BACKUP_TARGET must be a folder or s3://bucket/prefix")


# --- By hand ---------------------------------------------------------------------------------
def test_the_command_tells_what_was_found(capsys):
    call_command("verify_backup")
    printed = capsys.readouterr().out
    assert "verified:    yes" in printed
    assert BackupCheck.objects.get().target in printed


def test_the_command_fails_where_the_backup_does(capsys, monkeypatch):
    spoil_dumps(monkeypatch)
    with pytest.raises(SystemExit) as exit_:
        call_command("verify_backup")
    assert exit_.value.code == 1
    assert "error: pg_restore failed" in capsys.readouterr().err


def test_the_command_fails_where_the_server_does_not_answer(settings):
    settings.DATABASE_DIRECT = {**settings.DATABASE_DIRECT, "PORT": 1}
    with pytest.raises(CommandError, match="refused"):
        call_command("verify_backup")
