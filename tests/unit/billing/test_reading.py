"""What a billing file is read as."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.billing.amounts import SCALE, added, narrow, tail, wide
from collectors.billing.reading import BilledRow
from core.errors import InvalidInputError
from tests.unit.billing.files import cur_line, focus_line, text


# --- FOCUS -----------------------------------------------------------------------------------
def test_each_cost_of_a_focus_line_is_a_row_of_its_basis(opened):
    with opened(text([focus_line()])) as found:
        rows = list(found.rows())
        assert (found.layout, found.lines, found.quarantined) == ("focus", 1, 0)
    assert rows[0] == BilledRow(
        account_id="111111111111",
        account_name="shop",
        date=date(2026, 3, 5),
        service="Amazon EC2",
        region="eu-west-1",
        unit="USD",
        basis="unblended",
        amount=Decimal(1),
        estimated=False,
    )
    assert {row.basis: row.amount for row in rows} == {
        "unblended": 1,
        "effective": 2,
        "contracted": 3,
        "list": 4,
    }


def test_lines_of_a_group_are_added_and_credits_taken_off(amounts):
    lines = [focus_line(BilledCost="0.1"), focus_line(BilledCost="0.2"), focus_line(BilledCost="-5")]
    assert amounts(text(lines))["unblended"] == "-4.7"


@pytest.mark.parametrize(
    "change",
    [
        {"SubAccountId": "222222222222"},
        {"ChargePeriodStart": "2026-03-06T00:00:00Z"},
        {"ServiceName": "Amazon S3"},
        {"RegionId": "us-east-1"},
        {"BillingCurrency": "EUR"},
    ],
    ids=["account", "day", "service", "region", "currency"],
)
def test_what_differs_is_told_apart(opened, change):
    with opened(text([focus_line(), focus_line(**change)])) as found:
        assert [row.amount for row in found.rows() if row.basis == "unblended"] == [1, 1]


def test_a_cost_that_one_line_does_not_tell_is_unknown_of_its_group(amounts):
    assert set(amounts(text([focus_line(), focus_line(ListCost="NULL")]))) == {
        "unblended",
        "effective",
        "contracted",
    }


def test_without_a_sub_account_the_billing_account_is_the_account(opened):
    with opened(text([focus_line(SubAccountId="NULL", BillingAccountId="1234567890123")])) as found:
        assert {row.account_id for row in found.rows()} == {"1234567890123"}


def test_unknown_service_and_region_are_empty(opened):
    with opened(text([focus_line(ServiceName="", RegionId="NULL")])) as found:
        assert {(row.service, row.region) for row in found.rows()} == {("", "")}


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-05 23:00:00", 5),
        ("2026-03-05T23:59:59Z", 5),
        ("2026-03-05T23:00:00.000Z", 5),
        ("2026-03-05 23:00:00+00:00", 5),
        ("2026-03-05T23:00:00-02:00", 6),
        ("2026-03-05", 5),
    ],
)
def test_days_are_those_of_utc(opened, moment, day):
    with opened(text([focus_line(ChargePeriodStart=moment)])) as found:
        assert {row.date for row in found.rows()} == {date(2026, 3, day)}


@pytest.mark.parametrize(("now", "estimated"), [(1, False), (31, True)], ids=["after", "before"])
def test_a_line_is_estimated_until_its_billing_period_is_over(opened, now, estimated):
    moment = datetime(2026, 4 if now == 1 else 3, now, 0, 0, 1, tzinfo=UTC)
    with opened(text([focus_line()]), now=moment) as found:
        assert {row.estimated for row in found.rows()} == {estimated}


def test_lines_of_other_providers_are_left_out_and_counted(opened):
    others = [focus_line(ProviderName="Microsoft", SubAccountId="/subscriptions/64e3", BilledCost="?")] * 2
    with opened(text([focus_line(), *others])) as found:
        assert (found.lines, found.skipped, found.quarantined) == (3, {"provider Microsoft": 2}, 0)
        assert {row.amount for row in found.rows()} == {1, 2, 3, 4}


def test_columns_that_no_specification_knows_are_kept_out(opened):
    line = focus_line(Id="7", x_Discounts="{}", InvoiceId="later", CommitmentDiscountQuantity="later")
    with opened(text([line])) as found:
        assert found.left_out == ("Id", "x_Discounts")


def test_every_missing_mandatory_column_is_named(opened):
    line = focus_line()
    del line["BilledCost"], line["ServiceCategory"]
    with (
        pytest.raises(InvalidInputError, match=r"^bill.csv lacks focus columns: BilledCost, ServiceCategory"),
        opened(text([line])),
    ):
        pass


# --- Cost and Usage Report -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "amortized"),
    [
        (cur_line(UnblendedCost="5"), "5"),
        (cur_line(LineItemType="SavingsPlanCoveredUsage", SavingsPlanEffectiveCost="0.7"), "0.7"),
        (cur_line(LineItemType="SavingsPlanNegation", UnblendedCost="-1"), "0"),
        (cur_line(LineItemType="SavingsPlanUpfrontFee", UnblendedCost="900"), "0"),
        (
            cur_line(
                LineItemType="SavingsPlanRecurringFee", TotalCommitmentToDate="10", UsedCommitment="7.5"
            ),
            "2.5",
        ),
        (cur_line(LineItemType="DiscountedUsage", EffectiveCost="0.3"), "0.3"),
        (
            cur_line(
                LineItemType="RIFee",
                UnusedAmortizedUpfrontFeeForBillingPeriod="0.25",
                UnusedRecurringFee="0.5",
            ),
            "0.75",
        ),
        (cur_line(LineItemType="Fee", ReservationARN="arn:aws:ec2:::reserved-instances/1"), "0"),
        (cur_line(LineItemType="Fee", UnblendedCost="29"), "29"),
        (cur_line(LineItemType="Tax", UnblendedCost="1.9"), "1.9"),
    ],
    ids=lambda value: value["lineItem/LineItemType"] if isinstance(value, dict) else value,
)
def test_amortized_cost_follows_the_kind_of_line(amounts, line, amortized):
    assert amounts(text([line]))["amortized"] == amortized


def test_amortized_cost_is_unknown_without_the_column_it_comes_from(amounts):
    line = cur_line(LineItemType="SavingsPlanCoveredUsage")
    del line["savingsPlan/SavingsPlanEffectiveCost"]
    assert amounts(text([line])) == {"unblended": "1"}


def test_list_cost_is_what_on_demand_would_have_cost(amounts):
    assert amounts(text([cur_line(publicOnDemandCost="1.5")]))["list"] == "1.5"


def test_names_of_athena_and_of_the_second_report_are_the_same_columns(opened):
    names = {
        "bill/BillingPeriodEndDate": "bill_billing_period_end_date",
        "lineItem/CurrencyCode": "line_item_currency_code",
        "lineItem/LineItemType": "line_item_line_item_type",
        "lineItem/UnblendedCost": "line_item_unblended_cost",
        "lineItem/UsageAccountId": "line_item_usage_account_id",
        "lineItem/UsageStartDate": "line_item_usage_start_date",
        "product/ProductName": "product_product_name",
        "product/regionCode": "product_region_code",
    }
    line = {names[name]: value for name, value in cur_line().items() if name in names}
    with opened(text([line | {"line_item_usage_account_name": "shop", "strange": ""}])) as found:
        assert found.left_out == ("strange",)
        row = next(found.rows())
    assert (row.service, row.region, row.account_name, row.amount) == ("Amazon EC2", "eu-west-1", "shop", 1)


# --- Forms of files --------------------------------------------------------------------------
def test_a_file_by_gzip_is_read_like_a_plain_one(amounts):
    assert amounts(gzip.compress(text([focus_line()]).encode()), "bill.csv.gz")["list"] == "4"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_cell_may_hold_lines_commas_and_quotes(amounts, end):
    line = focus_line(ChargeDescription='two\nlines, "quoted"')
    assert amounts(text([line, line], end=end))["unblended"] == "2"


def test_a_byte_order_mark_is_no_part_of_the_first_name(amounts):
    line = focus_line()
    names = ["BilledCost", *(name for name in line if name != "BilledCost")]
    assert amounts(b"\xef\xbb\xbf" + text([line], names=names).encode())["unblended"] == "1"


def test_a_header_alone_is_a_file_without_lines(opened):
    with opened(text([focus_line()]).splitlines()[0]) as found:
        assert (found.lines, list(found.rows()), found.skipped) == (0, [], {})


def test_parquet_is_read_with_its_own_types(opened, tmp_path):
    file = tmp_path / "made.parquet"
    casts = {"BilledCost": "DOUBLE", "ListCost": "DECIMAL(20, 11)", "ChargePeriodStart": "TIMESTAMPTZ"}
    columns = ", ".join(
        f"CAST(nullif('{value}', 'NULL') AS {casts.get(name, 'VARCHAR')}) AS \"{name}\""
        for name, value in focus_line(BilledCost="1e-10", ListCost="4.5").items()
    )
    duckdb.execute(f"SET TimeZone = 'UTC'; COPY (SELECT {columns}) TO '{file}' (FORMAT parquet)")
    with opened(file.read_bytes(), "bill.parquet") as found:
        told = {row.basis: (row.date, row.amount) for row in found.rows()}
    assert told["unblended"] == (date(2026, 3, 5), Decimal("1e-10"))
    assert told["list"] == (date(2026, 3, 5), Decimal("4.5"))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "bill.csv", "bill.csv is empty"),
        (b"\x00\xff\xfe\x01\n", "bill.csv", "bill.csv is no table"),
        (b"a,b\n1,2\n", "bill.csv", "bill.csv is neither a FOCUS export nor a Cost and Usage Report"),
        (b"a,b\n1,2\n", "bill.csv.gz", "bill.csv.gz is not compressed"),
        (b"a,b\n1,2\n", "bill.parquet", "bill.parquet is no Parquet file"),
        (b"PAR1 and nothing", "bill.parquet", "bill.parquet is no Parquet file"),
    ],
)
def test_what_is_no_billing_file_is_an_error_that_names_it(opened, content, name, message):
    with pytest.raises(InvalidInputError, match=message), opened(content, name):
        pass


@pytest.mark.parametrize("left", [200, -9, -4, -1])
def test_a_file_that_is_cut_off_is_an_error(opened, left):
    whole = gzip.compress(text([focus_line(Tags=str(number)) for number in range(500)]).encode())
    with (
        pytest.raises(InvalidInputError, match=r"bill.csv.gz is cut off"),
        opened(whole[:left], "bill.csv.gz"),
    ):
        pass


def test_a_file_whose_sum_is_wrong_is_an_error(opened):
    whole = bytearray(gzip.compress(text([focus_line()]).encode()))
    whole[-6] ^= 1
    with (
        pytest.raises(InvalidInputError, match=r"bill.csv.gz is damaged"),
        opened(bytes(whole), "bill.csv.gz"),
    ):
        pass


def test_a_file_that_needs_too_much_memory_is_an_error_that_says_so(opened, tmp_path):
    file = tmp_path / "made.parquet"
    values = {name: f"'{value}'" for name, value in focus_line().items()}
    values["ServiceName"] = "repeat('x', 20000000)"
    columns = ", ".join(f'{value} AS "{name}"' for name, value in values.items())
    duckdb.execute(f"COPY (SELECT {columns} FROM range(8)) TO '{file}' (FORMAT parquet)")
    with (
        pytest.raises(InvalidInputError, match=r"bill.parquet needs more memory than BILLING_MEMORY_MB, 256"),
        opened(file.read_bytes(), "bill.parquet"),
    ):
        pass


def test_signs_in_the_name_reach_no_other_file(amounts):
    assert amounts(text([focus_line(BilledCost="7")]), "other1.csv")["unblended"] == "7"
    assert amounts(text([focus_line()]), "other*.csv")["unblended"] == "1"


def test_whom_progress_is_told_may_stop_it(opened, monkeypatch):
    class StoppedError(Exception):
        pass

    def stop(_percent):
        raise StoppedError

    monkeypatch.setattr("collectors.billing.engine._TELL_EVERY_S", 0)
    with pytest.raises(StoppedError), opened(text([focus_line()] * 300_000), on_progress=stop):
        pass


# --- Amounts ---------------------------------------------------------------------------------
def _amount(written):
    """The amount in a text as the SQL understands it, or None."""
    read = f"SELECT t, {tail('t')} AS rest FROM (SELECT ? AS t)"
    narrowed = f"SELECT t, {narrow('t', 'rest')} AS n, rest FROM ({read})"
    found = duckdb.execute(
        f"SELECT n, rest, CASE WHEN n IS NULL THEN {wide('t')} END FROM ({narrowed})", [written]
    )
    short, rest, long = found.fetchone()
    if short is None:
        return None if long is None else added(None, None, long)
    return added(short, rest, None)


@settings(deadline=None)
@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**11), max_value=10**11, places=SCALE)
)
def test_an_amount_keeps_every_digit_that_fits(amount):
    assert _amount(f"{amount:f}") == amount == _amount(str(amount))


@settings(deadline=None)
@given(st.floats(min_value=-1e11, max_value=1e11).filter(lambda number: number == 0 or abs(number) > 1e-8))
def test_a_float_in_text_is_taken_at_its_word(number):
    assert _amount(repr(number)) == Decimal(repr(number))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "abc",
        "NaN",
        "inf",
        "1_000",
        "1,000",
        "0x1",
        "1e-27",
        "0." + "1" * 27,
        "9" * 13,
        " 1 2",
        "1.2.3",
        "1.000000000000.5",
        "1.000000000000-5",
    ],
)
def test_what_is_no_amount_or_does_not_fit_is_none(written):
    assert _amount(written) is None


def test_digits_are_lost_neither_at_the_end_nor_in_the_sum(amounts):
    lines = [focus_line(BilledCost="123456789012.5"), focus_line(BilledCost="0." + "0" * 25 + "1")]
    assert amounts(text(lines))["unblended"] == "123456789012.50000000000000000000000001"


def test_a_sum_that_is_too_large_is_an_error(opened):
    lines = [focus_line(BilledCost="999999999999")] * 9
    with pytest.raises(InvalidInputError, match="too large"), opened(text(lines)):
        pass
