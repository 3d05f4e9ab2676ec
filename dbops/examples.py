"""Examples of answers in the schema: CloudIntel gave each; `recorded/` keeps them, long lists cut."""

import json
from pathlib import Path

from drf_spectacular.utils import OpenApiExample

from core.examples import answered

_RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str, status: int = 200) -> OpenApiExample:
    """Return the recorded answer of that name."""
    return answered(json.loads((_RECORDED / f"{name}.json").read_text()), status)
