"""What is computed of a table's lines: which are broken, and the sums of the others, in DuckDB's SQL."""

from collections.abc import Sequence
from datetime import datetime

from collectors.billing.amounts import is_number, narrow, tail, wide
from collectors.billing.layouts import Line
from collectors.models import Basis

KEYS = ("provider", "account", "day", "period_end", "unit", "service", "region")
OURS = (
    "(provider IS NULL OR provider = 'AWS' OR lower(provider) = 'aws'"
    " OR starts_with(lower(provider), 'amazon'))"
)
"""Whether a line is one of AWS; one that names no provider is broken."""

_LONGEST = {"unit": 10, "service": 200, "region": 60}
_LONGEST_NAME = 100


def lines(line: Line, relation: str, *, number: str = "0") -> str:
    """Return the table's lines: keys and amounts, the day and the amounts read, and the line's number."""
    parts = {
        "provider": line.provider,
        "account": line.account,
        "name": line.name,
        "start": line.start,
        "period_end": line.period_end,
        "unit": line.unit,
        "service": line.service,
        "region": line.region,
        **{f"text_{basis}": part for basis, part in line.amounts.items()},
    }
    texts = [f'{part.text} AS "{name}"' for name, part in parts.items()]
    texts.append(f"{line.tags.text if line.tags else 'CAST(NULL AS VARCHAR)'} AS tags")
    columns = [f"{part.column} AS column_{basis}" for basis, part in line.amounts.items()]
    read = f"SELECT {', '.join(texts + columns)}, {number} AS number FROM {relation}"
    for level in (_tail, _narrow, _wide):
        more = ", ".join(level(f"text_{basis}", basis) for basis in line.amounts)
        read = f"SELECT *, {more} FROM ({read})"
    return f"SELECT *, CAST({_moment('start')} AS DATE) AS day FROM ({read})"


def _tail(text: str, basis: Basis) -> str:
    return f"{tail(text)} AS tail_{basis}"


def _narrow(text: str, basis: Basis) -> str:
    return f"{narrow(text, f'tail_{basis}')} AS narrow_{basis}"


def _wide(text: str, basis: Basis) -> str:
    return f"CASE WHEN narrow_{basis} IS NULL THEN {wide(text)} END AS wide_{basis}"


def tally(line: Line, wanted: str) -> str:
    """Return a statement that adds the wanted lines up by all that they have in common, in one pass."""
    sums = ", ".join(
        f"sum(narrow_{basis}) AS narrow_{basis}, sum(wide_{basis}) AS wide_{basis}, count(text_{basis}) AS"
        f" given_{basis}, sum(CASE WHEN narrow_{basis} IS NOT NULL THEN tail_{basis} END) AS tail_{basis}"
        for basis in line.amounts
    )
    broken = " OR ".join(_is_no_amount(basis) for basis in line.amounts)
    keys = ", ".join((*KEYS, "tags"))
    return (
        f"CREATE OR REPLACE TEMP TABLE tally AS SELECT {keys}, any_value(name) AS name, count(*) AS lines,"
        f" count_if({broken}) AS broken, {sums} FROM ({wanted}) GROUP BY {keys}"
    )


def _is_no_amount(basis: Basis) -> str:
    return f"(narrow_{basis} IS NULL AND wide_{basis} IS NULL AND text_{basis} IS NOT NULL)"


def totals(bases: Sequence[Basis], *, now: datetime) -> str:
    """Return a statement that makes the rows of the answer out of the tally.

    A basis is known of a group when it is known of all its lines.
    """
    sums = ", ".join(
        f"sum(narrow_{basis}), sum(tail_{basis}), sum(wide_{basis}), bool_and(given_{basis} = lines)"
        for basis in bases
    )
    keys = "account, day, service, region, unit"
    ends, moment = _moment("period_end"), f"TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}'"
    return (
        f"CREATE TEMP TABLE totals AS"
        f" SELECT account, left(coalesce(max(name), ''), {_LONGEST_NAME}) AS name, day,"
        f" coalesce(service, '') AS service, coalesce(region, '') AS region, unit, bool_or({ends} > {moment})"
        f" AS estimated, {sums} FROM tally WHERE {OURS} GROUP BY {keys}"
    )


# --- Broken lines ----------------------------------------------------------------------------
def any_broken(line: Line) -> str:
    """Return a condition on the tally that holds where some of the lines added up are broken."""
    unknown = f"given_{Basis.UNBLENDED} <> lines"
    return f"{OURS} AND (({_key_reason(line)}) IS NOT NULL OR broken > 0 OR {unknown})"


def reason(line: Line) -> str:
    """Return an expression that tells why a line is broken, naming the column; NULL for the others."""
    amounts = " ".join(_amount_reason(basis) for basis in line.amounts)
    return f"CASE WHEN NOT {OURS} THEN NULL ELSE coalesce({_key_reason(line)}, CASE {amounts} END) END"


def _amount_reason(basis: Basis) -> str:
    text, column = f"text_{basis}", f"column_{basis}"
    empty = f"WHEN {text} IS NULL THEN {column} || ' is empty'" if basis == Basis.UNBLENDED else ""
    return (
        f"{empty} WHEN {_is_no_amount(basis)} THEN {column}"
        f" || CASE WHEN {is_number(text)} THEN ' has more digits than are kept' ELSE ' is no amount' END"
    )


def _key_reason(line: Line) -> str:
    day = "day IS NULL OR coalesce(year(day), 0) NOT BETWEEN 2000 AND 2100"
    lengths = [
        f"WHEN length({name}) > {most}"
        f" THEN {getattr(line, name).column} || ' is longer than {most} characters'"
        for name, most in _LONGEST.items()
    ]
    nul = [
        f"WHEN contains({name}, chr(0)) THEN {getattr(line, name).column} || ' is no text'"
        for name in _LONGEST
    ]
    return (
        f"CASE WHEN provider IS NULL THEN {line.provider.column} || ' is empty'"
        f" WHEN account IS NULL THEN {line.account.column} || ' is empty'"
        f" WHEN NOT regexp_full_match(account, '[0-9]{{1,18}}')"
        f" THEN {line.account.column} || ' is no account number'"
        f" WHEN {day} THEN {line.start.column} || ' is empty or no date'"
        f" WHEN {_moment('period_end')} IS NULL THEN {line.period_end.column} || ' is empty or no date'"
        f" WHEN unit IS NULL THEN {line.unit.column} || ' is empty' {' '.join(lengths + nul)} END"
    )


def _moment(text: str) -> str:
    """Return SQL for the moment in UTC; DuckDB's TIMESTAMP takes any offset from it for none."""
    plain = f"ends_with({text}, 'Z') OR length({text}) <= 19 AND NOT contains({text}, '+')"
    return (
        f"CASE WHEN {plain} THEN TRY_CAST({text} AS TIMESTAMP)"
        f" ELSE CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP) END"
    )
