"""What makes a decision come true: the interface, and what passes between an actuator and whoever uses it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from collectors.aws.session import Cloud
from core.errors import CloudIntelError, PermanentCloudError
from scaling.models import Direction, Outcome, ScalingDecision

IN_FLIGHT = timedelta(seconds=40)
"""How long a call whose answer was lost may still take effect: longer than anybody waits for an answer."""

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
PATIENCE = timedelta(hours=1)
"""How long an action may take before a person has to look after it."""

LOST = "The worker was lost before AWS was asked."
NEXT_TICK = "the next tick decides anew."


class NotCarriedOutError(CloudIntelError):
    """A decision did not come true, or perhaps did not; the message says why."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What AWS is asked for; the decision's `target` keeps it, stored before each call.

    `call` names the last call, and `answered` says whether its answer has come. `before` and `after` are what
    changes, `trouble` is what went wrong on the way, and `more` what else the actuator has to know.
    """

    call: str
    before: str | int
    after: str | int
    began_at: datetime
    asked_at: datetime
    answered: bool = False
    trouble: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """Return the aim as JSON."""
        return {
            "call": self.call,
            "from": self.before,
            "to": self.after,
            "began_at": self.began_at.isoformat(),
            "asked_at": self.asked_at.isoformat(),
            "answered": self.answered,
            "trouble": self.trouble,
            **self.more,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Aim":
        """Read what `stored` returned."""
        rest = dict(stored)
        return cls(
            call=rest.pop("call"),
            before=rest.pop("from"),
            after=rest.pop("to"),
            began_at=datetime.fromisoformat(rest.pop("began_at")),
            asked_at=datetime.fromisoformat(rest.pop("asked_at")),
            answered=rest.pop("answered"),
            trouble=rest.pop("trouble"),
            more=rest,
        )

    @property
    def account_id(self) -> str:
        """The account that is asked; empty while it is not told."""
        return str(self.more.get("account", ""))

    @property
    def group(self) -> str:
        """The Auto Scaling group that is asked for; empty where it is none."""
        return str(self.more.get("group", ""))

    def at(self, account_id: str) -> "Aim":
        """Return the aim with the account that is asked."""
        return replace(self, more={**self.more, "account": account_id})

    def following(self, ask: "Ask", now: datetime) -> "Aim":
        """Return the aim with its next call."""
        return replace(self, call=ask.call, trouble=ask.trouble or self.trouble, asked_at=now, answered=False)

    def pause_s(self, now: datetime) -> float:
        """Return how long to wait before the next look: a tenth of the time that it took so far."""
        return max(SHORTEST_PAUSE_S, min(LONGEST_PAUSE_S, (now - self.began_at).total_seconds() / 10))

    def may_be_under_way(self, now: datetime) -> bool:
        """Tell whether a call without an answer may still take effect."""
        return not self.answered and now - self.asked_at < IN_FLIGHT

    def is_out_of_patience(self, now: datetime) -> bool:
        """Tell whether it has taken so long that a person has to look after it."""
        return now - self.began_at > PATIENCE


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be said or done yet; `seen` says what AWS showed."""

    seen: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The next call to make, and why where something went wrong."""

    call: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the decision, in a sentence; `urgent` where a person has to see to the instance now."""

    outcome: Outcome
    detail: str
    urgent: bool = False


Judgement = Wait | Ask | Settled


class Actuator(ABC):
    """One of the ways in which a level becomes capacity."""

    first_outcome: ClassVar[Outcome]
    """What is stored of a decision when it is made; pending: the rest is done by the ledger."""


def wished_level(decision: ScalingDecision) -> int:
    """Return the level that the decision leads to when it is applied: as foreseen, or a step away."""
    if decision.level_wanted is not None:
        return decision.level_wanted
    return decision.level_before + (1 if decision.decision == Direction.SCALE_UP else -1)


class CloudActuator(Actuator):
    """Changes something at AWS for one decision: it looks first, and makes one call at a time.

    A look is to be had anew in each attempt: what an earlier one saw is not remembered.
    """

    first_outcome = Outcome.PENDING

    def __init__(self, cloud: Cloud, decision: ScalingDecision) -> None:
        self.cloud = cloud
        self._decision = decision
        self._up = decision.decision == Direction.SCALE_UP
        self._region = decision.instance.region
        self._instance_id = decision.instance.instance_id

    @abstractmethod
    def begin(self, now: datetime) -> Aim:
        """Look, and return what to ask for first.

        Raises: NotCarriedOutError where nothing is to be asked, TransientCloudError, PermanentCloudError.
        """

    @abstractmethod
    def ask(self, aim: Aim) -> Settled | None:
        """Make the call, and return the outcome where its answer is the end of it.

        Raises: TransientCloudError, after which it may have happened, PermanentCloudError.
        """

    @abstractmethod
    def refused(self, aim: Aim, error: PermanentCloudError) -> Judgement:
        """Return what to do when AWS refused the call."""

    @abstractmethod
    def judge(self, aim: Aim, now: datetime) -> Judgement:
        """Look, and return what became of the aim, or what is to be done next.

        Raises: TransientCloudError, PermanentCloudError.
        """

    @classmethod
    def unseen(cls, aim: Aim, why: str, now: datetime) -> Judgement:
        """Return what to do when AWS cannot be looked at: wait, for as long as there is patience."""
        return cls.given_up(why) if aim.is_out_of_patience(now) else Wait(why)

    @classmethod
    def given_up(cls, why: str) -> Settled:
        """Return the outcome of an action that was begun, and whose end nobody finds out."""
        return Settled(Outcome.UNKNOWN, why)
