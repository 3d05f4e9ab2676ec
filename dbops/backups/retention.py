"""Which dumps are kept; values in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Dump:
    """A stored dump; names ascend with the time they tell."""

    name: str
    is_verified: bool


def surplus(dumps: Sequence[Dump], *, keep: int) -> list[Dump]:
    """Return what is to be deleted so that `keep` dumps are left, of which verified ones go last.

    Beside those, as many are kept that came after the last verified one: while no dump can be verified,
    they are the newest there are.
    """
    newest_first = sorted(dumps, reverse=True)
    verified = [dump for dump in newest_first if dump.is_verified]
    unverified = [dump for dump in newest_first if not dump.is_verified]
    since = [dump for dump in unverified if not verified or dump > verified[0]]
    older = unverified[len(since) :]
    room = max(keep - len(verified), 0)
    return [*verified[keep:], *since[keep:], *older[room:]]
