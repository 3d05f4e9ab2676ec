"""Decisions: what the rules wish and the guard grants, stored with all that led to it, once a slot."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from collectors import bulk
from collectors.services.access import batched
from pipelines.registry import Counts
from scaling import guard
from scaling.guard import Ruling
from scaling.models import Direction, ManagedInstance, Mode, Outcome, ScalingDecision
from scaling.roster import Roster
from scaling.services import acting, foreseeing, judging
from scaling.services.circumstances import Circumstances, Quality
from scaling.services.foreseeing import Foresight
from scaling.services.judging import Finding

logger = logging.getLogger(__name__)

BATCH = 500
TELLING_S = 5.0
"""What wants nothing is stored for so long: two processes then finish four shards within a slot."""
_WISHES = {1: Direction.SCALE_UP, 0: Direction.NO_ACTION, -1: Direction.SCALE_DOWN}
TOLD_AGAIN = timedelta(hours=1)
"""A forecast without effect that stays the same is told no more often."""
_CHANGED = (
    "level",
    "level_is_simulated",
    "last_action_at",
    "last_verdict",
    "foreseen_wish",
    "foreseen_at",
)


def decide(slot: datetime, shard: int, shards: int) -> Counts:
    """Decide about the monitored instances whose keys leave that remainder; safe to repeat.

    What is as it was at the last decision stored leaves no trace. Where very much is not, what wants nothing
    may wait for the next slot, to which it is news still. Returns the decisions stored, by direction and
    outcome. Raises what a batch met once the others are decided about.
    """
    now = timezone.now()
    counts: Counts = Counts()
    failed: list[Exception] = []
    quality = Quality(now)
    foresight = _foresight(shard, shards, now, failed)
    found = judging.news(Roster.of_shard(shard, shards), now, foresight)
    for findings in _in_time(batched(found, BATCH)):
        try:
            with transaction.atomic():
                counts.update(_settled(findings, slot, quality))
        except Exception as error:
            keys = [finding.instance for finding in findings]
            logger.exception("slot %s: not decided about the managed instances of keys %s", slot, keys)
            failed.append(error)
    if failed:
        raise failed[0]
    return counts


def _foresight(shard: int, shards: int, now: datetime, failed: list[Exception]) -> Foresight | None:
    """Return what is foreseen; what fails there keeps nobody from following the rules."""
    try:
        return foreseeing.look(shard, shards, now)
    except Exception as error:
        logger.exception("nothing is foreseen in shard %s", shard)
        failed.append(error)
        return None


def _in_time(batches: Iterable[Sequence[Finding]]) -> Iterator[Sequence[Finding]]:
    """Yield all that wants to act, which comes first, and of the rest a batch, and what there is time for."""
    until, has_told = time.monotonic() + TELLING_S, False
    for findings in batches:
        tells = not findings[0].direction
        if tells and has_told and time.monotonic() > until:
            return
        yield findings
        has_told |= tells


def _settled(findings: Sequence[Finding], slot: datetime, quality: Quality) -> Counts:
    """Decide under the locks of the instances' rows, in the order of their keys."""
    now = quality.now
    instances = _locked(findings, slot)
    circumstances = Circumstances(instances, now, quality)
    decisions = []
    for finding in findings:
        instance = instances.get(finding.instance)
        # A policy that was changed since is asked at the next slot.
        if instance is None or instance.policy.version != finding.version:
            continue
        state = circumstances.state(instance, finding)
        ruling = finding.ruled(state, instance.policy, now)
        if _is_news(finding, ruling, instance, now):
            inputs = {**finding.inputs(), "guard": guard.inputs(state, instance.policy)}
            decisions.append(_decision(finding, ruling, instance, slot=slot, now=now, inputs=inputs))
            _note(finding, ruling, instance, now)
            # In this slot no more is decided about it: an aside waits for the next one.
            del instances[finding.instance]
        if ruling.outcome == Outcome.PENDING:
            circumstances.spend(instance)
    _store(decisions)
    return Counts(f"{each.decision} {each.outcome}" for each in decisions)


def _locked(findings: Iterable[Finding], slot: datetime) -> dict[int, ManagedInstance]:
    """Return the instances as they are now, but those that this slot has been decided about."""
    keys = [finding.instance for finding in findings]
    rows = ManagedInstance.objects.monitored().filter(pk__in=keys).order_by("pk")
    locked = list(
        rows.select_related("policy", "inventory__account").select_for_update(of=("self",), no_key=True)
    )
    # Asked once the rows are locked: who held them may have decided.
    decided = ScalingDecision.objects.filter(instance__in=keys, slot=slot)
    done: set[Any] = set(decided.values_list("instance_id", flat=True))
    return {instance.pk: instance for instance in locked if instance.pk not in done}


def _is_news(finding: Finding, ruling: Ruling, instance: ManagedInstance, now: datetime) -> bool:
    if not finding.acts:
        return ruling.outcome != Outcome.NONE and _is_new_wish(finding, instance, now)
    return ruling.outcome != Outcome.NONE or _kind(finding, ruling) != instance.last_verdict


def _is_new_wish(finding: Finding, instance: ManagedInstance, now: datetime) -> bool:
    """Say whether another size is wished for than was told last, or that is long ago."""
    told_at = instance.foreseen_at
    if told_at is None or now - told_at >= TOLD_AGAIN:
        return True
    return bool(finding.columns(instance)["units_wanted"] != instance.foreseen_wish)


def _kind(finding: Finding, ruling: Ruling) -> str:
    """Return what stays the same while only the numbers change: rule, wish, and what was against it.

    A limit of the level outlasts all else that was: where it is there, what comes and goes beside it is no
    news, so that a fleet that idles at its lowest level can be passed over (judging.news).
    """
    codes = [veto.code for veto in ruling.vetoes]
    limits = [code for code in codes if code in (guard.MAX_LEVEL, guard.MIN_LEVEL)]
    return ":".join([finding.kind, *(limits or codes)])


def _decision(
    finding: Finding,
    ruling: Ruling,
    instance: ManagedInstance,
    *,
    slot: datetime,
    now: datetime,
    inputs: dict[str, Any],
) -> ScalingDecision:
    wish = _WISHES[finding.direction]
    current = finding.current()
    return ScalingDecision(
        instance=instance,
        slot=slot,
        timestamp=now,
        decision=Direction.NO_ACTION if ruling.outcome == Outcome.NONE else wish,
        rule=finding.rule,
        reason=_reason(finding.reason(instance), ruling),
        cpu_utilization=current["cpu"],
        memory_usage=current["memory"],
        network_in=current["network_in"],
        network_out=current["network_out"],
        level_before=instance.level,
        level_after=ruling.level_after,
        mode=instance.policy.mode if finding.acts else Mode.RECOMMEND,
        policy_version=finding.version,
        simulated=finding.simulated,
        vetoes=[{"code": veto.code, "reason": veto.sentence} for veto in ruling.vetoes],
        inputs={"wish": wish, **inputs},
        outcome=ruling.outcome,
        outcome_at=now if ruling.outcome in (Outcome.APPLIED, Outcome.RECOMMENDED) else None,
        **finding.columns(instance),
    )


def _reason(why: str, ruling: Ruling) -> str:
    against = " ".join(veto.sentence for veto in ruling.vetoes)
    return f"{why}. Held: {against}" if against else why


def _note(finding: Finding, ruling: Ruling, instance: ManagedInstance, now: datetime) -> None:
    """Bring the instance up to date with a decision about it; an aside changes nothing of how it stands."""
    if not finding.acts:
        instance.foreseen_wish, instance.foreseen_at = finding.columns(instance)["units_wanted"], now
        return
    instance.last_verdict = _kind(finding, ruling)
    if ruling.outcome != Outcome.NONE:
        instance.last_action_at = now
    if ruling.level_after != instance.level:
        instance.level, instance.level_is_simulated = ruling.level_after, finding.simulated


def _store(decisions: Sequence[ScalingDecision]) -> None:
    ScalingDecision.objects.bulk_create(decisions)
    _update([decision.instance for decision in decisions])
    for decision in decisions:
        if decision.outcome == Outcome.PENDING:
            acting.order(decision)


def _update(instances: Sequence[ManagedInstance]) -> None:
    """Write what was noted; Django's bulk_update takes as long for that as all the rest of a decision."""
    rows = [[instance.pk, *(getattr(instance, name) for name in _CHANGED)] for instance in instances]
    columns = ", ".join(f"{name} = s.{name}" for name in _CHANGED)
    with bulk.staged(ManagedInstance, ("id", *_CHANGED), rows, key=("id",)) as stage:
        stage.execute(f"UPDATE {{t}} t SET {columns} FROM {{s}} s WHERE {{matches}}")
