"""What stands between a rule's wish and the deed, for one instance. Pure: all that counts is handed in."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from scaling.capacity import FIRST_LEVEL, LAST_LEVEL

MOCK, RECOMMEND, ASG, EC2_RESIZE = "mock", "recommend", "asg", "ec2-resize"
NONE, APPLIED, RECOMMENDED, PENDING = "none", "applied", "recommended", "pending"
"""Values of models.Mode and models.Outcome, which a module without Django cannot name."""

MAX_LEVEL, MIN_LEVEL = "max_level", "min_level"
"""The codes of the vetoes that stay for as long as level and policy do."""


class Limits(Protocol):
    """What the guard reads of models.ScalingPolicy."""

    min_level: int
    max_level: int
    cooldown_up_s: int
    cooldown_down_s: int
    allow_restart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How things stand with an instance; read under the lock of its row when the ruling is acted on.

    `pending` says that an action is under way, `simulated` that the window has simulated samples; `may_act`
    is about the owner's role; `actions_left` is what is left of the account's budget of this hour. What has a
    default matters where something is changed at AWS, but for `period_s`, how often the source publishes, and
    `low_quality`, why the data that were collected of it are not good enough to go by.
    """

    level: int
    last_action_at: datetime | None
    pending: bool
    kill_switch: bool
    simulated: bool
    is_mock: bool
    mode: str
    may_act: bool = False
    has_actor_role: bool = False
    actions_left: int = 0
    in_maintenance_window: bool = False
    period_s: float = 0.0
    low_quality: str = ""


def inputs(state: State, policy: Limits) -> dict[str, Any]:
    """Return, as JSON has it, all that the guard goes by but the time."""
    last = state.last_action_at
    limits = {name: getattr(policy, name) for name in Limits.__annotations__}
    return {**asdict(state), "last_action_at": last and last.isoformat(), "limits": limits}


class Veto(NamedTuple):
    """Why a wish is not granted: a code that has no numbers, and a sentence that has."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """The level from now on, what was held against the wish, and the value of models.Outcome that follows."""

    level_after: int
    vetoes: tuple[Veto, ...]
    outcome: str


def check(direction: int, state: State, policy: Limits, now: datetime) -> Ruling:
    """Grant the wish for a level more (1) or less (-1), unless anything is against it; 0 wishes nothing."""
    if not direction:
        return Ruling(state.level, (), NONE)
    vetoes = tuple(_vetoes(direction, state, policy, now))
    if vetoes:
        return Ruling(state.level, vetoes, NONE)
    if state.mode in (ASG, EC2_RESIZE):
        return Ruling(state.level, (), PENDING)
    if state.mode == RECOMMEND:
        return Ruling(state.level, (), RECOMMENDED)
    return Ruling(state.level + direction, (), APPLIED)


def _vetoes(direction: int, state: State, policy: Limits, now: datetime) -> Iterator[Veto]:
    """Tell everything that is against it, so that nobody removes one obstacle to find the next."""
    if state.kill_switch:
        yield Veto("kill_switch", "The kill switch is engaged: nothing is scaled.")
    if state.pending:
        yield Veto("pending", "An earlier action on this instance is still under way.")
    if state.low_quality:
        yield Veto("quality", f"The data are not good enough: {state.low_quality}.")
    yield from beyond_limits(direction, state.level, policy)
    yield from _cooling_down(direction, state, policy, now)
    if state.mode in (ASG, EC2_RESIZE):
        yield from _barred_from_aws(state)
    if state.mode == EC2_RESIZE:
        yield from _unready_for_restart(state, policy)


def beyond_limits(direction: int, level: int, policy: Limits) -> Iterator[Veto]:
    """Look at the end that the wish leads to, so that a level outside the limits may come back."""
    highest, lowest = min(policy.max_level, LAST_LEVEL), max(policy.min_level, FIRST_LEVEL)
    if direction > 0 and level >= highest:
        yield Veto(MAX_LEVEL, f"Level {level} is not to be exceeded: the highest allowed is {highest}.")
    if direction < 0 and level <= lowest:
        yield Veto(MIN_LEVEL, f"Level {level} is not to be left: the lowest allowed is {lowest}.")


def _cooling_down(direction: int, state: State, policy: Limits, now: datetime) -> Iterator[Veto]:
    wanted_s = policy.cooldown_up_s if direction > 0 else policy.cooldown_down_s
    # Sooner than that there may be nothing new to go by: one sample would act again and again.
    cooldown_s = max(wanted_s, state.period_s)
    last = state.last_action_at
    passed_s = (now - last).total_seconds() if last else float("inf")
    if passed_s < cooldown_s:
        yield Veto("cooldown", f"The last action was {passed_s:.0f} s ago; the cooldown is {cooldown_s:g} s.")


def _barred_from_aws(state: State) -> Iterator[Veto]:
    if state.is_mock:
        yield Veto("mock", f"A mock exists here alone: mode {state.mode} has nothing to act on.")
    if state.simulated:
        yield Veto("simulated", "The window has simulated samples: they change nothing at AWS.")
    if not state.may_act:
        yield Veto("owner", f"Mode {state.mode} needs an owner who is operator or administrator.")
    if not state.has_actor_role:
        yield Veto("actor_role", "The instance's account has no role to act with.")
    if state.actions_left <= 0:
        yield Veto("budget", "The account's scaling actions of this hour are used up: 0 are left.")


def _unready_for_restart(state: State, policy: Limits) -> Iterator[Veto]:
    if not policy.allow_restart:
        yield Veto("restart", "A resize stops the instance, which the policy's allow_restart does not allow.")
    if not state.in_maintenance_window:
        yield Veto("maintenance_window", "A resize waits for the policy's maintenance window.")
