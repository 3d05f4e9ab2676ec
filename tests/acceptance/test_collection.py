"""What CloudIntel answers after a collection is what the cloud holds, summed up independently."""

import csv
import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import fmean

import pytest
import requests

from democloud import billing, load
from democloud.estate import ACCOUNTS, fleet, volumes
from democloud.home import kept_estate
from tests.stack import Stack

MONTH = timedelta(days=30)


def midnight(day):
    return datetime.combine(day, time(), UTC)


def get(stack, path, **params):
    answer = stack.session().get(f"{stack.base_url}{path}", params=params, timeout=30)
    assert answer.status_code == requests.codes.ok, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def collected_on(stack, pipeline):
    """The day on which the stack last collected: midnight may have passed since this process started."""
    last = get(stack, "/api/v1/runs/", pipeline=pipeline, page_size=1)["results"][0]
    return datetime.fromisoformat(last["started_at"]).astimezone(UTC).date()


@pytest.fixture(scope="module")
def estate(stack):
    return kept_estate(stack.home, now=datetime.now(UTC))


def test_inventory_is_the_fleet(stack, estate):
    found = get(stack, "/api/v1/inventory/", page_size=1000)["results"]
    held = fleet(estate)
    assert {(row["instance_id"], row["account"], row["region"], row["state"]) for row in found} == {
        (each.instance_id, each.account_id, each.region, "stopped" if each.stopped_at else "running")
        for each in held
    }


def test_volumes_are_the_fleet_s(stack, estate):
    found = get(stack, "/api/v1/volumes/", page_size=1000)["results"]
    assert {(row["volume_id"], row["size_gib"]) for row in found} == {
        (each.volume_id, each.size_gib) for each in volumes(estate)
    }


def test_costs_are_the_bills_to_the_last_digit(stack, estate):
    today = collected_on(stack, "cost")
    first = today - MONTH
    rows = get(stack, "/cost-trend", start=first, end=today, group_by="service")["data"]
    held = defaultdict(Decimal)
    for account in ACCOUNTS:
        for offset in range(30):
            day = first + timedelta(days=offset)
            for (service, _region), amount in billing.billed(
                estate, account.account_id, day, today=today
            ).items():
                held[day.isoformat(), service] += amount
    assert {(row["date"], row["service"]): Decimal(row["amount"]) for row in rows} == held


def test_cpu_days_are_the_means_of_the_hours_that_instances_ran(stack, estate):
    today = collected_on(stack, "cpu")
    first = today - MONTH
    held = {}
    for instance in fleet(estate):
        hours, maxima = defaultdict(list), defaultdict(float)
        for hour in load.measured_hours(estate, instance, midnight(first), midnight(today)):
            hours[hour.date()].append(load.cpu_percent(instance, hour))
            maxima[hour.date()] = max(maxima[hour.date()], *load.cpu_percent_within(instance, hour))
        held |= {
            (instance.instance_id, day.isoformat()): (fmean(values), maxima[day], len(values) / 24)
            for day, values in hours.items()
        }
    trend = get(stack, "/cpu-trend", start=first, end=today)
    found = {
        (each["instance_id"], day["date"]): (day["average_cpu"], day["maximum_cpu"], day["coverage"])
        for each in trend["instances"]
        for day in each["data"]
    }
    assert found.keys() == held.keys()
    for key, expected in held.items():
        assert [float(value) for value in found[key]] == pytest.approx(expected, abs=1e-6)


def collected_again(stack, source):
    answer = stack.session().post(f"{stack.base_url}/sync-{source}?wait=60", timeout=70)
    assert answer.status_code == requests.codes.ok, answer.text
    counts = answer.json()
    assert (counts["status"], counts["created"]) == ("succeeded", 0)
    assert counts["unchanged"] > 0
    return counts


@pytest.mark.parametrize("source", ["ec2", "cost"])
def test_collecting_again_changes_nothing(stack, source):
    assert collected_again(stack, source)["updated"] == 0


def test_collecting_again_changes_no_cpu_day_that_is_over(stack):
    today = collected_on(stack, "cpu")
    over = {"start": today - MONTH, "end": today}
    before = get(stack, "/cpu-trend", **over)
    collected_again(stack, "cpu")
    assert get(stack, "/cpu-trend", **over) == before


@pytest.fixture(scope="module")
def traces():
    folder = Path(__file__).parents[3] / "shared" / "data" / "nab" / "data" / "realAWSCloudwatch"
    if not folder.is_dir():
        pytest.skip("the real traces of ../shared/data are not on this machine")
    return folder


def test_real_cpu_series_come_out_as_the_daily_averages_of_their_files(traces):
    with Stack(CLOUDINTEL_TRACES=str(traces)) as stack:
        stack.start()
        today = collected_on(stack, "cpu")
        anchor = kept_estate(stack.home, now=datetime.now(UTC)).anchor
        names = {
            row["instance_id"]: row["tags"]["Name"] for row in get(stack, "/api/v1/inventory/")["results"]
        }
        found = {
            (names[each["instance_id"]], date.fromisoformat(day["date"])): float(day["average_cpu"])
            for each in get(stack, "/cpu-trend", start=today - MONTH, end=today)["instances"]
            for day in each["data"]
        }
    held = defaultdict(list)
    for file in traces.glob("ec2_cpu_utilization_*.csv"):
        with file.open() as rows:
            points = [
                (datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC), float(row["value"]))
                for row in csv.DictReader(rows)
            ]
        # The files' own days, moved as they are to end today or yesterday.
        days = (anchor - points[-1][0]).days
        for moment, value in points:
            if (day := moment.date() + timedelta(days=days)) < today:
                held[file.stem, day].append(value)
    cpu_only = {key: value for key, value in found.items() if key[0].startswith("ec2_cpu_utilization_")}
    assert cpu_only.keys() == held.keys()
    for key, values in held.items():
        assert cpu_only[key] == pytest.approx(fmean(values), abs=1e-6)
