"""Which days of cost are out of the ordinary, and what is said of them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomalies.costs import Cause, Expected, Part, PartDay, find

START = date(2026, 8, 3)  # a Monday
EC2 = Part("111", "EC2", "eu-west-1")
EBS = Part("111", "EBS", "eu-west-1")
S3 = Part("111", "S3", "us-east-1")


def day(number):
    return START + timedelta(days=number)


def days(part, amounts, estimated=()):
    return [
        PartDay(part, day(number), Decimal(str(amount)), number in estimated)
        for number, amount in enumerate(amounts)
        if amount is not None
    ]


def found(*rows, count=60, since=40, missing=(), expected=()):
    collected = {"111": {day(number) for number in range(count)} - {day(number) for number in missing}}
    return find([row for part in rows for row in part], collected, since=day(since), expected=expected)


def flat(amount, count=60, **changes):
    amounts = [amount] * count
    for place, value in changes.items():
        amounts[int(place[1:])] = value
    return amounts


def test_a_jump_is_attributed_to_what_moved():
    # EC2 +212, EBS +30, S3 +10: together 252, of which EC2 is 84 %.
    findings = found(days(EC2, flat(100, d50=312)), days(EBS, flat(20, d50=50)), days(S3, flat(50, d50=60)))
    (incident,) = findings.incidents
    assert incident.sentence == "EC2 in eu-west-1 +$212, 84 % of the jump"
    assert incident.parts[0].share == pytest.approx(212 / 252)
    assert [each.part for each in incident.parts] == [EC2, EBS]
    assert incident.delta_usd == pytest.approx(242)
    assert incident.expected_usd == pytest.approx(120)
    assert incident.first_day == incident.last_day == day(50)


def test_a_drop_is_told_as_one():
    (incident,) = found(days(EC2, flat(100, d50=30))).incidents
    assert incident.sentence == "EC2 in eu-west-1 -$70, 100 % of the drop"


def test_parts_elsewhere_that_move_on_the_same_day_are_another_cause():
    findings = found(days(EC2, flat(100, d50=300)), days(S3, flat(50, d50=150)))
    assert {each.sentence for each in findings.incidents} == {
        "EC2 in eu-west-1 +$200, 67 % of the jump",
        "S3 in us-east-1 +$100, 33 % of the jump",
    }


def test_days_in_a_row_are_one_incident_whose_key_stays():
    one = found(days(EC2, flat(100, count=51, d50=300)), count=51).incidents[0]
    (more,) = found(days(EC2, flat(100, d50=300, d51=300, d52=250)), days(EBS, flat(1, d51=900))).incidents
    assert (more.first_day, more.last_day, more.days) == (day(50), day(52), 3)
    assert one.key == more.key == f"111|EC2|eu-west-1|more|{day(50)}"


def test_days_apart_are_two_incidents_of_one_cause():
    findings = found(days(EC2, flat(100, d45=300, d50=300)))
    assert [each.first_day for each in findings.incidents] == [day(50), day(45)]
    assert len({each.cause for each in findings.incidents}) == 1


def test_quiet_weekends_are_no_anomaly_but_a_busy_one_is():
    weekly = [100 if number % 7 < 5 else 20 for number in range(60)]
    assert found(days(EC2, weekly)).incidents == ()
    weekly[54] = 100  # a Saturday like a weekday
    (incident,) = found(days(EC2, weekly)).incidents
    assert (incident.first_day, round(incident.delta_usd)) == (day(54), 80)


def test_weekdays_without_cost_are_learnt_too():
    assert found(days(EC2, [70 if number % 7 == 0 else 0 for number in range(60)])).incidents == ()


def test_slow_growth_is_no_anomaly():
    assert found(days(EC2, [100 * 1.01**number for number in range(60)])).incidents == ()


def test_a_lasting_move_ends_as_an_incident_and_does_not_come_back_as_a_drop():
    findings = found(days(EC2, [100] * 45 + [200] * 55), count=100)
    (incident,) = findings.incidents
    assert incident.first_day == day(45)
    assert incident.days <= 8


def test_what_is_billed_on_the_same_day_each_month_is_reported_once():
    amounts = [500 if day(number).day == 5 and number > 5 else 10 for number in range(100)]
    (incident,) = found(days(EC2, amounts), count=100, since=30).incidents
    assert incident.first_day == date(2026, 9, 5)


def test_a_first_cost_is_a_jump_from_nothing():
    (incident,) = found(days(EC2, flat(100)), days(S3, [None] * 50 + [80] + [None] * 9)).incidents
    assert incident.sentence == "S3 in us-east-1 +$80, 100 % of the jump"
    assert incident.expected_usd == 0


def test_a_few_dollars_are_no_incident():
    assert found(days(EC2, flat(1, d50=5.9))).incidents == ()


def test_noise_sets_how_much_is_out_of_the_ordinary():
    noisy = [100 + 30 * (number % 3 - 1) for number in range(60)]
    assert found(days(EC2, [*noisy[:50], 170, *noisy[51:]])).incidents == ()


def test_an_estimated_day_is_left_out():
    assert found(days(EC2, flat(100, d59=300), estimated={59})).incidents == ()


def test_days_not_collected_are_unknown_and_not_zero():
    gap = range(50, 53)
    amounts = flat(100)
    for number in gap:
        amounts[number] = None
    assert found(days(EC2, amounts), missing=gap).incidents == ()
    (incident,) = found(days(EC2, amounts)).incidents
    assert (incident.delta_usd, incident.days) == (-300, 3)


def test_an_unknown_day_does_not_part_an_incident():
    amounts = flat(100, d50=300, d52=300)
    amounts[51] = None
    (incident,) = found(days(EC2, amounts), missing=[51]).incidents
    assert (incident.first_day, incident.last_day, incident.days) == (day(50), day(52), 2)
    assert incident.daily_usd == 200


def test_too_little_history_is_a_reason_and_no_answer():
    findings = found(days(EC2, flat(100, count=20, d19=900)), count=20, since=0)
    assert findings.incidents == ()
    assert findings.reasons == {
        "111": "20 days are collected and final; 21 before a day are needed to judge it."
    }


def test_an_account_without_recent_days_says_so():
    findings = found(days(EC2, flat(100, count=30)), count=30)
    assert findings.reasons == {"111": f"No day since {day(40)} is collected and final."}


def test_an_account_that_costs_nothing_has_no_incident():
    assert found(count=60) == found(days(EC2, flat(0)))


@pytest.mark.parametrize(("amount", "quiet"), [(300, True), (400, True), (401, False)])
def test_what_is_expected_stays_quiet_unless_it_grows_by_half(amount, quiet):
    word = Expected(Cause(*EC2, 1), daily_usd=200)
    (incident,) = found(days(EC2, flat(100, d50=amount)), expected=[word]).incidents
    assert incident.is_expected is quiet


def test_expecting_more_does_not_quiet_a_drop_or_another_service():
    word = Expected(Cause(*EC2, 1), daily_usd=200)
    findings = found(days(EC2, flat(100, d50=10)), days(S3, flat(50, d50=150)), expected=[word])
    assert [each.is_expected for each in findings.incidents] == [False, False]


def test_refunds_are_amounts_as_others():
    (incident,) = found(days(EC2, flat(100, d50=-400))).incidents
    assert incident.delta_usd == -500


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.integers(-50, 500), min_size=40, max_size=40), min_size=1, max_size=4))
def test_shares_never_exceed_the_whole_and_keys_are_unique(series):
    parts = [Part("111", f"s{place}", f"r{place % 2}") for place in range(len(series))]
    rows = [days(part, amounts) for part, amounts in zip(parts, series, strict=True)]
    incidents = found(*rows, count=40, since=22).incidents
    assert len({each.key for each in incidents}) == len(incidents)
    for each in incidents:
        assert 0 < sum(part.share for part in each.parts) <= 1 + 1e-9
        assert each.delta_usd * each.cause.direction > 0
