"""Storing costs by tag: which keys are kept, what a file says, and which keys all files of a bill tell of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from collectors import bulk
from collectors.billing import tagged
from collectors.billing.reading import Reading, TooManyTagsError
from collectors.models import (
    LONGEST_KEY,
    LONGEST_VALUE,
    BillingFile,
    BillingManifest,
    BillingTag,
    BillingTagCost,
    CloudAccount,
    FileState,
)

MOST_KEYS = 10
"""How many keys are kept unless some are named."""

_LOCK = 0x74_61_67_73
"""The key of the advisory lock under which keys are chosen: it spells "tags"."""

_ACCOUNTS = CloudAccount._meta.db_table
_COSTS = BillingTagCost._meta.db_table


@dataclass(frozen=True, slots=True)
class ToldKey:
    """A key of which bills tell, with the billing periods from the first to the last of them."""

    tag_key: str
    start: date
    end: date


def every_key() -> list[ToldKey]:
    """Return the keys of which the bills that count tell, by name."""
    told: dict[str, ToldKey] = {}
    bills = BillingManifest.objects.exclude(tag_keys=[]).order_by("pk")
    for keys, start, end in bills.values_list("tag_keys", "period_start", "period_end"):
        for key in keys:
            known = told.get(key, ToldKey(key, start, end))
            told[key] = ToldKey(key, min(known.start, start), max(known.end, end))
    return [told[key] for key in sorted(told)]


# --- What a file says ------------------------------------------------------------------------
def kept(found: Sequence[str]) -> list[str]:
    """Return which of a file's keys, the most used first, are kept.

    Those that are named in the settings; where none are, the first ten that any file has, for good.
    """
    wanted = set(settings.BILLING_TAGS) or _chosen(found)
    return [key for key in found if key in wanted]


def _chosen(found: Sequence[str]) -> set[str]:
    """Choose keys as long as there is room for more, before rows of them are made."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        known = set(BillingTag.objects.values_list("key", flat=True))
        new = [key for key in found if key not in known][: max(0, MOST_KEYS - len(known))]
        BillingTag.objects.bulk_create(BillingTag(key=key) for key in new)
    return known | set(new)


def written(reading: Reading, target: Path) -> list[str] | None:
    """Write what was charged by tag as COPY takes it; return by which keys, None where memory is short."""
    keys = None if reading.tags is None else kept(reading.tags)
    try:
        _write(reading, keys or [], target)
    except TooManyTagsError:
        return None
    return keys


def _write(reading: Reading, keys: Sequence[str], target: Path) -> None:
    with target.open("w", encoding="utf-8") as lines:
        for row in reading.tagged_rows(keys):
            lines.write(
                bulk.line(
                    (
                        row.account_id,
                        row.date,
                        row.service,
                        row.region,
                        row.key,
                        row.value or "",
                        row.value is None,
                        row.unit,
                        row.amount,
                    )
                )
            )


# --- Storing ---------------------------------------------------------------------------------
def load(rows: Path) -> None:
    """Bring what a file says into the database, for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE TEMP TABLE billing_tags_told (account text, date date, service text, region text,
                key text, value text, is_other boolean, unit text, amount numeric) ON COMMIT DROP"""
        )
    with rows.open("rb") as lines:
        bulk.load("billing_tags_told", lines)


def replace(file: int) -> None:
    """Store what was loaded in place of what the file said before."""
    forget([file])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {_COSTS} (file_id, account_id, date, service, region, key, value, is_other, unit,
                amount)
            SELECT %s, a.id, date, left(service, 200), left(region, 60), left(key, {LONGEST_KEY}),
                left(value, {LONGEST_VALUE}), is_other, unit, sum(amount)
            FROM billing_tags_told t JOIN {_ACCOUNTS} a ON a.account_id = t.account
            GROUP BY 2, 3, 4, 5, 6, 7, 8, 9""",
            [file],
        )


def forget(files: Sequence[int]) -> None:
    """Delete what these files say."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {_COSTS} WHERE file_id = ANY(%s)", [list(files)])


# --- What a bill tells of --------------------------------------------------------------------
def changed(manifest: BillingManifest) -> list[int]:
    """Note which keys the files that count tell of; where that changed, return those files."""
    files = list(manifest.versions.filter(state=FileState.ACTIVE))
    keys = told_of(files)
    if keys == manifest.tag_keys:
        return []
    manifest.tag_keys = keys
    manifest.save(update_fields=("tag_keys",))
    return [file.pk for file in files]


def told_of(files: Sequence[BillingFile]) -> list[str]:
    """Return the keys that a line of any of these files has, and that none of them left out.

    What a file without such a line charges has no tag of that key.
    """
    if any(file.tag_keys is None for file in files):
        return []
    keys = {key for file in files for key in file.tag_keys or ()}
    return sorted(key for key in keys if not any(_leaves_out(file, key) for file in files))


def _leaves_out(file: BillingFile, key: str) -> bool:
    kept, left_out = file.tag_keys or [], file.tags_left_out
    is_cut_short = len(kept) + len(left_out) >= tagged.MOST_SEEN
    return key in left_out or (is_cut_short and key not in kept)
