"""The monitored instances by columns, with what their policies say: no object for any of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from django.db.models import (
    BinaryField,
    BooleanField,
    Case,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    SmallIntegerField,
    Value,
    When,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Greatest, Least, Mod, RPad

from accounts.permissions import Role, having_role
from collectors import bulk
from collectors.aws import metrics
from collectors.models import Instance
from scaling import capacity
from scaling.models import ManagedInstance
from scaling.rules import Policies

MOCK_PERIOD_S = 30
"""How often mocks are measured, and what is simulated is taken to be."""
DETAILED_PERIOD_S = 60
VERDICT_BYTES = 32
"""So many bytes hold what is told of a rule's wish and one veto; the longest of a limit has 29."""

PERIOD_S = Case(
    When(is_mock=True, then=Value(MOCK_PERIOD_S)),
    When(policy__source_period_s__isnull=False, then="policy__source_period_s"),
    When(inventory__detailed_monitoring=True, then=Value(DETAILED_PERIOD_S)),
    default=Value(metrics.PERIOD_S),
    output_field=IntegerField(),
)
"""How often the source of an instance publishes."""

_NUMBERS = tuple(field.name for field in fields(Policies))


@dataclass(frozen=True, slots=True)
class Roster:
    """Instances in the order of their keys, a row each.

    `is_listed` says of a real one that it is in the inventory, for an owner who may see that. `verdict` is
    how the kind of the last decision stored begins, padded with spaces. Nothing leads below the level
    `lowest` or above `highest`.
    """

    instance: npt.NDArray[np.int32]
    is_mock: npt.NDArray[np.bool_]
    is_listed: npt.NDArray[np.bool_]
    version: npt.NDArray[np.int32]
    verdict: npt.NDArray[np.bytes_]
    level: npt.NDArray[np.int16]
    lowest: npt.NDArray[np.int16]
    highest: npt.NDArray[np.int16]
    period_s: npt.NDArray[np.float64]
    policies: Policies

    @classmethod
    def of_shard(cls, shard: int, shards: int) -> Self:
        """Return the monitored instances whose keys leave that remainder."""
        monitored = ManagedInstance.objects.monitored()
        return cls._of(monitored.alias(shard=Mod("pk", shards)).filter(shard=shard))

    @classmethod
    def of(cls, keys: Iterable[int]) -> Self:
        """Return these instances as far as they exist, monitored or not."""
        listed = RawSQL("SELECT unnest(%s::int[])", [bulk.array(keys)])
        return cls._of(ManagedInstance.objects.filter(pk__in=listed))

    @classmethod
    def _of(cls, instances: QuerySet[ManagedInstance]) -> Self:
        kinds: list[Any] = [np.int32, np.bool_, np.bool_, np.int32, f"S{VERDICT_BYTES}", *[np.int16] * 3]
        numbers: list[Any] = [np.float64] * (1 + len(_NUMBERS))
        rows = instances.filter(policy__isnull=False).order_by("pk").values_list(*_columns())
        found = iter(copied(rows, kinds + numbers))
        columns = {field.name: next(found) for field in fields(cls)[:-1]}
        return cls(**columns, policies=Policies(*found))

    def __len__(self) -> int:
        return len(self.instance)

    def at(self, rows: Any) -> Self:
        """Return some of the rows."""
        columns = {field.name: getattr(self, field.name)[rows] for field in fields(self)[:-1]}
        return type(self)(**columns, policies=self.policies.at(rows))


def _columns() -> list[Any]:
    return [
        "pk",
        "is_mock",
        Case(When(listed(), then=True), default=False, output_field=BooleanField()),
        Cast("policy__version", IntegerField()),
        padded("last_verdict", VERDICT_BYTES),
        "level",
        Greatest("policy__min_level", _level(capacity.FIRST_LEVEL)),
        Least("policy__max_level", _level(capacity.LAST_LEVEL)),
        Cast(PERIOD_S, FloatField()),
        *(Cast(f"policy__{name}", FloatField()) for name in _NUMBERS),
    ]


def _level(level: int) -> Cast:
    return Cast(Value(level), SmallIntegerField())


def listed() -> Q:
    """Keep what is in the inventory where it is said to be, for an owner who may see that."""
    return Q(
        inventory__in=Instance.objects.present(),
        inventory__instance_id=F("instance_id"),
        inventory__region=F("region"),
        owner__in=having_role(Role.VIEWER, Role.OPERATOR),
    )


def padded(column: str, size: int) -> Func:
    """Return the first so many bytes of a text of ASCII, with spaces behind where it is shorter."""
    return Func(
        RPad(column, size, Value(" ")), Value("UTF8"), function="convert_to", output_field=BinaryField()
    )


def copied(rows: QuerySet[Any, Any], kinds: Sequence[npt.DTypeLike]) -> list[npt.NDArray[Any]]:
    """Return the columns of a query, of these types, none of them ever null."""
    return bulk.columns(*rows.query.sql_with_params(), kinds)
