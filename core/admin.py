"""What the admin pages of several apps share."""

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Admin, Inline = admin.ModelAdmin, admin.TabularInline


def pretty(value: Any) -> SafeString:
    """Show JSON as it is read best."""
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


def link_to(found: models.Model) -> SafeString:
    """Return a link to the object's page in the admin."""
    page = f"admin:{found._meta.app_label}_{found._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(page, args=[found.pk]), found)


class EmptyFilter(admin.SimpleListFilter):
    """Tells rows in which `field` is empty from the others, by the words in `names`."""

    field: str
    names: tuple[str, str]

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, str]]:
        """Return the names, the empty rows' first."""
        return [("no", self.names[0]), ("yes", self.names[1])]

    def queryset(self, _request: HttpRequest, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Keep what was chosen."""
        chosen = self.value()
        return rows.filter(**{f"{self.field}__isnull": chosen == "no"}) if chosen in ("no", "yes") else rows


class _NobodyWrites:
    """Refuses to add, change and delete: what was collected or recorded is only looked at."""

    def has_add_permission(self, _request: HttpRequest, _parent: Any = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _found: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _found: Any = None) -> bool:
        return False


class ReadOnlyAdmin(_NobodyWrites, Admin):
    """Pages to look at a table that may be long."""

    show_full_result_count = False


class GoesAlongAdmin(ReadOnlyAdmin):
    """Pages of rows that nobody deletes by themselves, but with what they belong to."""


class TakesAlongAdmin(Admin):
    """Pages of what rows of a `GoesAlongAdmin` belong to."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """Ask for no permission to delete what goes along."""
        objects, counts, refused, protected = super().get_deleted_objects(objs, request)
        return objects, counts, refused - self._names_of_what_goes_along(), protected

    def _names_of_what_goes_along(self) -> set[str]:
        models = filter(self.admin_site.is_registered, apps.get_models())
        pages = map(self.admin_site.get_model_admin, models)
        return {str(page.opts.verbose_name) for page in pages if isinstance(page, GoesAlongAdmin)}


class ReadOnlyInline(_NobodyWrites, Inline):
    """Rows of another table on an object's page, to look at."""

    extra = 0
    can_delete = False
    show_change_link = True
