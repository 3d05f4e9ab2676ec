"""The demo cloud's memory: the seed and the anchor, kept in the data folder since the first start."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from democloud.estate import Estate

DEFAULT_SEED = 20


class HomeError(Exception):
    """What is kept in the data folder cannot be used; the message names the file."""


def kept_estate(home: Path, *, now: datetime, seed: int | None = None) -> Estate:
    """Return the estate of this data folder, founded now where there is none yet.

    Raises: HomeError when the kept file is damaged or was founded with another seed.
    """
    path = home / "demo.json"
    if not path.exists():
        _found(
            path, Estate(DEFAULT_SEED if seed is None else seed, now.astimezone(UTC).replace(microsecond=0))
        )
    estate = _read(path)
    if seed not in (None, estate.seed):
        raise HomeError(
            f"{path} was founded with seed {estate.seed}; delete it to start over with seed {seed}"
        )
    return estate


def _found(path: Path, estate: Estate) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"seed": estate.seed, "anchor": estate.anchor.isoformat()}) + "\n")
    draft.replace(path)


def _read(path: Path) -> Estate:
    try:
        kept = json.loads(path.read_text())
        return Estate(int(kept["seed"]), datetime.fromisoformat(kept["anchor"]).astimezone(UTC))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HomeError(f"{path} is damaged ({error}); delete it to start over") from error
