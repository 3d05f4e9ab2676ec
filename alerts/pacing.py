"""How often, and after which pauses, a delivery is tried."""

MOST_ATTEMPTS = 12
FIRST_PAUSE_S = 30
LONGEST_PAUSE_S = 3600.0


def pause_s(attempts: int, *, wished_s: float | None = None) -> float:
    """Return for how long to wait after so many attempts: doubling, or longer where the receiver says so."""
    doubled: float = FIRST_PAUSE_S * 2 ** (attempts - 1)
    return min(max(doubled, wished_s or 0.0), LONGEST_PAUSE_S)
