"""Query texts without what was in them: literals and comments may hold secrets."""

import re

MOST_CHARACTERS = 2_000

_TOKEN = re.compile(
    r"""
    (?P<comment>
        --[^\n]*
        | /\*(?:(?!\*/).)*?/\*.*\Z  # nested: the rest goes, too
        | /\*.*?(?:\*/|\Z)
    )
    | (?P<literal>
        [eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)  # a text may be cut off within
        | '(?:[^']|'')*(?:'|\Z)
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    )
    | (?P<kept>
        "(?:[^"]|"")*(?:"|\Z)  # a name
        | \$\d+  # a parameter
        | [^\W\d][\w$]*  # a word
    )
    | (?P<number> \.?\d[\w.]*(?:(?<=[eE])[+-]\d+)? )
    """,
    re.VERBOSE | re.DOTALL,
)
_SETTING = re.compile(r"\A(\s*set\s+(?:session\s+|local\s+)?[\w.\"]+\s*(?:=|\bto\b)\s*).*", re.I | re.DOTALL)
_UPKEEP = re.compile(
    r"\s*(?:vacuum|analy[sz]e|reindex|cluster|checkpoint|refresh|alter|create|drop|lock"
    r"|copy\s+[^\s(]+\s*(?:\([^)]*\)\s*)?to\s+stdout)\b",
    re.I,
)

# What backups are compared by (dbops.backups.contents).
_CHECKSUM = 'hashtextextended("whole row"'


def masked(query: str) -> str:
    """Return the query with `?` for quoted strings and numbers, without comments, and not too long."""
    bare = _SETTING.sub(r"\1?", _TOKEN.sub(_shown, query), count=1) if query else ""
    return bare.strip()[:MOST_CHARACTERS]


def _shown(token: re.Match[str]) -> str:
    if token["comment"] is not None:
        return " "
    return "?" if token["kept"] is None else token["kept"]


def is_upkeep(query: str) -> bool:
    """Tell whether nobody waits for the answer: maintenance, changes of the schema, what a backup reads."""
    return _UPKEEP.match(query) is not None or _CHECKSUM in query
