"""`manage.py start`: starts a run from a scheduler outside, such as EventBridge's."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.dateparse import parse_datetime

from pipelines import ledger, registry
from pipelines.models import Trigger


def _slot(text: str) -> datetime:
    try:
        slot = parse_datetime(text)
    except ValueError:
        slot = None
    if slot is None or slot.tzinfo is None:
        raise ArgumentTypeError(f"must be a time with a zone, such as 2026-11-30T09:30:00Z, not {text!r}")
    return slot


class Command(BaseCommand):
    help = (
        "Start a run of a pipeline; the workers do it. A run that is active, or had that slot already, is "
        "not started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pipeline", choices=sorted(one.name for one in registry.every()))
        parser.add_argument(
            "--slot", type=_slot, metavar="TIME", help="the time it is due; default: now, as a person's start"
        )

    def handle(self, *, pipeline: str, slot: datetime | None, **_options: Any) -> None:
        """Start it, or name the one there is."""
        if slot is None:
            run = ledger.start(pipeline)
        else:
            run = ledger.start(pipeline, slot=slot, trigger=Trigger.SCHEDULE)
        self.stdout.write(f"{pipeline}: run {run.pk} is {run.status}")
