"""Levels and what they stand for: pure arithmetic."""

STEP = 1.5
FIRST_LEVEL = 1
LAST_LEVEL = 10


def factor(level: int) -> float:
    """Return how many times the first level's capacity a level has: 1, 1.5, 2.25, …"""
    return STEP ** (level - FIRST_LEVEL)


def percent(level: int) -> float:
    """Return the capacity of a level in percent of the first one's: 100, 150, 225, …"""
    return 100.0 * factor(level)
