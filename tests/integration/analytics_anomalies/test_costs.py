"""Incidents in costs: found each night, kept in one row, quieted by feedback, told by one alert."""

from datetime import date, timedelta

import pytest

from alerts.models import Alert
from analytics.anomalies import computing, feedback
from analytics.models import Anomaly, AnomalyState, Computation, CostJudgement, Subject
from collectors.models import DailyCost
from tests import builders
from tests.integration.analytics_anomalies.conftest import (
    EC2,
    NOW,
    RDS,
    TODAY,
    ago,
    bill,
    midnight,
    restate,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return builders.account("111111111111", name="prod")


def only():
    (anomaly,) = Anomaly.objects.all()
    return anomaly


def open_alerts():
    return list(Alert.objects.unresolved().filter(source="anomalies"))


# --- What is found ---------------------------------------------------------------------------
def test_a_jump_is_kept_with_what_moved(account, compute):
    # EC2 moves by 212 and RDS by 40 of 252: 84 %.
    bill(account, EC2, 100, d9=312)
    bill(account, RDS, 50, d9=90)
    compute()
    found = only()
    assert found.sentence == "EC2 in eu-west-1 +$212, 84 % of the jump"
    assert (found.kind, found.state, found.service, found.region) == ("cost", "ended", EC2, "eu-west-1")
    assert (found.first_at, found.last_at, found.days) == (midnight(ago(9)), midnight(ago(9)), 1)
    assert (found.delta_usd, found.expected_usd) == (pytest.approx(252), pytest.approx(150))
    assert [(part["service"], part["share"]) for part in found.parts] == [
        (EC2, pytest.approx(212 / 252)),
        (RDS, pytest.approx(40 / 252)),
    ]


def test_what_is_found_is_what_medians_by_hand_say(account, compute):
    """The expectation is the median of 14 days, as all weekdays cost the same."""
    amounts = {f"d{back}": 100 + (back * 7) % 5 for back in range(4, 61)}
    bill(account, **{**amounts, "d3": 250})
    compute()
    last = sorted(100 + (back * 7) % 5 for back in range(4, 18))
    median = (last[6] + last[7]) / 2
    assert only().delta_usd == pytest.approx(250 - median, abs=3)


def test_estimated_days_are_not_judged(account, compute):
    bill(account, d1=900, d2=900)
    compute()
    assert not Anomaly.objects.exists()
    assert CostJudgement.objects.get().judged_through == ago(3)


def test_too_short_a_history_is_told_as_the_reason(account, compute):
    bill(account, days=10)
    compute()
    assert CostJudgement.objects.get().reason == (
        "8 days are collected and final; 21 before a day are needed to judge it."
    )
    assert Computation.objects.standing(Subject.ANOMALIES) == {
        "computed_at": None,
        "reason": computing.NOTHING_YET,
    }


def test_costs_in_other_currencies_are_left_out_with_a_reason(account, compute):
    bill(account)
    builders.cost(account, ago(5), "900", unit="EUR", service="AmazonS3")
    compute()
    assert not Anomaly.objects.exists()
    assert CostJudgement.objects.get().reason == "Costs in EUR are not judged, only those in USD."


def test_an_account_that_is_answered_from_files_is_judged_by_them(account, compute):
    account.cost_source = "files"
    account.save()
    bill(account, d9=400)  # as Cost Explorer has it
    DailyCost.objects.update(source="files")
    bill(account)
    compute()
    assert only().sentence == "EC2 in eu-west-1 +$300, 100 % of the jump"


# --- One row an incident ---------------------------------------------------------------------
def test_the_same_night_again_changes_nothing(account, compute):
    bill(account, d9=312, d3=20)
    compute()
    before = list(Anomaly.objects.values())
    alerts = list(Alert.objects.values())
    compute()
    assert list(Anomaly.objects.values()) == before
    assert list(Alert.objects.values()) == alerts


def test_an_incident_grows_in_its_row(account, compute):
    bill(account, d3=300, estimated=2)
    compute()
    first = only()
    assert first.state == AnomalyState.OPEN
    DailyCost.objects.filter(date=ago(2)).update(amount=350, estimated=False)
    compute()
    grown = only()
    assert (grown.pk, grown.days, grown.last_at) == (first.pk, 2, midnight(ago(2)))
    assert grown.delta_usd == pytest.approx(450)
    (alert,) = open_alerts()
    assert alert.title == "Unusual cost: EC2 in eu-west-1 +$450, 100 % of the jump"


def test_an_incident_whose_first_day_is_restated_keeps_its_row(account, compute):
    bill(account, d9=300, d8=300)
    compute()
    before = only()
    restate(account, 9, 100)
    compute()
    after = only()
    assert (after.pk, after.first_at, after.days) == (before.pk, midnight(ago(8)), 1)


def test_an_incident_led_by_another_part_after_a_restatement_keeps_its_row_and_its_quiet(account, compute):
    bill(account, EC2, 100, d9=200)
    bill(account, RDS, 100, d9=180)
    compute()
    before = only()
    feedback.give(before.pk, verdict="expected", by=builders.user("operator"), now=NOW)
    DailyCost.objects.filter(service=RDS, date=ago(9)).update(amount=210)
    compute()
    after = only()
    assert (after.pk, after.service, after.is_expected) == (before.pk, RDS, True)


def test_what_restated_costs_do_not_show_any_more_is_withdrawn(account, compute):
    bill(account, d9=300)
    compute()
    restate(account, 9, 100)
    compute()
    assert only().state == AnomalyState.WITHDRAWN
    assert not open_alerts()


def test_an_incident_that_began_before_what_is_judged_keeps_its_figures(account, compute):
    """Judged are the days from 1 February on; of what began the day before, one day is seen."""
    began = (TODAY - date(2026, 2, 1)).days + 1
    bill(account, days=90, **{f"d{began}": 300, f"d{began - 1}": 300})
    kept = builders.anomaly(
        account, first_at=midnight(ago(began)), last_at=midnight(ago(began - 1)), delta_usd=400.0
    )
    compute()
    after = only()
    assert (after.pk, after.first_at, after.last_at) == (kept.pk, kept.first_at, midnight(ago(began - 1)))
    assert after.delta_usd == 400.0


def test_what_cannot_be_judged_any_more_stays(account, compute):
    bill(account, d9=300)
    compute()
    DailyCost.objects.filter(date__lt=ago(20)).delete()
    compute()
    assert only().state == AnomalyState.ENDED
    assert CostJudgement.objects.get().judged_through == ago(3)
    assert CostJudgement.objects.get().reason


# --- Alerts ----------------------------------------------------------------------------------
def test_a_new_incident_opens_one_alert(account, compute):
    bill(account, d3=312)
    compute()
    (alert,) = open_alerts()
    assert alert.key == f"anomaly:{only().pk}"
    assert alert.title == "Unusual cost: EC2 in eu-west-1 +$212, 100 % of the jump"
    assert alert.body == f"Account 111111111111 prod, {ago(3)}."


def test_the_alert_is_resolved_when_the_incident_ends(account, compute, now):
    bill(account, d3=312, estimated=2)
    compute()
    DailyCost.objects.filter(date=ago(2)).update(estimated=False)
    tomorrow = NOW + timedelta(days=1)
    now(tomorrow)
    compute(tomorrow)
    assert only().state == AnomalyState.ENDED
    assert not open_alerts()


def test_an_incident_that_was_over_when_it_was_found_is_told_for_half_a_day(account, compute, now):
    bill(account, d9=312)
    compute()
    assert len(open_alerts()) == 1
    compute(NOW + timedelta(hours=11))
    assert len(open_alerts()) == 1
    compute(NOW + timedelta(hours=13))
    assert not open_alerts()


def test_what_is_long_past_when_an_account_is_first_judged_raises_no_alert(account, compute):
    bill(account, d30=400)
    compute()
    assert only().days == 1
    assert not open_alerts()


def test_days_that_became_final_late_are_news(account, compute):
    bill(account, d20=400, estimated=25)
    compute()
    assert not Anomaly.objects.exists()
    DailyCost.objects.filter(date__lt=ago(2)).update(estimated=False)
    compute()
    assert len(open_alerts()) == 1


# --- Feedback --------------------------------------------------------------------------------
def test_an_expected_cause_is_quiet_up_to_half_as_much_again(account, compute):
    bill(account, d20=200, d12=245, d5=260)
    operator = builders.user("operator")
    compute()
    first = Anomaly.objects.get(first_at=midnight(ago(20)))
    feedback.give(first.pk, verdict="expected", by=operator, now=NOW)
    # 145 is within 1.5 times 100, 160 is not.
    assert list(Anomaly.objects.values_list("is_expected", flat=True)) == [False, True, True]
    compute()
    assert list(Anomaly.objects.values_list("is_expected", flat=True)) == [False, True, True]
    assert [alert.key for alert in open_alerts()] == [f"anomaly:{Anomaly.objects.first().pk}"]


def test_a_real_one_takes_the_quiet_back(account, compute):
    bill(account, d3=200)
    operator = builders.user("operator")
    compute()
    feedback.give(only().pk, verdict="expected", by=operator, now=NOW)
    assert (only().is_expected, open_alerts()) == (True, [])
    feedback.give(only().pk, verdict="real", by=operator, now=NOW)
    assert not only().is_expected
    assert len(open_alerts()) == 1


def test_a_cause_that_is_expected_raises_no_alert_when_it_comes_again(account, compute):
    bill(account, d20=200)
    compute()
    feedback.give(only().pk, verdict="expected", by=builders.user("operator"), now=NOW)
    restate(account, 3, 210)
    compute()
    assert list(Anomaly.objects.values_list("is_expected", flat=True)) == [True, True]
    assert not open_alerts()


def test_an_account_that_is_deleted_leaves_no_alert_behind(account, compute):
    bill(account, d3=312)
    compute()
    account.delete()
    compute()
    assert not open_alerts()
