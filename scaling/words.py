"""Numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """Write how many there are, such as "1 minute" or "1,440 minutes"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
