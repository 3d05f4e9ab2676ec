"""The demo cloud's billing files: what Cost Explorer says of the same days, to the last digit, with tags."""

import csv
import gzip
import io
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from democloud import exports
from democloud.billing import billed
from democloud.estate import ACCOUNTS, DEVELOPMENT, PRODUCTION, Estate

ESTATE = Estate(seed=7, anchor=datetime(2026, 3, 18, 10, 20, 30, tzinfo=UTC))
TODAY = ESTATE.anchor.date()
FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)


def files(folder):
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}


def read(folder, month):
    path = folder / "demo-billing" / f"data/BILLING_PERIOD={month}/demo-focus-00001.csv.gz"
    return list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline="")))


def test_the_files_add_up_to_what_cost_explorer_says_of_days_that_are_over(tmp_path):
    exports.write(ESTATE, tmp_path, TODAY)
    told = defaultdict(Decimal)
    for line in (*read(tmp_path, "2026-02"), *read(tmp_path, "2026-03")):
        key = (line["SubAccountId"], line["ChargePeriodStart"][:10], line["ServiceName"], line["RegionId"])
        told[key] += Decimal(line["BilledCost"])
    assert told == {
        (account.account_id, day.isoformat(), *key): amount
        for account in ACCOUNTS
        for day in (FEBRUARY + timedelta(days=number) for number in range(28 + 17))
        for key, amount in billed(ESTATE, account.account_id, day, today=TODAY).items()
    }


def test_each_month_has_a_manifest_that_names_its_file_and_period(tmp_path):
    exports.write(ESTATE, tmp_path, TODAY)
    folder = tmp_path / "demo-billing"
    manifest = json.loads((folder / "metadata/BILLING_PERIOD=2026-02/demo-focus-Manifest.json").read_text())
    assert manifest["billingPeriod"] == {"start": "2026-02-01", "end": "2026-03-01"}
    assert manifest["dataFiles"] == ["data/BILLING_PERIOD=2026-02/demo-focus-00001.csv.gz"]
    assert len(files(folder)) == 4


def test_lines_tell_who_caused_them_and_some_are_nobodys():
    lines = list(exports.lines(ESTATE, MARCH, TODAY))
    tags = {line["SubAccountId"]: set() for line in lines}
    for line in lines:
        tags[line["SubAccountId"]].add(line["Tags"])
    of_production = {tag and json.loads(tag)["environment"] for tag in tags[PRODUCTION.account_id]}
    teams = {json.loads(tag)["team"] for tag in tags[DEVELOPMENT.account_id] if tag}
    assert of_production == {"", "production"}
    assert teams == {"data", "platform", "web"}
    assert {line["ServiceName"] for line in lines if not line["Tags"]} > {"AWS Data Transfer"}


def test_a_credit_is_told_as_one():
    found = [line for line in exports.lines(ESTATE, MARCH, TODAY) if line["ChargeCategory"] == "Credit"]
    assert [(line["ChargePeriodStart"], line["ServiceName"]) for line in found] == [
        ("2026-03-05T00:00:00Z", "AWS Data Transfer")
    ]


def test_what_does_not_change_is_not_written_again(tmp_path):
    exports.write(ESTATE, tmp_path, TODAY)
    before = {name: file.stat().st_mtime_ns for name, file in files(tmp_path).items()}
    exports.write(ESTATE, tmp_path, TODAY + timedelta(days=1))
    after = {name: file.stat().st_mtime_ns for name, file in files(tmp_path).items()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"demo-billing/data/BILLING_PERIOD=2026-03/demo-focus-00001.csv.gz"}


def test_on_the_first_of_a_month_there_is_nothing_of_it_yet(tmp_path):
    exports.write(ESTATE, tmp_path, MARCH)
    assert {name.split("/")[2] for name in files(tmp_path)} == {"BILLING_PERIOD=2026-02"}
