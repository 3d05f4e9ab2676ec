"""Bulk writes count what they change and change only what differs."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import transaction

from collectors import bulk
from collectors.models import CloudAccount, DailyCost, Instance

pytestmark = pytest.mark.django_db
COLUMNS = ("account_id", "date", "service", "region", "source", "basis", "unit", "amount", "estimated")
DAY = date(2026, 3, 1)


@pytest.fixture
def account():
    return CloudAccount.objects.create(account_id="123456789012")


@pytest.fixture
def store(account):
    """Merge costs given as service=amount."""

    def merge(**amounts):
        rows = [
            (account.pk, DAY, service, "eu-west-1", "explorer", "unblended", "USD", Decimal(amount), False)
            for service, amount in amounts.items()
        ]
        with bulk.staged(DailyCost, COLUMNS, rows, key=COLUMNS[:7]) as stage:
            return stage.upsert()

    return merge


def test_counts_what_it_created_updated_and_left_alone(store):
    assert store(a="1", b="2") == {"created": 2, "updated": 0, "unchanged": 0}
    assert store(a="1", b="3", c="4") == {"created": 1, "updated": 1, "unchanged": 1}


def test_takes_the_same_amount_with_other_zeros_for_equal(store):
    store(a="1.5")
    assert store(a="1.500")["unchanged"] == 1


def test_stores_an_amount_to_its_last_digit(store):
    exact = "12345678901234567890.12345678901234567890123"
    store(a=exact)
    assert str(DailyCost.objects.get().amount) == exact


def test_takes_the_last_of_rows_with_the_same_key(account):
    rows = [(account.pk, DAY, "a", "", "explorer", "unblended", "USD", amount, False) for amount in (1, 2)]
    with bulk.staged(DailyCost, COLUMNS, rows, key=COLUMNS[:7]) as stage:
        assert stage.upsert() == {"created": 1, "updated": 0, "unchanged": 0}
    assert DailyCost.objects.get().amount == 2


def test_takes_texts_that_are_stored_alike_for_the_same_key(store):
    assert store(**{"a": "1", "a\0": "2"})["created"] == 1
    assert DailyCost.objects.get().amount == 2


def test_can_be_used_twice_in_one_transaction(store):
    with transaction.atomic():
        store(a="1")
        assert store(a="2")["updated"] == 1


def test_takes_rows_in_the_order_of_their_key_where_that_is_asked_for(account):
    rows = [(account.pk, DAY, service, "", "explorer", "unblended", "USD", 1, False) for service in "cab"]
    with bulk.staged(DailyCost, COLUMNS, rows, key=COLUMNS[:7]) as stage:
        stage.upsert(in_order=True)
    assert list(DailyCost.objects.order_by("pk").values_list("service", flat=True)) == ["a", "b", "c"]


def test_accepts_nothing_at_all(store):
    assert store() == {"created": 0, "updated": 0, "unchanged": 0}


@pytest.mark.parametrize(
    "text", ["tab\tnew\nline\rreturn", "back\\slash", "\\N", "\\.", "quote'\"", "héllo – 日本", ""]
)
def test_stores_text_as_it_is(account, text):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    values = {
        "account_id": account.pk,
        "region": "eu-west-1",
        "instance_id": "i-1",
        **dict.fromkeys(("instance_type", "state", "availability_zone", "platform", "lifecycle"), "x"),
        **dict.fromkeys(("image_id", "vpc_id", "private_ip", "public_ip"), "x"),
        "name": text,
        "detailed_monitoring": True,
        "tags": {text: [text]},
        "launched_at": None,
        "first_seen": now,
        "last_seen": now,
    }
    columns, row = tuple(values), tuple(values.values())
    with bulk.staged(Instance, columns, [row], key=columns[:3]) as stage:
        stage.upsert()
    stored = Instance.objects.get()
    assert (stored.name, stored.tags) == (text, {text: [text]})
    assert (stored.launched_at, stored.first_seen, stored.detailed_monitoring) == (None, now, True)


def test_leaves_out_the_nul_characters_postgresql_cannot_hold(store):
    store(**{"a\0b": "1"})
    assert DailyCost.objects.get().service == "ab"


def test_what_a_query_selects_is_staged_with_the_number_of_its_rows(account, store):
    store(a="1", b="2")
    query = f"SELECT {', '.join(COLUMNS[:7])}, amount * %s, estimated FROM daily_costs"
    with bulk.selected(DailyCost, COLUMNS, query, [2], key=COLUMNS[:7]) as stage:
        assert stage.rows == 2
        assert stage.upsert() == {"created": 0, "updated": 2, "unchanged": 0}
    assert sorted(DailyCost.objects.values_list("amount", flat=True)) == [2, 4]
