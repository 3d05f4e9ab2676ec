"""Starts runs, and decides, where the harness's messages ask for it."""

from datetime import UTC, datetime

from celery import shared_task
from django.db import transaction

from pipelines import ledger


@shared_task
def start(pipeline, slot, scope="all"):
    """Start the pipeline for that slot; a message that comes twice starts it once."""
    ledger.start(pipeline, scope=scope, slot=datetime.fromisoformat(slot))


@shared_task
def scale(number):
    """Register so many instances in the stub's account, and decide to scale each of them up."""
    from benchmarks.stub.protocol import ACCOUNT
    from collectors.models import CloudAccount
    from tests import builders
    from tests.integration.scaling.acting import decided, managed

    with transaction.atomic():
        account = CloudAccount.objects.get(account_id=ACCOUNT)
        account.actor_role_arn = f"arn:aws:iam::{ACCOUNT}:role/CloudIntelActor"
        account.save()
        owner = builders.user("operator", email=f"operator{datetime.now(UTC).timestamp()}@example.com")
        for place in range(number):
            decided(managed(f"i-{place:017x}", account=account, owner=owner))
