"""What optimisations did, and the report over a period, to look at."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin, pretty
from dbops.models import Optimization
from dbops.services import reporting

PERIODS = {1: "hour", 24: "day", 168: "week", 720: "30 days"}
"""Hours that can be chosen, by what they are called."""
DEFAULT_HOURS = 24


@admin.register(Optimization)
class OptimizationAdmin(ReadOnlyAdmin):
    """The hourly optimisations, and the way to the report."""

    list_display = ("at", "steps", "proposals")
    date_hierarchy = "at"
    fields = ("at", "explained_done", "explained_proposed")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        """Serve the report beside the table."""
        report = self.admin_site.admin_view(self.report_view)
        return [path("report/", report, name="dbops_report"), *super().get_urls()]

    def report_view(self, request: HttpRequest) -> HttpResponse:
        """Show the report over the chosen period; another one than those that are offered is a day."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        hours = _chosen(request.GET.get("hours", ""))
        end = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Database report: the last {PERIODS[hours]}",
            "opts": self.opts,
            "hours": hours,
            "periods": PERIODS,
            "report": reporting.report(end - timedelta(hours=hours), end),
        }
        return TemplateResponse(request, "admin/dbops/optimization/report.html", context)

    @admin.display(description="done")
    def steps(self, optimization: Optimization) -> str:
        """Show what did not succeed by its name."""
        done: list[dict[str, Any]] = optimization.done
        others = [f"{each['task']} {each['status']}" for each in done if each["status"] != "success"]
        return ", ".join([f"{len(done) - len(others)} of {len(done)}", *others])

    @admin.display(description="proposed")
    def proposals(self, optimization: Optimization) -> int:
        return len(optimization.proposed)

    @admin.display(description="done")
    def explained_done(self, optimization: Optimization) -> SafeString:
        return pretty(optimization.done)

    @admin.display(description="proposed")
    def explained_proposed(self, optimization: Optimization) -> SafeString:
        return pretty(optimization.proposed)


def _chosen(hours: str) -> int:
    return int(hours) if hours in map(str, PERIODS) else DEFAULT_HOURS
