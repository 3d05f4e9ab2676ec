"""A reader of billing files for tests: a line is a row, so that a test shows what it stores."""

from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from collectors.billing.reading import BilledRow, BrokenLine
from core.errors import InvalidInputError

ACCOUNT = "111111111111"


class Read:
    """What a file says: lines of `day amount [service] [account] [basis]`, or `broken`."""

    layout = "focus"
    skipped = {"not of AWS": 1}
    left_out = ("x_extra",)

    def __init__(self, lines):
        self._lines = [line.split() for line in lines]
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
