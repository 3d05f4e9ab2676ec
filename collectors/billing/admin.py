"""Billing files in the admin, to look at."""

from django.contrib import admin
from django.utils.safestring import SafeString

from collectors.models import BillingFile, BillingManifest, DailyTagCost, QuarantinedLine, Reconciliation
from core.admin import ReadOnlyAdmin, ReadOnlyInline, link_to


class VersionInline(ReadOnlyInline):
    """The files of a manifest."""

    model = BillingFile
    fields = ("key", "size", "layout", "state", "lines", "quarantined", "read_at", "error")


@admin.register(BillingManifest)
class BillingManifestAdmin(ReadOnlyAdmin):
    """The bills that were found, by export and period."""

    list_display = ("export", "period_start", "period_end", "location", "seen_at", "error")
    list_filter = ("export", "location")
    search_fields = ("export", "key")
    date_hierarchy = "period_start"
    inlines = (VersionInline,)


@admin.register(BillingFile)
class BillingFileAdmin(ReadOnlyAdmin):
    """The versions of files, and what became of each."""

    list_display = ("key", "bill", "layout", "state", "lines", "quarantined", "size", "read_at", "error")
    list_filter = ("state", "layout", "manifest__export")
    list_select_related = ("manifest",)
    search_fields = ("key", "error")
    date_hierarchy = "found_at"

    @admin.display(description="bill", ordering="manifest")
    def bill(self, file: BillingFile) -> SafeString:
        return link_to(file.manifest)


@admin.register(QuarantinedLine)
class QuarantinedLineAdmin(ReadOnlyAdmin):
    """The lines that could not be understood."""

    list_display = ("file", "line", "reason", "text")
    list_select_related = ("file",)
    search_fields = ("reason", "file__key")


@admin.register(DailyTagCost)
class DailyTagCostAdmin(ReadOnlyAdmin):
    """What was charged by tag, as billing files tell."""

    list_display = ("date", "account", "key", "value", "is_other", "service", "region", "amount", "unit")
    list_filter = ("account", "key", "unit", "estimated")
    list_select_related = ("account",)
    search_fields = ("value", "service")
    date_hierarchy = "date"
    ordering = ("-date", "account_id", "key", "value")


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """How billing files compare with Cost Explorer, by account and day."""

    list_display = ("date", "account", "files_amount", "explorer_amount", "difference", "unit", "compared_at")
    list_filter = ("account", "unit")
    list_select_related = ("account",)
    date_hierarchy = "date"
