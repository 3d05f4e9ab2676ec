"""What was observed can be looked at in the admin, and nothing else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dbops.models import Observation, RelationHour, Statement
from dbops.services import observing
from tests import builders
from tests.integration.dbops.looking import PlayedPool

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patience")]


@pytest.fixture
def administrator():
    browser = Client()
    browser.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.mark.parametrize("model", [Observation, Statement, RelationHour], ids=lambda each: each.__name__)
def test_each_has_a_list_and_a_page_that_nobody_writes(administrator, model):
    now = timezone.now()
    for minutes in (1, 0):
        observing.observe(now - timedelta(minutes=minutes), pool=PlayedPool())
    name = f"admin:dbops_{model.__name__.lower()}"
    row = model.objects.first()
    assert administrator.get(reverse(f"{name}_changelist")).status_code == 200
    page = reverse(f"{name}_change", args=[row.pk])
    assert administrator.get(page).status_code == 200
    assert administrator.post(page, {}).status_code == 403
