"""Sets the desired capacity of the instance's Auto Scaling group."""

from datetime import datetime
from math import ceil

from core.errors import PermanentCloudError
from scaling import aws, capacity
from scaling.actuators.actuator import (
    LOST,
    NEXT_TICK,
    Aim,
    CloudActuator,
    Judgement,
    NotCarriedOutError,
    Settled,
    Wait,
    wished_level,
)
from scaling.capacity import desired_at
from scaling.models import Outcome

SET = "set-desired-capacity"
_SLACK = 1e-9


def base_of(desired: int, level: int) -> int:
    """Return the desired capacity of the first level, when the present one stands for `level`."""
    return max(1, round(desired / capacity.factor(level)))


def target(group: aws.Group, base: int, level: int, *, up: bool) -> int:
    """Return the desired capacity of a level: more than the present one for up, less for down.

    Raises: NotCarriedOutError where the group's limits leave no room for that.
    """
    return within(group, desired_at(base, level), up=up)


def in_proportion(group: aws.Group, before: float, wanted: float, *, up: bool) -> int:
    """Return the desired capacity that is to the present one as what was foreseen to what there was.

    Where others changed the group since, that is still what the load needs, which was measured by its busy
    share. Raises: NotCarriedOutError.
    """
    return within(group, ceil(group.desired * wanted / before - _SLACK), up=up)


def within(group: aws.Group, wanted: int, *, up: bool) -> int:
    """Return what is wanted within the group's limits, at least one more or less than the present capacity.

    Raises: NotCarriedOutError where these leave no room for that.
    """
    wanted = max(wanted, group.desired + 1) if up else min(wanted, group.desired - 1)
    wanted = max(group.smallest, min(group.largest, wanted))
    if (wanted > group.desired) is up and wanted != group.desired:
        return wanted
    limit = f"largest size, {group.largest}" if up else f"smallest size, {group.smallest}"
    raise NotCarriedOutError(
        f"Auto Scaling group {group.name} has a desired capacity of {group.desired} and is at its {limit}."
    )


class AsgActuator(CloudActuator):
    """Has the group strive for the capacity of the level, within the group's own limits."""

    def begin(self, now: datetime) -> Aim:
        name = aws.group_of(self.cloud, self._region, self._instance_id)
        if name is None:
            raise NotCarriedOutError(f"{self._instance_id} is in no Auto Scaling group; choose another mode.")
        group = aws.group(self.cloud, self._region, name)
        base, rebased = self._base(group)
        return Aim(
            call=SET,
            before=group.desired,
            after=self._target(group, base),
            began_at=now,
            asked_at=now,
            more={"group": name, "base": base, "rebased": rebased},
        )

    def _target(self, group: aws.Group, base: int) -> int:
        """Raises: NotCarriedOutError."""
        before, wanted = self._decision.units_before, self._decision.units_wanted
        if before and wanted is not None:
            return in_proportion(group, before, wanted, up=self._up)
        return target(group, base, wished_level(self._decision), up=self._up)

    def _base(self, group: aws.Group) -> tuple[int, str]:
        """Return the base, and what is to be said where somebody else changed the desired capacity."""
        instance = self._decision.instance
        left = instance.last_desired if instance.group_name == group.name else None
        if instance.base_desired is not None and left == group.desired:
            return instance.base_desired, ""
        others = ""
        if instance.group_name not in ("", group.name):
            others = f" Before, the instance was in the group {instance.group_name}."
        elif left is not None:
            others = f" It had been changed by others from {left} to {group.desired}."
        return base_of(group.desired, self._decision.level_before), others

    def ask(self, aim: Aim) -> Settled | None:
        aws.set_desired(self.cloud, self._region, aim.group, int(aim.after))
        return _applied(aim)

    def refused(self, aim: Aim, error: PermanentCloudError) -> Judgement:
        return Settled(Outcome.FAILED, str(error))

    def judge(self, aim: Aim, now: datetime) -> Judgement:
        present = aws.group(self.cloud, self._region, aim.group).desired
        if present == aim.after:
            return _applied(aim)
        if aim.may_be_under_way(now):
            return Wait(f"the group {aim.group} has a desired capacity of {present}")
        if present == aim.before:
            seen = f"The desired capacity of {aim.group} is {present}, as before"
            return Settled(Outcome.FAILED, f"{aim.trouble or LOST} {seen}; {NEXT_TICK}")
        return Settled(
            Outcome.UNKNOWN,
            f"Nobody knows whether the desired capacity of {aim.group} was set to {aim.after}: "
            f"it was {aim.before} before and is {present} now.",
        )


def _applied(aim: Aim) -> Settled:
    others = aim.more.get("rebased", "")
    change = f"from {aim.before} to {aim.after}"
    return Settled(Outcome.APPLIED, f"The desired capacity of {aim.group} was set {change}.{others}")
