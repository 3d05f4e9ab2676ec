"""How values are written for people: numbers, money, bytes, durations; what is unknown is None, never 0."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

Number = int | float | Decimal
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024
_CENT = 0.01
_LEAST = (100, 10, 1)
_MINUS = "\u2212"


def number(value: Number, digits: int | None = None) -> str:
    """Write 1234.5 as 1,234.5; whole numbers without a point, others with two digits unless told."""
    if digits is None:
        digits = 0 if value == int(value) else 2
    return f"{value:,.{digits}f}".replace("-", _MINUS)


def money(amount: Number, currency: str = "USD") -> str:
    """Write an amount with its currency: $1,234.50, or 1,234.50 JPY; less than a cent is not zero."""
    digits = 4 if 0 < abs(float(amount)) < _CENT else 2
    sign = _SIGNS.get(currency)
    text = f"{abs(amount):,.{digits}f}"
    minus = _MINUS if amount < 0 else ""
    return f"{minus}{sign}{text}" if sign else f"{minus}{text} {currency}"


def change(amount: Number, currency: str = "USD") -> str:
    """Write by how much an amount moved: +$12.00."""
    return f"+{money(amount, currency)}" if amount > 0 else money(amount, currency)


def span(low: Number, high: Number) -> str:
    """Write a range by its ends, with as many digits as tell them apart: 1.2 to 3.4; nothing is 0."""
    if not low and not high:
        return "0"
    larger = abs(float(high))
    digits = next((places for places, least in enumerate(_LEAST) if larger >= least), len(_LEAST))
    return f"{number(low, digits)} to {number(high, digits)}"


def percent(value: Number, digits: int = 1) -> str:
    """Write 42.123, which is in percent, as 42.1 %."""
    return f"{number(value, digits)} %"


def share(value: Number, digits: int = 1) -> str:
    """Write 0.42123, a share of one, as 42.1 %."""
    return percent(value * 100, digits)


def size(value: Number) -> str:
    """Write bytes in the unit that fits: 1536 as 1.5 KiB."""
    left = float(value)
    for unit in _BINARY[:-1]:
        if abs(left) < _STEP:
            return f"{left:,.0f} B" if unit == "B" else f"{left:,.1f} {unit}"
        left /= _STEP
    return f"{left:,.1f} {_BINARY[-1]}"


def duration(seconds: Number | timedelta) -> str:
    """Write seconds in the two units that matter: 4000 as 1 h 6 min, 0.25 as 250 ms."""
    left = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if left < 1:
        return f"{left * 1000:.0f} ms"
    if left < 60:  # noqa: PLR2004 - a minute
        return f"{left:.1f} s"
    units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    parts = []
    whole = int(left)
    for name, length in units:
        count, whole = divmod(whole, length)
        parts.append((count, name))
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {name}" for count, name in parts[first : first + 2] if count)


def in_unit(value: Number, unit: str, digits: int = 2) -> str:
    """Write a figure of a chart: currencies as money, bytes by size, other units after the number."""
    if unit == "B":
        return size(value)
    if len(unit) == 3 and unit.isupper():  # noqa: PLR2004 - ISO 4217
        return money(value, unit)
    return f"{number(value, digits)} {unit}".rstrip()


FORMATS: dict[str, Callable[..., str]] = {
    "number": number,
    "money": money,
    "change": change,
    "percent": percent,
    "share": share,
    "size": size,
    "duration": duration,
    "text": str,
}


def as_format(value: Any, name: str, *args: Any) -> str:
    """Write a known value in one of the formats."""
    return FORMATS[name](value, *args)
