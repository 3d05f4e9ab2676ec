from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from collectors.billing import reading

NOW = datetime(2026, 4, 2, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path):
    """Reads content as a billing file of that name."""

    @contextmanager
    def opener(content, name="bill.csv", *, now=NOW, on_progress=lambda percent: None):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        file, scratch = folder / name, tmp_path / "scratch"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        scratch.mkdir(exist_ok=True)
        with reading.read(file, now=now, scratch=scratch, memory_mb=256, on_progress=on_progress) as found:
            yield found
        assert not list(scratch.iterdir())

    return opener


@pytest.fixture
def amounts(opened):
    """What the lines of one day, service and region add up to, by basis."""

    def read(content, name="bill.csv"):
        with opened(content, name) as found:
            return {row.basis: str(row.amount) for row in found.rows()}

    return read
