"""What was replaced goes when its time is over; what counts stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from collectors.models import BillingFile, CloudAccount, CostSource, FileState, QuarantinedLine
from collectors.services import access
from core.errors import InvalidInputError
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def ago(days):
    return timezone.now() - timedelta(days=days)


def test_replaced_versions_go_after_the_runs_that_read_them(settings, tidy):
    settings.RUN_RETENTION_DAYS = 30
    for days in (31, 29):
        for state in (FileState.SUPERSEDED, FileState.ACTIVE, FileState.FAILED):
            builders.billing_file(state=state, found_at=ago(days), read_at=ago(days))
    assert tidy("billing-files") == {"billing_files_deleted": 1}
    assert BillingFile.objects.count() == 5


def test_broken_lines_go_and_their_number_stays(settings, tidy):
    settings.RUN_RETENTION_DAYS = 30
    old, young = (builders.billing_file(read_at=ago(days), quarantined=1) for days in (31, 29))
    for file in (old, young):
        builders.quarantined(file)
    assert tidy("billing-quarantine") == {"billing_quarantine_deleted": 1}
    assert QuarantinedLine.objects.get().file == young
    old.refresh_from_db()
    assert old.quarantined == 1


# --- Accounts that only files tell of --------------------------------------------------------
@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setattr(access.Cloud, "account_id", lambda _self: "111111111111")


def told_of(account_id, **fields):
    return builders.account(account_id, **{"enabled": False, "cost_source": CostSource.FILES, **fields})


def test_the_default_credentials_account_is_collected_from_though_files_told_of_it_first(
    credentials, claimed
):
    told_of("111111111111", name="payer")
    told_of("222222222222")
    assert [str(account) for account in access.accounts(claimed)] == ["111111111111 payer"]
    assert CloudAccount.objects.count() == 2


def test_an_account_that_was_disabled_is_not_collected_from(credentials, claimed):
    builders.account("111111111111", enabled=False)
    told_of("222222222222")
    with pytest.raises(InvalidInputError, match="Every cloud account is disabled"):
        access.accounts(claimed)
