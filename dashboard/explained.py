"""Decisions of the autoscaler, explained: by what they were made, what was against them, what was done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from dashboard.charts import Mark
from dashboard.measured import Span
from scaling.columns import METRICS
from scaling.models import Direction, ManagedInstance, Outcome, ScalingDecision, ScalingEvent, Source
from scaling.serializers.metrics import outlier_type

MOST = 20
"""So many of the latest decisions of a span are drawn and explained."""
_FENCES = ("q1", "q3", "lower", "upper")
_TONES = {
    Outcome.APPLIED: "good",
    Outcome.RECOMMENDED: "warn",
    Outcome.PENDING: "warn",
    Outcome.FAILED: "bad",
    Outcome.UNKNOWN: "bad",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision by its number among those that are drawn, the oldest being 1."""

    number: int
    decision: ScalingDecision

    @property
    def tone(self) -> str:
        return _TONES.get(Outcome(self.decision.outcome), "info")

    @property
    def word(self) -> str:
        """What was decided, in words."""
        return Direction(self.decision.decision).value.replace("_", " ")

    @property
    def anchor(self) -> str:
        """The id of its explanation on the page."""
        return f"decision-{self.decision.pk}"

    @property
    def mark(self) -> Mark:
        return Mark(
            self.decision.timestamp, self.word, self.tone, name=str(self.number), href=f"#{self.anchor}"
        )

    @property
    def wish(self) -> str:
        """What the rule wished for, where the guard held it."""
        wish = str(self.decision.inputs.get("wish", ""))
        return wish.replace("_", " ") if self.decision.vetoes else ""

    @property
    def statistics(self) -> list[tuple[str, list[float]]]:
        """The quartiles and fences of each metric that had enough samples."""
        known = self.decision.inputs.get("statistics") or {}
        return [(name, [each[column] for column in _FENCES]) for name, each in known.items() if each]

    @property
    def samples(self) -> list[tuple[Any, ...]]:
        """The window that was looked at: moment, metrics, where each sample comes from, what is odd in it."""
        window = self.decision.inputs.get("samples")
        return list(_rows(window)) if isinstance(window, dict) and "timestamp" in window else []


def _rows(window: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    moments = [datetime.fromisoformat(at) for at in window["timestamp"]]
    sources = [Source(each).label for each in window["source"]]
    outliers = [outlier_type(each) for each in window["outlier"]]
    columns = [window[metric] for metric in METRICS]
    return zip(moments, *columns, sources, outliers, strict=True)


def decisions(instance: ManagedInstance, span: Span) -> tuple[list[Explained], int]:
    """Return the latest decisions of the span, the latest first, and how many are left out."""
    events = Prefetch("events", ScalingEvent.objects.order_by("at", "id"))
    return _numbered(_within(instance, span).prefetch_related(events))


def marks(instance: ManagedInstance, span: Span) -> list[Mark]:
    """Return the marks of the same decisions, without reading what explains them."""
    return [each.mark for each in _numbered(_within(instance, span).defer("inputs"))[0]]


def _within(instance: ManagedInstance, span: Span) -> "QuerySet[ScalingDecision]":
    return instance.decisions.filter(timestamp__gte=span.start, timestamp__lt=span.end)


def _numbered(within: "QuerySet[ScalingDecision]") -> tuple[list[Explained], int]:
    latest = list(within[: MOST + 1])
    left_out = within.count() - MOST if len(latest) > MOST else 0
    shown = latest[:MOST]
    last = left_out + len(shown)
    return [Explained(last - place, each) for place, each in enumerate(shown)], left_out
