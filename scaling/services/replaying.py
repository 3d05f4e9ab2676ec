"""What a policy would have done with what an instance or a group measured, at what cost, and what was.

Whose samples these are is asked for by `managed`, `collected` or `group`; `replay` then plays them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import QuerySet

from accounts.models import User
from analytics.savings import stored_prices
from analytics.savings.prices import HOURS_A_MONTH
from collectors import bulk
from collectors.models import Instance, MetricSample
from core.errors import InvalidInputError
from scaling import capacity, storage
from scaling.capacity import FIRST_LEVEL, Group, Levels, Scale
from scaling.errors import UnknownInstanceError
from scaling.fleet import Outcome
from scaling.lookback import Answer, History, look_back, usual
from scaling.models import LEAST_WORTH, Kind, ManagedInstance, Mode, ScalingDecision, ScalingPolicy
from scaling.peers import PodAutoscaler, TargetTracking
from scaling.playing import LEARNED_DAYS, Player, Predictive, Stepwise, ThreeTiers
from scaling.predictive import WORTH_OF_USUAL
from scaling.services import extent
from scaling.steering import AHEAD, Policy

THREE_TIER, PREDICTIVE, HPA, TARGET_TRACKING = "three_tier", "predictive", "hpa", "target_tracking"
LIMITS = ("min_level", "max_level")
RULES = ("cpu_high", "cpu_low", "share", "cooldown_up_s", "cooldown_down_s", *LIMITS)
PARAMETERS = {
    THREE_TIER: RULES,
    PREDICTIVE: ("worth", *RULES),
    HPA: ("target", *LIMITS),
    TARGET_TRACKING: ("target", *LIMITS),
}
"""What each policy can be told; all of it has defaults."""

USUAL_DAYS, MOST_DAYS = 7, 14
USUAL_TARGET = 60.0
MOST_MEMBERS = 500
MOST_TOLD = 1_000
"""Of changes and decisions each, the newest."""
SCALING_GROUP = "aws:autoscaling:groupName"

_PEERS: dict[str, type[PodAutoscaler | TargetTracking]] = {
    HPA: PodAutoscaler,
    TARGET_TRACKING: TargetTracking,
}
_PERIODS_S = (60, 300)
_WARM_UP = timedelta(days=LEARNED_DAYS)


# --- What is asked ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Question:
    """A policy by its name, with those of its `PARAMETERS` that are not as usual, and the time."""

    policy: str
    start: datetime
    end: datetime
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Price:
    """What an instance costs an hour, by which list; or why nobody knows."""

    hourly_usd: Decimal | None
    source: str = ""
    date: Any = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something whose load is known: what it measured, in which units, and what one instance costs.

    `source` is `managed` where the autoscaler measured it and `collected` where the inventory did;
    `instance` is the managed one whose policy and decisions may be shown.
    """

    name: str
    kind: str
    source: str
    scale: Scale
    price: Price
    history: History
    instance: ManagedInstance | None = None


# --- What is answered ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Course:
    """What comes of a load under a policy, or as it was: in instances of the first level."""

    minutes_above_limit: int
    instance_hours: float
    over_instance_hours: float
    events: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change that would have been made, from so many instances to so many."""

    at: datetime
    before: float
    after: float
    reason: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer; without `would` and `was` where too little is known, and `reason` says so."""

    subject: Subject
    question: Question
    parameters: dict[str, float]
    coverage: float
    minutes: int
    would: Course | None
    was: Course | None
    changes: list[Change]
    changes_in_all: int
    decisions: list[ScalingDecision]
    reason: str


def replay(subject: Subject, question: Question) -> Replay:
    """Play the policy to what the subject measured; at most `MOST_DAYS` are asked for.

    Raises: InvalidInputError for parameters that contradict each other, or what is stored.
    """
    parameters = _parameters(subject, question)
    found = look_back(
        subject.history,
        _player(subject, question.policy, parameters),
        since=question.start,
        until=question.end,
    )
    changes = _changes(found, subject.scale)
    return Replay(
        subject=subject,
        question=question,
        parameters=parameters,
        coverage=found.coverage,
        minutes=found.outcome.minutes if found.outcome else 0,
        would=_course(found.outcome, subject),
        was=_course(found.was, subject),
        changes=changes[-MOST_TOLD:],
        changes_in_all=len(changes),
        decisions=_decisions(subject, question),
        reason=found.reason,
    )


def _course(outcome: Outcome | None, subject: Subject) -> Course | None:
    if outcome is None:
        return None
    hours = outcome.instance_hours / subject.scale.unit
    hourly = subject.price.hourly_usd
    return Course(
        minutes_above_limit=outcome.minutes_above,
        instance_hours=round(hours, 4),
        over_instance_hours=round(outcome.over_instance_hours / subject.scale.unit, 4),
        events=outcome.events,
        cost_usd=None if hourly is None else round(Decimal(hours) * hourly, 4),
    )


def _changes(found: Answer, scale: Scale) -> list[Change]:
    return [
        Change(each.at, each.before / scale.unit, each.after / scale.unit, each.reason)
        for each in found.changes
    ]


def _decisions(subject: Subject, question: Question) -> list[ScalingDecision]:
    """Return what was really decided in that time, the oldest first."""
    if subject.instance is None:
        return []
    within = subject.instance.decisions.filter(timestamp__gte=question.start, timestamp__lt=question.end)
    return list(within.defer("inputs").order_by("-timestamp")[:MOST_TOLD])[::-1]


# --- The policies ----------------------------------------------------------------------------
def _parameters(subject: Subject, question: Question) -> dict[str, float]:
    """Return all parameters of the policy: as asked, as stored, or as usual."""
    stored = subject.instance.policy if subject.instance else None
    usually = _usual_policy(question.policy, stored)
    found: dict[str, float] = {}
    for name in PARAMETERS[question.policy]:
        if name in question.parameters:
            found[name] = question.parameters[name]
        elif name == "target":
            found[name] = USUAL_TARGET
        elif name == "worth":
            found[name] = _worth(subject, stored)
        else:
            found[name] = getattr(usually, name)
    _check(found)
    return found


def _check(parameters: Mapping[str, float]) -> None:
    """Accept limits that leave something between them. Raises: InvalidInputError."""
    for low, high in (("cpu_low", "cpu_high"), ("min_level", "max_level")):
        if low in parameters and parameters[low] > parameters[high]:
            raise InvalidInputError(
                f"{low} ({parameters[low]:g}) must not be greater than {high} ({parameters[high]:g})."
            )


def _usual_policy(policy: str, stored: ScalingPolicy | None) -> Policy | ScalingPolicy:
    """Return the instance's own rules; a forecast that was not chosen yet would not be made to wait."""
    if stored is None:
        return AHEAD if policy == PREDICTIVE else Policy()
    if policy == PREDICTIVE and stored.kind != Kind.PREDICTIVE:
        return replace(_rules({name: getattr(stored, name) for name in RULES}), cooldown_up_s=0)
    return stored


def _worth(subject: Subject, stored: ScalingPolicy | None) -> float:
    if stored is not None and stored.worth is not None:
        return stored.worth
    needed = usual(subject.history) / subject.scale.unit
    return 1.0 if np.isnan(needed) else round(max(WORTH_OF_USUAL * needed, LEAST_WORTH), 2)


def _player(subject: Subject, policy: str, parameters: Mapping[str, float]) -> Player:
    scale = subject.scale.between(int(parameters["min_level"]), int(parameters["max_level"]))
    if policy in _PEERS:
        target = np.array([parameters["target"] / 100])
        told = f"{{:.0f}}% busy, and {parameters['target']:g}% are striven for"
        return Stepwise(_PEERS[policy](target), scale, told)
    rules = _rules(parameters)
    if policy == THREE_TIER:
        return ThreeTiers(rules, scale)
    return Predictive(parameters["worth"] * scale.unit, rules, scale)


def _rules(parameters: Mapping[str, float]) -> Policy:
    return Policy(
        cpu_high=parameters["cpu_high"],
        cpu_low=parameters["cpu_low"],
        share=parameters["share"],
        cooldown_up_s=int(parameters["cooldown_up_s"]),
        cooldown_down_s=int(parameters["cooldown_down_s"]),
        min_level=int(parameters["min_level"]),
        max_level=int(parameters["max_level"]),
    )


# --- The subjects ----------------------------------------------------------------------------
def find(user: User, instance_id: str, start: datetime, end: datetime, account: str = "") -> Subject:
    """Return the user's own managed instance, or one of the inventory, which all may read who ask.

    What the autoscaler measured is finer; where it has measured nothing, collection tells.
    Raises: UnknownInstanceError where neither exists.
    """
    own = ManagedInstance.objects.filter(instance_id=instance_id, owner=user)
    instance = own.select_related("policy", "inventory").first()
    if instance is not None:
        found = managed(instance, start, end)
        if instance.inventory is None or len(found.history.times_s):
            return found
    listed = Instance.objects.filter(instance_id=instance_id)
    if account:
        listed = listed.filter(account__account_id=account)
    newest = listed.order_by("-last_seen", "pk").first()
    if newest is None:
        raise UnknownInstanceError
    return replace(collected(newest, start, end), instance=instance)


def managed(instance: ManagedInstance, start: datetime, end: datetime) -> Subject:
    """Return a managed instance by what the autoscaler measured, of that time and before it."""
    now = extent.of(instance)
    simulated = [instance.pk] if instance.is_mock else []
    _, minutes, cpu = storage.minutes([instance.pk], start - _WARM_UP, end, simulated=simulated)
    order = np.argsort(minutes)
    minutes, cpu = minutes[order], cpu[order]
    done = extent.steps({instance.pk: now}, start - _WARM_UP)[instance.pk]
    units = extent.serving(minutes, now.units, done)
    platform = instance.inventory.platform if instance.inventory else ""
    return Subject(
        name=instance.instance_id,
        kind="instance",
        source="managed",
        scale=now.scale,
        price=_of_first_level(instance, _price(instance.region, instance.instance_type, platform)),
        history=_history(minutes * 60, cpu, units),
        instance=instance,
    )


def collected(instance: Instance, start: datetime, end: datetime) -> Subject:
    """Return an instance of the inventory by what was collected of it, of that time and before it."""
    times_s, cpu, _ = _collected(Instance.objects.filter(pk=instance.pk), start, end)
    scale = Levels()
    return Subject(
        name=instance.instance_id,
        kind="instance",
        source="collected",
        scale=scale,
        price=_price(instance.region, instance.instance_type, instance.platform),
        history=_history(times_s, cpu, np.full(len(cpu), scale.units(FIRST_LEVEL))),
    )


def group(name: str, start: datetime, end: datetime, *, base: int = 0, account: str = "") -> Subject:
    """Return an Auto Scaling group by what was collected of its instances, whose tags name it.

    Units are the instances that were measured; `base` are those of the first level, where none are told the
    fewest that there were. Raises: UnknownInstanceError where no instance is known.
    """
    members = Instance.objects.filter(**{f"tags__{SCALING_GROUP}": name})
    if account:
        members = members.filter(account__account_id=account)
    newest = members.order_by("-last_seen", "pk").first()
    if newest is None:
        raise UnknownInstanceError(f"No instance of a group {name} is known.")
    members = members.filter(account=newest.account_id, region=newest.region)
    times_s, cpu, units = _collected(members, start, end)
    fewest = int(units.min()) if len(units) else 1
    return Subject(
        name=name,
        kind="group",
        source="collected",
        scale=Group(base or fewest),
        price=_price_of_all(members),
        history=_history(times_s, cpu, units),
    )


def _collected(
    instances: QuerySet[Instance], start: datetime, end: datetime
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return times, the average CPU of all, and of how many it is known."""
    series = instances.filter(metric_series__isnull=False).values_list("metric_series__pk", flat=True)
    keys = list(series.order_by("-last_seen")[:MOST_MEMBERS])
    times_s, cpu, units = bulk.columns(
        _SAMPLES, [bulk.array(keys), start - _WARM_UP, end], [np.int64, np.float64, np.float64]
    )
    return times_s, cpu, units


_SAMPLES = f"""
    SELECT extract(epoch FROM s.timestamp)::bigint AS at, avg(s.cpu), count(*)::float8
    FROM {MetricSample._meta.db_table} s
    WHERE s.series_id = ANY(%s::int[]) AND s.timestamp >= %s AND s.timestamp < %s AND s.cpu IS NOT NULL
    GROUP BY 1 ORDER BY 1"""


def _history(
    times_s: npt.NDArray[np.int64], cpu: npt.NDArray[np.float64], units: npt.NDArray[np.float64]
) -> History:
    """Return the samples with their period: a minute, or the five of CloudWatch."""
    apart_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else _PERIODS_S[0]
    period_s = max(each for each in _PERIODS_S if each <= max(apart_s, _PERIODS_S[0]))
    return History(times_s, cpu, units, period_s)


# --- Prices ----------------------------------------------------------------------------------
def _price(region: str, instance_type: str, platform: str) -> Price:
    table = stored_prices.table(region)
    quote = table.month(instance_type, platform)
    if quote.usd is None:
        return Price(None, reason=quote.reason)
    return Price(quote.usd / HOURS_A_MONTH, table.source, table.date)


def _of_first_level(instance: ManagedInstance, price: Price) -> Price:
    """Return what the first level costs; the type of what is resized is that of its present level."""
    if instance.policy.mode != Mode.EC2_RESIZE or price.hourly_usd is None:
        return price
    return replace(price, hourly_usd=price.hourly_usd / Decimal(capacity.factor(instance.level)))


def _price_of_all(members: QuerySet[Instance]) -> Price:
    """Return what one of a group costs, where all are alike."""
    kinds = list(members.order_by().values_list("region", "instance_type", "platform").distinct()[:2])
    if len(kinds) > 1:
        return Price(None, reason="The group's instances are not all of one type and platform.")
    return _price(*kinds[0])
