"""JSON as the API writes and reads it."""

import io
import json
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from django.utils.functional import lazystr
from rest_framework.exceptions import ParseError

from core.api import MAX_JSON_DEPTH, ExactJSONRenderer, StrictJSONParser


def written(value, **context):
    return ExactJSONRenderer().render(value, "application/json", context).decode()


def read(text):
    return StrictJSONParser().parse(io.BytesIO(text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    ("amount", "number"),
    [
        ("0.1", "0.1"),
        ("12345678901234567890.1234567890", "12345678901234567890.1234567890"),
        ("1.10", "1.10"),
        ("-3.50", "-3.50"),
        ("0E-10", "0.0000000000"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
    ],
)
def test_decimals_are_numbers_with_every_digit(amount, number):
    assert written({"amount": Decimal(amount)}) == f'{{"amount":{number}}}'


def test_a_decimal_survives_a_reader_that_keeps_decimals():
    amounts = [Decimal(f"0.{digits:010d}") for digits in (1, 123456789, 9999999999)]
    assert json.loads(written(amounts), parse_float=Decimal) == amounts


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), -float("inf"), Decimal("NaN"), Decimal("Infinity")]
)
def test_what_json_has_no_number_for_is_null(number):
    assert written([number]) == "[null]"


def test_times_are_utc_with_z():
    noon_in_tokyo = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    assert written([datetime(2026, 3, 1, tzinfo=UTC)]) == '["2026-03-01T00:00:00Z"]'
    assert written([noon_in_tokyo]) == '["2026-03-01T03:00:00.123456Z"]'


def test_a_time_without_zone_is_a_mistake_not_a_guess():
    with pytest.raises(orjson.JSONEncodeError):
        written([datetime(2026, 3, 1)])  # noqa: DTZ001 - the mistake


def test_days_ids_lazy_texts_and_keys_are_written():
    key = uuid.UUID(int=1)
    assert written([date(2026, 3, 1), key, lazystr("late")]) == f'["2026-03-01","{key}","late"]'
    assert written({date(2026, 3, 1): 1, 2: 2}) == '{"2026-03-01":1,"2":2}'


def test_what_has_no_place_in_an_answer_is_refused():
    with pytest.raises(orjson.JSONEncodeError):
        written([object()])


def test_the_browsable_pages_get_their_indentation():
    assert written({"amount": Decimal("1.10")}, indent=4) == '{\n  "amount": 1.10\n}'


def test_no_content_is_no_text():
    assert written(None) == ""


def test_values_are_read():
    assert read('{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}


@pytest.mark.parametrize(
    "text",
    ['{"a":', "", "NaN", '{"a": 1} x', "{'a': 1}", '"\\ud800"', b'"\xff"', "1e999"],
    ids=["cut off", "empty", "NaN", "two values", "quotes", "lone surrogate", "not UTF-8", "infinite"],
)
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ParseError, match="not valid JSON"):
        read(text)


@pytest.mark.parametrize("text", ['"a\\u0000b"', '{"a\\u0000": 1}', '[{"a": ["\\u0000"]}]'])
def test_nul_characters_are_refused_wherever_they_are(text):
    with pytest.raises(ParseError, match="NUL"):
        read(text)


def test_a_backslash_before_u0000_is_no_nul():
    assert read('"\\\\u0000"') == "\\u0000"


@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
@pytest.mark.parametrize("depth", [MAX_JSON_DEPTH + 1, 1000, 100_000])
def test_bottomless_nesting_is_refused(opening, depth):
    closing = "]" if opening == "[" else "}"
    with pytest.raises(ParseError):
        read(opening * depth + "1" + closing * depth)


def test_ordinary_nesting_is_read():
    inner = MAX_JSON_DEPTH - 1
    assert read("[" * inner + "1" + "]" * inner)
