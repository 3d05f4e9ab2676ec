"""Who may do what."""

import pytest
from django.contrib.auth.models import Group
from django.urls import path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from accounts import tokens
from accounts.permissions import (
    IsAdministrator,
    IsOperator,
    Role,
    ViewersReadAdministratorsWrite,
    has_role,
    having_role,
)
from core import api
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.test_accounts_roles")]


class Estate(APIView):
    """Guarded by the default permission."""

    def get(self, request):
        return Response({})

    post = get


class Sync(Estate):
    permission_classes = (IsOperator,)


class Settings(Estate):
    permission_classes = (IsAdministrator,)


class Catalogue(Estate):
    permission_classes = (ViewersReadAdministratorsWrite,)


urlpatterns = [
    path("estate", Estate.as_view()),
    path("sync", Sync.as_view()),
    path("settings", Settings.as_view()),
    path("catalogue", Catalogue.as_view()),
]
handler404 = api.not_found

ROLES = [None, "viewer", "operator", "administrator"]
ALLOWED = {
    ("GET", "/estate"): {"viewer", "operator", "administrator"},
    ("GET", "/sync"): {"operator", "administrator"},
    ("GET", "/settings"): {"administrator"},
    ("GET", "/catalogue"): {"viewer", "operator", "administrator"},
    ("POST", "/catalogue"): {"administrator"},
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "route"), ALLOWED)
def test_each_role_opens_its_doors(method, route, role):
    answer = builders.client(role).generic(method, route)
    assert answer.status_code == (200 if role in ALLOWED[method, route] else 403)


@pytest.mark.parametrize(("method", "route"), ALLOWED)
def test_nobody_is_asked_for_a_token_first(method, route):
    answer = APIClient().generic(method, route)
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})


@pytest.mark.parametrize(
    ("method", "route", "reason"),
    [
        ("GET", "/estate", "This needs the role viewer or operator; an administrator can give it to you."),
        ("GET", "/sync", "This needs the role operator; an administrator can give it to you."),
        ("GET", "/settings", "This is for administrators."),
        ("GET", "/catalogue", "This needs the role viewer or operator; an administrator can give it to you."),
        ("POST", "/catalogue", "This is for administrators."),
    ],
)
def test_a_user_without_a_role_is_told_which_is_needed(method, route, reason):
    assert builders.client().generic(method, route).json() == {"error": reason}


def test_staff_without_a_role_has_none():
    staff = APIClient()
    staff.force_authenticate(builders.user(is_staff=True))
    assert staff.get("/estate").status_code == 403


def test_a_role_counts_from_the_moment_it_is_given():
    user = builders.user()
    client = APIClient(headers={"Authorization": f"Bearer {tokens.issue(user)}"})
    assert client.get("/estate").status_code == 403
    user.groups.add(Group.objects.get_or_create(name="viewer")[0])
    assert client.get("/estate").status_code == 200


def test_a_disabled_administrator_has_no_role():
    client = APIClient()
    client.force_authenticate(builders.user("administrator", is_active=False))
    assert client.get("/settings").status_code == 403


@pytest.mark.parametrize("roles", [(Role.VIEWER, Role.OPERATOR), (Role.OPERATOR,), ()])
def test_users_are_found_by_what_would_be_told_of_each(roles):
    users = [builders.user(role) for role in ROLES]
    users += [builders.user("viewer", is_active=False), builders.user("administrator", is_active=False)]
    users[2].groups.add(Group.objects.get_or_create(name="viewer")[0])
    assert set(having_role(*roles)) == {user for user in users if has_role(user, *roles)}
    assert having_role(*roles).count() == len(having_role(*roles))
