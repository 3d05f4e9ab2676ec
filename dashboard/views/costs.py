"""What the accounts cost: each day by its parts, what is expected, what is unusual, and budgets."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.http import Http404
from django.utils import timezone

from accounts.permissions import asking
from analytics.anomalies import feedback
from analytics.anomalies.serializers import GivenFeedbackSerializer
from analytics.costs import CostDay, summarise
from analytics.models import Anomaly, Budget, Computation, CostJudgement, Subject
from analytics.views import USUAL_DAYS, today
from collectors.models import CloudAccount
from core.period import Period
from dashboard import budgeting, spending, spending_charts
from dashboard.choosing import RangeForm
from dashboard.pages import Action, Page
from dashboard.spending import UNDIVIDED, Cell, Chosen, Grouping, grouping_of, groupings

MOST_ROWS = 50
"""So many parts, and so many incidents, are listed."""
SUGGESTING = timedelta(days=2)
_CURRENCY = RegexValidator(r"\A[A-Z]{3}\Z", "A currency is three capital letters, such as USD.")


def accounts_known() -> list[tuple[str, str]]:
    """Return the accounts to choose from."""
    known = CloudAccount.objects.values_list("account_id", "name")
    return [("", "all"), *((number, f"{number} {name}".strip()) for number, name in known)]


def _suggesting(name: str) -> forms.TextInput:
    """Return a field that offers the values of that list."""
    return forms.TextInput({"list": name})


class CostsForm(RangeForm):
    """Which costs are looked at, and by what they are told apart."""

    account = forms.ChoiceField(choices=accounts_known, required=False)
    service = forms.CharField(required=False, max_length=200, strip=False, widget=_suggesting("services"))
    region = forms.CharField(required=False, max_length=60, widget=_suggesting("regions"))
    currency = forms.CharField(required=False, max_length=3, validators=[_CURRENCY])
    group_by = forms.ChoiceField(choices=groupings, required=False, label="By")

    @property
    def chosen(self) -> Chosen:
        """What was chosen; where something of it cannot be read, the usual."""
        return Chosen.of(self.period, {} if self.errors else self.cleaned_data)

    @property
    def grouping(self) -> Grouping:
        """What costs are told apart by."""
        return grouping_of("" if self.errors else self.cleaned_data["group_by"])


class CostsPage(Page):
    """The costs of each day: by default of the last 30, by service."""

    title = "Costs"
    template_name = "dashboard/costs.html"

    def context(self) -> dict[str, Any]:
        form = CostsForm(self.request.GET, usual=Period.last(USUAL_DAYS, through=today()))
        self.status = form.status
        chosen, grouping = form.chosen, form.grouping
        read = grouping.cells(chosen.on(Period(chosen.before.start, chosen.period.end)))
        cells, earlier = _within(read, chosen.period), _within(read, chosen.before)
        ahead = spending.ahead_of(chosen)
        anomalies = _anomalies(chosen)
        return {
            "form": form,
            "chosen": chosen,
            "currency": chosen.currency,
            "summary": summarise(_days(cells)),
            "estimated": len({cell.day for cell in cells if cell.is_estimated}),
            "ahead": ahead,
            "standing": Computation.objects.standing(Subject.FORECAST),
            "chart": spending_charts.trend(cells, grouping, chosen, ahead=ahead, anomalies=anomalies),
            "grouping": grouping,
            "is_divided": grouping is not UNDIVIDED,
            "rows": spending.rows_of(cells, earlier, grouping)[:MOST_ROWS],
            "suggestions": suggestions(chosen, cells),
            "anomalies": anomalies,
            "looked": _looked(),
            **_month(chosen, read, ahead),
        }


def _within(cells: Sequence[Cell], period: Period) -> list[Cell]:
    return [cell for cell in cells if period.start <= cell.day < period.end]


def _days(cells: Sequence[Cell]) -> list[CostDay]:
    """Add the parts of each day up, the earliest day first."""
    days: dict[Any, CostDay] = {}
    for cell in cells:
        so_far = days.get(cell.day, CostDay(cell.day, cell.amount - cell.amount))
        estimated = so_far.estimated or cell.is_estimated
        days[cell.day] = CostDay(cell.day, so_far.amount + cell.amount, estimated)
    return sorted(days.values(), key=lambda day: day.date)


def suggestions(chosen: Chosen, cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Return the services and regions of the last of these days, for who writes one."""
    last = max((cell.day for cell in cells), default=chosen.period.start)
    everything = Chosen(chosen.period, chosen.currency).costs
    of_days = everything.between(last - SUGGESTING, last + timedelta(days=1))
    pairs = list(of_days.order_by().values_list("service", "region").distinct())
    return {
        "service": sorted({service for service, _ in pairs if service}),
        "region": sorted({region for _, region in pairs if region}),
    }


def _anomalies(chosen: Chosen) -> list[Anomaly]:
    found = spending.anomalies_of(chosen).prefetch_related("feedback__given_by")
    return list(found[:MOST_ROWS])


def _looked() -> dict[str, Any]:
    """Tell when anomalies were looked for last, and of which accounts' costs they could not be."""
    refused = CostJudgement.objects.exclude(reason="").select_related("account")
    return {**Computation.objects.standing(Subject.ANOMALIES), "refused": list(refused[:MOST_ROWS])}


def _month(chosen: Chosen, read: Sequence[Cell], ahead: spending.Ahead) -> dict[str, Any]:
    """Tell how the present month is along, beside all budgets; those of just this scope are drawn.

    `read` has the month, too, where the range that was read reaches over all of it that has begun.
    """
    month = chosen.on(spending.month_of(today()))
    has_month = chosen.before.start <= month.period.start and today() < chosen.period.end
    days = _days(_within(read, month.period)) if has_month else spending.days_of(month)
    expected = ahead.forecast.month_end if ahead.forecast else None
    budgets = list(Budget.objects.select_related("account", "created_by", "status"))
    drawn = [each for each in budgets if budgeting.is_about(each, chosen)]
    return {
        "month": month.period,
        "month_summary": summarise(days),
        "month_end": expected,
        "month_chart": spending_charts.month(days, month, expected, drawn),
        "budgets": [budgeting.BudgetRow(each) for each in budgets],
    }


# --- Acting ----------------------------------------------------------------------------------
class JudgeAnomaly(Action):
    """Says of an incident that it is as it should be, which quiets its cause, or that it is real."""

    back = "dashboard:costs"

    def act(self, **kwargs: Any) -> str:
        said = {name: self.request.POST.get(name, "") for name in ("verdict", "note")}
        sent = GivenFeedbackSerializer(data=said)
        sent.is_valid(raise_exception=True)
        try:
            given = feedback.give(
                kwargs["anomaly"], **sent.validated_data, by=asking(self.request), now=timezone.now()
            )
        except Anomaly.DoesNotExist as error:
            raise Http404 from error
        return f"“{given.anomaly}” is {given.verdict}."
