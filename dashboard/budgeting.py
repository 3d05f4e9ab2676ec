"""Budgets as pages show them, and the form in which they are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import QueryDict

from analytics.budgets.serializers import BudgetSerializer
from analytics.models import Budget
from analytics.service_names import short_name
from collectors.models import CloudAccount
from dashboard.spending import Chosen

_FULL = 100


def is_about(budget: Budget, chosen: Chosen) -> bool:
    """Tell whether a budget holds for just what was chosen, so that one can be held against the other."""
    account = budget.account.account_id if budget.account else None
    scope = (account, budget.service or None, budget.currency)
    is_alike = scope == (chosen.account, chosen.service, chosen.currency)
    return is_alike and not budget.tag_key and chosen.region is None


class BudgetRow:
    """A budget with what was stored when it was last looked at."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.status: dict[str, Any] | None = BudgetSerializer().get_status(budget)

    @property
    def scope(self) -> str:
        """What it is for, in words."""
        named = [
            str(self.budget.account or ""),
            short_name(self.budget.service) if self.budget.service else "",
            f"{self.budget.tag_key}={self.budget.tag_value}" if self.budget.tag_key else "",
        ]
        return ", ".join(each for each in named if each) or "all costs"

    @property
    def crossed(self) -> list[dict[str, Any]]:
        """The highest threshold that is crossed, of what is spent and of what is expected."""
        thresholds = self.status["thresholds"] if self.status else []
        highest = {each["measure"]: each for each in thresholds if each["crossed"]}
        return list(highest.values())

    @property
    def used(self) -> Decimal | None:
        """What is spent, in percent of it."""
        found: Decimal | None = self.status["used_percent"] if self.status else None
        return found

    @property
    def expected(self) -> Decimal | None:
        """What the month is expected to come to, in percent of it."""
        forecast = self.status["forecast"] if self.status else None
        return None if forecast is None else _FULL * forecast / self.budget.amount

    @property
    def tone(self) -> str:
        """How it is doing."""
        used, expected = self.used or 0, self.expected or 0
        if used >= _FULL:
            return "bad"
        return "warn" if expected >= _FULL or self.crossed else "good"


# --- The form --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form, with what is in it and what is wrong with that."""

    name: str
    label: str
    value: str
    errors: tuple[str, ...] = ()
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_required: bool = False


_LABELS = {
    "name": ("Name", ""),
    "amount": ("Amount a month", "More than nothing."),
    "currency": ("Currency", ""),
    "account": ("Account", ""),
    "service": ("Service", "As the bill names it; empty: all."),
    "tag_key": ("Tag", "Its key; empty: whatever the tags."),
    "tag_value": ("Value of the tag", ""),
    "thresholds": ("Tell at", "Percent of the amount, such as 50, 80, 100."),
}
_REQUIRED = ("name", "amount")


def given(form: QueryDict) -> dict[str, Any]:
    """Return what the form says in the shape that the API takes."""
    values: dict[str, Any] = {name: form.get(name, "").strip() for name in _LABELS}
    values["account"] = values["account"] or None
    values["currency"] = values["currency"] or "USD"
    thresholds = [each.strip().removesuffix("%").strip() for each in values.pop("thresholds").split(",")]
    return {**values, **({"thresholds": thresholds} if any(thresholds) else {})}


def fields(values: Mapping[str, Any], errors: Mapping[str, Any]) -> list[Field]:
    """Return the form with these values, in words, and what is wrong with them."""
    accounts = CloudAccount.objects.values_list("account_id", "name")
    known = (("", "all accounts"), *((number, f"{number} {name}".strip()) for number, name in accounts))
    return [
        Field(
            name,
            label,
            str(values.get(name) or ""),
            _words(errors.get(name)),
            hint,
            known if name == "account" else (),
            name in _REQUIRED,
        )
        for name, (label, hint) in _LABELS.items()
    ]


def _words(errors: Any) -> tuple[str, ...]:
    """Return what is wrong with a field, also where its parts have errors of their own."""
    if isinstance(errors, Mapping):
        return tuple(dict.fromkeys(each for part in errors.values() for each in _words(part)))
    return tuple(map(str, errors or ()))


def values_of(budget: Budget) -> dict[str, str]:
    """Return a budget as the form shows it."""
    plain = {name: str(getattr(budget, name)) for name in _LABELS if name not in ("account", "thresholds")}
    return {
        **plain,
        "amount": f"{budget.amount.normalize():f}",
        "account": budget.account.account_id if budget.account else "",
        "thresholds": ", ".join(map(str, budget.thresholds)),
    }
