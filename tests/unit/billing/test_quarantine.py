"""What becomes of broken lines: each is told by its number, and takes no other with it."""

import gzip
import tempfile
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.billing import reading
from tests.unit.billing.files import cur_line, focus_line, text

GOOD = text([focus_line()] * 2).splitlines()
HEADER, LINE = GOOD[0], GOOD[1]
WHOLE = 3
"""How many good lines the files below have, which cost one dollar each."""


def with_broken(line):
    """A file whose line 4 is broken; what follows it is not."""
    return "\r\n".join([HEADER, LINE, LINE, line, LINE, ""])


def told(found):
    assert sum(row.amount for row in found.rows() if row.basis == "unblended") == WHOLE
    return [(line.number, line.reason) for line in found.broken]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("BilledCost", "abc", "BilledCost is no amount"),
        ("BilledCost", "NaN", "BilledCost is no amount"),
        ("BilledCost", "1_0", "BilledCost is no amount"),
        ("BilledCost", "", "BilledCost is empty"),
        ("ListCost", "inf", "ListCost is no amount"),
        ("EffectiveCost", "1e-27", "EffectiveCost has more digits than are kept"),
        ("EffectiveCost", "1" * 13, "EffectiveCost has more digits than are kept"),
        ("ChargePeriodStart", "2026-02-30", "ChargePeriodStart is empty or no date"),
        ("ChargePeriodStart", "NULL", "ChargePeriodStart is empty or no date"),
        ("ChargePeriodStart", "infinity", "ChargePeriodStart is empty or no date"),
        ("BillingPeriodEnd", "soon", "BillingPeriodEnd is empty or no date"),
        ("BillingCurrency", "NULL", "BillingCurrency is empty"),
        ("BillingCurrency", "US DOLLARS ", "BillingCurrency is longer than 10 characters"),
        ("SubAccountId", "", "SubAccountId is empty"),
        ("SubAccountId", "12345-678", "SubAccountId is no account number"),
        ("SubAccountId", "1" * 19, "SubAccountId is no account number"),
        ("ProviderName", "", "ProviderName is empty"),
        ("ServiceName", "s" * 201, "ServiceName is longer than 200 characters"),
        ("RegionId", "a\0b", "RegionId is no text"),
    ],
)
@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.gz"])
def test_a_value_that_cannot_be_is_told_with_its_column(opened, name, column, value, reason):
    broken = text([focus_line(**{column: value})]).splitlines()[1]
    content = with_broken(broken).encode()
    with opened(gzip.compress(content) if name.endswith(".gz") else content, name) as found:
        assert told(found) == [(4, reason)]
        assert (found.lines, found.quarantined) == (4, 1)
        assert found.broken[0].text == broken.replace("\0", "\ufffd")[:500]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("only,three,columns", "3 columns instead of 43: BillingAccountName and what follows is missing"),
        (LINE + ",more", "44 columns instead of 43: there are more after Tags"),
        ('"never closed,' + LINE, "the columns cannot be told apart"),
        ('"closed"too early,' + LINE, "the columns cannot be told apart"),
        (LINE.replace("shop", '"sh"op'), "the columns cannot be told apart"),
    ],
    ids=["too few", "too many", "quote left open", "quote closed early", "quote in a quote"],
)
def test_a_line_without_its_columns_is_told(opened, line, reason):
    with opened(with_broken(line)) as found:
        ((number, why),) = told(found)
        assert (number, why.startswith(reason)) == (4, True)
        assert found.broken[0].text == line


def test_a_quote_left_open_at_the_end_of_the_file_is_told(opened):
    content = "\n".join([HEADER, LINE, LINE, LINE, '"never closed'])
    with opened(content) as found:
        assert [number for number, _ in told(found)] == [5]


@pytest.mark.parametrize("others", [[], ["short"]], ids=["alone", "beside a broken line"])
def test_a_record_longer_than_128_kib_is_broken_whatever_else_is_in_the_file(opened, others):
    long = LINE.replace(",USD,", f",USD,{'é' * 66_000}", 1)
    with opened("\n".join([HEADER, long, *[LINE] * WHOLE, *others])) as found:
        number, reason = told(found)[0]
        assert (number, found.quarantined) == (2, 1 + len(others))
        assert reason.endswith("the record is longer than 128 KiB")


@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.gz"])
def test_of_a_line_without_an_end_only_the_beginning_is_held(opened, name):
    content = with_broken("x" * (34 << 20)).encode()
    tracemalloc.start()
    try:
        with opened(gzip.compress(content, 1) if name.endswith(".gz") else content, name) as found:
            assert [number for number, _ in told(found)] == [4]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_what_is_not_utf8_is_told(opened):
    content = with_broken(LINE.replace("shop", "sh\udcffp")).encode("utf-8", "surrogateescape")
    with opened(content) as found:
        assert told(found) == [(4, "SubAccountName is not UTF-8")]


def test_numbers_are_those_of_lines_though_cells_span_some(opened):
    long = text([focus_line(ChargeDescription="one\ntwo\nthree")], end="\n").split("\n", 1)[1]
    content = f"{HEADER}\n{long}{LINE}\nbroken\n\n{LINE}\n"
    with opened(content) as found:
        assert [number for number, _ in told(found)] == [6]


def test_values_and_forms_are_told_in_the_order_of_the_file(opened):
    wrong = LINE.replace(",1,", ",abc,", 1)
    with opened("\n".join([HEADER, wrong, LINE, "short", LINE, wrong, LINE])) as found:
        assert [number for number, _ in told(found)] == [2, 4, 6]
        assert found.quarantined == 3


def test_of_very_many_broken_lines_the_first_are_kept_and_all_counted(opened):
    with opened("\n".join([HEADER, *["broken"] * 1500, *[LINE] * WHOLE])) as found:
        assert [number for number, _ in told(found)] == list(range(2, 1002))
        assert (found.quarantined, found.lines) == (1500, 1503)


def test_a_line_that_is_broken_is_told_by_how_it_begins(opened):
    with opened(with_broken("x" * 2000)) as found:
        assert found.broken[0].text == "x" * 500


def test_a_commitment_fee_that_is_no_amount_is_told_by_its_column(opened):
    fee = cur_line(LineItemType="SavingsPlanRecurringFee", TotalCommitmentToDate="1", UsedCommitment="much")
    with opened(text([cur_line()] * WHOLE + [fee])) as found:
        assert told(found) == [(5, "savingsPlan/TotalCommitmentToDate is no amount")]


def test_rows_of_parquet_are_told_by_their_number(opened, tmp_path):
    file = tmp_path / "made.parquet"
    good, wrong = (
        ", ".join(f"nullif('{value}', 'NULL') AS \"{name}\"" for name, value in line.items())
        for line in (focus_line(), focus_line(BilledCost="abc"))
    )
    rows = f"SELECT {good} UNION ALL SELECT {wrong} UNION ALL SELECT {good} FROM range(2)"
    duckdb.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet)")
    with opened(file.read_bytes(), "bill.parquet") as found:
        assert told(found) == [(2, "BilledCost is no amount")]
        assert "abc" in found.broken[0].text


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.sampled_from([LINE, LINE, "short", '"open,' + LINE, LINE.replace(",1,", ",?,", 1), LINE + ',"x"']),
        min_size=1,
        max_size=12,
    )
)
def test_exactly_the_broken_lines_are_set_aside(lines):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bill.csv"
        file.write_text("\n".join([HEADER, *lines, ""]))
        with reading.read(
            file,
            now=datetime(2026, 5, 1, tzinfo=UTC),
            scratch=Path(folder),
            memory_mb=256,
            on_progress=lambda percent: None,
        ) as found:
            total = sum((row.amount for row in found.rows() if row.basis == "unblended"), Decimal(0))
            assert total == lines.count(LINE)
            numbers = [number for number, line in enumerate(lines, start=2) if line != LINE]
            assert [line.number for line in found.broken] == numbers
