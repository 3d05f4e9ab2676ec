"""What maintenance did, and which backups were restored."""

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from dbops.models import BackupCheck, Maintenance


@admin.register(Maintenance)
class MaintenanceAdmin(ReadOnlyAdmin):
    """The reports of maintenance."""

    list_display = ("timestamp", "dry_run", "outcomes", "run")
    list_filter = ("dry_run", "timestamp")
    list_select_related = ("run",)
    date_hierarchy = "timestamp"
    fields = ("timestamp", "dry_run", "run", "outcomes", "advice", "readable_tasks")
    readonly_fields = ("outcomes", "advice", "readable_tasks")

    @admin.display(description="tasks")
    def outcomes(self, report: Maintenance) -> str:
        """Show how each task ended."""
        return ", ".join(f"{name}: {task['status']}" for name, task in report.tasks.items())

    @admin.display(description="recommendations")
    def advice(self, report: Maintenance) -> str:
        return "; ".join(report.recommendations) or "-"

    @admin.display(description="in detail")
    def readable_tasks(self, report: Maintenance) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(report.tasks, indent=2))


@admin.register(BackupCheck)
class BackupCheckAdmin(ReadOnlyAdmin):
    """Which backups were restored, and what came of it."""

    list_display = (
        "started_at",
        "outcome",
        "target",
        "size_bytes",
        "restore_s",
        "tables",
        "rows",
        "error",
    )
    list_filter = ("is_verified", "started_at")
    search_fields = ("target", "error")
    date_hierarchy = "started_at"
