"""Billing files are found in folders and in S3, and only there."""

import json
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from django.utils import timezone

from collectors.aws import s3
from collectors.billing.stores import name_of, open_store, shortened
from collectors.models import BillingFile, BillingManifest
from core.errors import AccessRefusedError, InvalidInputError, PermanentCloudError, TransientCloudError
from pipelines.models import Status
from tests.integration.billing.conftest import collect, stored

pytestmark = pytest.mark.django_db(transaction=True)

DAY, EC2 = "2026-03-01", "AmazonEC2"
BUCKET = "our-billing"


def attach(_client):
    """Count no calls."""


def opened(location):
    return open_store(location, attach)


def entry(store, key):
    return store.entries()[key]


# --- Folders ---------------------------------------------------------------------------------
def test_a_folder_tells_its_files_by_their_paths(folder):
    folder.write("x/a.csv", "12345")
    found = opened("exports").entries()
    assert list(found) == ["x/a.csv"]
    assert found["x/a.csv"].size == 5
    assert found["x/a.csv"].modified < timezone.now() - timedelta(days=1)


def test_a_file_that_is_written_again_has_another_etag(folder):
    folder.write("a.csv", "12345")
    before = entry(opened("exports"), "a.csv")
    folder.write("a.csv", "54321")
    after = entry(opened("exports"), "a.csv")
    assert (before.size, before.etag == after.etag) == (after.size, False)


def test_a_file_of_a_folder_is_read_in_place(folder, tmp_path):
    folder.write("a.csv", "12345")
    store = opened(str(folder.path))
    with store.fetched("a.csv", entry(store, "a.csv"), tmp_path) as file:
        assert file == folder.path / "a.csv"


def test_links_out_of_a_folder_are_not_followed(folder, tmp_path):
    (tmp_path / "secret.csv").write_text("secret")
    (folder.path / "a.csv").symlink_to(tmp_path / "secret.csv")
    folder.write("b.csv", "1")
    (folder.path / "c.csv").symlink_to(folder.path / "b.csv")
    assert set(opened("exports").entries()) == {"b.csv", "c.csv"}


def test_a_manifest_cannot_lead_out_of_a_folder(folder, tmp_path):
    (tmp_path / "secret.csv").write_text(f"{DAY} 1")
    folder.manifest("../secret.csv")
    run = collect()
    assert "manifest.json lists '../secret.csv', which is no path below its location." in run.error
    assert stored() == {}


def test_a_file_that_may_not_be_read_is_told(folder, monkeypatch):
    folder.write("a.csv", "1")

    def denied(*_args, **_named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(PermanentCloudError, match=r"a\.csv may not be read by CloudIntel's workers"):
        opened("exports").read("a.csv")


def test_a_disk_that_fails_is_asked_again(folder, monkeypatch):
    def broken(*_args, **_named):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(TransientCloudError, match=r"a\.csv could not be read: Input/output error"):
        opened("exports").read("a.csv")


@pytest.mark.parametrize("location", ["gs://bucket/x", "s3://", "s3:///x"])
def test_a_location_that_is_neither_folder_nor_bucket_is_refused(location):
    with pytest.raises(InvalidInputError, match="BILLING_EXPORTS has folders and s3://bucket/prefix"):
        opened(location)


# --- S3 --------------------------------------------------------------------------------------
@pytest.fixture
def bucket(moto_aws, settings, tmp_path, sent):
    """A bucket, which is the one location of billing files."""
    settings.CLOUDINTEL_HOME = tmp_path
    settings.BILLING_EXPORTS = [f"s3://{BUCKET}/exports"]
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    return client


def put(client, key, content):
    client.put_object(Bucket=BUCKET, Key=key, Body=content.encode())


def deliver(client, assembly, *lines):
    """Deliver a version of a report, as AWS does: the manifest last, and twice."""
    folder = "exports/cur/20260301-20260401"
    put(client, f"{folder}/{assembly}/cur-1.csv", "\n".join(lines))
    manifest = {
        "reportName": "cur",
        "assemblyId": assembly,
        "billingPeriod": {"start": "20260301T000000.000Z", "end": "20260401T000000.000Z"},
        "reportKeys": [f"{folder}/{assembly}/cur-1.csv"],
    }
    for key in (f"{folder}/{assembly}/cur-Manifest.json", f"{folder}/cur-Manifest.json"):
        put(client, key, json.dumps(manifest))


def test_a_report_in_s3_is_read_once(bucket, tmp_path):
    deliver(bucket, "1", f"{DAY} 1.5")
    run = collect()
    assert (run.status, run.error) == (Status.SUCCEEDED, "")
    assert stored() == {(DAY, EC2): "1.5"}
    assert BillingManifest.objects.get().key == "cur/20260301-20260401/cur-Manifest.json"
    assert BillingFile.objects.get().key == "cur/20260301-20260401/1/cur-1.csv"
    assert collect().steps.count() == 1
    assert list((tmp_path / "billing-scratch").iterdir()) == []


def test_the_calls_of_s3_are_counted(bucket):
    deliver(bucket, "1", f"{DAY} 1.5")
    # A list, a manifest and a file.
    assert collect().aws_calls == 3
    # A list: the manifest is the one that is known.
    assert collect().aws_calls == 1


def test_the_next_version_of_a_report_takes_the_place_of_the_former(bucket):
    deliver(bucket, "1", f"{DAY} 1")
    collect()
    deliver(bucket, "2", f"{DAY} 2")
    collect()
    assert stored() == {(DAY, EC2): "2"}
    assert list(BillingFile.objects.order_by("pk").values_list("state", flat=True)) == [
        "superseded",
        "active",
    ]


def test_a_data_export_in_s3_is_read(bucket):
    put(bucket, "exports/focus/data/billing_period=2026-03/focus-1.csv", f"{DAY} 1")
    listed = f"s3://{BUCKET}/exports/focus/data/billing_period=2026-03/focus-1.csv"
    manifest = json.dumps({"executionId": "5a1e", "dataFiles": [listed]})
    put(bucket, "exports/focus/metadata/billing_period=2026-03/focus-Manifest.json", manifest)
    collect()
    assert stored() == {(DAY, EC2): "1"}


def test_what_lies_beside_the_prefix_is_not_looked_at(bucket):
    put(bucket, "exports-of-others/manifest.json", "{")
    assert collect().status == Status.SUCCEEDED


def test_an_object_that_was_replaced_is_not_the_one_that_was_found(bucket, tmp_path):
    put(bucket, "exports/a.csv", "1")
    store = opened(f"s3://{BUCKET}/exports")
    found = entry(store, "a.csv")
    put(bucket, "exports/a.csv", "2")
    with (
        pytest.raises(InvalidInputError, match=r"s3://our-billing/exports/a\.csv was replaced"),
        store.fetched("a.csv", found, tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_told(bucket, settings):
    settings.BILLING_EXPORTS = ["s3://nobodys/x"]
    run = collect()
    assert run.status == Status.FAILED
    assert run.error.startswith("s3:nobodys:x: s3:ListBucket s3://nobodys/x/ was refused")
    assert "NoSuchBucket" in run.error


def test_s3_that_does_not_answer_is_asked_again(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(s3, "_CONFIG", Config(retries={"total_max_attempts": 1}))
    with pytest.raises(TransientCloudError, match="s3:ListBucket s3://our-billing/exports/ got no answer"):
        opened(f"s3://{BUCKET}/exports").entries()


def test_a_refusal_of_s3_is_told_as_one(bucket, monkeypatch):
    store = opened(f"s3://{BUCKET}/exports")

    def refuse(**_asked):
        raise store._client.exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    monkeypatch.setattr(store._client, "get_object", refuse)
    with pytest.raises(AccessRefusedError, match=r"s3:GetObject s3://our-billing/exports/a\.csv was refused"):
        store.read("a.csv")


def test_a_disk_that_is_full_is_told(bucket, monkeypatch, tmp_path):
    put(bucket, "exports/a.csv", "1")
    store = opened(f"s3://{BUCKET}/exports")
    full = tmp_path / "nowhere"
    with (
        pytest.raises(PermanentCloudError, match="could not be stored: No such file"),
        store.fetched("a.csv", entry(store, "a.csv"), full),
    ):
        pass


# --- Names -----------------------------------------------------------------------------------
def test_a_locations_name_has_no_slash():
    assert name_of("s3://our-billing/exports/cur") == "s3:our-billing:exports:cur"
    assert name_of("/var/exports/") == "var:exports"


def test_long_names_end_alike_and_differ_by_their_digests():
    one, other = (shortened(f"{first}{'x' * 100}", 40) for first in "ab")
    assert len(one) == len(other) == 40
    assert (one != other, one[9:] == other[9:]) == (True, True)
    assert shortened("x" * 40, 40) == "x" * 40
