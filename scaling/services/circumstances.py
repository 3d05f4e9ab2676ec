"""What the guard goes by beside the rules, read for many instances at once, and only where it matters."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from accounts.permissions import Role, having_role
from collectors.models import CloudAccount
from scaling import maintenance, quality
from scaling.guard import State
from scaling.models import ACTING, KillSwitch, ManagedInstance, Outcome, ScalingDecision
from scaling.services import vetoes
from scaling.services.judging import Finding


@dataclass
class Quality:
    """Whether what was collected is good enough to go by: read once for a tick, if anybody asks."""

    now: datetime

    @cached_property
    def refusal(self) -> str:
        """Say why not; empty where it is, or where nobody knows."""
        return quality.refusal(self.now)


def _is_of_collected(instance: ManagedInstance, finding: Finding) -> bool:
    """Say whether it is CloudWatch that the wish goes by: mocks and simulations have nothing of it."""
    return not instance.is_mock and not finding.simulated


@dataclass
class Circumstances:
    """How things stand with instances whose rows are locked."""

    instances: dict[int, ManagedInstance]
    now: datetime
    quality: Quality
    _left: dict[CloudAccount, int] = field(default_factory=dict)

    def state(self, instance: ManagedInstance, finding: Finding) -> State:
        """Return how things stand with an instance, for a wish of the rules."""
        policy = instance.policy
        wishes = bool(finding.direction)
        acts = wishes and policy.mode in ACTING
        return State(
            level=instance.level,
            last_action_at=instance.last_action_at,
            pending=wishes and instance.pk in self._pending,
            kill_switch=wishes and self._kill_switch,
            simulated=finding.simulated,
            is_mock=instance.is_mock,
            mode=policy.mode,
            may_act=acts and instance.owner_id in self._operators,
            has_actor_role=acts and self._has_actor_role(instance),
            actions_left=self._actions_left(instance) if acts else 0,
            in_maintenance_window=acts and maintenance.is_open(policy.maintenance_window, self.now),
            period_s=finding.period_s,
            low_quality=self.quality.refusal if wishes and _is_of_collected(instance, finding) else "",
        )

    def spend(self, instance: ManagedInstance) -> None:
        """Count an action that was ordered."""
        if instance.inventory:
            self._left[instance.inventory.account] -= 1

    @cached_property
    def _pending(self) -> set[int]:
        pending = ScalingDecision.objects.filter(instance__in=self.instances, outcome=Outcome.PENDING)
        return set(pending.values_list("instance_id", flat=True))

    @cached_property
    def _kill_switch(self) -> bool:
        return KillSwitch.objects.filter(engaged=True).exists()

    @cached_property
    def _operators(self) -> set[object]:
        owners = {instance.owner_id for instance in self.instances.values()}
        return set(having_role(Role.OPERATOR).filter(pk__in=owners).values_list("pk", flat=True))

    def _has_actor_role(self, instance: ManagedInstance) -> bool:
        return bool(instance.inventory and instance.inventory.account.actor_role_arn)

    def _actions_left(self, instance: ManagedInstance) -> int:
        if instance.inventory is None:
            return 0
        account = instance.inventory.account
        if account not in self._left:
            self._left[account] = vetoes.actions_left(account, self.now)
        return self._left[account]
