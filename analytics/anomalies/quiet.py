"""When somebody's word that a cause is as it should be still holds; values in, values out."""

EXPECTED_TIMES = 1.5
"""A cause marked as expected stays quiet up to so many times what it moved when it was marked."""


def is_quiet(moved: float, marked: float | None) -> bool:
    """Tell whether what moved so much is no news; `marked` is None where nobody marked its cause."""
    return marked is not None and moved <= EXPECTED_TIMES * marked
