"""Computes each night what the estate emitted and how sustainably it ran, and stores that."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from analytics import computing
from analytics.carbon import estate
from analytics.carbon.coefficients import COEFFICIENTS
from analytics.carbon.estate import Observed
from analytics.carbon.footprint import Footprint, of_instance, of_volume
from analytics.carbon.ranges import Range
from analytics.carbon.regions import Hint, Hints, cheaper_and_cleaner
from analytics.carbon.score import Running, Score, assess
from analytics.carbon.totals import Coverage, Part, Totals, by, total
from analytics.models import CarbonReport, Computation, InstanceFootprint, Subject, SustainabilityScore
from analytics.savings.price_list import REGIONS
from analytics.savings.prices import shipped
from collectors.models import DailyCost, Instance
from core.period import Period
from pipelines.claims import Claim
from pipelines.registry import Counts

EC2, EBS = "EC2", "EBS"
NOTHING = "No instance and no volume is known that was there in these days."
OTHERS = "The method is applied to EC2's instances and EBS's volumes alone."

_BILLED_AS = frozenset(
    {
        "Amazon Elastic Compute Cloud - Compute",
        "Amazon Elastic Compute Cloud",
        "Amazon Elastic Block Store",
        "AmazonEC2",
        "EC2 - Other",
    }
)
"""The names under which bills have instances and volumes; with them come addresses, gateways and transfer."""


def register() -> None:
    """Have this computed each night."""
    computing.register(Subject.CARBON, compute)


def compute(claim: Claim, now: datetime) -> Counts:
    """Estimate the last whole days' emissions, and score them; both are stored together."""
    period = Period.last(settings.CARBON_DAYS, through=now.date() - timedelta(days=1))
    found = _read(claim, period)
    with claim.writing():
        if not found.parts:
            for subject in (Subject.CARBON, Subject.SUSTAINABILITY):
                Computation.objects.withheld(subject, NOTHING, claim.run)
            return Counts(instances=0, volumes=0)
        _store(found, period)
        for subject in (Subject.CARBON, Subject.SUSTAINABILITY):
            Computation.objects.done(subject, now, claim.run)
    return Counts(instances=len(found.rows), volumes=len(found.parts) - len(found.rows))


@dataclass
class _Found:
    """What was made of the estate so far."""

    parts: list[Part] = field(default_factory=list)
    rows: list[InstanceFootprint] = field(default_factory=list)
    machines: list[Running] = field(default_factory=list)
    moves: dict[tuple[str, str], "_Move"] = field(default_factory=dict)

    def add(self, observed: Observed) -> None:
        """Estimate an instance."""
        region = observed.instance.region
        footprint = of_instance(observed.machine, observed.usage, region=region)
        hints = _hints(observed, footprint)
        for hint in hints.hints:
            self.moves.setdefault((region, hint.region), _Move(hint.is_near)).add(hint)
        account = observed.instance.account.account_id
        self.parts.append(Part(account, EC2, observed.ran.hours, footprint))
        self.rows.append(_row(observed, footprint, hints))
        self.machines.append(observed.running)


@dataclass
class _Move:
    """What moving from one region to another would save, for all instances for which it would."""

    is_near: bool
    instances: int = 0
    usd: float = 0.0
    operational_kg: Range = field(default_factory=lambda: Range.exactly(0.0))

    def add(self, hint: Hint) -> None:
        self.instances += 1
        self.usd += hint.usd
        self.operational_kg += hint.operational_kg


def _read(claim: Claim, period: Period) -> _Found:
    found = _Found()
    for observed in estate.instances(period):
        for each in observed:
            found.add(each)
        claim.renew()
    for volumes in estate.volumes(period):
        found.parts += [
            Part(
                volume.account.account_id,
                EBS,
                hours,
                of_volume(volume.volume_type, volume.size_gib, hours, region=volume.region),
            )
            for volume, hours in volumes
        ]
        claim.renew()
    return found


def _hints(observed: Observed, footprint: Footprint) -> Hints:
    """Return where to an instance could move, by the prices that are shipped."""
    energy, hours = footprint.energy_kwh, observed.ran.hours
    if energy is None or hours is None:
        return Hints((), "What it uses is unknown.")
    if not hours:
        return Hints((), "It did not run.")

    def hourly_usd(instance_type: str, region: str) -> float | None:
        table = shipped(region)
        if table.month(instance_type, observed.instance.platform).usd is None:
            return None
        return float(table.hourly[instance_type])

    return cheaper_and_cleaner(
        observed.machine.instance_type,
        observed.instance.region,
        hours=hours,
        energy_kwh=energy,
        price=hourly_usd,
        candidates=REGIONS,
    )


# --- Storing ---------------------------------------------------------------------------------
def _store(found: _Found, period: Period) -> None:
    """Replace what was computed before."""
    InstanceFootprint.objects.all().delete()
    # One that was deleted meanwhile, with its account, is left out.
    there = set(Instance.objects.values_list("pk", flat=True))
    rows = [row for row in found.rows if row.instance_id in there]
    InstanceFootprint.objects.bulk_create(rows, batch_size=1000)
    CarbonReport.objects.all().delete()
    CarbonReport.objects.create(
        start=period.start,
        end=period.end,
        coefficients_as_of=COEFFICIENTS.as_of,
        price_dates={region: listed.date.isoformat() for region, listed in REGIONS.items()},
        totals=_told(total(found.parts)),
        accounts=_groups("account", by(found.parts, lambda part: part.account)),
        services=[
            *_groups("service", by(found.parts, lambda part: part.service)),
            *_unestimated(period),
        ],
        hints=_moves(found),
    )
    score = assess(found.machines, estate.storage())
    SustainabilityScore.objects.update_or_create(date=period.end - timedelta(days=1), defaults=_scored(score))


def _row(observed: Observed, footprint: Footprint, hints: Hints) -> InstanceFootprint:
    energy, operational, embodied = map(
        _bounds, (footprint.energy_kwh, footprint.operational_kg, footprint.embodied_kg)
    )
    return InstanceFootprint(
        instance=observed.instance,
        instance_type=observed.machine.instance_type,
        vcpus=observed.machine.vcpus,
        hours=observed.ran.hours,
        unknown_hours=observed.ran.unknown_hours,
        cpu_percent=observed.ran.cpu_percent,
        measured_share=observed.ran.measured_share,
        energy_low_kwh=energy[0],
        energy_high_kwh=energy[1],
        operational_low_kg=operational[0],
        operational_high_kg=operational[1],
        embodied_low_kg=embodied[0],
        embodied_high_kg=embodied[1],
        assumptions=[*footprint.assumptions, *_unsure(observed)],
        reasons=list(footprint.reasons),
        hints=[
            {
                "region": hint.region,
                "usd": hint.usd,
                "operational_kg": _range(hint.operational_kg),
                "is_near": hint.is_near,
            }
            for hint in hints.hints
        ],
        no_hint=hints.reason,
    )


def _unsure(observed: Observed) -> list[str]:
    unknown = observed.ran.unknown_hours
    if not unknown or observed.ran.hours is None:
        return []
    return [f"Whether it ran is not known of {unknown:.0f} hours: left out."]


def _unestimated(period: Period) -> list[dict[str, Any]]:
    """Return the other services that the bill has, of which nothing is known."""
    billed = DailyCost.objects.unblended().between(period.start, period.end).exclude(amount=0)
    names = billed.exclude(service="").order_by("service").values_list("service", flat=True).distinct()
    reasons = [{"reason": OTHERS, "resources": None}]
    return [
        {"service": name, "operational_kg": None, "embodied_kg": None, "coverage": None, "reasons": reasons}
        for name in names
        if name not in _BILLED_AS
    ]


def _groups(label: str, groups: dict[Any, Totals]) -> list[dict[str, Any]]:
    return [{label: name, **_told(totals)} for name, totals in sorted(groups.items())]


def _moves(found: _Found) -> list[dict[str, Any]]:
    """Return the moves, the near and those that save most first."""
    moves = sorted(
        found.moves.items(), key=lambda each: (not each[1].is_near, -each[1].operational_kg.middle, each[0])
    )
    return [
        {
            "from_region": here,
            "to_region": there,
            "is_near": move.is_near,
            "instances": move.instances,
            "usd": move.usd,
            "operational_kg": _range(move.operational_kg),
        }
        for (here, there), move in moves
    ]


def _told(totals: Totals) -> dict[str, Any]:
    return {
        "operational_kg": _range(totals.operational_kg),
        "embodied_kg": _range(totals.embodied_kg),
        "coverage": {
            "operational": _coverage(totals.operational),
            "embodied": _coverage(totals.embodied),
        },
        "reasons": [{"reason": reason, "resources": count} for reason, count in totals.reasons],
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "resources": coverage.resources,
        "estimated": coverage.estimated,
        "share": coverage.share,
        "hours": coverage.hours,
        "estimated_hours": coverage.estimated_hours,
        "share_of_hours": coverage.share_of_hours,
    }


def _scored(score: Score) -> dict[str, Any]:
    return {
        "score": score.total,
        "known_weight": score.known_weight,
        "reason": score.reason,
        "parts": [
            {"name": part.name, "weight": part.weight, "score": part.score, "reason": part.reason or None}
            for part in score.parts
        ],
    }


def _range(found: Range | None) -> dict[str, float] | None:
    return None if found is None else {"low": found.low, "high": found.high}


def _bounds(found: Range | None) -> tuple[float | None, float | None]:
    return (None, None) if found is None else (found.low, found.high)
