"""Carries decisions out at AWS: a run of the ledger for each, so that two of one instance never overlap.

What is asked for is stored before each call, and the outcome after it. Whoever takes over after a crash finds
what was asked for, looks at AWS, and does not ask again.
"""

import logging
from collections.abc import Iterator

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from collectors.aws.session import Cloud
from collectors.models import CloudAccount
from collectors.services import access
from core.errors import (
    CloudIntelError,
    CredentialsRefusedError,
    NotYetError,
    PermanentCloudError,
    TransientCloudError,
)
from pipelines import ledger
from pipelines.models import Run, Trigger
from pipelines.registry import Counts, Handler, PlannedStep
from scaling import actuators, audit
from scaling.actuators.actuator import (
    Aim,
    Ask,
    CloudActuator,
    Judgement,
    NotCarriedOutError,
    Settled,
    Wait,
    wished_level,
)
from scaling.models import ACTING, Direction, ManagedInstance, Mode, Outcome, ScalingDecision
from scaling.services import alarming, groups, vetoes
from scaling.services.alarming import PIPELINE

logger = logging.getLogger(__name__)


def order(decision: ScalingDecision) -> None:
    """Have a pending decision carried out; for use in the transaction that stores it."""
    ledger.start(PIPELINE, scope=decision.instance.instance_id, slot=decision.slot, trigger=Trigger.SCHEDULE)
    audit.record("action-ordered", instance=decision.instance, decision=decision, mode=decision.mode)


def resume_forgotten() -> int:
    """Start a run for each pending decision that has none, so that none is pending for ever; return how many.

    A run that ended while the decision was being stored, or that nobody could plan, leaves one behind.
    """
    at_work = Run.objects.active().filter(pipeline=PIPELINE, scope=OuterRef("instance__instance_id"))
    forgotten = ScalingDecision.objects.filter(~Exists(at_work), outcome=Outcome.PENDING, mode__in=ACTING)
    scopes = list(forgotten.values_list("instance__instance_id", flat=True).distinct())
    for scope in scopes:
        ledger.start(PIPELINE, scope=scope, trigger=Trigger.SCHEDULE)
    return len(scopes)


class ScaleHandler(Handler):
    """Carries out the pending decision of one instance: one step, put back while AWS is at work."""

    def plan(self) -> Iterator[PlannedStep]:
        """Plan the step; its name says whose access it takes, in words for an alert."""
        instance_id = self._claim.run.scope
        instance = _managed().filter(instance_id=instance_id).first()
        if instance is not None:
            account = instance.inventory.account.account_id if instance.inventory else "no account"
            yield PlannedStep(f"{account} (actor)/{instance_id}")

    def execute(self, step: PlannedStep) -> Counts:
        decision = self._decision()
        if decision is None:
            return Counts()
        if decision.outcome == Outcome.PENDING:
            self._settle(decision, self._carried_out(decision))
        if decision.outcome == Outcome.APPLIED:
            return Counts(applied=1)
        raise NotCarriedOutError(decision.outcome_detail)

    def _decision(self) -> ScalingDecision | None:
        """Return the decision that is to be carried out, or that this run has settled before."""
        found = _settled_by(self._claim.run) | _pending(self._claim.run)
        return found.select_related(*_RELATED).order_by("timestamp").first()

    # --- One attempt -------------------------------------------------------------------------
    def _carried_out(self, decision: ScalingDecision) -> Settled:
        """Take the decision as far as it goes now, and return its outcome.

        Raises: NotYetError while AWS is at work, TransientCloudError where nothing was asked for yet.
        """
        if decision.target:
            return self._resolved(decision)
        account = decision.instance.inventory.account if decision.instance.inventory else None
        if account is None:
            return Settled(Outcome.FAILED, f"{decision.instance} is not in the inventory any more.")
        if found := list(vetoes.against(decision, account, timezone.now())):
            return Settled(Outcome.FAILED, " ".join(found))
        try:
            return self._begun(decision, account)
        except NotCarriedOutError as refusal:
            return Settled(Outcome.FAILED, str(refusal))

    def _begun(self, decision: ScalingDecision, account: CloudAccount) -> Settled:
        """Look, and make the first call unless something speaks against it by now."""
        door, actuator = self._actuator(decision, account)
        try:
            aim = actuator.begin(timezone.now()).at(account.account_id)
        except PermanentCloudError as error:
            self._refused(decision, door, error)
            raise
        with self._claim.writing():
            found = _veto_under_lock(decision, account, aim)
            if not found:
                _store(decision, aim)
        return Settled(Outcome.FAILED, found) if found else self._asked(decision, actuator, aim)

    def _resolved(self, decision: ScalingDecision) -> Settled:
        """Look at what became of what was asked for, and go on from there.

        The account is the one that was asked, also when the inventory has lost the instance since.
        """
        aim = Aim.of(decision.target)
        account = CloudAccount.objects.filter(account_id=aim.account_id).first()
        if account is None:
            return _given_up(decision, f"Account {aim.account_id} was deleted after {aim.call} was stored.")
        door, actuator = self._actuator(decision, account)
        try:
            judgement = actuator.judge(aim, timezone.now())
        except (TransientCloudError, PermanentCloudError) as error:
            _close_refused(door, error)
            judgement = actuator.unseen(aim, str(error), timezone.now())
        return self._followed(decision, actuator, aim, judgement)

    def _followed(
        self, decision: ScalingDecision, actuator: CloudActuator, aim: Aim, judgement: Judgement
    ) -> Settled:
        """Do what the judgement says. Raises: NotYetError."""
        match judgement:
            case Settled():
                return judgement
            case Wait():
                raise NotYetError(aim.pause_s(timezone.now()), judgement.seen)
            case Ask():
                following = aim.following(judgement, timezone.now())
                with self._claim.writing():
                    _store(decision, following)
                return self._asked(decision, actuator, following)

    def _asked(self, decision: ScalingDecision, actuator: CloudActuator, aim: Aim) -> Settled:
        """Make the call that was stored right before. Raises: NotYetError."""
        try:
            settled = actuator.ask(aim)
        except TransientCloudError as error:
            self._note(decision, trouble=str(error))
            raise NotYetError(aim.pause_s(timezone.now()), str(error)) from error
        except PermanentCloudError as error:
            logger.warning("%s of %s was refused: %s", aim.call, decision, error)
            _close_refused(actuator.cloud, error)
            return self._followed(decision, actuator, aim, actuator.refused(aim, error))
        if settled is not None:
            return settled
        self._note(decision, answered=True)
        raise NotYetError(aim.pause_s(timezone.now()), f"{aim.call} of {decision.instance} was accepted")

    def _note(self, decision: ScalingDecision, **told: object) -> None:
        """Add to what is stored of the last call how AWS took it."""
        with self._claim.writing():
            decision.target = {**decision.target, **told}
            decision.save(update_fields=["target"])

    def _actuator(self, decision: ScalingDecision, account: CloudAccount) -> tuple[Cloud, CloudActuator]:
        door = access.actor(self._claim, account)
        return door, actuators.CLOUD[decision.mode](door, decision)

    # --- Its end -----------------------------------------------------------------------------
    def _refused(self, decision: ScalingDecision, door: Cloud, error: PermanentCloudError) -> None:
        """Settle what cannot even be looked at."""
        _close_refused(door, error)
        demo = " The demo cloud has neither actor roles nor Auto Scaling groups." if door.access.demo else ""
        self._settle(decision, Settled(Outcome.FAILED, f"{error}{demo}"))

    def _settle(self, decision: ScalingDecision, settled: Settled) -> None:
        with self._claim.writing():
            _settle(decision, settled)


_RELATED = ("instance__policy", "instance__owner", "instance__inventory__account")


def _acted_on(run: Run) -> QuerySet[ScalingDecision]:
    found = ScalingDecision.objects.filter(instance__instance_id=run.scope, mode__in=ACTING)
    return found.exclude(decision=Direction.NO_ACTION)


def _pending(run: Run) -> QuerySet[ScalingDecision]:
    return _acted_on(run).filter(outcome=Outcome.PENDING)


def _settled_by(run: Run) -> QuerySet[ScalingDecision]:
    return _acted_on(run).filter(outcome_at__gte=run.created_at)


def _managed() -> QuerySet[ManagedInstance]:
    return ManagedInstance.objects.select_related("policy", "owner", "inventory__account")


def _close_refused(door: Cloud, error: CloudIntelError) -> None:
    """Have a door whose credentials were refused not be used again."""
    if isinstance(error, CredentialsRefusedError):
        access.open_clouds.close(door.access)


def _veto_under_lock(decision: ScalingDecision, account: CloudAccount, aim: Aim) -> str:
    """Say what speaks against acting, empty for nothing; for use in the transaction that stores the target.

    The account's lock makes actions in it take turns, so that they see each other in the hour's budget, and
    which of them speaks for a group.
    """
    account = CloudAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    _lock(decision)
    found = list(vetoes.against(decision, account, timezone.now()))
    if aim.group and (other := groups.other_voice(decision.instance, account, aim.group)):
        found.append(other)
    return " ".join(found)


def _lock(decision: ScalingDecision) -> None:
    """Take the instance's lock, and read it anew with all that belongs to it."""
    ManagedInstance.objects.select_for_update(no_key=True).get(pk=decision.instance_id)
    decision.instance = _managed().get(pk=decision.instance_id)


def _store(decision: ScalingDecision, aim: Aim) -> None:
    """Store what AWS is about to be asked for."""
    decision.target = aim.stored()
    decision.save(update_fields=["target"])
    if aim.group:
        groups.speak_for(decision.instance, aim.group)
    audit.record(aim.call, instance=decision.instance, decision=decision, **decision.target)


def _settle(decision: ScalingDecision, settled: Settled) -> None:
    """Write the outcome, and where it was applied the level; for use in a transaction."""
    now = timezone.now()
    decision.outcome, decision.outcome_detail, decision.outcome_at = settled.outcome, settled.detail, now
    if settled.outcome == Outcome.APPLIED:
        decision.level_after = wished_level(decision)
    decision.save(update_fields=["outcome", "outcome_detail", "outcome_at", "level_after"])
    _lock(decision)
    changed: dict[str, object] = {"last_action_at": now}
    if settled.outcome == Outcome.APPLIED:
        changed |= _applied(decision)
    ManagedInstance.objects.filter(pk=decision.instance_id).update(**changed)
    alarming.settled(decision.instance, settled)
    audit.record(
        f"action-{settled.outcome}", instance=decision.instance, decision=decision, detail=settled.detail
    )


def _applied(decision: ScalingDecision) -> dict[str, object]:
    """Return what is true of the instance now."""
    level: dict[str, object] = {"level": decision.level_after, "level_is_simulated": False}
    if decision.mode == Mode.ASG:
        return level | {"base_desired": decision.target["base"], "last_desired": decision.target["to"]}
    return level | {"instance_type": decision.target["to"]}


def conclude(run: Run) -> Counts:
    """Settle what a run leaves pending that failed or was given up; AWS is not asked any more.

    What is pending beside a decision that the run settled was made since, and gets a run of its own.
    """
    counts = Counts()
    if _settled_by(run).exists():
        return counts
    for decision in _pending(run).select_related("instance"):
        _settle(decision, _abandoned(decision))
        counts["given_up"] += 1
    return counts


def _abandoned(decision: ScalingDecision) -> Settled:
    if not decision.target:
        return Settled(Outcome.FAILED, "AWS was not asked for anything; the run's error says why.")
    return _given_up(
        decision,
        f"The run ended after {decision.target['call']} was stored, and whether that happened was not found "
        f"out; look after {decision.instance}.",
    )


def _given_up(decision: ScalingDecision, why: str) -> Settled:
    return actuators.CLOUD[decision.mode].given_up(why)
