"""Which accounts are collected, and the door to each."""

from collections.abc import Callable, Iterable, Iterator

from django.conf import settings

from collectors.aws.metering import Call
from collectors.aws.session import Access, Cloud
from collectors.models import CloudAccount
from collectors.services import budget
from core.errors import AccessRefusedError, CloudIntelError, InvalidInputError
from pipelines.claims import Claim
from pipelines.models import Trigger
from pipelines.registry import PlannedStep


class RunMeter:
    """Books each AWS call of a run: on the run, and its dollars on the account's day.

    Scheduled collection keeps to the daily budget; what a person starts is counted without a limit.
    """

    def __init__(self, claim: Claim, account: CloudAccount | None) -> None:
        self._claim = claim
        self._account = account
        scheduled = claim.run.trigger == Trigger.SCHEDULE
        self._limit_usd = settings.AWS_DAILY_BUDGET_USD if scheduled else None

    def reserve(self, call: Call) -> None:
        if call.usd and self._account is not None:
            budget.reserve(self._account, call.usd, limit_usd=self._limit_usd)
            self._claim.spend(usd=call.usd)

    def sent(self, call: Call) -> None:
        self._claim.spend(calls=1)

    def refund(self, call: Call) -> None:
        if call.usd and self._account is not None:
            budget.refund(self._account, call.usd)
            self._claim.spend(usd=-call.usd)


def cloud(claim: Claim, account: CloudAccount | None) -> Cloud:
    """Open an account for a run; None is whichever account the default credentials belong to."""
    demo = settings.CLOUDINTEL_CLOUD == "demo"
    access = Access(
        account_id=account.account_id if account else None,
        role_arn=account.role_arn if account else "",
        external_id=account.external_id if account else "",
        endpoint_url=settings.DEMO_CLOUD_URL if demo else None,
        demo=demo,
    )
    return Cloud(access, RunMeter(claim, account))


def accounts(claim: Claim) -> list[CloudAccount]:
    """Return the enabled accounts; where none was ever added, the default credentials' own.

    Raises: InvalidInputError when all are disabled, TransientCloudError, PermanentCloudError.
    """
    if not CloudAccount.objects.exists():
        CloudAccount.objects.get_or_create(
            account_id=cloud(claim, None).account_id(), defaults={"name": "default credentials"}
        )
    enabled = list(CloudAccount.objects.filter(enabled=True))
    if not enabled:
        raise InvalidInputError("Every cloud account is disabled; enable one in the admin.")
    return enabled


class Clouds:
    """The doors of one run, opened on first use."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._open: dict[str, tuple[CloudAccount, Cloud]] = {}

    def to(self, account_id: str) -> tuple[CloudAccount, Cloud]:
        """Return the account and its door."""
        if account_id not in self._open:
            account = CloudAccount.objects.get(account_id=account_id)
            self._open[account_id] = account, cloud(self._claim, account)
        return self._open[account_id]

    def plan(self, steps: Callable[[CloudAccount, Cloud], Iterable[str]]) -> Iterator[PlannedStep]:
        """Plan the steps of each account; one that cannot be entered is a step that has failed.

        Raises: as `accounts` does.
        """
        for account in accounts(self._claim):
            try:
                names = list(steps(account, self._verified(account)))
            except CloudIntelError as error:
                refused = isinstance(error, AccessRefusedError)
                yield PlannedStep(account.account_id, error=str(error), refused=refused)
            else:
                yield from map(PlannedStep, names)

    def _verified(self, account: CloudAccount) -> Cloud:
        """Return the door after a look at whose it is, so that nothing is filed under the wrong account."""
        found = self.to(account.account_id)[1]
        if not account.role_arn and (actual := found.account_id()) != account.account_id:
            raise AccessRefusedError(
                f"The default credentials belong to account {actual}, not to {account.account_id}; "
                "give that account a role ARN, disable it, or change the credentials."
            )
        return found
