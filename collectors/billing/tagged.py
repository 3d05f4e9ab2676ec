"""The costs of a file by tag, out of the tally of its lines, in DuckDB's SQL.

The tally has a row for each text of tags; what the texts say is read once for each of them.
"""

from collections.abc import Sequence

from collectors.billing.layouts import Tags, quoted
from collectors.billing.tallies import OURS
from collectors.models import LONGEST_KEY, LONGEST_VALUE, Basis

MOST_SEEN = 1000
"""How many keys of a file are looked at, the most used."""

MOST_VALUES = 500
"""How many values of a key are told apart in a file: those that cost most."""

SUMS = ("narrow", "tail", "wide")
_GROUP = "account, day, service, region, unit"


def texts() -> str:
    """Return a statement that lists the different texts of tags, each as often as it is used."""
    return (
        "CREATE TEMP TABLE tag_texts AS SELECT tags, sum(lines) AS lines FROM tally"
        f" WHERE {OURS} AND tags IS NOT NULL GROUP BY tags"
    )


def pairs(tags: Tags) -> str:
    """Return a statement that lists what each text says, a key once; an empty value is none.

    A text that cannot be read has one row without a key.
    """
    key, value = (
        f"left(replace({part}, chr(0), ''), {most})"
        for part, most in (("key", LONGEST_KEY), ("value", LONGEST_VALUE))
    )
    said = _listed(tags.keys) if tags.keys is not None else _in_json(tags.prefix)
    return (
        "CREATE TEMP TABLE tag_pairs AS SELECT tags, lines, cleaned AS key, max(text) AS value FROM"
        f" (SELECT tags, lines, {key} AS cleaned, {value} AS text FROM ({said}))"
        " WHERE cleaned IS NULL OR (cleaned <> '' AND text <> '') GROUP BY tags, lines, cleaned"
    )


def _listed(keys: Sequence[str]) -> str:
    names = ", ".join(map(quoted, keys))
    return f"SELECT tags, lines, unnest([{names}]) AS key, unnest(tags) AS value FROM tag_texts"


def _in_json(prefix: str) -> str:
    is_read = "CASE WHEN json_valid(tags) THEN json_type(tags) = 'OBJECT' ELSE false END"
    begins = quoted(f"^{prefix}")
    key = f"regexp_replace(e.key, {begins}, '')" if prefix else "e.key"
    return (
        f"SELECT tags, lines, {key} AS key, e.value ->> '$' AS value"
        f" FROM (SELECT * FROM tag_texts WHERE {is_read}) t, json_each(t.tags) e"
        f" UNION ALL SELECT tags, lines, NULL, NULL FROM tag_texts WHERE NOT ({is_read})"
    )


def keys() -> str:
    """Return a query for the keys, the most used first, and AWS's own after those that users gave."""
    return (
        "SELECT key FROM tag_pairs WHERE key IS NOT NULL GROUP BY key"
        f" ORDER BY regexp_matches(key, '^aws[:_]'), sum(lines) DESC, key LIMIT {MOST_SEEN}"
    )


def sums(wanted: Sequence[str]) -> str:
    """Return a statement that adds up what was charged by the values of these keys.

    A value of NULL stands for text that cannot be read, which could hold any of the keys.
    """
    names = ", ".join(map(quoted, wanted))
    added = ", ".join(f"sum({kind}_{Basis.UNBLENDED}) AS {kind}" for kind in SUMS)
    return (
        f"CREATE OR REPLACE TEMP TABLE tag_sums AS SELECT account, day, coalesce(service, '') AS service,"
        f" coalesce(region, '') AS region, unit, p.key, p.value, {added} FROM tally JOIN"
        f" (SELECT tags, key, value FROM tag_pairs WHERE key IN ({names}) UNION ALL"
        f" SELECT tags, unnest([{names}]), NULL FROM tag_pairs WHERE key IS NULL) p"
        f" USING (tags) WHERE {OURS} GROUP BY ALL"
    )


def totals() -> str:
    """Return a statement that makes the rows of the answer: beyond the dearest values, one of the others."""
    cost = "sum(abs(CAST(coalesce(narrow, 0) AS DOUBLE) + CAST(coalesce(wide, 0) AS DOUBLE)))"
    added = ", ".join(f"sum({kind}) AS {kind}" for kind in SUMS)
    return (
        "CREATE OR REPLACE TEMP TABLE tag_totals AS WITH kept AS"
        " (SELECT key, value FROM tag_sums WHERE value IS NOT NULL GROUP BY key, value"
        f" QUALIFY row_number() OVER (PARTITION BY key ORDER BY {cost} DESC, value) <= {MOST_VALUES})"
        f" SELECT {_GROUP}, key, k.value, {added}"
        f" FROM tag_sums LEFT JOIN kept k USING (key, value) GROUP BY {_GROUP}, key, k.value"
    )
