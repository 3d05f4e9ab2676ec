"""Finding billing files: what the manifests of a location list, held against what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone

from collectors.billing import manifests
from collectors.billing.manifests import Manifest
from collectors.billing.stores import Entry, Store
from collectors.billing.storing import Turn, settle
from collectors.models import BillingFile, BillingManifest, FileState
from core.errors import InvalidInputError
from pipelines.models import Run
from pipelines.windows import Window

_UNREAD = (FileState.FOUND, FileState.FAILED)


@dataclass
class Delivery:
    """What a location holds: the manifests that count, all files, and why some cannot be followed."""

    location: str
    manifests: dict[str, Manifest]
    files: Mapping[str, Entry]
    broken: dict[str, str] = field(default_factory=dict)


def look(store: Store, location: str) -> Delivery:
    """Read the manifests that are new. Raises: CloudIntelError where the location cannot be read."""
    files = store.entries()
    known = {row.key: row for row in BillingManifest.objects.filter(location=location)}
    found: dict[str, tuple[Manifest, datetime]] = {}
    broken = {}
    for key in manifests.outermost([key for key in files if manifests.is_manifest(key)]):
        try:
            found[key] = _said(store, key, files, known.get(key)), files[key].modified
        except InvalidInputError as error:
            broken[key] = str(error)
    return Delivery(location, manifests.newest(found), files, broken)


def _said(store: Store, key: str, files: Mapping[str, Entry], row: BillingManifest | None) -> Manifest:
    """Return what a manifest says, with its files' paths in the location."""
    if row is not None and row.etag == files[key].etag:
        return Manifest(row.export, row.period_start, row.period_end, tuple(row.files))
    said = manifests.parse(key, store.read(key))
    there = {*files, *(row.files if row else ())}
    return replace(said, files=tuple(manifests.find(one, key, there) for one in said.files))


def note(turn: Turn, found: Delivery, run: Run, window: Window | None) -> list[BillingFile]:
    """Note what is there, and return the versions of files that are to be read: those that were not yet.

    With a window it is all files of the periods that overlap it, and no others. What is missing is added to
    what is broken.
    """
    versions = []
    for key, manifest in found.manifests.items():
        if window is None or (manifest.start < window.end and window.start < manifest.end):
            versions += _versions(turn, found, key, run)
    for key, error in found.broken.items():
        BillingManifest.objects.filter(location=found.location, key=key).update(error=error)
    return versions if window else [version for version in versions if version.state in _UNREAD]


def _versions(turn: Turn, found: Delivery, key: str, run: Run) -> list[BillingFile]:
    """Note a manifest, and return the versions of its files that are there."""
    row, files = _noted(found, key), found.files
    there = {(one, files[one].etag, files[one].size) for one in row.files if one in files}
    _let_go(turn, row, there)
    versions = [_version(row, run, *one) for one in sorted(there)]
    settle(turn, row)
    _miss(found, row)
    return versions


def _noted(found: Delivery, key: str) -> BillingManifest:
    """Store a manifest in the place of the one that it follows."""
    said = found.manifests[key]
    same = BillingManifest.objects.filter(
        location=found.location, export=said.export, period_start=said.start, period_end=said.end
    )
    row = next(
        (one for one in same if manifests.are_related(one.key, key)), BillingManifest(location=found.location)
    )
    row.key, row.files, row.error = key, list(said.files), ""
    row.export, row.period_start, row.period_end = said.export, said.start, said.end
    # A manifest that was there before its files is read again, to find them.
    row.etag = found.files[key].etag if found.files.keys() >= set(said.files) else ""
    row.seen_at = timezone.now()
    row.save()
    return row


def _let_go(turn: Turn, row: BillingManifest, there: set[tuple[str, str, int]]) -> None:
    """Supersede versions that do not count yet and are not there any more: they will never be read."""
    waiting = row.versions.exclude(state__in=(FileState.ACTIVE, FileState.SUPERSEDED))
    gone = [one.pk for one in waiting if (one.key, one.etag, one.size) not in there]
    turn.supersede(row.versions.filter(pk__in=gone))


def _version(row: BillingManifest, run: Run, key: str, etag: str, size: int) -> BillingFile:
    version, _ = row.versions.get_or_create(key=key, etag=etag, size=size, defaults={"run": run})
    if version.state == FileState.SUPERSEDED:
        # It came back; its lines went when it was replaced.
        version.state = FileState.FOUND
        version.save(update_fields=("state",))
    return version


def _miss(found: Delivery, row: BillingManifest) -> None:
    """Tell of files that are not there, but for those that were read before they went."""
    read = set(row.versions.filter(state=FileState.ACTIVE).values_list("key", flat=True))
    missing = sorted(set(row.files) - found.files.keys() - read)
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        found.broken[row.key] = f"{row.key} lists {missing[0]}{more}, which is not there."
