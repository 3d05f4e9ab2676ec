"""Chance that repeats itself: numbers and ids drawn from a key, the same on every machine and start."""

import hashlib


def _digest(key: tuple[object, ...], size: int = 16) -> bytes:
    return hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=size).digest()


def unit(*key: object) -> float:
    """Draw a number in [0, 1) that belongs to the key."""
    return int.from_bytes(_digest(key)[:6], "big") / 2**48


def spread(*key: object) -> float:
    """Draw a number in [-1, 1) that belongs to the key."""
    return 2 * unit(*key) - 1


def balanced(count: int, *key: object) -> list[float]:
    """Draw up to 64 numbers in (-1, 1) that belong to the key and add up to nothing."""
    drawn = _digest(key, count)
    mean = sum(drawn) / count
    return [(each - mean) / 255 for each in drawn]


def resource_id(prefix: str, *key: object) -> str:
    """Make an AWS-like id such as `i-0a1b2c3d4e5f60718` that belongs to the key."""
    return f"{prefix}-0{_digest(key).hex()[:16]}"
