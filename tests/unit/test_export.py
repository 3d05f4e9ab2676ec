"""CSV that is safe to open in a spreadsheet."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from core.export import cell, csv_chunks


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_begins_like_a_formula_is_escaped(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "AmazonEC2", "a=b", "123456789012"])
def test_other_text_stays_as_it_is(text):
    assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("-12.50"), "-12.50"),
        (Decimal("8.072E-7"), "0.0000008072"),
        (date(2026, 3, 1), "2026-03-01"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_values_are_written_exactly(value, written):
    assert cell(value) == written


def test_what_is_written_is_read_back():
    rows = [['a "quoted" name', "comma, and\nnewline"], ["ü", ""]]
    text = "".join(csv_chunks(["one", "two"], rows))
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["one", "two"], *rows]


def test_a_long_table_comes_in_pieces():
    pieces = list(csv_chunks(["n"], ([str(n)] for n in range(5)), size=2))
    assert pieces == ["n\r\n", "0\r\n1\r\n", "2\r\n3\r\n", "4\r\n"]


def test_rows_are_not_read_before_they_are_wanted():
    def rows():
        yield ["first"]
        raise AssertionError("read too far")

    pieces = csv_chunks(["name"], rows(), size=1)
    assert [next(pieces), next(pieces)] == ["name\r\n", "first\r\n"]
