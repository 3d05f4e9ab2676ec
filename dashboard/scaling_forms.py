"""The autoscaler's forms as they are shown; what is sent is read, and refused, by the API's serializers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict

from scaling.capacity import FIRST_LEVEL, LAST_LEVEL
from scaling.models import LEAST_WORTH, MOST_WORTH, Kind, Mode, Prediction, ScalingPolicy
from scaling.services import policies, replaying

if TYPE_CHECKING:
    _OfPolicy = forms.ModelForm[ScalingPolicy]
else:
    _OfPolicy = forms.ModelForm
_YES_NO = (("false", "no"), ("true", "yes"))


class RegistrationForm(forms.Form):
    """An instance to register."""

    instance_id = forms.CharField(max_length=64, label="Instance id")
    instance_type = forms.CharField(max_length=40, label="Type")
    region = forms.CharField(max_length=30, help_text="For a mock anything.")
    is_mock = forms.ChoiceField(choices=(("true", "a mock"), ("false", "of EC2")), label="It is")


class SimulationForm(forms.Form):
    """A load to simulate."""

    instance_id = forms.ChoiceField(label="Instance")
    cpu_utilization = forms.FloatField(min_value=0, max_value=100, initial=95, label="CPU, percent")
    memory_usage = forms.FloatField(min_value=0, max_value=100, required=False, label="Memory, percent")
    network_in = forms.FloatField(min_value=0, required=False, label="Network in, bytes")
    network_out = forms.FloatField(min_value=0, required=False, label="Network out, bytes")
    duration_minutes = forms.IntegerField(
        min_value=1, max_value=1440, required=False, initial=10, label="For minutes"
    )
    interval_seconds = forms.IntegerField(
        min_value=1, required=False, initial=30, label="A sample each seconds"
    )

    def __init__(self, *instance_ids: str, chosen: str = "") -> None:
        super().__init__(auto_id="simulate_%s", initial={"instance_id": chosen})
        field = self.fields["instance_id"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(each, each) for each in instance_ids]


class PolicyForm(_OfPolicy):
    """All of a policy that can be changed."""

    class Meta:
        model = ScalingPolicy
        fields = policies.FIELDS

    def __init__(self, policy: ScalingPolicy, given: QueryDict) -> None:
        typed = {name: given[name] for name in policies.FIELDS if name in given}
        super().__init__(instance=policy, initial=typed, auto_id="policy_%s")
        for name, field in self.fields.items():
            field.label = str(field.label).replace("Cpu", "CPU")
            if isinstance(field, forms.BooleanField):
                is_set = str(typed.get(name, getattr(policy, name))).lower()
                self.fields[name] = forms.ChoiceField(
                    choices=_YES_NO, initial=is_set, label=field.label, help_text=field.help_text
                )
                self.initial[name] = is_set
        self._offer("mode", [(mode.value, Mode(mode).label) for mode in policies.modes(policy.instance)])
        self._offer("kind", Kind.choices)
        self._offer("prediction", Prediction.choices)
        periods = ScalingPolicy._meta.get_field("source_period_s").get_choices(blank_choice=[("", "not set")])
        self._offer("source_period_s", periods)

    def _offer(self, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
        """Offer choices in words, with room for those that are sentences."""
        if isinstance(field := self.fields[name], forms.ChoiceField):
            offered = [(value, str(label).replace("_", " ")) for value, label in choices]
            field.choices = offered
            if any(":" in label for _, label in offered):
                field.widget.attrs["class"] = "long"


class ReplayForm(forms.Form):
    """A policy to replay; what is left empty is as the instance's own policy has it, or as usual."""

    policy = forms.ChoiceField(choices=[(each, each.replace("_", " ")) for each in replaying.PARAMETERS])
    days = forms.IntegerField(min_value=1, max_value=replaying.MOST_DAYS, label="Of the last days")
    worth = forms.FloatField(min_value=LEAST_WORTH, max_value=MOST_WORTH)
    target = forms.FloatField(min_value=1, max_value=100, label="Target, percent")
    cpu_high = forms.FloatField(min_value=0, max_value=100, label="CPU high")
    cpu_low = forms.FloatField(min_value=0, max_value=100, label="CPU low")
    share = forms.FloatField(min_value=0.5, max_value=1)
    cooldown_up_s = forms.IntegerField(min_value=0, label="Cooldown up in seconds")
    cooldown_down_s = forms.IntegerField(min_value=0, label="Cooldown down in seconds")
    min_level = forms.IntegerField(min_value=FIRST_LEVEL, max_value=LAST_LEVEL)
    max_level = forms.IntegerField(min_value=FIRST_LEVEL, max_value=LAST_LEVEL)

    def __init__(self, given: QueryDict, policy: str = replaying.PREDICTIVE) -> None:
        usual = {"policy": policy, "days": replaying.USUAL_DAYS}
        super().__init__(initial=usual | given.dict(), auto_id="replay_%s", use_required_attribute=False)
        for name, field in self.fields.items():
            theirs = [each.replace("_", " ") for each, has in replaying.PARAMETERS.items() if name in has]
            if theirs and len(theirs) < len(replaying.PARAMETERS):
                field.help_text = f"Of {', '.join(theirs)}."
