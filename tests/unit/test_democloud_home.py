"""The demo cloud's memory of its seed and anchor."""

from datetime import UTC, datetime, timedelta

import pytest

from democloud.home import DEFAULT_SEED, HomeError, kept_estate

NOW = datetime(2026, 3, 18, 10, 22, 41, 999, tzinfo=UTC)


def test_the_first_start_founds_the_estate_and_later_ones_find_it(tmp_path):
    first = kept_estate(tmp_path / "new", now=NOW)
    later = kept_estate(tmp_path / "new", now=NOW + timedelta(days=3))
    assert later == first
    assert (first.seed, first.anchor) == (DEFAULT_SEED, NOW.replace(microsecond=0))


def test_a_seed_can_be_chosen_at_the_first_start(tmp_path):
    assert kept_estate(tmp_path, now=NOW, seed=5).seed == 5
    assert kept_estate(tmp_path, now=NOW).seed == 5


def test_another_seed_than_the_kept_one_is_refused(tmp_path):
    kept_estate(tmp_path, now=NOW, seed=5)
    with pytest.raises(HomeError, match=r"demo\.json was founded with seed 5"):
        kept_estate(tmp_path, now=NOW, seed=6)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"seed": 1, "anchor": "soon"}', '{"seed": 1, "anchor": 5}']
)
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(HomeError, match=r"demo\.json is damaged"):
        kept_estate(tmp_path, now=NOW)
