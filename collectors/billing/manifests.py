"""What manifests say: which files make up the bill of an export for one period. Pure.

Three forms are understood: of Cost and Usage Reports (`reportKeys`), of Data Exports, which are CUR 2.0 and
FOCUS (`dataFiles`), and a minimal one for folders (`files`).
Source: https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html,
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html; the latter leaves the
names of the fields open, so what may be in a file's path is looked for there.
"""

import re
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import Any

import orjson

from core.errors import InvalidInputError

_NAME = re.compile(r"(?:(?P<export>.+?)[-_.])?manifest\.json", re.IGNORECASE)
# Data Exports have one of these in their paths, Cost and Usage Reports the other.
_MONTH = re.compile(r"(?:^|/)billing_period=(\d{4})-(\d{2})/", re.IGNORECASE)
_DAYS = re.compile(r"(?:^|/)(\d{8})-(\d{8})/")
_LISTS = ("reportKeys", "dataFiles", "files")
_LONGEST_EXPORT = 250


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says; `files` as it writes them, `end` is exclusive."""

    export: str
    start: date
    end: date
    files: tuple[str, ...]

    def is_as(self, other: "Manifest") -> bool:
        """Tell whether the other one is of the same export and period."""
        return (self.export, self.start, self.end) == (other.export, other.start, other.end)


# --- Which -----------------------------------------------------------------------------------
def is_manifest(key: str) -> bool:
    """Tell whether a file is a manifest, by its name."""
    return key.casefold().endswith("manifest.json")


def outermost(keys: Collection[str]) -> list[str]:
    """Leave out copies: manifests that are named after the same export, in a folder below that of another.

    A report that keeps its versions writes its manifest twice, for the period and in each version's folder.
    The period's is the newest, and the one that is written last.
    """
    known = {key for key in keys if PurePosixPath(key).name.casefold() != "manifest.json"}
    return sorted(key for key in keys if key not in known or known.isdisjoint(_above(PurePosixPath(key))))


def _above(key: PurePosixPath) -> Iterator[str]:
    return (str(folder / key.name) for folder in key.parent.parents)


def newest(found: Mapping[str, tuple[Manifest, datetime]]) -> dict[str, Manifest]:
    """Keep the newest of the manifests of one export and period that belong together by their folders.

    Those are what is left of a report that keeps its versions where the period's own is not there.
    """
    kept: dict[str, Manifest] = {}
    for key in sorted(found, key=lambda key: (found[key][1], key), reverse=True):
        manifest = found[key][0]
        if not any(manifest.is_as(other) and are_related(key, one) for one, other in kept.items()):
            kept[key] = manifest
    return dict(sorted(kept.items()))


def are_related(one: str, other: str) -> bool:
    """Tell whether two manifests lie in folders side by side, or one below the other."""
    here, there = PurePosixPath(one).parent, PurePosixPath(other).parent
    return here.is_relative_to(there) or there.is_relative_to(here) or here.parent == there.parent


# --- What they say ---------------------------------------------------------------------------
def parse(key: str, content: bytes) -> Manifest:
    """Return what a manifest says. Raises: InvalidInputError naming it and what is missing."""
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"{key} is not valid JSON: {error}.") from None
    if not isinstance(told, dict):
        raise InvalidInputError(f"{key} must be a JSON object.")
    start, end = _period(key, told)
    return Manifest(_export(key, told), start, end, _files(key, told))


def _export(key: str, told: dict[str, Any]) -> str:
    named = _NAME.fullmatch(PurePosixPath(key).name)
    given = told.get("export") or told.get("reportName") or (named and named["export"])
    if not isinstance(given, str):
        raise InvalidInputError(f'{key} does not name its export: "export" is missing.')
    return given[:_LONGEST_EXPORT]


def _files(key: str, told: dict[str, Any]) -> tuple[str, ...]:
    name = next((name for name in _LISTS if name in told), None)
    if name is None:
        raise InvalidInputError(f"{key} lists no files: it has none of {', '.join(_LISTS)}.")
    listed = told[name]
    if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
        raise InvalidInputError(f'{key}: "{name}" must be a list of paths, and not empty.')
    return tuple(dict.fromkeys(listed))


def _period(key: str, told: dict[str, Any]) -> tuple[date, date]:
    start, end = _told_period(key, told["billingPeriod"]) if "billingPeriod" in told else _path_period(key)
    if start >= end:
        raise InvalidInputError(f"{key}: its period ends ({end}) before it begins ({start}).")
    return start, end


def _told_period(key: str, period: Any) -> tuple[date, date]:
    given = period if isinstance(period, dict) else {}
    return _day(key, "start", given.get("start")), _day(key, "end", given.get("end"))


def _day(key: str, which: str, text: Any) -> date:
    """Return the day of a moment; the day after it for an end that lies within a day."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInputError(f'{key}: "billingPeriod.{which}" is missing or not a date.') from None
    moment = moment if moment.tzinfo is None else moment.astimezone(UTC)
    within = which == "end" and moment.time() > time()
    return moment.date() + timedelta(days=1) if within else moment.date()


def _path_period(key: str) -> tuple[date, date]:
    try:
        if month := _MONTH.search(key):
            start = date(int(month[1]), int(month[2]), 1)
            return start, (start + timedelta(days=31)).replace(day=1)
        if days := _DAYS.search(key):
            return date.fromisoformat(days[1]), date.fromisoformat(days[2])
    except ValueError:
        raise InvalidInputError(f"{key}: the period in its path is none.") from None
    raise InvalidInputError(f'{key} does not say for which period it is: "billingPeriod" is missing.')


# --- Where its files are ---------------------------------------------------------------------
def find(listed: str, manifest_key: str, there: Container[str]) -> str:
    """Return the path, in the location, of a file that a manifest lists; it may not be there.

    Manifests write paths from the folder they are in, or from the top of a bucket: the longest end of such
    a path that is there counts, since a location may begin further down, or be a copy.
    Raises: InvalidInputError for a path that leads elsewhere.
    """
    path = PurePosixPath(re.sub(r"^s3://[^/]*/", "", listed))
    if path.is_absolute() or ".." in path.parts or "\\" in listed or not path.parts:
        raise InvalidInputError(f"{manifest_key} lists {listed!r}, which is no path below its location.")
    beside = str(PurePosixPath(manifest_key).parent / path)
    ends = (str(PurePosixPath(*path.parts[first:])) for first in range(len(path.parts)))
    return next((one for one in (beside, *ends) if one in there), beside)
