"""Who may do what: viewers read the estate, operators also trigger and control, administrators do all.

A user who registered has no role yet and sees only what is theirs.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, cast

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import User

if TYPE_CHECKING:  # DRF's views take their default permissions from this module as they load
    from rest_framework.views import APIView


class Role(StrEnum):
    """The groups that give a role; a migration makes them."""

    VIEWER = "viewer"
    OPERATOR = "operator"


def has_role(user: User | AnonymousUser, *roles: Role) -> bool:
    """Tell whether the user is in one of these groups; administrators are taken to be in all."""
    if not user.is_active:
        return False
    return user.is_superuser or user.groups.filter(name__in=roles).exists()


def role_of(user: User) -> str:
    """Return the word for what the user may do; empty where they have no role yet."""
    if user.is_superuser:
        return "administrator"
    return next((role.value for role in (Role.OPERATOR, Role.VIEWER) if has_role(user, role)), "")


def having_role(*roles: Role) -> QuerySet[User]:
    """Return the users whom `has_role` tells to have one of these roles."""
    in_groups = User.groups.through.objects.filter(group__name__in=roles).values("user")
    return User.objects.filter(Q(is_superuser=True) | Q(pk__in=in_groups), is_active=True)


def asking(request: HttpRequest | Request) -> User:
    """Return who asks, where the permissions let only users in."""
    return cast("User", request.user)


class IsViewer(BasePermission):
    """Allows all who may read the estate: viewers, operators and administrators."""

    message = "This needs the role viewer or operator; an administrator can give it to you."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Look for the role in the user's groups."""
        return has_role(request.user, Role.VIEWER, Role.OPERATOR)


class IsOperator(BasePermission):
    """Allows all who may start and control what costs or changes something: operators, administrators."""

    message = "This needs the role operator; an administrator can give it to you."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Look for the role in the user's groups."""
        return has_role(request.user, Role.OPERATOR)


class IsAdministrator(BasePermission):
    """Allows administrators alone."""

    message = "This is for administrators."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Administrators are superusers."""
        return has_role(request.user)


class ViewersReadOperatorsWrite(BasePermission):
    """Allows viewers to read what only operators may change."""

    writers: type[IsOperator | IsAdministrator] = IsOperator

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Ask the permission that the method calls for, and take its message."""
        rule = IsViewer() if request.method in SAFE_METHODS else self.writers()
        self.message = rule.message
        return rule.has_permission(request, view)


class ViewersReadAdministratorsWrite(ViewersReadOperatorsWrite):
    """Allows viewers to read what only administrators may change."""

    writers = IsAdministrator
