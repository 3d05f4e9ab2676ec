"""Budgets in the admin; they are made and changed through the API, which looks at what is spent at once."""

from django.contrib import admin

from analytics.models import Budget, BudgetNotice, BudgetStatus
from core.admin import ReadOnlyAdmin, ReadOnlyInline


class StatusInline(ReadOnlyInline):
    """How far the month is along."""

    model = BudgetStatus
    show_change_link = False


class NoticeInline(ReadOnlyInline):
    """Which thresholds somebody was told of."""

    model = BudgetNotice
    show_change_link = False


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """What may be spent a month."""

    list_display = ("name", "account", "service", "tag_key", "amount", "currency", "spent")
    list_filter = ("account", "currency")
    list_select_related = ("account", "status")
    search_fields = ("name", "service")
    inlines = (StatusInline, NoticeInline)

    @admin.display(description="spent this month")
    def spent(self, budget: Budget) -> str:
        status: BudgetStatus | None = getattr(budget, "status", None)
        return "unknown" if status is None or status.spent is None else f"{status.spent:.2f}"
