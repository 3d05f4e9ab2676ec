"""The instances that the autoscaler manages: registered, measured, scaled and simulated; their policies."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError as InvalidPolicyError
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated

from accounts.models import User
from accounts.permissions import Role, asking, has_role
from dashboard import filling
from dashboard.choosing import rows_of_page
from dashboard.pages import Action, Page
from dashboard.scaling_forms import PolicyForm, RegistrationForm, ReplayForm, SimulationForm
from scaling.models import ManagedInstance, ScalingDecision
from scaling.serializers.control import KillSwitchChangeSerializer
from scaling.serializers.instances import InstanceRegistrationSerializer, PolicySerializer
from scaling.serializers.simulation import SimulationSerializer
from scaling.services import killswitch, policies, registration, simulation
from scaling.words import counted

_BACK = "dashboard:autoscaler"


# --- Looking ---------------------------------------------------------------------------------
class AutoscalerPage(Page):
    """The user's own instances, as in the API: who has no role yet has these."""

    title = "Autoscaler"
    template_name = "dashboard/autoscaler.html"
    permission = IsAuthenticated
    parts = {"instances": "dashboard/autoscaler/instances.html"}

    def context(self) -> dict[str, Any]:
        user, given = asking(self.request), self.request.GET
        may_read = has_role(user, Role.VIEWER, Role.OPERATOR)
        chosen = _chosen(user, given.get("instance", ""))
        ids = user.managed_instances.order_by("instance_id").values_list("instance_id", flat=True)
        return {
            **self.part_context("instances"),
            "switch": killswitch.current() if may_read else None,
            "registration": RegistrationForm(initial=given.dict(), auto_id="register_%s"),
            "simulation": SimulationForm(*ids, chosen=chosen.instance_id if chosen else ""),
            "chosen": chosen,
            "policy": PolicyForm(chosen.policy, given) if chosen else None,
            "replay": ReplayForm(QueryDict(), chosen.policy.kind) if chosen and may_read else None,
        }

    def part_context(self, part: str) -> dict[str, Any]:
        page = rows_of_page(self.request, _with_latest(asking(self.request)))
        latest = ScalingDecision.objects.defer("inputs").in_bulk(
            [each.latest for each in page if each.latest]
        )
        return {"page_of_instances": page, "rows": [(each, latest.get(each.latest)) for each in page]}


def _with_latest(user: User) -> "QuerySet[ManagedInstance, Any]":
    """Return the user's instances with the key of the latest decision about each."""
    newest = ScalingDecision.objects.filter(instance=OuterRef("pk")).order_by("-timestamp").values("pk")[:1]
    own = user.managed_instances.select_related("policy").order_by("instance_id")
    return own.annotate(latest=Subquery(newest))


def _chosen(user: User, instance_id: str) -> ManagedInstance | None:
    """Return the instance whose policy is shown: the one that is named. Raises: UnknownInstanceError."""
    if not instance_id:
        return None
    return registration.owned(user, instance_id)


# --- Acting ----------------------------------------------------------------------------------
class _Own(Action):
    """Something that anybody may do with what is theirs."""

    permission = IsAuthenticated
    back = _BACK
    kept: tuple[str, ...] = ()
    """What was typed, to be shown again where it is refused."""

    def _next(self, request: HttpRequest) -> str:
        address = super()._next(request)
        if not self.failed:
            return address
        typed = {name: request.POST[name] for name in self.kept if name in request.POST}
        return f"{address}{'&' if '?' in address else '?'}{urlencode(typed)}" if typed else address

    @property
    def instance(self) -> ManagedInstance:
        """The instance that the address names. Raises: UnknownInstanceError, NotOwnerError."""
        return registration.owned(asking(self.request), self.kwargs["instance_id"])


class Register(_Own):
    """Registers an instance, and has it monitored where that is possible."""

    kept = ("instance_id", "instance_type", "region", "is_mock")

    def act(self, **_kwargs: Any) -> str:
        sent = InstanceRegistrationSerializer(
            data=filling.body(InstanceRegistrationSerializer, self.request.POST)
        )
        sent.is_valid(raise_exception=True)
        instance = registration.register(asking(self.request), **sent.validated_data)
        return f"{instance} is registered; start its monitoring to have it measured and decided about."


class Start(_Own):
    """Has an instance measured and decided about."""

    def act(self, **_kwargs: Any) -> str:
        instance = self.instance
        registration.start_monitoring(instance, by=asking(self.request))
        return f"{instance} is monitored from now on."


class Stop(_Own):
    """Has an instance neither measured nor scaled any more."""

    def act(self, **_kwargs: Any) -> str:
        instance = self.instance
        registration.stop_monitoring(instance, by=asking(self.request))
        return f"{instance} is not monitored any more."


class Deregister(_Own):
    """Forgets an instance, its samples and decisions."""

    def act(self, **_kwargs: Any) -> str:
        instance = self.instance
        registration.delete(instance, by=asking(self.request))
        return f"{instance} is forgotten; what it is at AWS stays as it is."


class ChangePolicy(_Own):
    """Changes the policy of an instance."""

    kept = policies.FIELDS

    def act(self, **_kwargs: Any) -> str:
        instance = self.instance
        before = instance.policy.version
        sent = PolicySerializer(data=filling.body(PolicySerializer, self.request.POST), partial=True)
        sent.is_valid(raise_exception=True)
        try:
            policy = policies.change(instance, dict(sent.validated_data), by=asking(self.request))
        except InvalidPolicyError as error:
            raise ValidationError(error.message_dict) from error
        if policy.version == before:
            return f"The policy of {instance} is as it was: nothing in it was changed."
        return f"The policy of {instance} is version {policy.version} now."


class Simulate(_Own):
    """Says that an instance has a load, for seeing what is decided about it."""

    def act(self, **_kwargs: Any) -> str:
        sent = SimulationSerializer(data=filling.body(SimulationSerializer, self.request.POST))
        sent.is_valid(raise_exception=True)
        load, span = sent.validated_data["load"], sent.validated_data["span"]
        instance = registration.owned(asking(self.request), sent.validated_data["instance_id"])
        if span is None:
            simulation.at_once(instance, load)
            return f"{instance} has a simulated sample with {load.cpu:g} % CPU."
        created = simulation.prolonged(instance, load, span)
        return f"{instance} has {counted(created, 'simulated sample')} with {load.cpu:g} % CPU."


class TurnKillSwitch(Action):
    """Stops all scaling, or lets it go on."""

    back = _BACK

    def act(self, **_kwargs: Any) -> str:
        sent = KillSwitchChangeSerializer(data=filling.body(KillSwitchChangeSerializer, self.request.POST))
        sent.is_valid(raise_exception=True)
        switch = killswitch.turn(**sent.validated_data, by=asking(self.request))
        return "Nothing is scaled from now on." if switch.engaged else "Scaling goes on."
