"""Daily costs: what Cost Explorer answers for a day replaces what was stored of it."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Max, Min, Q

from collectors import bulk
from collectors.aws import cost
from collectors.aws.cost import CostDay
from collectors.aws.session import HOME_REGION, Cloud
from collectors.models import Basis, CloudAccount, CostSource, DailyCost, DailyCostQuerySet
from collectors.services import budget, history
from collectors.services.access import AccountsHandler
from pipelines import windows
from pipelines.registry import Counts, PlannedStep

FIRST_WINDOW = timedelta(days=30)
# AWS restates the last days freely, and the days of an open month until the bill is final; the latter
# are flagged as estimated. A request costs the same however many days it asks for.
RESTATED = timedelta(days=14)

_COLUMNS = ("account_id", "date", "service", "region", "source", "basis", "unit", "amount", "estimated")
_KEY = _COLUMNS[:7]
_TOLD_AS = (CostSource.EXPLORER.value, Basis.UNBLENDED.value)


class CostHandler(AccountsHandler):
    """Reads each account's bill: what may have changed, or the days that the run was asked for.

    Today's costs are not known before tomorrow, so that no day is read which is not over.
    """

    def plan(self) -> Iterator[PlannedStep]:
        """Return a step for each account. Raises: InvalidInputError for days that AWS keeps no more."""
        if (window := windows.asked(self._claim.run)) is not None:
            history.reachable(window, "cost", today=budget.today())
        return super().plan()

    def enter(self, account: CloudAccount, door: Cloud) -> Counts:
        if windows.asked(self._claim.run) is not None:
            return super().enter(account, door)
        return self._read(account, door, *window(account, budget.today()))

    def parts(self, account: CloudAccount, door: Cloud) -> Iterator[PlannedStep]:
        window = windows.asked(self._claim.run)
        found = history.parts(window, until=budget.today()) if window else ()
        for number, part in enumerate(found, start=1):
            days = {"start": part.start.isoformat(), "end": part.end.isoformat()}
            yield PlannedStep(f"{account.account_id}/{HOME_REGION}/cost/{number}", inputs=days)

    def do_part(self, account: CloudAccount, door: Cloud, step: PlannedStep) -> Counts:
        return self._read(
            account, door, *(date.fromisoformat(step.inputs[name]) for name in ("start", "end"))
        )

    def _read(self, account: CloudAccount, door: Cloud, start: date, end: date) -> Counts:
        """Read and store the days in the half-open range [start, end), and tell which they were."""
        self.admit(account, HOME_REGION, GetCostAndUsage=1)
        answer = cost.daily_costs(door, start, end)
        final = max((day.date for day in answer if not day.estimated), default=None)
        self._claim.note(
            start=start.isoformat(),
            end=end.isoformat(),
            days=len(answer),
            final_through=final and final.isoformat(),
        )
        with self._claim.writing():
            return store(account, answer)


def window(account: CloudAccount, today: date) -> tuple[date, date]:
    """Return the half-open range of days to read: all that may have changed since the last time."""
    stored = _stored(account).aggregate(last=Max("date"), estimated=Min("date", filter=Q(estimated=True)))
    if stored["last"] is None:
        return today - FIRST_WINDOW, today
    oldest_open = min(filter(None, (today - RESTATED, stored["last"], stored["estimated"])))
    return max(oldest_open, today - history.COSTS), today


def store(account: CloudAccount, answer: Sequence[CostDay]) -> Counts:
    """Replace the stored costs of the answered days, and of no others; for use inside a transaction.

    A day without any line is known to have cost nothing, which one row of zero says.
    """
    unit = next((line.unit for day in answer for line in day.lines), "USD")
    rows = [
        (account.pk, day.date, line.service, line.region, *_TOLD_AS, line.unit, line.amount, day.estimated)
        for day in answer
        for line in day.lines
    ]
    rows += [
        (account.pk, day.date, "", "", *_TOLD_AS, unit, Decimal(0), day.estimated)
        for day in answer
        if not day.lines
    ]
    with bulk.staged(DailyCost, _COLUMNS, rows, key=_KEY) as stage:
        counts = stage.upsert()
        stored = _stored(account).filter(date__in={day.date for day in answer})
        counts["deleted"] += stage.delete_missing(stored)
    return counts


def _stored(account: CloudAccount) -> DailyCostQuerySet:
    """Return what Cost Explorer has told of the account."""
    return DailyCost.objects.explorer().filter(account=account, basis=Basis.UNBLENDED)
