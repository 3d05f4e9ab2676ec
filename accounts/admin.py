"""Users, the audit log and security events in the admin; groups and django-axes bring their own pages."""

from itertools import chain
from typing import TYPE_CHECKING, Any

from auditlog.admin import LogEntryAdmin as LibraryLogEntryAdmin
from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import leaving
from accounts.forms import AdminLoginForm
from accounts.models import SecurityEvent, User
from accounts.permissions import asking
from core.admin import ReadOnlyAdmin, TakesAlongAdmin

if TYPE_CHECKING:  # generic for the type checker alone
    _Admin = DjangoUserAdmin[User]
    _NewUserForm = AdminUserCreationForm[User]
    _UserForm = UserChangeForm[User]
else:
    _Admin, _NewUserForm, _UserForm = DjangoUserAdmin, AdminUserCreationForm, UserChangeForm


admin.site.login_form = AdminLoginForm


class NewUserForm(_NewUserForm):
    """A user's e-mail and password."""

    class Meta:
        model = User
        fields = ("email",)


class UserForm(_UserForm):
    """All of a user but the password, which has a form of its own."""

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(TakesAlongAdmin, _Admin):
    """Users, what they may do and whether they may do it now."""

    form = UserForm
    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "roles", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups", "created_at")
    search_fields = ("email",)
    readonly_fields = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("What the user may do", {"fields": ("is_active", "groups", "is_staff", "is_superuser")}),
        ("In the admin", {"classes": ("collapse",), "fields": ("user_permissions",)}),
        ("When", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Fetch the groups of all users on the page at once."""
        return super().get_queryset(request).prefetch_related("groups")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """Show what keeps a user, where anything does, rather than what it would take to delete it."""
        objects, counts, refused, protected = super().get_deleted_objects(objs, request)
        answers: list[tuple[Any, Any]] = leaving.asked.send(User, users=objs)
        reasons = list(chain.from_iterable(reasons for _, reasons in answers))
        return objects, counts, set() if reasons else refused, [*protected, *reasons]

    def delete_model(self, request: HttpRequest, user: User) -> None:
        with transaction.atomic():
            leaving.leaving.send(User, user=user, by=asking(request))
            super().delete_model(request, user)

    def delete_queryset(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        with transaction.atomic():
            for user in chosen:
                self.delete_model(request, user)

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        """List the user's groups."""
        return ", ".join(group.name for group in user.groups.all()) or "-"


admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin, LibraryLogEntryAdmin):  # type: ignore[misc]  # the library has no types
    """The audit log: who changed what, and from where."""

    list_display = ("created", "resource_url", "action", "msg_short", "user_url", "remote_addr")
    list_filter = ("action", "content_type")
    # The library would search the first and last names that users here do not have.
    search_fields = ("object_repr", "actor_email", "remote_addr", "cid")
    fieldsets = (
        (None, {"fields": ("created", "user_url", "actor_email", "remote_addr", "resource_url", "cid")}),
        ("Changes", {"fields": ("action", "msg")}),
    )


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    """What was tried and refused."""

    list_display = ("at", "kind", "email", "address", "method", "path", "count")
    list_filter = ("kind", "at")
    list_select_related = ("user",)
    search_fields = ("email", "address", "path")
    date_hierarchy = "at"
