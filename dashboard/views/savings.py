"""What could be saved, why more is not recommended, and what was saved since."""

from typing import Any

from django import forms
from django.utils import timezone

from accounts.permissions import asking
from analytics.models import Computation, FollowedSaving, SavingsScope, Subject
from analytics.models.savings import KINDS
from analytics.savings import dismissing, stored
from analytics.savings.serializers import DismissalSerializer
from dashboard.choosing import rows_of_page
from dashboard.pages import Action, Page
from dashboard.views.costs import accounts_known

MOST_FOLLOWED = 20
MOST_REASONS = 100
_BACK = "dashboard:savings"


class SavingsForm(forms.Form):
    """Which recommendations are looked at, in the words of the API."""

    account = forms.ChoiceField(choices=accounts_known, required=False)
    region = forms.CharField(required=False, max_length=30)
    kind = forms.ChoiceField(choices=[("", "all"), *KINDS], required=False)
    resource = forms.CharField(required=False, max_length=40)
    min_monthly_usd = forms.DecimalField(required=False, min_value=0, label="At least, a month")
    min_confidence = forms.FloatField(required=False, min_value=0, max_value=1, label="Confidence from")
    dismissed = forms.ChoiceField(choices=[("false", "no"), ("true", "yes")], required=False)

    @property
    def query(self) -> dict[str, Any]:
        """What was chosen as the API reads it; without what cannot be read."""
        named = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        return {"dismissed": "false", **named}


class SavingsPage(Page):
    """The recommendations, the largest amount first."""

    title = "Savings"
    template_name = "dashboard/savings.html"

    def context(self) -> dict[str, Any]:
        form = SavingsForm(self.request.GET)
        self.status = 200 if form.is_valid() else 400
        query = form.query
        rows = stored.chosen(query) if form.is_valid() else stored.chosen(query).none()
        followed = stored.narrowed(FollowedSaving.objects.select_related("account"), query, *stored.FILTERS)
        return {
            "form": form,
            "standing": Computation.objects.standing(Subject.SAVINGS),
            "currency": stored.CURRENCY,
            "is_dismissed": query["dismissed"] == "true",
            "savings": rows_of_page(
                self.request, rows.largest_first().select_related("account", "dismissed_by")
            ),
            "total": stored.total(query, rows),
            "kinds": stored.kinds(query),
            "withheld": stored.withheld(query)[:MOST_REASONS],
            "realised": stored.realised(query),
            "followed": followed[:MOST_FOLLOWED],
            "scopes": SavingsScope.objects.all(),
            "as_of": timezone.now(),
        }


class Dismiss(Action):
    """Leaves a recommendation out, with the reason."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        sent = DismissalSerializer(data={"reason": self.request.POST.get("reason", "")})
        sent.is_valid(raise_exception=True)
        saving = dismissing.dismiss(kwargs["saving"], **sent.validated_data, by=asking(self.request))
        return f"“{saving}” is dismissed."


class Restore(Action):
    """Takes a dismissal back."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        return f"“{dismissing.restore(kwargs['saving'])}” is recommended again."
