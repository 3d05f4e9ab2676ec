"""The kill switch."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from accounts.permissions import Role, asking, has_role
from core.admin import Admin
from scaling.models import KillSwitch
from scaling.services import killswitch


@admin.register(KillSwitch)
class KillSwitchAdmin(Admin):
    """The one switch."""

    list_display = ("__str__", "reason", "changed_at", "changed_by")
    list_select_related = ("changed_by",)
    fields = ("engaged", "reason", "changed_at", "changed_by")
    readonly_fields = ("changed_at", "changed_by")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the switch, also when nobody has touched it yet."""
        KillSwitch.objects.get_or_create(pk=1)
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, _found: Any = None) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    def has_delete_permission(self, _request: HttpRequest, _found: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, switch: Model, *_form_and_change: Any) -> None:
        """Turn it as the API does."""
        turned = cast("KillSwitch", switch)
        killswitch.turn(engaged=turned.engaged, reason=turned.reason, by=asking(request))
