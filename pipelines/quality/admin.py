"""Reports of quality in the admin, to look at."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin, link_to, pretty
from pipelines.models import QualityReport
from pipelines.quality import reports
from pipelines.quality.scores import DIMENSIONS


@admin.register(QualityReport)
class QualityReportAdmin(ReadOnlyAdmin):
    """How good what was collected is, and what failed."""

    list_display = ("__str__", "kind", "start", "end", *DIMENSIONS, "total", "run_link", "computed_at")
    list_filter = ("kind",)
    date_hierarchy = "end"
    list_select_related = ("run",)
    fields = (
        "kind",
        "start",
        "end",
        *DIMENSIONS,
        "total",
        "readable_unknown",
        "readable_failures",
        "readable_datasets",
        "run_link",
        "computed_at",
    )

    @admin.display(description="run")
    def run_link(self, report: QualityReport) -> SafeString | str:
        """Lead to the run, as long as the ledger knows it."""
        return link_to(report.run) if report.run else "forgotten"

    @admin.display(description="why unknown")
    def readable_unknown(self, report: QualityReport) -> SafeString:
        """Show why scores are unknown."""
        return format_html_join("", "<p>{}: {}</p>", report.unknown.items())

    @admin.display(description="what failed")
    def readable_failures(self, report: QualityReport) -> SafeString:
        """Show what failed, a line each, and how much more did."""
        lines = [f"{each['check']}: {each['subject']}: {each['detail']}" for each in report.failures]
        left_out = reports.failures_left_out(report)
        more = [f"... and {left_out} more"] if left_out else []
        return format_html_join("", "<p>{}</p>", ((line,) for line in [*lines, *more]))

    @admin.display(description="by kind of data")
    def readable_datasets(self, report: QualityReport) -> SafeString:
        """Show the scores of each data set."""
        return pretty(report.datasets)
