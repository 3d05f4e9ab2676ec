"""Amounts of money out of text, without a digit lost, as DuckDB's SQL.

An amount has up to `SCALE` digits after the point and twelve before it. Casting text to a decimal that wide
takes DuckDB microseconds a value, and a narrow one a tenth of that, so each amount is either narrow or wide,
and the two kinds are summed apart.
"""

from decimal import Context, Decimal

SCALE = 26
WIDE = f"DECIMAL(38, {SCALE})"
_NARROW_SCALE = 12
_NARROW = f"DECIMAL(18, {_NARROW_SCALE})"
_NUMBER = r"[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?"
_EXACT = Context(prec=80)


def narrow(text: str) -> str:
    """Return SQL for the amount in the expression `text`, NULL unless it is short and plain."""
    # Without a point its place is 0, and the whole text has to be short.
    short = f"length({text}) - strpos({text}, '.') <= {_NARROW_SCALE}"
    strange = " OR ".join(f"contains({text}, '{sign}')" for sign in "eE_")
    return f"CASE WHEN {short} AND NOT ({strange}) THEN TRY_CAST({text} AS {_NARROW}) END"


def wide(text: str) -> str:
    """Return SQL for any amount in `text`; NULL for no number, and for one whose digits do not all fit."""
    fraction = f"rtrim(regexp_extract({text}, '[.]([0-9]*)', 1), '0')"
    exponent = f"coalesce(TRY_CAST(regexp_extract({text}, '[eE](.*)$', 1) AS INTEGER), 0)"
    fits = f"length({fraction}) - {exponent} <= {SCALE}"
    return f"CASE WHEN {is_number(text)} AND {fits} THEN TRY_CAST({text} AS {WIDE}) END"


def is_number(text: str) -> str:
    """Return SQL that tells whether `text` is a finite number."""
    return f"regexp_full_match({text}, '{_NUMBER}')"


def added(narrow_sum: Decimal | None, wide_sum: Decimal | None) -> Decimal:
    """Return both sums as one exact amount, without the zeros that only fill its scale."""
    total = _EXACT.add(narrow_sum or Decimal(0), wide_sum or Decimal(0)).normalize(_EXACT)
    exponent = total.as_tuple().exponent
    return total.quantize(Decimal(1), context=_EXACT) if isinstance(exponent, int) and exponent > 0 else total
