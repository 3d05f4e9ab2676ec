"""Amounts of money out of text, without a digit lost, as DuckDB's SQL.

An amount has up to `SCALE` digits after the point and twelve before it. Casting text to a decimal that wide
takes DuckDB microseconds a value, and a narrow one a tenth of that. So an amount is narrow where it can be,
and what follows its twelfth digit after the point a fraction of its own, its tail; the others are wide. The
three kinds are summed apart.
"""

from decimal import Context, Decimal

SCALE = 26
WIDE = f"DECIMAL(38, {SCALE})"
_NARROW_SCALE = 12
_NARROW = f"DECIMAL(18, {_NARROW_SCALE})"
_TAIL = f"DECIMAL(16, {SCALE - _NARROW_SCALE})"
_NUMBER = r"[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?"
_EXACT = Context(prec=80)


def tail(text: str) -> str:
    """Return SQL for the 13th to 26th digit after the point, as a fraction; NULL where there are none."""
    start = _NARROW_SCALE + 1
    value = f"TRY_CAST('.' || substr({text}, strpos({text}, '.') + {start}) AS {_TAIL})"
    is_long = f"strpos({text}, '.') > 0 AND {_fraction(text)} BETWEEN {start} AND {SCALE}"
    signed = f"CASE WHEN starts_with({text}, '-') THEN -{value} ELSE {value} END"
    return f"CASE WHEN {is_long} AND {_is_plain(text)} THEN {signed} END"


def narrow(text: str, tail: str) -> str:
    """Return SQL for the amount up to the twelfth digit after the point; NULL unless plain and not large.

    `tail` is an expression for what follows.
    """
    # Without a point its place is 0, and the whole text has to be short.
    start = f"left({text}, strpos({text}, '.') + {_NARROW_SCALE})"
    is_short = f"{_fraction(text)} <= {_NARROW_SCALE} AND {_is_plain(text)}"
    return (
        f"CASE WHEN {tail} IS NOT NULL THEN TRY_CAST({start} AS {_NARROW})"
        f" WHEN {is_short} THEN TRY_CAST({text} AS {_NARROW}) END"
    )


def _fraction(text: str) -> str:
    return f"length({text}) - strpos({text}, '.')"


def _is_plain(text: str) -> str:
    return "NOT (" + " OR ".join(f"contains({text}, '{sign}')" for sign in "eE_") + ")"


def wide(text: str) -> str:
    """Return SQL for any amount in `text`; NULL for no number, and for one whose digits do not all fit."""
    fraction = f"rtrim(regexp_extract({text}, '[.]([0-9]*)', 1), '0')"
    exponent = f"coalesce(TRY_CAST(regexp_extract({text}, '[eE](.*)$', 1) AS INTEGER), 0)"
    fits = f"length({fraction}) - {exponent} <= {SCALE}"
    return f"CASE WHEN {is_number(text)} AND {fits} THEN TRY_CAST({text} AS {WIDE}) END"


def is_number(text: str) -> str:
    """Return SQL that tells whether `text` is a finite number."""
    return f"regexp_full_match({text}, '{_NUMBER}')"


def added(narrow_sum: Decimal | None, tail_sum: Decimal | None, wide_sum: Decimal | None) -> Decimal:
    """Return the three sums as one exact amount, without the zeros that only fill its scale."""
    total = narrow_sum or Decimal(0)
    if tail_sum:
        total = _EXACT.add(total, tail_sum.scaleb(-_NARROW_SCALE, _EXACT))
    if wide_sum is not None:
        total = _EXACT.add(total, wide_sum)
    total = total.normalize(_EXACT)
    return total.quantize(Decimal(1), context=_EXACT) if total % 10 == 0 else total
