"""Levels and what they stand for: pure arithmetic."""

STEP = 1.5
FIRST_LEVEL = 1
LAST_LEVEL = 10


def percent(level: int) -> float:
    """Return the capacity of a level in percent of the first one's: 100, 150, 225, …"""
    return 100.0 * STEP ** (level - FIRST_LEVEL)
