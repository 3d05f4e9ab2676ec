"""Starts runs where the harness's messages ask for it."""

from datetime import datetime

from celery import shared_task

from pipelines import ledger


@shared_task
def start(pipeline, slot):
    """Start the pipeline for that slot; a message that comes twice starts it once."""
    ledger.start(pipeline, slot=datetime.fromisoformat(slot))
