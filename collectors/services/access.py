"""Which accounts are collected, and the door to each."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from decimal import Decimal
from itertools import islice
from threading import Lock
from typing import TypeVar

from django.conf import settings

from collectors.aws.metering import Call, Meter
from collectors.aws.session import Access, Cloud
from collectors.models import CloudAccount, CostSource, Purpose
from collectors.services import budget, rates
from collectors.services.rates import Place
from core.errors import CredentialsRefusedError, InvalidInputError
from pipelines.claims import Claim
from pipelines.models import Trigger
from pipelines.registry import Counts, Handler, PlannedStep, no_rows


class AccountMeter:
    """Books the dollars of AWS calls on the account's day, within the limit of what they are made for."""

    def __init__(
        self, account: CloudAccount, *, limit_usd: Decimal | None, purpose: Purpose = Purpose.COLLECT
    ) -> None:
        self._account = account
        self._limit_usd = limit_usd
        self._purpose = purpose

    def reserve(self, call: Call) -> None:
        if call.usd:
            budget.reserve(self._account, call.usd, limit_usd=self._limit_usd, purpose=self._purpose)

    def sent(self, call: Call) -> None:
        """Note nothing: attempts are counted where there is a run."""

    def refund(self, call: Call) -> None:
        if call.usd:
            budget.refund(self._account, call.usd, self._purpose)


class RunMeter:
    """Books each AWS call of a run: on the run, and its dollars on the account's day.

    Scheduled collection keeps to the daily budget; what a person starts is counted without a limit.
    """

    def __init__(self, claim: Claim, account: CloudAccount | None) -> None:
        self._claim = claim
        scheduled = claim.run.trigger == Trigger.SCHEDULE
        limit_usd = settings.AWS_DAILY_BUDGET_USD if scheduled else None
        self._account = AccountMeter(account, limit_usd=limit_usd) if account else None

    def reserve(self, call: Call) -> None:
        if call.usd and self._account is not None:
            self._account.reserve(call)
            self._claim.spend(usd=call.usd)

    def sent(self, call: Call) -> None:
        self._claim.spend(calls=1)

    def refund(self, call: Call) -> None:
        if call.usd and self._account is not None:
            self._account.refund(call)
            self._claim.spend(usd=-call.usd)


Row = TypeVar("Row")
_meter: ContextVar[Meter] = ContextVar("meter")


class CurrentMeter:
    """Books each call with the meter of what this thread works on, since all work shares clients."""

    def reserve(self, call: Call) -> None:
        _meter.get().reserve(call)

    def sent(self, call: Call) -> None:
        _meter.get().sent(call)

    def refund(self, call: Call) -> None:
        _meter.get().refund(call)


class OpenClouds:
    """The doors that this process holds open: clients, connections and assumed roles serve many steps.

    Each is closed after a while, or when its credentials are refused, so that renewed ones are found.
    """

    MOST = 16
    KEPT_S = 300.0

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: OrderedDict[Access, tuple[float, Cloud]] = OrderedDict()

    def to(self, access: Access) -> Cloud:
        """Return the door, opened now or not long ago."""
        now = time.monotonic()
        with self._lock:
            opened_at, cloud = self._open.pop(access, (-self.KEPT_S, None))
            if cloud is None or now - opened_at >= self.KEPT_S:
                opened_at, cloud = now, Cloud(access, CurrentMeter())
            self._open[access] = opened_at, cloud
            if len(self._open) > self.MOST:
                self._open.popitem(last=False)
        return cloud

    def close(self, access: Access | None = None) -> None:
        """Close the door, or all of them."""
        with self._lock:
            if access is None:
                self._open.clear()
            else:
                self._open.pop(access, None)


open_clouds = OpenClouds()


def cloud(claim: Claim, account: CloudAccount | None) -> Cloud:
    """Open an account for a run's work; None is whichever the default credentials belong to."""
    return opened(account, RunMeter(claim, account))


def actor(claim: Claim, account: CloudAccount) -> Cloud:
    """Open an account for a run's work, to change something there: by the role that may."""
    return _opened(account, RunMeter(claim, account), role_arn=account.actor_role_arn, acts=True)


def opened(account: CloudAccount | None, meter: Meter) -> Cloud:
    """Open an account for the work of this thread, whose calls the meter is told of."""
    return _opened(account, meter, role_arn=account.role_arn if account else "")


def _opened(account: CloudAccount | None, meter: Meter, *, role_arn: str, acts: bool = False) -> Cloud:
    demo = settings.CLOUDINTEL_CLOUD == "demo"
    access = Access(
        account_id=account.account_id if account else None,
        role_arn=role_arn,
        external_id=account.external_id if account else "",
        endpoint_url=settings.DEMO_CLOUD_URL if demo else None,
        demo=demo,
        acts=acts,
    )
    _meter.set(meter)
    return open_clouds.to(access)


def accounts(claim: Claim) -> list[CloudAccount]:
    """Return the enabled accounts; where none was ever added, the default credentials' own.

    Those that only billing files told of were not added. Raises: InvalidInputError when all are disabled,
    TransientCloudError, PermanentCloudError.
    """
    if not CloudAccount.objects.exclude(enabled=False, cost_source=CostSource.FILES).exists():
        CloudAccount.objects.update_or_create(
            account_id=cloud(claim, None).account_id(),
            defaults={"enabled": True},
            create_defaults={"name": "default credentials"},
        )
    enabled = list(CloudAccount.objects.filter(enabled=True))
    if not enabled:
        raise InvalidInputError("Every cloud account is disabled; enable one in the admin.")
    return enabled


class AccountsHandler(Handler):
    """Has a step for each account, which enters it and adds a step for each of its parts.

    The names of steps are paths: the account, the region, the kind of part, its number.
    """

    def plan(self) -> Iterator[PlannedStep]:
        return (PlannedStep(account.account_id) for account in accounts(self._claim))

    def execute(self, step: PlannedStep) -> Counts:
        account_id, _, part = step.name.partition("/")
        account = CloudAccount.objects.get(account_id=account_id)
        door = cloud(self._claim, account)
        try:
            if part:
                return self.do_part(account, door, step)
            verify(account, door)
            return self.enter(account, door)
        except CredentialsRefusedError:
            open_clouds.close(door.access)
            raise

    def enter(self, account: CloudAccount, door: Cloud) -> Counts:
        """Do what is asked of the account as a whole: add its parts."""
        self._claim.add(self.parts(account, door))
        return no_rows()

    def parts(self, account: CloudAccount, door: Cloud) -> Iterable[PlannedStep]:
        """Return the account's steps."""
        return ()

    def do_part(self, account: CloudAccount, door: Cloud, step: PlannedStep) -> Counts:
        """Do one of them and return what it counted."""
        raise ValueError(f"There is no step {step.name!r}.")

    def admit(self, account: CloudAccount, region: str, **calls: int) -> None:
        """Take the right to so many calls of each action. Raises: NotYetError, to be put back until then."""
        rates.admit(Place(account.account_id, region), str(self._claim.work.pk), **calls)


def batched(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield the rows in lists of that size, the last one shorter."""
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


def verify(account: CloudAccount, door: Cloud) -> None:
    """Look whose door it is, so that nothing is filed under the wrong account.

    That also takes on the account's role, so that refused credentials are met once, not by each part.
    Raises: CredentialsRefusedError.
    """
    if (actual := door.account_id()) != account.account_id:
        raise CredentialsRefusedError(
            f"The credentials belong to account {actual}, not to {account.account_id}; "
            "give that account a role ARN, disable it, or change the credentials."
        )
