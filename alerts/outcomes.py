"""What came of an attempt to send something."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

# Refusals that are worth another attempt.
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it arrived; else why not, and whether another attempt may end otherwise."""

    is_delivered: bool
    error: str = ""
    is_final: bool = False
    retry_after_s: float | None = None


DELIVERED = Outcome(is_delivered=True)


def failed(error: str) -> Outcome:
    """Return what may go well another time."""
    return Outcome(is_delivered=False, error=error)


def refused(error: str) -> Outcome:
    """Return what will go as badly each time."""
    return Outcome(is_delivered=False, error=error, is_final=True)


def of_status(status: int, headers: Mapping[str, str], now: datetime) -> Outcome:
    """Judge an answer by HTTP; of what is in it, nothing is told."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return DELIVERED
    if status < HTTPStatus.BAD_REQUEST:
        return refused(f"It answered {status}; redirects are not followed.")
    is_final = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER
    wait_s = None if is_final else retry_after_s(headers.get("Retry-After", ""), now)
    return Outcome(
        is_delivered=False, error=f"It answered {status}.", is_final=is_final, retry_after_s=wait_s
    )


def retry_after_s(value: str, now: datetime) -> float | None:
    """Read the header Retry-After, seconds or a date; None for anything else."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
