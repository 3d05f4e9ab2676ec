"""Incidents in metrics: each series is looked at once, and alarms close upon each other are one incident."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from alerts.models import Alert
from analytics.anomalies import feedback, states, telling, watching
from analytics.anomalies.detector import THRESHOLD, Detector
from analytics.models import Anomaly, AnomalyState, DetectorState
from collectors.models import MetricSample
from pipelines import ledger
from pipelines.models import Status
from tests import builders
from tests.integration.analytics_anomalies.conftest import NOW, measure, series_of, steady
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db
DAYS = 5 * 288


def spiked(points=DAYS, back=3, value=97.0):
    """A steady load but for the last points, which are far higher."""
    load = steady(points)
    load[-back:] = value
    return load


def only():
    (anomaly,) = Anomaly.objects.all()
    return anomaly


def open_alerts():
    return list(Alert.objects.unresolved().filter(source="anomalies").order_by("key"))


# --- What is found ---------------------------------------------------------------------------
def test_a_spike_is_found_and_told(compute):
    instance = builders.instance(instance_id="i-1", name="web-1")
    measure(series_of(instance), spiked())
    compute()
    found = only()
    assert found.sentence.startswith("CPU of web-1 (i-1) at 97.0 %, usually 30.")
    assert found.sentence.endswith("%: unusual by itself, once in 100,000,000 points")
    assert (found.kind, found.state, found.metric, found.instance) == ("metric", "open", "cpu", instance)
    assert (found.account, found.region) == (instance.account, "eu-west-1")
    (alert,) = open_alerts()
    assert alert.title == f"Unusual load: {found.sentence}"[:250]


def test_what_is_found_is_what_the_detector_finds_in_all_points_at_once(compute):
    series = series_of()
    load = spiked()
    measure(series, load[:-12], NOW - timedelta(hours=1))
    compute(NOW - timedelta(hours=1))
    measure(series, load[-12:])
    compute()
    rows = MetricSample.objects.filter(series=series).order_by("timestamp").values_list("timestamp", "cpu")
    whole = Detector(300)
    scores = whole.update([at.timestamp() for at, _ in rows], [cpu for _, cpu in rows])
    alarms = [rows[int(place)][0] for place in np.flatnonzero(scores >= THRESHOLD)]
    news = [at for at in alarms if at > NOW - watching.NEWS]
    assert [datetime.fromisoformat(part["at"]) for part in only().parts] == news
    kept = states.unpacked(bytes(DetectorState.objects.get().content))
    assert kept["cpu"].state() == whole.state()


def test_what_was_looked_at_is_not_looked_at_again(compute):
    series = series_of()
    measure(series, spiked())
    compute()
    before = DetectorState.objects.values().get()
    assert compute()["points"] == 0
    assert DetectorState.objects.values().get() == before
    assert len(only().parts) == 1


def test_two_that_look_at_once_give_nothing_twice(compute, claimed, monkeypatch):
    series = series_of()
    measure(series, spiked())
    whole = watching._looked

    def meanwhile(batch, now):
        looked = whole(batch, now)
        monkeypatch.setattr(watching, "_looked", whole)
        watching.watch(claimed, now)
        return looked

    monkeypatch.setattr(watching, "_looked", meanwhile)
    assert watching.watch(claimed, NOW)["series"] == 0
    assert len(only().parts) == 1


def test_an_unknown_metric_says_nothing(compute):
    measure(series_of(), steady(DAYS))
    compute()
    assert set(states.unpacked(bytes(DetectorState.objects.get().content))) == {"cpu"}


def test_series_outside_the_inventory_are_no_part_of_the_estate(compute):
    series = series_of()
    measure(series, spiked())
    series.instance = None
    series.save()
    assert compute()["points"] == 0


def test_batches_add_up(compute, monkeypatch):
    monkeypatch.setattr(watching, "BATCH", 2)
    account = builders.account()
    for _ in range(5):
        measure(series_of(owner=account), steady(100))
    assert compute()["series"] == 5
    assert DetectorState.objects.count() == 5


@pytest.mark.parametrize("days", [4, 7], ids=["too new", "too long ago"])
def test_what_a_series_is_only_learned_from_raises_no_alarm(compute, days):
    """Three days are needed before an alarm, and alarms of more than two days ago are no news."""
    load = steady(days * 288)
    spike = slice(-300, -297) if days == 4 else slice(-600, -597)
    load[spike] = 97
    measure(series_of(), load)
    compute()
    assert not Anomaly.objects.exists()


# --- One incident ----------------------------------------------------------------------------
def test_metrics_that_go_astray_together_are_one_incident(compute):
    network = steady(DAYS, seed=2) * 1e6
    network[-2:] = 9e8
    measure(series_of(), spiked(), network_in=network)
    compute()
    assert {part["metric"] for part in only().parts} == {"cpu", "network_in"}
    assert len(open_alerts()) == 1


def test_an_incident_ends_after_a_rest_and_its_alert_with_it(compute):
    series = series_of()
    measure(series, spiked())
    compute()
    later = NOW + timedelta(hours=13)
    measure(series, steady(13 * 12, seed=3), later)
    compute(later)
    assert only().state == AnomalyState.ENDED
    assert not open_alerts()


def test_an_incident_ends_with_its_instance(compute):
    series = series_of()
    measure(series, spiked())
    compute()
    series.instance.state = "stopped"
    series.instance.save()
    compute(NOW + timedelta(hours=13))
    assert only().state == AnomalyState.ENDED
    assert not open_alerts()


# --- Alerts and feedback ---------------------------------------------------------------------
def test_a_region_where_many_go_astray_has_one_alert(compute):
    account = builders.account("111111111111")
    for number in range(telling.CROWD + 1):
        series = series_of(owner=account, instance_id=f"i-{number:02}")
        measure(series, spiked())
    compute()
    (alert,) = open_alerts()
    assert alert.key == "anomalies:111111111111:eu-west-1"
    assert alert.body.count("\n") == telling.CROWD
    assert alert.body.endswith("and 1 more")


def test_an_expected_alarm_quiets_the_same_on_its_instance(compute):
    series = series_of()
    measure(series, spiked())
    compute()
    feedback.give(only().pk, verdict="expected", by=builders.user("operator"), now=NOW)
    assert not open_alerts()
    later = NOW + timedelta(hours=24)
    measure(series, [*steady(285, seed=4), 97, 97, 97], later)
    compute(later)
    assert list(Anomaly.objects.values_list("is_expected", flat=True)) == [True, True]
    assert not open_alerts()


def test_another_metric_of_that_instance_is_told(compute):
    series = series_of()
    measure(series, spiked())
    compute()
    feedback.give(only().pk, verdict="expected", by=builders.user("operator"), now=NOW)
    later = NOW + timedelta(hours=24)
    memory = np.concatenate([steady(285, seed=5), [97, 97, 97]])
    measure(series, steady(288, seed=4), later, memory=memory)
    compute(later)
    assert Anomaly.objects.filter(metric="memory", is_expected=False).count() == 1
    assert len(open_alerts()) == 1


# --- Upkeep ----------------------------------------------------------------------------------
def test_the_hourly_pipeline_looks_at_metrics_alone(sent):
    measure(series_of(), spiked())
    run = ledger.start("metric-anomalies")
    work_off(run)
    run.refresh_from_db()
    assert (run.status, run.counts["points"], run.counts["alarms"]) == (Status.SUCCEEDED, DAYS, 1)
    assert len(open_alerts()) == 1


def test_old_incidents_of_metrics_are_deleted_unless_somebody_judged_them(compute, tidy, now, settings):
    judged, other = series_of(), series_of()
    for series in (judged, other):
        measure(series, spiked())
    compute()
    kept = Anomaly.objects.get(instance=judged.instance)
    feedback.give(kept.pk, verdict="real", by=builders.user("operator"), now=NOW)
    Anomaly.objects.update(state=AnomalyState.ENDED)
    now(NOW + timedelta(days=settings.RUN_RETENTION_DAYS + 1))
    assert tidy("metric-anomalies") == {"metric_anomalies_deleted": 1}
    assert only() == kept
