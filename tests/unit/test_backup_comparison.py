"""When what was restored counts as what was dumped."""

import pytest

from dbops.backups.contents import Table, differing_sequences, differing_tables


def test_a_table_that_lost_a_row_differs_by_its_figures():
    assert list(differing_tables({"a": Table(2, "10")}, {"a": Table(1, "4")})) == [
        {
            "table": "a",
            "expected_rows": 2,
            "expected_checksum": "10",
            "restored_rows": 1,
            "restored_checksum": "4",
        }
    ]


def test_as_many_rows_of_other_content_differ():
    assert [each["table"] for each in differing_tables({"a": Table(2, "10")}, {"a": Table(2, "11")})] == ["a"]


def test_a_table_that_is_missing_has_no_rows_rather_than_none():
    (found,) = differing_tables({"a": Table(0, "0")}, {})
    assert (found["expected_rows"], found["restored_rows"]) == (0, None)


@pytest.mark.parametrize(
    ("restored", "differs"),
    [((4, True), True), ((5, True), False), ((6, True), False), ((7, True), False), ((8, True), True)],
)
def test_a_sequence_may_be_where_it_was_at_any_time_of_the_dump(restored, differs):
    found = differing_sequences({"s": (5, True)}, {"s": (7, True)}, {"s": restored})
    assert bool(list(found)) is differs


def test_a_sequence_that_is_missing_differs():
    (found,) = differing_sequences({"s": (5, True)}, {"s": (5, True)}, {})
    assert found["restored"] is None
