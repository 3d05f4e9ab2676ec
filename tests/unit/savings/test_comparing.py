"""How far two price tables differ."""

from datetime import date
from decimal import Decimal

from analytics.savings.comparing import Compared, compared
from analytics.savings.prices import PriceTable


def table(**hourly):
    prices = {name.replace("_", "."): Decimal(usd) for name, usd in hourly.items()}
    return PriceTable("eu-west-1", "a test", date(2026, 1, 1), prices, {"gp3": Decimal("0.08")})


def test_prices_that_only_one_table_has_are_not_compared():
    ours, theirs = table(m5_large="0.10", t2_nano="0.01"), table(m5_large="0.10", c8_large="0.2")
    assert compared(ours, theirs) == {
        "instance_types": Compared(1, 0, 0.0),
        "volume_types": Compared(1, 0, 0.0),
    }


def test_a_difference_is_told_in_percent_of_what_was_fetched():
    ours, theirs = table(m5_large="0.11", m5_xlarge="0.2"), table(m5_large="0.10", m5_xlarge="0.2")
    assert compared(ours, theirs)["instance_types"] == Compared(2, 1, 10.0)


def test_rounding_is_no_difference():
    ours, theirs = table(t3_nano="0.00521"), table(t3_nano="0.0052104")
    assert compared(ours, theirs)["instance_types"].differ == 0
