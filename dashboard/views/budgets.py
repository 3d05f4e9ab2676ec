"""Budgets: made and changed in a form, by the rules of the API, and taken away."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from accounts.permissions import IsOperator, asking
from analytics.budgets import changing
from analytics.budgets.serializers import BudgetSerializer
from analytics.models import Budget
from dashboard import budgeting
from dashboard.pages import Action, Page

_BACK = "dashboard:costs"


class BudgetPage(Page):
    """A form for a new budget, or for one that is there; what is wrong with it is told beside its fields."""

    template_name = "dashboard/budget.html"
    permission = IsOperator

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        budget = self._budget(kwargs)
        usual = {"currency": "USD", "thresholds": "50, 80, 100"}
        return self._form(budget, budgeting.values_of(budget) if budget else usual)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save what the form says, and return to the costs; or show it again with what is wrong."""
        budget = self._budget(kwargs)
        sent = BudgetSerializer(budget, data=budgeting.given(request.POST))
        if not sent.is_valid():
            self.status = 400
            return self._form(budget, request.POST.dict(), sent.errors)
        by = asking(request)
        saved = changing.update(sent, was=budget, by=by) if budget else changing.create(sent, by=by)
        messages.success(request, f"The budget “{saved}” holds.")
        return redirect(_BACK)

    def _budget(self, kwargs: dict[str, Any]) -> Budget | None:
        if (key := kwargs.get("budget")) is None:
            return None
        return get_object_or_404(Budget.objects.select_related("account"), pk=key)

    def _form(self, budget: Budget | None, values: dict[str, Any], errors: Any = None) -> HttpResponse:
        self.title = f"Budget {budget}" if budget else "New budget"
        told = errors or {}
        fields = budgeting.fields(values, told)
        return self.shown({"budget": budget, "fields": fields, "errors": told.get("non_field_errors", ())})


class DeleteBudget(Action):
    """Takes a budget away, and ends its alerts."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        budget = get_object_or_404(Budget, pk=kwargs["budget"])
        changing.delete(budget, by=asking(self.request))
        return f"The budget “{budget.name}” is gone."
