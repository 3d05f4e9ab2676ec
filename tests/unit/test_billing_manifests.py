"""What manifests say, of which export and period they are, and where their files are."""

import json
from datetime import UTC, date, datetime

import pytest

from collectors.billing import manifests
from collectors.billing.manifests import Manifest
from core.errors import InvalidInputError

MARCH = (date(2026, 3, 1), date(2026, 4, 1))
CUR = {
    "assemblyId": "20260302T081120Z",
    "account": "111111111111",
    "columns": [{"category": "identity", "name": "LineItemId", "type": "String"}],
    "charset": "UTF-8",
    "compression": "GZIP",
    "contentType": "text/csv",
    "reportId": "2f0c",
    "reportName": "cur",
    "billingPeriod": {"start": "20260301T000000.000Z", "end": "20260401T000000.000Z"},
    "bucket": "our-billing",
    "reportKeys": ["exports/cur/20260301-20260401/20260302T081120Z/cur-00001.csv.gz"],
    "additionalArtifactKeys": [],
}
CUR_KEY = "cur/20260301-20260401/cur-Manifest.json"
DATA_EXPORT = {
    "executionId": "5a1e",
    "columns": [],
    "dataFiles": ["s3://our-billing/exports/focus/data/billing_period=2026-03/focus-00001.csv.gz"],
}
OWN = {
    "export": "bill",
    "billingPeriod": {"start": "2026-03-01", "end": "2026-04-01"},
    "files": ["a.csv", "b.csv"],
}


def said(content, key="manifest.json"):
    return manifests.parse(key, json.dumps(content).encode())


def without(content, *names):
    return {name: value for name, value in content.items() if name not in names}


# --- Forms -----------------------------------------------------------------------------------
def test_a_cost_and_usage_report_names_its_files_and_period():
    assert said(CUR, CUR_KEY) == Manifest("cur", *MARCH, tuple(CUR["reportKeys"]))


@pytest.mark.parametrize("partition", ["BILLING_PERIOD", "billing_period"])
def test_a_data_export_is_of_the_period_and_name_in_its_path(partition):
    key = f"focus/metadata/{partition}=2026-03/focus-Manifest.json"
    assert said(DATA_EXPORT, key) == Manifest("focus", *MARCH, tuple(DATA_EXPORT["dataFiles"]))


def test_the_month_after_december_is_january():
    manifest = said(DATA_EXPORT, "x/metadata/BILLING_PERIOD=2026-12/x-Manifest.json")
    assert (manifest.start, manifest.end) == (date(2026, 12, 1), date(2027, 1, 1))


def test_a_manifest_of_ones_own_needs_three_fields():
    assert said(OWN) == Manifest("bill", *MARCH, ("a.csv", "b.csv"))


def test_a_report_without_a_period_has_it_in_its_path():
    manifest = said(without(CUR, "billingPeriod"), CUR_KEY)
    assert (manifest.start, manifest.end) == MARCH


@pytest.mark.parametrize(
    ("end", "day"),
    [("2026-04-01", 1), ("2026-04-01T00:00:00Z", 1), ("2026-03-31T23:59:59Z", 1), ("20260402T000000Z", 2)],
)
def test_a_period_ends_with_the_day_before_its_end(end, day):
    assert said({**OWN, "billingPeriod": {"start": "2026-03-01", "end": end}}).end == date(2026, 4, day)


def test_a_file_that_is_listed_twice_is_one():
    assert said({**OWN, "files": ["a.csv", "a.csv"]}).files == ("a.csv",)


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ([], "must be a JSON object"),
        (without(OWN, "export"), '"export" is missing'),
        (without(OWN, "files"), "none of reportKeys, dataFiles, files"),
        ({**OWN, "files": []}, '"files" must be a list of paths, and not empty'),
        ({**OWN, "files": [{"key": "a"}]}, '"files" must be a list of paths'),
        (without(OWN, "billingPeriod"), '"billingPeriod" is missing'),
        ({**OWN, "billingPeriod": "March"}, '"billingPeriod.start" is missing or not a date'),
        ({**OWN, "billingPeriod": {"start": "2026-03-01"}}, '"billingPeriod.end" is missing or not a date'),
        ({**OWN, "billingPeriod": {"start": "2026-04-01", "end": "2026-03-01"}}, "before it begins"),
    ],
)
def test_what_is_missing_is_named(content, missing):
    with pytest.raises(InvalidInputError, match=r"^manifest\.json.*") as error:
        said(content)
    assert missing in str(error.value)


def test_a_manifest_that_is_not_json_is_named():
    with pytest.raises(InvalidInputError, match=r"a/manifest\.json is not valid JSON"):
        manifests.parse("a/manifest.json", b"<html>")


def test_a_path_whose_month_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="the period in its path is none"):
        said(DATA_EXPORT, "x/metadata/BILLING_PERIOD=2026-13/x-Manifest.json")


# --- Which -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        ("a/cur-Manifest.json", True),
        ("manifest.json", True),
        ("BILL-MANIFEST.JSON", True),
        ("manifest.json.gz", False),
        ("cur-RedshiftManifest.txt", False),
    ],
)
def test_manifests_are_known_by_their_names(key, is_one):
    assert manifests.is_manifest(key) == is_one


def test_copies_in_the_folders_of_assemblies_are_left_out():
    copies = [f"cur/20260301-20260401/{number}/cur-Manifest.json" for number in (1, 2)]
    assert manifests.outermost([*copies, CUR_KEY]) == [CUR_KEY]
    assert manifests.outermost(copies) == copies


@pytest.mark.parametrize(
    "names", [{"manifest.json", "a/manifest.json"}, {"a-manifest.json", "x/b-manifest.json"}]
)
def test_manifests_that_are_not_named_after_one_export_are_no_copies(names):
    assert set(manifests.outermost(names)) == names


def at(hour):
    return datetime(2026, 3, 2, hour, tzinfo=UTC)


def test_the_newest_of_an_exports_period_counts():
    old, new = said(OWN), said({**OWN, "files": ["c.csv"]})
    april = Manifest("bill", date(2026, 4, 1), date(2026, 5, 1), ("d.csv",))
    found = {"p/2/m.json": (old, at(1)), "p/1/m.json": (new, at(2)), "p/3/m.json": (april, at(0))}
    assert manifests.newest(found) == {"p/1/m.json": new, "p/3/m.json": april}


def test_exports_of_one_name_in_different_places_all_count():
    found = {f"{account}/cur/m.json": (said(OWN), at(1)) for account in (111, 222)}
    assert len(manifests.newest(found)) == 2


# --- Where -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("listed", "there", "found"),
    [
        ("a.csv", {"x/y/a.csv", "a.csv"}, "x/y/a.csv"),
        ("a.csv", {"a.csv"}, "a.csv"),
        ("exports/x/a.csv", {"x/a.csv", "a.csv"}, "x/a.csv"),
        ("s3://bucket/exports/x/a.csv", {"exports/x/a.csv", "x/a.csv"}, "exports/x/a.csv"),
        ("gone/a.csv", set(), "x/y/gone/a.csv"),
    ],
    ids=["beside", "at the top", "below a prefix", "in a bucket", "not there"],
)
def test_files_are_found_by_the_longest_end_of_their_paths(listed, there, found):
    assert manifests.find(listed, "x/y/manifest.json", there) == found


@pytest.mark.parametrize(
    "listed", ["../secret", "/etc/passwd", "a/../../b", "s3://bucket/../b", "..\\b", "", "s3://b/"]
)
def test_paths_that_lead_elsewhere_are_refused(listed):
    with pytest.raises(InvalidInputError, match="which is no path below its location"):
        manifests.find(listed, "x/manifest.json", {"secret"})
