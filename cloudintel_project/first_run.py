"""What a start adds to the database: the administrator, the demo cloud's accounts, a first collection."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import F, Max, Q
from django.db.models.functions import Now
from django.utils import timezone
from rich.console import Console
from rich.prompt import Confirm

from accounts.models import User
from analytics.models import Budget
from cloudintel_project import home
from cloudintel_project.processes import StartError
from collectors import progress
from collectors.models import CloudAccount, Volume
from collectors.services.costs import FIRST_WINDOW
from collectors.services.metrics import PIPELINE as METRICS
from collectors.services.pricing import quote
from democloud.estate import ACCOUNTS, DEVELOPMENT
from pipelines import ledger, repair, schedules
from pipelines.models import Run, Status, Step, Trigger
from pipelines.params import DAILY, INTELLIGENCE

PASSWORD_FILE = "admin_password"  # noqa: S105  # a file's name
USUAL_INTERVAL = timedelta(days=1)
DEMO_COST_DAYS = timedelta(days=90)
"""So many days of costs before those that every first collection reads."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


# --- The administrator -----------------------------------------------------------------------
def ensure_administrator(console: Console) -> User:
    """Return the administrator, created with a password that is told once; an existing one stays as it is."""
    email = (os.environ.get("CLOUDINTEL_ADMIN_EMAIL") or "admin@cloudintel.local").strip().lower()
    password = os.environ.get("CLOUDINTEL_ADMIN_PASSWORD", "")
    existing = User.objects.filter(email=email).first()
    if existing is None:
        return _create_administrator(console, email, password)
    if not existing.is_superuser:
        raise StartError(
            f"CLOUDINTEL_ADMIN_EMAIL names {email}, who is a user without an administrator's rights; "
            "choose another address."
        )
    if password and not existing.check_password(password):
        console.print(
            f"CLOUDINTEL_ADMIN_PASSWORD is not the password of {email}, which stays as it is; "
            f"`manage.py changepassword {email}` changes it."
        )
    return existing


def _create_administrator(console: Console, email: str, password: str) -> User:
    try:
        validate_email(email)
    except ValidationError as error:
        raise StartError(f"CLOUDINTEL_ADMIN_EMAIL: {email} is not an e-mail address.") from error
    file = home.home() / PASSWORD_FILE
    chosen = password or home.kept_secret(file.name, folder=file.parent)
    user = User.objects.create_superuser(email, chosen)
    if password:
        console.print(f"Administrator {email} created, with the password of CLOUDINTEL_ADMIN_PASSWORD.")
    else:
        console.print(f"Administrator {email} created. The password, kept in {file}, is:")
        console.print(f"    {chosen}")
    return user


# --- The accounts ----------------------------------------------------------------------------
def ensure_accounts(cloud: str) -> None:
    """Register the demo cloud's accounts; keep what is invented apart from what is real.

    Raises: StartError when the database holds the other cloud's accounts.
    """
    demo = {account.account_id for account in ACCOUNTS}
    stored = set(CloudAccount.objects.values_list("account_id", flat=True))
    if cloud == "aws" and stored & demo:
        raise StartError(
            "The database of DATABASE_URL holds the demo cloud's data, and CLOUDINTEL_CLOUD is aws; "
            "name another database."
        )
    if cloud == "demo" and stored and not stored & demo:
        raise StartError(
            "The database of DATABASE_URL holds data of AWS, and CLOUDINTEL_CLOUD is demo (the default where "
            "no AWS credentials are found); name another database or set CLOUDINTEL_CLOUD=aws."
        )
    if cloud == "demo":
        for account in ACCOUNTS:
            CloudAccount.objects.get_or_create(
                account_id=account.account_id,
                defaults={
                    "name": account.name,
                    "role_arn": account.role_arn,
                    "regions": list(account.regions),
                },
            )
        if not stored:
            _add_budgets()


def _add_budgets() -> None:
    """Give the demo cloud budgets: of all, of an account, which does not hold, and of what a tag names."""
    development = CloudAccount.objects.get(account_id=DEVELOPMENT.account_id)
    Budget.objects.get_or_create(name="Everything", defaults={"amount": Decimal(1900)})
    Budget.objects.get_or_create(
        name="Development", defaults={"account": development, "amount": Decimal(350)}
    )
    Budget.objects.get_or_create(
        name="Team web", defaults={"tag_key": "team", "tag_value": "web", "amount": Decimal(900)}
    )


# --- The first collection --------------------------------------------------------------------
def take_over_from_the_dead() -> None:
    """Queue again what was running when an earlier start was cut off, before its leases expire.

    For a database that nobody else uses: while the supervisor starts, none of its workers is alive.
    """
    expired = Now() - timedelta(seconds=1)
    for kind in (Run, Step):
        kind.objects.active().exclude(lease_until=None).update(lease_until=expired)
    repair.take_over_lost_work()
    repair.publish_waiting(unheard_for=timedelta(0))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the first collection ended; without a run, nothing was collected for the reason given."""

    run: Run | None
    reason: str = ""
    declined: bool = False

    @property
    def exit_code(self) -> int:
        """0 for data, or data recent enough; 3 for a part of it; 1 for none."""
        if self.run is None:
            return int(self.declined)
        return {Status.SUCCEEDED: 0, Status.PARTIAL: 3}.get(Status(self.run.status), 1)

    def print_reason(self, console: Console) -> None:
        """Say why there is no new data, or not all of it."""
        if self.reason:
            console.print(self.reason)
        if self.run is not None and self.run.status != Status.SUCCEEDED:
            console.print(f"The first collection ended as {self.run.status}: {self.run.error}")


class FirstCollection:
    """Collects when there is no recent data, showing progress; `between` is called while it waits."""

    def __init__(self, console: Console, *, user: User, between: Callable[[], None]) -> None:
        self._console = console
        self._user = user
        self._between = between

    def run(self, cloud: str) -> Outcome:
        """Collect everything; against AWS, once the price is known and, on a terminal, agreed to."""
        if (recent := recent_collection()) is not None:
            return Outcome(
                None, f"Last collection: {ago(timezone.now() - recent)}; the next comes by schedule."
            )
        if cloud == "aws":
            inventory = self._collect("ec2")
            if not CloudAccount.objects.filter(enabled=True).exists():
                return Outcome(inventory)
            if not self._agreed():
                return Outcome(None, "Nothing more was collected.", declined=True)
        collected = self._collect(DAILY)
        if cloud == "demo":
            self._collect_the_past()
        if collected.status in {Status.SUCCEEDED, Status.PARTIAL}:
            self._follow("Computing", self._start(INTELLIGENCE))
        return Outcome(collected)

    def _collect(self, pipeline: str) -> Run:
        return self._follow("Collecting", self._start(pipeline))

    def _collect_the_past(self) -> None:
        """Read what somebody would have who collects for months: the demo cloud charges nothing for it."""
        end = timezone.now().date() - FIRST_WINDOW
        days = {"start": (end - DEMO_COST_DAYS).isoformat(), "end": end.isoformat()}
        costs = self._start("cost", scope=f"{days['start']}..{days['end']}", params=days)
        self._follow("Collecting", costs, self._start(METRICS))
        Volume.objects.filter(attached_to="", gone_at=None).update(available_since=F("created_at"))

    def _start(self, pipeline: str, **what: Any) -> Run:
        return ledger.start(pipeline, trigger=Trigger.MANUAL, requested_by=self._user, **what)

    def _follow(self, doing: str, *runs: Run) -> Run:
        """Show the progress of runs, and return the first as it ended."""
        self._console.print(f"{doing}: {', '.join(run.pipeline for run in runs)}")
        progress.follow(runs, self._console, between=self._between)
        runs[0].refresh_from_db()
        return runs[0]

    def _agreed(self) -> bool:
        """Print what costs and CPU will cost, and ask where somebody can answer."""
        usd = self._print_price()
        if not usd or not (self._console.is_terminal and sys.stdin.isatty()):
            return True
        try:
            return Confirm.ask("Collect costs and CPU for that price?", console=self._console, default=True)
        except EOFError:
            return False

    def _print_price(self) -> Decimal:
        parts: list[Decimal | None] = []
        self._console.print("The price of the rest, charged by AWS:")
        for account in CloudAccount.objects.filter(enabled=True):
            quoted = quote(account)
            parts += [line.usd for line in quoted.collection]
            for line in quoted.lines:
                price = "unknown" if line.usd is None else f"${line.usd}"
                self._console.print(f"    {account.account_id} {line.source}: {price} ({line.basis})")
        known = [usd for usd in parts if usd is not None]
        total = sum(known, Decimal(0))
        least = "" if len(known) == len(parts) else "at least "
        self._console.print(f"    together {least}${total}; metrics follow by a schedule of their own")
        return total


def recent_collection() -> datetime | None:
    """Return when all was last collected, when that is less than the schedule's interval ago, or a day."""
    since = timezone.now() - (schedules.every(DAILY) or USUAL_INTERVAL)
    recent = Run.objects.whole().filter(pipeline=DAILY, finished_at__gt=since)
    # A part of the collection may be a part without data.
    with_data = recent.filter(Q(status=Status.SUCCEEDED) | Q(status=Status.PARTIAL) & ~Q(counts={}))
    last: datetime | None = with_data.aggregate(end=Max("finished_at"))["end"]
    return last


def ago(past: timedelta) -> str:
    """Say how long something is past, in the largest unit that fits."""
    seconds = int(past.total_seconds())
    count, unit = next(
        (seconds // length, unit) for length, unit in _UNITS if seconds >= length or length == 1
    )
    return f"{count} {unit}{'' if count == 1 else 's'} ago"
