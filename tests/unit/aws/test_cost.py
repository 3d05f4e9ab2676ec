"""Costs are taken to the last digit, by service and region, day by day."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from collectors.aws.cost import CostDay, CostLine, daily_costs
from core.errors import InvalidInputError, PermanentCloudError, TransientCloudError

FIRST, SECOND, THIRD = (date(2026, 3, day) for day in (1, 2, 3))


def group(*keys, amount="1.5", unit="USD"):
    return {"Keys": list(keys), "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}


def day(of, *groups, estimated=False, total=None):
    return {
        "TimePeriod": {"Start": of.isoformat(), "End": (of + timedelta(days=1)).isoformat()},
        "Groups": list(groups),
        "Total": total or {},
        "Estimated": estimated,
    }


def page(*days, token=None):
    return {"ResultsByTime": list(days)} | ({"NextPageToken": token} if token else {})


def costs(cloud):
    return daily_costs(cloud, FIRST, THIRD)


def test_costs_by_service_and_region(aws, cloud):
    aws.say(page(day(FIRST, group("EC2", "eu-west-1", amount="0.0551724144"), group("S3", "us-east-1"))))
    assert costs(cloud) == [
        CostDay(
            date=FIRST,
            estimated=False,
            lines=(
                CostLine("EC2", "eu-west-1", "USD", Decimal("0.0551724144")),
                CostLine("S3", "us-east-1", "USD", Decimal("1.5")),
            ),
        )
    ]


def test_what_is_asked(aws, cloud):
    aws.say(page())
    assert costs(cloud) == []
    assert aws.asked() == [
        {
            "TimePeriod": {"Start": "2026-03-01", "End": "2026-03-03"},
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost"],
            "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "REGION"}],
        }
    ]
    assert "us-east-1" in aws.requests[0].url


@pytest.mark.parametrize(
    "written", ["0", "3.3000", "-12.0000000001", "123456789012345678.123456789012", "1.2E-9", "0.10"]
)
def test_amounts_keep_every_digit(aws, cloud, written):
    aws.say(page(day(FIRST, group("EC2", "eu-west-1", amount=written))))
    [line] = costs(cloud)[0].lines
    assert str(line.amount) == str(Decimal(written))


def test_pages_are_merged_by_day(aws, cloud):
    aws.say(page(day(FIRST, group("EC2", "eu-west-1"), estimated=True), token="t-1"))
    aws.say(page(day(SECOND, group("S3", "eu-west-1")), day(FIRST, group("S3", "eu-west-1"))))
    found = costs(cloud)
    assert [(one.date, one.estimated, [line.service for line in one.lines]) for one in found] == [
        (FIRST, True, ["EC2", "S3"]),
        (SECOND, False, ["S3"]),
    ]
    assert [asked.get("NextPageToken") for asked in aws.asked()] == [None, "t-1"]


def test_each_page_is_paid(aws, cloud, tally):
    aws.say(page(token="t-1")).say(page(token="t-2")).say(page())
    costs(cloud)
    assert (tally.calls, tally.usd) == (3, Decimal("0.03"))


def test_a_token_that_comes_again_is_not_paid_for_ever(aws, cloud, tally):
    aws.say(page(token="t-1"))
    with pytest.raises(PermanentCloudError, match="same page token"):
        costs(cloud)
    assert tally.calls == 2


def test_one_key_is_the_service(aws, cloud):
    aws.say(page(day(FIRST, group("EC2"))))
    assert costs(cloud)[0].lines == (CostLine("EC2", "", "USD", Decimal("1.5")),)


def test_a_total_without_groups_is_one_line(aws, cloud):
    aws.say(page(day(FIRST, total={"UnblendedCost": {"Amount": "7", "Unit": "USD"}})))
    assert costs(cloud)[0].lines == (CostLine("", "", "USD", Decimal(7)),)


def test_a_total_beside_groups_is_not_added(aws, cloud):
    aws.say(page(day(FIRST, group("EC2"), total={"UnblendedCost": {"Amount": "1.5", "Unit": "USD"}})))
    assert [line.service for line in costs(cloud)[0].lines] == ["EC2"]


def test_a_day_with_neither_cost_nothing(aws, cloud):
    aws.say(page(day(FIRST)))
    assert costs(cloud) == [CostDay(FIRST, estimated=False, lines=())]


def test_currencies_are_kept_apart(aws, cloud):
    aws.say(page(day(FIRST, group("EC2", "eu-west-1"), group("EC2", "eu-west-1", amount="9", unit="CNY"))))
    assert [(line.unit, line.amount) for line in costs(cloud)[0].lines] == [
        ("USD", Decimal("1.5")),
        ("CNY", Decimal(9)),
    ]


def test_days_outside_the_window_are_returned_as_they_are(aws, cloud):
    aws.say(page(day(THIRD, group("EC2"))))
    assert [one.date for one in costs(cloud)] == [THIRD]


def test_a_day_that_does_not_say_that_it_is_final_is_estimated(aws, cloud):
    silent = day(FIRST, group("EC2"))
    del silent["Estimated"]
    aws.say(page(silent))
    assert costs(cloud)[0].estimated


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "", "1,5", "one", 1.5, None, "1e999", "9" * 40])
def test_what_is_not_an_amount_is_refused_with_its_place(aws, cloud, amount):
    aws.say(page(day(FIRST, group("EC2", "eu-west-1", amount=amount))))
    with pytest.raises(PermanentCloudError, match=r"2026-03-01, EC2, eu-west-1.*is not an amount"):
        costs(cloud)


@pytest.mark.parametrize("metrics", [{}, {"BlendedCost": {}}, {"UnblendedCost": {"Amount": "1"}}])
def test_a_missing_metric_is_refused_with_its_place(aws, cloud, metrics):
    aws.say(page(day(FIRST, {"Keys": ["EC2", "eu-west-1"], "Metrics": metrics})))
    with pytest.raises(PermanentCloudError, match="2026-03-01, EC2, eu-west-1: no UnblendedCost"):
        costs(cloud)


@pytest.mark.parametrize("keys", [[], ["a", "b", "c"]])
def test_an_unexpected_number_of_keys_is_refused(aws, cloud, keys):
    aws.say(page(day(FIRST, group(*keys))))
    with pytest.raises(PermanentCloudError, match="2026-03-01 a group with the keys"):
        costs(cloud)


def test_two_amounts_for_one_group_are_refused(aws, cloud):
    aws.say(page(day(FIRST, group("EC2", "eu-west-1"), group("EC2", "eu-west-1"))))
    with pytest.raises(PermanentCloudError, match="2026-03-01, EC2, eu-west-1: two amounts in USD"):
        costs(cloud)


@pytest.mark.parametrize("period", [{}, {"Start": "yesterday"}])
def test_a_day_without_a_date_is_refused(aws, cloud, period):
    aws.say(page({"TimePeriod": period, "Groups": [], "Estimated": False}))
    with pytest.raises(PermanentCloudError, match="a day without a date"):
        costs(cloud)


@pytest.mark.parametrize("body", [b"", b'{"ResultsByTime": [', b"<html/>", b"{}"])
def test_an_answer_that_is_none_is_not_taken_for_no_costs(aws, cloud, body):
    aws.say(body)
    with pytest.raises(TransientCloudError, match="no ResultsByTime"):
        costs(cloud)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (FIRST, FIRST, "must come later"),
        (SECOND, FIRST, "must come later"),
        (date(9000, 1, 1), date(9000, 1, 2), "has not begun yet"),
    ],
    ids=["empty", "reversed", "future"],
)
def test_a_window_that_aws_refuses_is_caught_before_the_call(aws, cloud, start, end, reason):
    with pytest.raises(InvalidInputError, match=reason):
        daily_costs(cloud, start, end)
    assert aws.requests == []


def test_today_may_be_asked(aws, cloud):
    aws.say(page())
    today = datetime.now(UTC).date()
    assert daily_costs(cloud, today, today + timedelta(days=1)) == []


def test_throttling_is_retried_and_then_transient_and_free(aws, cloud, tally):
    aws.refuse_json("LimitExceededException")
    with pytest.raises(TransientCloudError, match="LimitExceededException"):
        costs(cloud)
    assert (tally.calls, tally.usd) == (4, Decimal(0))


def test_a_denied_role_is_permanent_and_free(aws, cloud, tally):
    aws.refuse_json("AccessDeniedException", "User is not authorized to perform: ce:GetCostAndUsage")
    with pytest.raises(PermanentCloudError, match=r"ce:GetCostAndUsage.*Attach the policy in the README"):
        costs(cloud)
    assert (tally.calls, tally.usd) == (1, Decimal(0))


REAL = Path(__file__).resolve().parents[4] / "shared/data/finops/ce_daily_by_service_2024-02_03.json"


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/data/finops")
def test_a_real_bill_to_the_last_digit(aws, cloud):
    bill = json.loads(REAL.read_text())
    aws.say(REAL.read_bytes())
    expected = [
        (raw["TimePeriod"]["Start"], group["Keys"][0], group["Metrics"]["UnblendedCost"]["Amount"])
        for raw in bill["ResultsByTime"]
        for group in raw["Groups"]
    ]
    found = [(str(day.date), line.service, f"{line.amount:f}") for day in costs(cloud) for line in day.lines]
    assert found == expected
