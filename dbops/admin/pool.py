"""What was decided about the pool, to look at."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from dbops.models import PoolEvent


@admin.register(PoolEvent)
class PoolEventAdmin(ReadOnlyAdmin):
    """The decisions, the latest first."""

    list_display = ("timestamp", "action", "from_size", "to_size", "trigger", "applied", "reason")
    list_filter = ("action", "trigger", "applied")
    list_select_related = ("requested_by",)
    date_hierarchy = "timestamp"
