"""Which dumps are kept."""

import pytest

from dbops.backups.retention import Dump, surplus


def deleted(written, *, keep):
    """What is deleted of dumps written as "v" (verified) or "u", from the oldest to the newest, by place."""
    dumps = [Dump(f"{place:02}", kind == "v") for place, kind in enumerate(written)]
    return sorted(int(dump.name) for dump in surplus(dumps, keep=keep))


@pytest.mark.parametrize(
    ("written", "places"),
    [
        ("vvv", []),
        ("vvvvv", [0, 1]),
        ("vuvuv", [1, 3]),
        ("uv", []),
        ("uuuv", [0]),
        ("vvvu", []),
        ("uuuuu", [0, 1]),
        ("vvvuuuu", [3]),
    ],
    ids=[
        "as many as are kept",
        "the oldest go",
        "unverified ones go, not the verified one that is older",
        "an older unverified one stays where there is room",
        "but no more of them than are kept",
        "one that failed takes no verified one's place",
        "where none can be verified, the newest stay",
        "nor do many, of which the newest stay",
    ],
)
def test_of_three_that_are_kept(written, places):
    assert deleted(written, keep=3) == places
