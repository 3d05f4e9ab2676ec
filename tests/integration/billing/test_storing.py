"""What files say is stored once, replaced whole, and added up to daily costs."""

import threading
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from alerts.models import Alert
from collectors.billing import reading, storing
from collectors.models import (
    BillingCost,
    BillingFile,
    BillingManifest,
    CloudAccount,
    DailyCost,
    FileState,
    QuarantinedLine,
)
from core.errors import InvalidInputError, LeaseLostError
from pipelines import claims, ledger, runner
from pipelines.models import Status, Step
from tests import builders
from tests.integration.billing import telling
from tests.integration.billing.conftest import collect, stored
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)

DAY, NEXT = "2026-03-01", "2026-03-02"
EC2, S3 = "AmazonEC2", "AmazonS3"


def states():
    """The states of all versions, the oldest first, by their files' names."""
    return [(one.key, one.state) for one in BillingFile.objects.order_by("pk")]


# --- Once ------------------------------------------------------------------------------------
def test_a_file_becomes_daily_costs(folder):
    folder.write("a.csv", f"{DAY} 1.25", f"{DAY} -0.25 {S3}", f"{NEXT} 2")
    folder.manifest("a.csv")
    run = collect()
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert stored() == {(DAY, EC2): "1.25", (DAY, S3): "-0.25", (NEXT, EC2): "2"}
    assert run.counts == {
        "created": 3,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "files": 1,
        "lines": 3,
        "quarantined": 0,
        "reconciled": 0,
    }


def test_a_step_tells_what_it_began_from_and_came_to(folder):
    folder.write("a.csv", f"{DAY} 1", "broken", f"{NEXT} 1")
    folder.manifest("a.csv")
    step = collect().steps.get(name__contains="a.csv")
    file = BillingFile.objects.get()
    assert step.name == f"exports/bill {DAY}/a.csv #{file.pk}"
    assert step.inputs == {"key": "a.csv", "etag": file.etag, "size": file.size}
    assert step.outputs == {"lines": 3, "quarantined": 1, "layout": "focus", "days": [DAY, NEXT]}
    assert step.progress == 50


def test_a_file_is_read_once(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    again = collect()
    assert again.steps.count() == 1
    assert "files" not in again.counts
    assert BillingFile.objects.count() == 1


def test_an_account_that_nobody_added_is_known_and_not_collected_from(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    account = CloudAccount.objects.get()
    assert (account.account_id, account.name) == (telling.ACCOUNT, "prod")
    assert (account.enabled, account.cost_source) == (False, "files")


def test_an_account_that_is_known_stays_as_it_is(folder):
    builders.account(telling.ACCOUNT, name="mine")
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    account = CloudAccount.objects.get()
    assert (account.name, account.enabled, account.cost_source) == ("mine", True, "explorer")


def test_broken_lines_are_kept_with_their_numbers(folder):
    folder.write("a.csv", f"{DAY} 1", "broken")
    folder.manifest("a.csv")
    assert collect().counts["quarantined"] == 1
    line = QuarantinedLine.objects.get()
    assert (line.line, line.reason, line.text) == (3, "no amount", "broken")
    file = BillingFile.objects.get()
    assert (file.lines, file.quarantined, file.skipped, file.left_out) == (
        2,
        1,
        {"not of AWS": 1},
        ["x_extra"],
    )


def test_files_of_the_same_day_add_up(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.write("b.csv", f"{DAY} 2")
    folder.manifest("a.csv", "b.csv")
    collect()
    assert stored() == {(DAY, EC2): "3"}


def test_of_two_exports_of_the_same_money_one_counts(folder):
    folder.write("cur/a.csv", f"{DAY} 5")
    folder.manifest("a.csv", key="cur/manifest.json", export="cur")
    folder.write("focus/a.csv", f"{DAY} 5", f"{DAY} 4 {EC2} {telling.ACCOUNT} effective")
    folder.manifest("a.csv", key="focus/manifest.json", export="focus")
    collect()
    amounts = dict(DailyCost.objects.values_list("basis", "amount"))
    assert amounts == {"unblended": 5, "effective": 4}


def test_nothing_is_done_without_locations(settings, sent):
    settings.BILLING_EXPORTS = []
    run = collect()
    assert (run.status, run.steps.count()) == (Status.SUCCEEDED, 0)


# --- Replaced --------------------------------------------------------------------------------
def test_a_replaced_file_replaces_its_rows(folder):
    folder.write("a.csv", f"{DAY} 1", f"{DAY} 2 {S3}", f"{NEXT} 3")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", f"{DAY} 1", f"{DAY} 5 {S3}")
    run = collect()
    assert stored() == {(DAY, EC2): "1", (DAY, S3): "5"}
    assert {name: run.counts[name] for name in ("created", "updated", "unchanged", "deleted")} == {
        "created": 0,
        "updated": 1,
        "unchanged": 1,
        "deleted": 1,
    }
    assert states() == [("a.csv", "superseded"), ("a.csv", "active")]
    assert BillingCost.objects.filter(file__state=FileState.SUPERSEDED).count() == 0


def test_a_version_that_comes_back_is_read_again(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    first = BillingFile.objects.get()
    folder.write("a.csv", f"{DAY} 22")
    collect()
    folder._moment = 1_700_000_000
    folder.write("a.csv", f"{DAY} 1")
    collect()
    assert stored() == {(DAY, EC2): "1"}
    first.refresh_from_db()
    assert (BillingFile.objects.count(), first.state) == (2, FileState.ACTIVE)


def found(run):
    """Plan a run and look for files; return the step that reads the one there is."""
    runner.plan(run.pk)
    runner.execute(run.steps.get().pk)
    return run.steps.get(payload__has_key="file")


def raising(error):
    def throw(*_args, **_named):
        raise error

    return throw


def die(step, error):
    """Do a step with a worker that is gone at this error."""
    try:
        runner.execute(step.pk)
    except SystemExit:
        assert isinstance(error, SystemExit)


@pytest.mark.parametrize("error", [LeaseLostError("taken over"), SystemExit()], ids=["lost", "killed"])
def test_a_worker_that_ends_in_the_midst_leaves_what_was_there(folder, monkeypatch, error):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", f"{DAY} 2", f"{NEXT} 2")
    run = ledger.start("billing")
    step = found(run)
    with monkeypatch.context() as broken:
        broken.setattr(storing, "_add_up", raising(error))
        die(step, error)
    assert stored() == {(DAY, EC2): "1"}
    assert BillingCost.objects.count() == 1
    Step.objects.filter(pk=step.pk).update(status=Status.QUEUED)
    work_off(run)
    assert stored() == {(DAY, EC2): "2", (NEXT, EC2): "2"}
    assert BillingCost.objects.count() == 2


def test_an_error_that_nobody_foresaw_leaves_what_was_there_until_the_next_time(folder, monkeypatch):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    step = found(ledger.start("billing"))
    with monkeypatch.context() as broken:
        broken.setattr(storing, "_add_up", raising(KeyError("a bug")))
        runner.execute(step.pk)
    step.refresh_from_db()
    assert (step.status, stored(), BillingCost.objects.count()) == (Status.FAILED, {}, 0)
    collect()
    assert stored() == {(DAY, EC2): "1"}


def test_a_worker_whose_lease_went_while_it_read_stores_nothing(folder, monkeypatch):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    step = found(ledger.start("billing"))
    read = telling.read

    def taken_over(file, **how):
        Step.objects.filter(pk=step.pk).update(fence=9)
        return read(file, **{**how, "on_progress": lambda _: None})

    monkeypatch.setattr(reading, "read", taken_over)
    runner.execute(step.pk)
    assert stored() == {}
    assert BillingCost.objects.count() == CloudAccount.objects.count() == 0


def test_what_was_stored_before_the_worker_was_lost_is_not_read_again(folder, monkeypatch):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    run = ledger.start("billing")
    step = found(run)
    with monkeypatch.context() as lost:
        lost.setattr(claims.Claim, "end", raising(LeaseLostError("lost")))
        runner.execute(step.pk)
    monkeypatch.setattr(reading, "read", None)
    Step.objects.filter(pk=step.pk).update(status=Status.QUEUED)
    work_off(run)
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert stored() == {(DAY, EC2): "1"}


# --- Assemblies ------------------------------------------------------------------------------
def test_a_first_delivery_counts_file_by_file(folder):
    folder.write("1/a.csv", f"{DAY} 1")
    folder.write("1/b.csv", "poison")
    folder.manifest("1/a.csv", "1/b.csv")
    assert collect().status == Status.PARTIAL
    assert stored() == {(DAY, EC2): "1"}
    assert states() == [("1/a.csv", "active"), ("1/b.csv", "failed")]


def test_a_new_assembly_counts_once_all_of_it_is_read(folder):
    folder.write("1/a.csv", f"{DAY} 1")
    folder.write("1/b.csv", f"{NEXT} 1")
    folder.manifest("1/a.csv", "1/b.csv")
    collect()
    folder.write("2/a.csv", f"{DAY} 2")
    folder.write("2/b.csv", "poison")
    folder.manifest("2/a.csv", "2/b.csv")
    collect()
    assert stored() == {(DAY, EC2): "1", (NEXT, EC2): "1"}
    assert states()[2:] == [("2/a.csv", "staged"), ("2/b.csv", "failed")]
    folder.write("2/b.csv", f"{DAY} 3 {S3}")
    collect()
    assert stored() == {(DAY, EC2): "2", (DAY, S3): "3"}
    assert [state for _, state in states()] == ["superseded", "superseded", "active", "superseded", "active"]


def test_a_file_of_the_former_assembly_that_is_listed_again_stays(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.write("b.csv", f"{NEXT} 1")
    folder.manifest("a.csv", "b.csv")
    collect()
    folder.write("c.csv", f"{NEXT} 5")
    folder.manifest("a.csv", "c.csv")
    collect()
    assert stored() == {(DAY, EC2): "1", (NEXT, EC2): "5"}
    assert states() == [("a.csv", "active"), ("b.csv", "superseded"), ("c.csv", "active")]


def test_a_file_that_a_manifest_lists_no_more_counts_no_more(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.write("b.csv", f"{NEXT} 1")
    folder.manifest("a.csv", "b.csv")
    collect()
    folder.manifest("a.csv")
    assert collect().counts["deleted"] == 1
    assert stored() == {(DAY, EC2): "1"}


def test_an_assembly_that_was_never_whole_gives_way_to_the_next(folder):
    for number, lines in enumerate(("1", "2", "3"), 1):
        folder.write(f"{number}/a.csv", f"{DAY} {lines}")
        folder.write(f"{number}/b.csv", "poison" if number == 2 else f"{NEXT} {lines}")
        folder.manifest(f"{number}/a.csv", f"{number}/b.csv")
        collect()
    assert stored() == {(DAY, EC2): "3", (NEXT, EC2): "3"}
    assert BillingFile.objects.filter(state=FileState.ACTIVE).count() == 2
    assert BillingFile.objects.filter(state=FileState.SUPERSEDED).count() == 4


def test_the_manifest_of_a_later_folder_takes_the_place_of_the_former(folder):
    for number in (1, 2):
        folder.write(f"20260301-20260401/{number}/a.csv", f"{DAY} {number}")
        folder.manifest("a.csv", key=f"20260301-20260401/{number}/cur-Manifest.json", export="cur")
        collect()
    assert stored() == {(DAY, EC2): "2"}
    assert BillingManifest.objects.get().key == "20260301-20260401/2/cur-Manifest.json"


# --- Failures --------------------------------------------------------------------------------
def test_a_poisoned_file_fails_alone(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.write("b.csv", "poison")
    folder.manifest("a.csv", "b.csv")
    run = collect()
    assert run.status == Status.PARTIAL
    assert run.error.endswith(": b.csv: column BilledCost is missing.")
    assert stored() == {(DAY, EC2): "1"}
    assert BillingFile.objects.get(key="b.csv").error == "b.csv: column BilledCost is missing."
    assert "b.csv" in Alert.objects.get(key="run:billing:all").body


def test_what_a_file_told_before_it_was_poisoned_stays(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    folder.write("a.csv", "poison")
    collect()
    assert stored() == {(DAY, EC2): "1"}
    assert states() == [("a.csv", "active"), ("a.csv", "failed")]


def test_a_file_that_failed_is_tried_again_the_next_time(folder, monkeypatch):
    folder.write("a.csv", "poison")
    folder.manifest("a.csv")
    collect()
    monkeypatch.setattr(reading, "read", _cured)
    assert collect().status == Status.SUCCEEDED
    assert stored() == {(DAY, EC2): "7"}
    assert BillingFile.objects.get().error == ""


def _cured(file, **how):
    file = file.with_name("cured.csv")
    file.write_text(f"{DAY} 7")
    return telling.read(file, **how)


def test_a_manifest_that_cannot_be_understood_fails_alone(folder):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    folder.write("other/manifest.json", '{"export": "other", "files": ["a.csv"]}')
    run = collect()
    assert run.status == Status.PARTIAL
    assert "other/manifest.json does not say for which period it is" in run.error
    assert stored() == {(DAY, EC2): "1"}


def test_a_file_that_is_not_there_is_told_and_read_once_it_is(folder):
    folder.manifest("late.csv")
    run = collect()
    assert "manifest.json lists late.csv, which is not there." in run.error
    assert BillingManifest.objects.get().error != ""
    folder.write("late.csv", f"{DAY} 1")
    assert collect().status == Status.SUCCEEDED
    assert stored() == {(DAY, EC2): "1"}
    assert BillingManifest.objects.get().error == ""


def test_what_was_read_stays_when_its_file_is_deleted(folder):
    folder.write("deep/a.csv", f"{DAY} 1")
    folder.manifest("deep/a.csv")
    collect()
    (folder.path / "deep/a.csv").unlink()
    assert collect().status == Status.SUCCEEDED
    assert stored() == {(DAY, EC2): "1"}


def test_a_file_that_is_replaced_while_it_is_read_is_not_stored(folder, monkeypatch):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    read = telling.read

    def replacing(file, **how):
        folder.write("a.csv", f"{DAY} 22")
        return read(file, **how)

    monkeypatch.setattr(reading, "read", replacing)
    run = collect()
    assert "a.csv was replaced after it had been found; the next run reads it." in run.error
    assert stored() == {}
    monkeypatch.setattr(reading, "read", read)
    collect()
    assert stored() == {(DAY, EC2): "22"}


def test_a_location_that_is_not_there_is_told(settings, folder):
    settings.BILLING_EXPORTS = ["nowhere", "exports"]
    run = collect()
    assert run.status == Status.PARTIAL
    assert run.error.startswith("nowhere: ")
    assert run.error.endswith("nowhere is not a folder.")


# --- Windows ---------------------------------------------------------------------------------
def test_a_window_reads_its_periods_again_and_no_others(folder):
    for month, day in (("03", DAY), ("04", "2026-04-01")):
        folder.write(f"{month}.csv", f"{day} 1")
        folder.manifest(
            f"{month}.csv",
            key=f"{month}/manifest.json",
            start=f"2026-{month}-01",
            end=f"2026-{int(month) + 1:02}-01",
        )
    collect()
    run = collect(start="2026-03-31", end="2026-04-01")
    assert run.counts["files"] == 1
    assert run.steps.filter(name__contains="03.csv").count() == 1
    assert run.counts["unchanged"] == 1
    assert BillingFile.objects.count() == 2


def test_a_file_that_counts_goes_on_to_when_it_cannot_be_read_again(folder, monkeypatch):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    collect()
    monkeypatch.setattr(telling, "Read", raising(InvalidInputError("torn")))
    assert "torn" in collect(start=DAY, end=NEXT).error
    assert stored() == {(DAY, EC2): "1"}
    file = BillingFile.objects.get()
    assert (file.state, file.error) == (FileState.ACTIVE, "torn")


# --- At once ---------------------------------------------------------------------------------
def told(path, *lines):
    return storing.told(telling.Read(lines), path)


def test_two_workers_with_files_of_the_same_days_lose_nothing(folder, tmp_path):
    folder.write("a.csv", "broken")
    folder.write("b.csv", "broken")
    folder.manifest("a.csv", "b.csv")
    run = collect()
    days = [date(2026, 3, day).isoformat() for day in range(1, 31)]
    barrier = threading.Barrier(2, timeout=30)
    errors = []

    def write(file, order):
        try:
            scratch = tmp_path / file.key
            scratch.mkdir()
            content = told(scratch, *(f"{day} 1" for day in order))
            for _ in range(5):
                barrier.wait()
                with transaction.atomic():
                    storing.store(file, content, run=run, now=timezone.now())
        except DatabaseError as error:
            errors.append(error)
        finally:
            connection.close()

    files = BillingFile.objects.select_related("manifest").order_by("key")
    threads = [
        threading.Thread(target=write, args=(file, order))
        for file, order in zip(files, (days, days[::-1]), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(stored().values()) == {"2"}
    assert len(stored()) == 30


def test_a_version_that_was_superseded_while_it_was_read_is_not_stored(folder, tmp_path):
    folder.write("a.csv", f"{DAY} 1")
    folder.manifest("a.csv")
    run = collect()
    BillingFile.objects.update(state=FileState.SUPERSEDED)
    with transaction.atomic():
        counts = storing.store(
            BillingFile.objects.get(), told(tmp_path, f"{DAY} 9"), run=run, now=timezone.now()
        )
    assert counts["files"] == 0
    assert stored() == {(DAY, EC2): "1"}
