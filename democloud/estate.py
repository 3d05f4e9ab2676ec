"""What the demo cloud holds: accounts, instances and volumes, all fixed by a seed and an anchor."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from democloud.chance import resource_id, unit

REGIONS = ("eu-west-1", "us-east-1")
ROOT_DEVICE = "/dev/xvda"


@dataclass(frozen=True)
class Account:
    """An AWS account; the default credentials reach the one without a role."""

    account_id: str
    name: str
    role_arn: str
    regions: tuple[str, ...]


PRODUCTION = Account("123456789012", "production", "", REGIONS)
DEVELOPMENT = Account(
    "210987654321", "development", "arn:aws:iam::210987654321:role/CloudIntelReader", REGIONS
)
ACCOUNTS = (PRODUCTION, DEVELOPMENT)


@dataclass(frozen=True)
class Estate:
    """The seed, and the moment of the first start (UTC): history is placed before it and never moves."""

    seed: int
    anchor: datetime

    @property
    def first_midnight(self) -> datetime:
        """The start of the anchor's day, from which days are counted back."""
        return self.anchor.replace(hour=0, minute=0, second=0, microsecond=0)


class Profile(StrEnum):
    """How an instance's CPU moves through the hours."""

    IDLE = "idle"
    BUSY = "busy"
    BURSTY = "bursty"
    DAY_NIGHT = "day-night"
    HOT = "hot"
    OFFICE = "office"


@dataclass(frozen=True)
class Volume:
    """An EBS volume; without a device it is attached to nothing."""

    volume_id: str
    account_id: str
    region: str
    zone: str
    size_gib: int
    volume_type: str
    created_at: datetime
    tags: tuple[tuple[str, str], ...]
    instance_id: str = ""
    device: str = ""


@dataclass(frozen=True)
class Instance:
    """An EC2 instance; `stopped_at` is None while it runs, `data_gib` is 0 without a data volume.

    What it serves fails at `stalled_at`, where there is such a moment, for two hours. Its memory is known
    where the CloudWatch agent is installed.
    """

    instance_id: str
    account_id: str
    region: str
    zone: str
    instance_type: str
    profile: Profile
    launched_at: datetime
    stopped_at: datetime | None
    data_gib: int
    tags: tuple[tuple[str, str], ...]
    detailed_monitoring: bool = False
    has_agent: bool = False
    stalled_at: datetime | None = None

    @property
    def state(self) -> str:
        """The state's name as EC2 has it."""
        return "running" if self.stopped_at is None else "stopped"


@dataclass(frozen=True)
class _Plan:
    """One instance as it was planned; ages are in days before the anchor's day."""

    name: str
    instance_type: str
    team: str
    profile: Profile
    age_days: int
    data_gib: int = 0
    stopped_days: int = 0
    detailed_monitoring: bool = False
    has_agent: bool = False
    stalls: bool = False


_IDLE, _BUSY, _BURSTY = Profile.IDLE, Profile.BUSY, Profile.BURSTY
_DAY, _HOT, _OFFICE = Profile.DAY_NIGHT, Profile.HOT, Profile.OFFICE
_STALLED_BEFORE_MIDNIGHT = timedelta(hours=9)
_PLANS: dict[tuple[Account, str, str], tuple[_Plan, ...]] = {
    (PRODUCTION, "eu-west-1", "production"): (
        _Plan("web-1", "m6i.large", "web", _DAY, 210),
        _Plan("web-2", "m6i.large", "web", _DAY, 210),
        _Plan("web-3", "m6i.large", "web", _DAY, 24),
        _Plan("api-1", "c6i.large", "web", _BUSY, 180),
        _Plan("queue-1", "t3.medium", "platform", _BURSTY, 180, data_gib=50),
        _Plan("search-1", "r6i.large", "search", _HOT, 95, data_gib=200, detailed_monitoring=True),
        _Plan("bastion", "t3.micro", "platform", _IDLE, 400),
        _Plan("legacy-cms", "m5.large", "web", _IDLE, 410, data_gib=100, stopped_days=12),
    ),
    (PRODUCTION, "us-east-1", "production"): (
        _Plan("web-us-1", "m6i.large", "web", _DAY, 150, has_agent=True),
        _Plan("web-us-2", "m6i.large", "web", _DAY, 150, has_agent=True),
        _Plan("api-us-1", "c6i.large", "web", _BUSY, 150, stalls=True),
        _Plan("etl-us-1", "m5.xlarge", "data", _BURSTY, 75, data_gib=300),
        _Plan("reports-us", "t3.large", "", _IDLE, 320, data_gib=80),
        _Plan("migration-us", "m5.large", "data", _IDLE, 260, stopped_days=90),
    ),
    (DEVELOPMENT, "eu-west-1", "development"): (
        _Plan("ci-runner-1", "c5.xlarge", "platform", _BURSTY, 60),
        _Plan("ci-runner-2", "c5.xlarge", "platform", _BURSTY, 9),
        _Plan("dev-web", "t3.medium", "web", _DAY, 130),
        _Plan("dev-search", "t3.large", "search", _IDLE, 95, data_gib=40),
        _Plan("staging-web", "t3.medium", "web", _DAY, 130),
        _Plan("loadtest", "c5.2xlarge", "web", _BUSY, 40, stopped_days=20),
    ),
    (DEVELOPMENT, "us-east-1", "development"): (
        _Plan("notebook-1", "m5.xlarge", "data", _IDLE, 55, data_gib=120),
        _Plan("notebook-2", "m5.xlarge", "data", _OFFICE, 30, data_gib=120),
        _Plan("dev-etl", "t3.large", "data", _DAY, 75, data_gib=60),
        _Plan("experiment", "t3.small", "", _IDLE, 45, stopped_days=5),
    ),
}
_LOOSE_GIB: dict[tuple[Account, str], tuple[int, ...]] = {
    (PRODUCTION, "eu-west-1"): (100, 500),
    (PRODUCTION, "us-east-1"): (250,),
    (DEVELOPMENT, "us-east-1"): (64,),
}


def fleet(estate: Estate) -> tuple[Instance, ...]:
    """Return every instance of every account."""
    return tuple(
        _instance(estate, account, region, environment, plan)
        for (account, region, environment), plans in _PLANS.items()
        for plan in plans
    )


def _instance(estate: Estate, account: Account, region: str, environment: str, plan: _Plan) -> Instance:
    key = (estate.seed, account.account_id, region, plan.name)
    tags = {"Name": plan.name, "Team": plan.team, "Environment": environment}
    return Instance(
        instance_id=resource_id("i", *key),
        account_id=account.account_id,
        region=region,
        zone=region + "abc"[int(3 * unit("zone", *key))],
        instance_type=plan.instance_type,
        profile=plan.profile,
        launched_at=_moment(estate, plan.age_days, "launch", *key),
        stopped_at=_moment(estate, plan.stopped_days, "stop", *key) if plan.stopped_days else None,
        data_gib=plan.data_gib,
        tags=tuple((name, value) for name, value in tags.items() if value),
        detailed_monitoring=plan.detailed_monitoring,
        has_agent=plan.has_agent,
        stalled_at=estate.first_midnight - _STALLED_BEFORE_MIDNIGHT if plan.stalls else None,
    )


def _moment(estate: Estate, days_ago: int, *key: object) -> datetime:
    """Pick a second of the day that lies so many days before the anchor's day."""
    return estate.first_midnight - timedelta(days=days_ago) + timedelta(seconds=int(86_400 * unit(*key)))


def volumes(estate: Estate) -> tuple[Volume, ...]:
    """Return every volume: a root for each instance, data volumes, and some that nothing uses."""
    attached = (volume for instance in fleet(estate) for volume in attached_volumes(instance))
    return (*attached, *_loose(estate))


def attached_volumes(instance: Instance) -> Iterator[Volume]:
    """Yield the volume that the instance boots from and, where it has one, its data volume."""
    root = Volume(
        volume_id=resource_id("vol", instance.instance_id, "root"),
        account_id=instance.account_id,
        region=instance.region,
        zone=instance.zone,
        size_gib=30,
        volume_type="gp3",
        created_at=instance.launched_at,
        tags=instance.tags,
        instance_id=instance.instance_id,
        device=ROOT_DEVICE,
    )
    yield root
    if instance.data_gib:
        data_id = resource_id("vol", instance.instance_id, "data")
        yield replace(root, volume_id=data_id, size_gib=instance.data_gib, device="/dev/sdf")


def _loose(estate: Estate) -> Iterator[Volume]:
    for (account, region), sizes in _LOOSE_GIB.items():
        for number, size_gib in enumerate(sizes):
            key = (estate.seed, account.account_id, region, "loose", number)
            yield Volume(
                volume_id=resource_id("vol", *key),
                account_id=account.account_id,
                region=region,
                zone=region + "a",
                size_gib=size_gib,
                volume_type="gp2",
                created_at=_moment(estate, 300 - 40 * number, *key),
                tags=(),
            )
