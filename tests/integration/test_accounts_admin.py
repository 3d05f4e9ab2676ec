"""Users and roles in the admin."""

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    client = Client()
    client.force_login(builders.user("administrator", email="boss@example.com"))
    return client


def test_users_are_listed_with_their_roles_and_found_by_email(admin):
    builders.user("viewer", email="anna@example.com")
    builders.user(email="bert@example.com")
    page = admin.get("/admin/accounts/user/", {"q": "anna"}).content.decode()
    assert "anna@example.com" in page
    assert "viewer" in page
    assert "bert@example.com" not in page


def test_the_list_asks_the_database_no_more_for_more_users(admin, django_assert_max_num_queries):
    for _ in range(10):
        builders.user("viewer")
    with django_assert_max_num_queries(10):
        admin.get("/admin/accounts/user/")


def test_a_user_is_made_with_an_address_in_lower_case(admin):
    form = {"email": "New@Example.com", "usable_password": "true"}
    form |= {"password1": "a fine password", "password2": "a fine password"}
    assert admin.post("/admin/accounts/user/add/", form).status_code == 302
    assert User.objects.get(email="new@example.com").check_password("a fine password")


def test_an_address_is_taken_in_whatever_case(admin):
    form = {"email": "BOSS@example.com", "usable_password": "true"}
    form |= {"password1": "a fine password", "password2": "a fine password"}
    answer = admin.post("/admin/accounts/user/add/", form)
    assert answer.status_code == 200
    assert b"already exists" in answer.content


def test_a_role_is_given_and_a_user_disabled(admin):
    user = builders.user()
    viewer, _ = Group.objects.get_or_create(name="viewer")
    form = {"email": user.email, "groups": [viewer.pk]}
    assert admin.post(f"/admin/accounts/user/{user.pk}/change/", form).status_code == 302
    user.refresh_from_db()
    assert (user.is_active, list(user.groups.all())) == (False, [viewer])


def test_a_password_has_its_own_form(admin):
    user = builders.user()
    form = {"password1": "a fine password", "password2": "a fine password", "usable_password": "true"}
    assert admin.get(f"/admin/accounts/user/{user.pk}/change/").status_code == 200
    assert admin.post(f"/admin/accounts/user/{user.pk}/password/", form).status_code == 302
    user.refresh_from_db()
    assert user.check_password("a fine password")


@pytest.mark.parametrize("page", ["auth/group/", "axes/accessattempt/", "accounts/user/add/"])
def test_the_other_pages_open(admin, page):
    assert admin.get(f"/admin/{page}").status_code == 200


def test_the_admin_is_found_without_its_slash(admin):
    assert b"Groups" in admin.get("/admin").content


def test_an_unknown_page_is_not_found(admin):
    assert admin.get("/admin/nothing/").status_code == 404


def test_a_search_for_nul_is_refused(admin):
    assert admin.get("/admin/accounts/user/?q=%00").status_code == 400


def test_the_migration_makes_the_groups_and_keeps_those_that_are_there():
    Group.objects.all().delete()
    kept = Group.objects.create(name="viewer")
    migration = importlib.import_module("accounts.migrations.0002_roles")
    migration.make_groups(apps, None)
    assert set(Group.objects.values_list("name", flat=True)) == {"viewer", "operator"}
    assert Group.objects.get(name="viewer") == kept
