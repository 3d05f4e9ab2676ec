"""Storing what billing files say: a version of a file replaces the former one whole, and days are added anew.

Whatever changes which lines count does so in its turn: one transaction at a time holds an advisory lock, so
that two workers with files of the same days neither wait for each other for ever nor lose what the other
wrote. It is taken last, once the lines are in the database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from collectors import bulk
from collectors.billing import tagging
from collectors.billing.reading import BilledRow, BrokenLine, Reading
from collectors.models import (
    Basis,
    BillingCost,
    BillingFile,
    BillingManifest,
    BillingTagCost,
    CloudAccount,
    CostSource,
    DailyCost,
    DailyTagCost,
    FileState,
    QuarantinedLine,
)
from pipelines.models import Run
from pipelines.registry import Counts

_LOCK = 0x62_69_6C_6C
"""The key of the advisory lock: it spells "bill"."""

_COSTS = BillingCost._meta.db_table
_FILES = BillingFile._meta.db_table
_MANIFESTS = BillingManifest._meta.db_table
_ACCOUNTS = CloudAccount._meta.db_table
_COLUMNS = ("account_id", "date", "service", "region", "source", "basis", "unit", "amount", "estimated")
_KEY = _COLUMNS[:7]
_TAG_COSTS = BillingTagCost._meta.db_table
_TAG_COLUMNS = (
    "account_id",
    "date",
    "key",
    "service",
    "region",
    "value",
    "is_other",
    "unit",
    "amount",
    "estimated",
)
_TAG_KEY = _TAG_COLUMNS[:8]
_LONGEST_NAME = 100
_LONGEST_REASON = 500


# --- What a file says ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Told:
    """What was read of a file: its lines' sums are in `costs` and `tags`, written as COPY takes them."""

    costs: Path
    tags: Path
    accounts: Mapping[str, str]
    layout: str
    lines: int
    quarantined: int
    broken: Sequence[BrokenLine]
    skipped: Mapping[str, int]
    left_out: Sequence[str]
    tag_keys: list[str] | None
    tags_left_out: Sequence[str]


def told(reading: Reading, scratch: Path) -> Told:
    """Read a file to its end, without a transaction: that takes as long as the file is large."""
    costs, tags = scratch / "costs.copy", scratch / "tags.copy"
    accounts: dict[str, str] = {}
    with costs.open("w", encoding="utf-8") as lines:
        for row in reading.rows():
            accounts[row.account_id] = row.account_name or accounts.get(row.account_id, "")
            lines.write(_line(row))
    keys = tagging.written(reading, tags)
    return Told(
        costs,
        tags,
        accounts,
        reading.layout,
        reading.lines,
        reading.quarantined,
        reading.broken,
        reading.skipped,
        reading.left_out,
        keys,
        [key for key in reading.tags or () if key not in (keys or ())],
    )


def _line(row: BilledRow) -> str:
    return bulk.line(
        (row.account_id, row.date, row.service, row.region, row.basis, row.unit, row.amount, row.estimated)
    )


# --- Taking turns ----------------------------------------------------------------------------
@dataclass
class Turn:
    """The right to change which lines count."""

    counts: Counts = field(default_factory=Counts)

    def touch(self, files: Iterable[int]) -> None:
        """Have the days added anew of which these files tell."""
        _execute(
            f"""INSERT INTO billing_days
            SELECT DISTINCT account_id, date FROM {_COSTS} WHERE file_id = ANY(%s)""",
            list(files),
        )

    def supersede(self, versions: "QuerySet[BillingFile]") -> None:
        """Have these versions count no more; their lines go."""
        keys = list(versions.values_list("pk", flat=True))
        self.touch(keys)
        _execute(f"DELETE FROM {_COSTS} WHERE file_id = ANY(%s)", keys)
        tagging.forget(keys)
        BillingFile.objects.filter(pk__in=keys).update(state=FileState.SUPERSEDED)


def _execute(sql: str, *parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        touched: int = cursor.rowcount
    return touched


@contextmanager
def turn() -> Iterator[Turn]:
    """Wait for one's turn, and add up at its end the days that changed; for use inside a transaction."""
    _execute("SELECT pg_advisory_xact_lock(%s)", _LOCK)
    _execute("CREATE TEMP TABLE billing_days (account_id bigint, date date) ON COMMIT DROP")
    taken = Turn()
    yield taken
    taken.counts.update(_add_up())
    _execute("DROP TABLE billing_days")


def _add_up() -> Counts:
    """Bring the daily costs of the changed days into line with the files that count.

    Where several exports tell of an account's day by the same basis, they tell of the same money, and one
    counts: of the location that is configured first, then by name.
    """
    _execute(
        f"""CREATE TEMP TABLE billing_counting ON COMMIT DROP AS SELECT * FROM (
            SELECT c.*, f.manifest_id, m.tag_keys, dense_rank() OVER (
                PARTITION BY c.account_id, c.date, c.basis
                ORDER BY array_position(%s::text[], m.location::text), m.location, m.export
            ) AS place
            FROM (SELECT DISTINCT account_id, date FROM billing_days) d
            JOIN {_COSTS} c USING (account_id, date)
            JOIN {_FILES} f ON f.id = c.file_id AND f.state = '{FileState.ACTIVE}'
            JOIN {_MANIFESTS} m ON m.id = f.manifest_id
        ) told WHERE place = 1""",
        settings.BILLING_EXPORTS,
    )
    _execute("ANALYZE billing_counting")
    _execute("ANALYZE billing_days")
    counts = _add_up_costs()
    _add_up_tags()
    _execute("DROP TABLE billing_counting")
    return counts


def _add_up_costs() -> Counts:
    query = f"""
        SELECT account_id, date, service, region, '{CostSource.FILES}', basis, unit,
            sum(amount), bool_or(estimated)
        FROM billing_counting GROUP BY account_id, date, service, region, basis, unit"""
    with bulk.selected(DailyCost, _COLUMNS, query, key=_KEY) as stage:
        counts = stage.upsert()
        counts["deleted"] = _delete_vanished(stage, f"t.source = '{CostSource.FILES}'")
    return counts


def _add_up_tags() -> None:
    """Do the same by tag: what has no tag of a key is the rest of what was charged.

    A day of an account tells of a key where all bills do that count for it. Nothing is the rest only where
    there is something that nothing is left of.
    """
    query = f"""
        WITH charged AS (SELECT * FROM billing_counting WHERE basis = '{Basis.UNBLENDED}'),
        bills AS (
            SELECT *, count(*) OVER (PARTITION BY account_id, date) AS bills
            FROM (SELECT DISTINCT account_id, date, manifest_id, tag_keys FROM charged) each
        ),
        keys AS (
            SELECT account_id, date, key
            FROM bills CROSS JOIN LATERAL jsonb_array_elements_text(tag_keys) AS key
            GROUP BY account_id, date, key, bills HAVING count(*) = bills
        ),
        parts AS (
            SELECT account_id, date, key, service, region, '' AS value, false AS is_other, unit, amount,
                estimated, true AS is_whole
            FROM charged JOIN keys USING (account_id, date)
            UNION ALL
            SELECT account_id, date, key, service, region, part.value, part.is_other, unit, part.amount,
                c.estimated, false
            FROM charged c JOIN keys USING (account_id, date)
            JOIN {_TAG_COSTS} t USING (file_id, account_id, date, service, region, unit, key)
            CROSS JOIN LATERAL (VALUES (t.value, t.is_other, t.amount), ('', false, -t.amount))
                AS part (value, is_other, amount)
        )
        SELECT account_id, date, key, service, region, value, is_other, unit, trim_scale(sum(amount)),
            bool_or(estimated)
        FROM parts GROUP BY account_id, date, key, service, region, value, is_other, unit
        HAVING value <> '' OR is_other OR sum(amount) <> 0 OR bool_and(is_whole)"""
    with bulk.selected(DailyTagCost, _TAG_COLUMNS, query, key=_TAG_KEY) as stage:
        stage.upsert()
        _delete_vanished(stage)


def _delete_vanished(stage: bulk.Stage, condition: str = "true") -> int:
    """Delete what is stored of the changed days and was not added up."""
    stage.execute(f"CREATE INDEX ON {stage.table} ({', '.join(stage.key)})")
    stage.execute("ANALYZE {s}")
    return stage.execute(
        f"""DELETE FROM {{t}} t USING (SELECT DISTINCT account_id, date FROM billing_days) d
        WHERE t.account_id = d.account_id AND t.date = d.date AND {condition}
        AND NOT EXISTS (SELECT FROM {{s}} s WHERE {{matches}})"""
    )


# --- Storing ---------------------------------------------------------------------------------
def store(file: BillingFile, content: Told, *, run: Run, now: datetime) -> Counts:
    """Replace what the file's former version says by this; for use inside a transaction.

    What was superseded while it was read counts no more, and is not stored.
    """
    _load(content)
    with turn() as taken:
        wanted = BillingFile.objects.exclude(state=FileState.SUPERSEDED).select_related("manifest")
        present = wanted.filter(pk=file.pk).first()
        if present is not None:
            present.run, present.read_at = run, now
            _replace(taken, present, content)
            _note(present, content)
            _enter(taken, present)
            taken.counts.update(files=1, lines=content.lines, quarantined=content.quarantined)
    _execute("DROP TABLE billing_told, billing_tags_told")
    return taken.counts


def _load(content: Told) -> None:
    _execute(
        """CREATE TEMP TABLE billing_told (account text, date date, service text, region text, basis text,
            unit text, amount numeric, estimated boolean) ON COMMIT DROP"""
    )
    with content.costs.open("rb") as lines:
        bulk.load("billing_told", lines)
    tagging.load(content.tags)


def _replace(taken: Turn, file: BillingFile, content: Told) -> None:
    _know(content.accounts)
    taken.touch([file.pk])
    _execute(f"DELETE FROM {_COSTS} WHERE file_id = %s", file.pk)
    _execute(
        f"""INSERT INTO {_COSTS} (file_id, account_id, date, service, region, basis, unit, amount, estimated)
        SELECT %s, a.id, date, left(service, 200), left(region, 60), basis, unit,
            sum(amount), bool_or(estimated)
        FROM billing_told t JOIN {_ACCOUNTS} a ON a.account_id = t.account
        GROUP BY a.id, date, left(service, 200), left(region, 60), basis, unit""",
        file.pk,
    )
    tagging.replace(file.pk)
    taken.touch([file.pk])


def _know(accounts: Mapping[str, str]) -> None:
    """Have a row for each account; one that only files tell of is not collected from."""
    known = CloudAccount.objects.filter(account_id__in=accounts).values_list("account_id", flat=True)
    CloudAccount.objects.bulk_create(
        [
            CloudAccount(
                account_id=account,
                name=accounts[account][:_LONGEST_NAME],
                enabled=False,
                cost_source=CostSource.FILES,
            )
            for account in sorted(accounts.keys() - set(known))
        ],
        ignore_conflicts=True,
    )


def _note(file: BillingFile, content: Told) -> None:
    file.layout = content.layout
    file.lines, file.quarantined = content.lines, content.quarantined
    file.skipped, file.left_out = dict(content.skipped), list(content.left_out)
    file.tag_keys, file.tags_left_out = content.tag_keys, list(content.tags_left_out)
    file.error = ""
    file.quarantine.all().delete()
    QuarantinedLine.objects.bulk_create(_quarantined(file, line) for line in content.broken)


def _quarantined(file: BillingFile, line: BrokenLine) -> QuarantinedLine:
    reason, text = line.reason[:_LONGEST_REASON], line.text.replace("\0", "")
    return QuarantinedLine(file=file, line=line.number, reason=reason, text=text)


# --- Which versions count --------------------------------------------------------------------
def _enter(taken: Turn, file: BillingFile) -> None:
    """Have the file count, or wait for the others that its manifest lists.

    It waits where files count that the manifest does not list any more: those are replaced all at once.
    """
    others = file.manifest.versions.exclude(pk=file.pk)
    former = others.filter(state=FileState.ACTIVE).exclude(key__in=file.manifest.files)
    if file.state != FileState.ACTIVE:
        file.state = FileState.STAGED if former.exists() else FileState.ACTIVE
    file.save()
    if file.state == FileState.ACTIVE:
        taken.supersede(others.filter(key=file.key, state=FileState.ACTIVE))
    settle(taken, file.manifest)


def settle(taken: Turn, manifest: BillingManifest) -> None:
    """Have all files of a manifest count in place of those that did, once all of them are read."""
    _take_over(taken, manifest)
    taken.touch(tagging.changed(manifest))


def _take_over(taken: Turn, manifest: BillingManifest) -> None:
    versions = manifest.versions.exclude(state=FileState.SUPERSEDED)
    states = versions.values_list("key", "state")
    read = {key for key, state in states if state in (FileState.STAGED, FileState.ACTIVE)}
    unread = {key for key, state in states if state in (FileState.FOUND, FileState.FAILED)}
    if not set(manifest.files) <= read - unread:
        return
    staged = dict(versions.filter(state=FileState.STAGED).values_list("pk", "key"))
    kept = set(manifest.files) - set(staged.values())
    taken.supersede(versions.filter(state=FileState.ACTIVE).exclude(key__in=kept))
    versions.filter(pk__in=staged).update(state=FileState.ACTIVE)
    taken.touch(staged)
