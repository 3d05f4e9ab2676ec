"""The pipeline that fetches the prices of the regions in use, each week and when somebody starts it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from analytics.models import PriceList
from analytics.savings.comparing import compared
from analytics.savings.prices import PriceTable, shipped
from collectors.aws import price_list
from collectors.aws.price_list import RegionPrices
from collectors.models import CloudAccount, Instance, Volume
from collectors.services import access
from core.errors import CredentialsRefusedError, PermanentCloudError
from pipelines import registry
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep
from pipelines.slots import Cron

PIPELINE = "prices"
BEFORE_THE_COMPUTATION = Cron("0 5 * * 6", ZoneInfo("America/New_York"))
"""Saturdays, half an hour before savings are computed."""

_DEMO = "The demo cloud has no price list: the shipped prices count."


class PricesHandler(Handler):
    """Fetches a region's prices in a step of its own; prices are the same for all, so one account asks."""

    def plan(self) -> Iterator[PlannedStep]:
        if settings.CLOUDINTEL_CLOUD == "demo":
            self._claim.note(prices=_DEMO)
            return
        account = access.accounts(self._claim)[0]
        for region in _regions():
            yield PlannedStep(f"{account.account_id}/prices/{region}", inputs={"region": region})

    def execute(self, step: PlannedStep) -> Counts:
        account_id, _, region = step.name.split("/")
        door = access.cloud(self._claim, CloudAccount.objects.get(account_id=account_id))
        try:
            found = price_list.prices(door, region)
        except CredentialsRefusedError:
            access.open_clouds.close(door.access)
            raise
        if found is None:
            raise PermanentCloudError(f"AWS lists no prices for {region}; those that were known still count.")
        return self._store(found)

    def _store(self, found: RegionPrices) -> Counts:
        differences = _differences(found)
        self._claim.note(date=found.published.isoformat(), compared=differences)
        row = {
            "source": price_list.SOURCE,
            "date": found.published,
            "hourly": _texts(found.hourly),
            "gb_month": _texts(found.gb_month),
            "compared": differences,
            "fetched_at": timezone.now(),
            "run": self._claim.run,
        }
        with self._claim.writing():
            _, is_new = PriceList.objects.update_or_create(region=found.region, defaults=row)
        return Counts(created=int(is_new), updated=int(not is_new), unchanged=0)


def _regions() -> list[str]:
    """Return the regions in which something is there that has a price."""
    instances = Instance.objects.present().values_list("region", flat=True)
    volumes = Volume.objects.filter(gone_at=None).values_list("region", flat=True)
    return sorted({*instances.distinct().order_by(), *volumes.distinct().order_by()})


def _differences(found: RegionPrices) -> dict[str, Any]:
    """Compare the shipped prices with those that were fetched; empty where none are shipped."""
    ours = shipped(found.region)
    if ours.date is None:
        return {}
    theirs = PriceTable(found.region, price_list.SOURCE, found.published, found.hourly, found.gb_month)
    tables = {name: asdict(each) for name, each in compared(ours, theirs).items()}
    return {"shipped_date": ours.date.isoformat(), **tables}


def _texts(prices: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: f"{usd:f}" for name, usd in prices.items()}


def register() -> None:
    """Tell the ledger how prices are fetched."""
    registry.register(
        Pipeline(
            name=PIPELINE,
            handler=PricesHandler,
            cron=BEFORE_THE_COMPUTATION,
            title="Fetch prices",
        )
    )
