"""A reader of billing files for tests: a line is a row, so that a test shows what it stores."""

from collections import Counter
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from collectors.billing.reading import BilledRow, BrokenLine, TaggedRow
from core.errors import InvalidInputError

ACCOUNT = "111111111111"


class Read:
    """What a file says: lines of `day amount [service] [account] [basis]`, or `broken`.

    Words such as `team=web` are tags; `team=?` is a value that is not told apart.
    """

    layout = "focus"
    skipped = {"not of AWS": 1}
    left_out = ("x_extra",)

    def __init__(self, lines):
        self._lines = [[word for word in line.split() if "=" not in word] for line in lines]
        self._tags = [dict(word.split("=") for word in line.split() if "=" in word) for line in lines]
        self.tags = tuple(Counter(key for tags in self._tags for key in sorted(tags)))
        self.lines = len(lines)
        self.broken = [
            BrokenLine(number, "no amount", "broken")
            for number, words in enumerate(self._lines, 2)
            if words == ["broken"]
        ]
        self.quarantined = len(self.broken)

    def rows(self):
        for words in self._lines:
            if words != ["broken"]:
                yield row(*words)

    def tagged_rows(self, keys):
        for words, tags in zip(self._lines, self._tags, strict=True):
            for key in tags.keys() & set(keys):
                told = row(*words)
                value = None if tags[key] == "?" else tags[key]
                group = (told.account_id, told.date, told.service, told.region, told.unit)
                yield TaggedRow(*group, key, value, told.amount)


def row(day, amount, service="AmazonEC2", account=ACCOUNT, basis="unblended"):
    return BilledRow(
        account, "prod", date.fromisoformat(day), service, "eu-west-1", "USD", basis, Decimal(amount), False
    )


@contextmanager
def read(file, *, now, scratch, memory_mb, on_progress):
    on_progress(50.0)
    text = file.read_text()
    if "poison" in text:
        raise InvalidInputError(f"{file.name}: column BilledCost is missing.")
    yield Read(text.splitlines())
