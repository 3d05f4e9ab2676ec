"""Makes the instance the next size of its family: stop, change the type, start.

A state machine: each attempt looks first, and makes one call at most. Whatever goes wrong once the instance
was stopped, it is started again.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from collectors.aws.instance_types import InstanceFacts
from core.errors import PermanentCloudError
from scaling import aws
from scaling.actuators.actuator import (
    LOST,
    NEXT_TICK,
    Aim,
    Ask,
    CloudActuator,
    Judgement,
    NotCarriedOutError,
    Settled,
    Wait,
)
from scaling.models import Outcome


class Call(StrEnum):
    """The calls, by what they are for."""

    STOP = "stop-instance"
    CHANGE = "change-type"
    START = "start-instance"
    REVERT = "change-type-back"
    RESTART = "start-instance-again"


_ON_THE_WAY = frozenset({"pending", "stopping"})


# --- Pure rules ------------------------------------------------------------------------------
def next_size(
    present: str, sizes: Iterable[InstanceFacts], machine: aws.Machine, *, up: bool
) -> InstanceFacts:
    """Return the next larger or smaller size that the instance can become, by vCPUs and then memory.

    Raises: NotCarriedOutError where there is none, or where stopping would lose data.
    """
    by_name = {size.name: size for size in sizes}
    now = by_name.get(present)
    if now is None:
        raise NotCarriedOutError(
            f"EC2 does not offer {present} there any more, so nobody knows its next size."
        )
    if now.instance_store:
        raise NotCarriedOutError(f"{present} has an instance store, whose data a stop would lose.")
    fitting = [size for size in by_name.values() if _fits(size, machine)]
    if up:
        larger = [size for size in fitting if _rank(size) > _rank(now)]
        found = min(larger, key=_rank, default=None)
    else:
        smaller = [size for size in fitting if _rank(size) < _rank(now)]
        found = max(smaller, key=_rank, default=None)
    if found is None:
        raise NotCarriedOutError(f"{present} is the {'largest' if up else 'smallest'} size of its family.")
    return found


def _fits(size: InstanceFacts, machine: aws.Machine) -> bool:
    return (
        machine.architecture in size.architectures
        and machine.virtualization in size.virtualizations
        and not size.bare_metal
        and not size.instance_store
    )


def _rank(size: InstanceFacts) -> tuple[int, int, str]:
    return size.vcpus, size.memory_mib, size.name


def judged(aim: Aim, machine: aws.Machine, now: datetime) -> Judgement:
    """Return what an instance that looks so, after that aim, calls for."""
    seen = f"{machine.instance_id} is {machine.state} as {machine.instance_type}"
    if machine.state == "running":
        verdict = _running(aim, machine, seen, now)
    elif machine.state == "stopped":
        verdict = _stopped(aim, machine, seen, now)
    elif machine.state in _ON_THE_WAY:
        verdict = Wait(seen)
    else:
        return Settled(Outcome.UNKNOWN, f"{seen}: somebody ended it while it was resized.")
    if aim.is_out_of_patience(now) and _leads_nowhere(aim, verdict):
        return _left_alone(f"{seen} an hour after it was to be resized. {aim.trouble}")
    return verdict


def _left_alone(why: str) -> Settled:
    """Return the outcome where an instance that was told to stop is left as it is."""
    return Settled(Outcome.UNKNOWN, f"{why.rstrip()} The instance may be stopped: start it.", urgent=True)


def _leads_nowhere(aim: Aim, verdict: Judgement) -> bool:
    again = isinstance(verdict, Ask) and verdict.call == aim.call
    return isinstance(verdict, Wait) or again


def _running(aim: Aim, machine: aws.Machine, seen: str, now: datetime) -> Judgement:
    if machine.instance_type == aim.after:
        return Settled(
            Outcome.APPLIED, f"{machine.instance_id} was resized from {aim.before} to {aim.after}."
        )
    if machine.instance_type != aim.before:
        return Settled(Outcome.UNKNOWN, f"{seen}: somebody else changed it while it was resized.")
    if aim.call == Call.STOP and (aim.answered or aim.may_be_under_way(now)):
        return Wait(seen)
    if aim.call == Call.STOP:
        return Settled(Outcome.FAILED, f"{aim.trouble or LOST} {seen}, as before; {NEXT_TICK}")
    why = aim.trouble or "somebody else started it, or its worker was lost."
    return Settled(Outcome.FAILED, f"{seen} as before: {why}")


def _stopped(aim: Aim, machine: aws.Machine, seen: str, now: datetime) -> Judgement:
    """Go on where the last call was answered; else bring the instance back to a running state.

    A start without an answer says nothing of the new type: it is asked for again once it cannot happen late.
    """
    changed = machine.instance_type == aim.after
    match aim.call, changed, aim.answered:
        case Call.STOP, _, True:
            return Ask(Call.CHANGE)
        case Call.CHANGE, True, _:
            return Ask(Call.START)
        case Call.START, True, False:
            return Wait(seen) if aim.may_be_under_way(now) else Ask(Call.START)
        case (Call.START, True, True) | (Call.REVERT, True, False):
            return Ask(Call.REVERT, aim.trouble or f"as {aim.after} it did not start.")
        case (Call.CHANGE, False, True) | (Call.REVERT, True, True):
            return Wait(seen)
        case _:
            return Ask(Call.RESTART, aim.trouble or "its worker was lost while it was stopped.")


# --- At AWS ----------------------------------------------------------------------------------
class ResizeActuator(CloudActuator):
    """Stops the instance, changes its type and starts it again."""

    def begin(self, now: datetime) -> Aim:
        machine = self._machine()
        self._refuse_what_cannot_be_resized(machine)
        sizes = aws.sizes(self.cloud, self._region, machine.instance_type.partition(".")[0])
        size = next_size(machine.instance_type, sizes, machine, up=self._up)
        return Aim(call=Call.STOP, before=machine.instance_type, after=size.name, began_at=now, asked_at=now)

    def _machine(self) -> aws.Machine:
        return aws.machine(self.cloud, self._region, self._instance_id)

    def _refuse_what_cannot_be_resized(self, machine: aws.Machine) -> None:
        """Raises: NotCarriedOutError."""
        if machine.state != "running":
            raise NotCarriedOutError(f"{machine.instance_id} is {machine.state}; only what runs is resized.")
        if machine.root_device != "ebs":
            raise NotCarriedOutError(
                f"{machine.instance_id} has its root device in an instance store, which a stop would lose."
            )
        if machine.lifecycle:
            raise NotCarriedOutError(
                f"{machine.instance_id} is a {machine.lifecycle} instance; only on-demand ones are resized."
            )
        if group := aws.group_of(self.cloud, self._region, self._instance_id):
            raise NotCarriedOutError(
                f"{machine.instance_id} is in the Auto Scaling group {group}, which would replace it when it "
                "stops; choose the mode asg."
            )

    def ask(self, aim: Aim) -> Settled | None:
        where = self.cloud, self._region, self._instance_id
        match aim.call:
            case Call.STOP:
                aws.stop(*where)
            case Call.CHANGE:
                aws.change_type(*where, str(aim.after))
            case Call.REVERT:
                aws.change_type(*where, str(aim.before))
            case _:
                aws.start(*where)
        return None

    def refused(self, aim: Aim, error: PermanentCloudError) -> Judgement:
        """Give up what was not begun; else have the instance start again, with its old type."""
        match aim.call:
            case Call.STOP:
                return Settled(Outcome.FAILED, str(error))
            case Call.START:
                return Ask(Call.REVERT, str(error))
            case Call.RESTART:
                return Wait(f"{self._instance_id} is not let start: {error}")
            case _:
                return Ask(Call.RESTART, f"{aim.trouble} {error}".strip())

    def judge(self, aim: Aim, now: datetime) -> Judgement:
        return judged(aim, self._machine(), now)

    @classmethod
    def given_up(cls, why: str) -> Settled:
        return _left_alone(why)
