"""What a billing file is read to have been charged by tag."""

import json
from collections import defaultdict
from datetime import date
from decimal import Context, Decimal

import duckdb
import pytest

from collectors.billing import cur, tagged, tallies
from collectors.billing.engine import Watch
from collectors.billing.reading import TaggedRow, TooManyTagsError
from tests.unit.billing.files import cur_line, focus_line, text

EXACT = Context(prec=80)


def of(found, *keys):
    """What is charged by each value, as text, by key and value."""
    amounts = defaultdict(Decimal)
    for row in found.tagged_rows(keys or found.tags):
        amounts[row.key, row.value] = EXACT.add(amounts[row.key, row.value], row.amount)
    return {each: f"{amount:f}" for each, amount in amounts.items()}


@pytest.fixture
def told(opened):
    """The keys of a file, and what is charged by them."""

    def read(content, name="bill.csv"):
        with opened(content, name) as found:
            assert found.quarantined == 0
            return found.tags, of(found)

    return read


def tagged_line(tags, **values):
    return focus_line(Tags=tags if isinstance(tags, str) else json.dumps(tags), **values)


def test_a_line_counts_for_each_of_its_tags(opened):
    lines = [tagged_line({"team": "web", "env": "prod"}, BilledCost="0.1")]
    with opened(text(lines)) as found:
        assert found.tags == ("env", "team")
        assert next(found.tagged_rows(["team"])) == TaggedRow(
            "111111111111", date(2026, 3, 5), "Amazon EC2", "eu-west-1", "USD", "team", "web", Decimal("0.1")
        )


def test_lines_of_a_value_are_added_to_the_last_digit(told):
    amounts = ("0.1", "0.00000000000000000000000001", "123456789012.3", "-1e-3")
    lines = [tagged_line({"team": "web"}, BilledCost=amount) for amount in amounts]
    assert told(text(lines))[1] == {("team", "web"): "123456789012.39900000000000000000000001"}


@pytest.mark.parametrize("tags", ["NULL", "", "{}", '{"team": null}', '{"team": ""}', '{"": "web"}'])
def test_what_has_no_tag_has_no_row(told, tags):
    lines = [tagged_line(tags), tagged_line({"team": "web"}, BilledCost="2")]
    assert told(text(lines)) == (("team",), {("team", "web"): "2"})


@pytest.mark.parametrize("tags", ["team=web", "[1]", '"web"', "{", '{"team": "web"'])
def test_tags_that_cannot_be_read_could_be_any(told, tags):
    lines = [tagged_line(tags, BilledCost="4"), tagged_line({"team": "web"}, BilledCost="2")]
    assert told(text(lines)) == (("team",), {("team", "web"): "2", ("team", None): "4"})


def test_values_that_are_no_text_are_told_as_they_are_written(told):
    tags = {"a": True, "b": 1.5, "c": {"d": [1]}, "e": 'x"y\\z', "f": "\0g", "h:i": "ö"}
    _, amounts = told(text([tagged_line(tags)]))
    assert dict(amounts.keys()) == {
        "a": "true",
        "b": "1.5",
        "c": '{"d":[1]}',
        "e": 'x"y\\z',
        "f": "g",
        "h:i": "ö",
    }


def test_a_key_that_comes_twice_counts_once(told):
    lines = [tagged_line('{"team": "web", "team": "shop", "user:team": "a"}')]
    assert told(text(lines)) == (("team",), {("team", "web"): "1"})


def test_the_most_used_keys_come_first_and_those_of_aws_last(told):
    tags = [{"aws:createdBy": "x", "env": "a", "team": "b"}, {"aws:createdBy": "x", "team": "b"}]
    assert told(text([tagged_line(each) for each in tags]))[0] == ("team", "env", "aws:createdBy")


def test_other_providers_tags_are_not_read(told):
    lines = [tagged_line({"team": "web"}, ProviderName="Microsoft"), focus_line()]
    assert told(text(lines)) == ((), {})


def test_a_file_without_a_column_of_tags_has_none(told):
    line = {name: value for name, value in focus_line().items() if name != "Tags"}
    assert told(text([line])) == ((), {})


def test_beyond_the_dearest_values_the_others_are_one(told, monkeypatch):
    monkeypatch.setattr(tagged, "MOST_VALUES", 2)
    lines = [tagged_line({"team": name}, BilledCost=cost) for name, cost in zip("abcd", "3192", strict=True)]
    assert told(text(lines))[1] == {("team", "a"): "3", ("team", "c"): "9", ("team", None): "3"}


def test_tags_of_broken_lines_are_not_counted(opened):
    lines = [tagged_line({"team": "web"}, BilledCost="2"), tagged_line({"team": "shop"}, BilledCost="two")]
    with opened(text(lines)) as found:
        assert (found.quarantined, of(found)) == (1, {("team", "web"): "2"})


def test_where_memory_does_not_suffice_the_file_is_read_without_its_tags(opened, monkeypatch):
    make = tallies.tally

    def greedy(line, wanted):
        return make(line, wanted) if line.tags is None else "SELECT error_of_memory"

    def run(self, connection, statement, beside=None):
        if statement == "SELECT error_of_memory":
            raise duckdb.OutOfMemoryException
        connection.execute(statement)

    monkeypatch.setattr(tallies, "tally", greedy)
    monkeypatch.setattr(Watch, "run", run)
    with opened(text([tagged_line({"team": "web"})])) as found:
        assert found.tags is None
        assert {row.basis: row.amount for row in found.rows()}["unblended"] == 1


def test_rows_that_memory_does_not_suffice_for_are_refused_before_the_first(opened, monkeypatch):
    with opened(text([tagged_line({"team": "web"})])) as found:
        monkeypatch.setattr(found, "_connection", Full())
        with pytest.raises(TooManyTagsError):
            next(found.tagged_rows(found.tags))


class Full:
    def execute(self, _statement):
        raise duckdb.OutOfMemoryException


# --- Reports ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "names",
    [
        ("resourceTags/user:team", "resourceTags/user:Team", "resourceTags/aws:createdBy"),
        ("resource_tags_user_team", "resource_tags_user_Team", "resource_tags_aws:createdBy"),
    ],
    ids=["report", "athena"],
)
def test_a_report_has_a_column_for_each_tag(told, names):
    lines = [
        {**cur_line(), **dict(zip(names, values, strict=True))}
        for values in (("web", "", ""), ("", "a,b", "me"), ("", "", ""))
    ]
    keys, amounts = told(text(lines))
    assert set(keys[:2]) == {"team", "Team"}
    assert amounts == {("team", "web"): "1", ("Team", "a,b"): "1", ("aws:createdBy", "me"): "1"}


def test_of_very_many_columns_of_tags_the_first_are_read(told, monkeypatch):
    monkeypatch.setattr(cur, "MOST_TAG_COLUMNS", 1)
    line = {**cur_line(), "resourceTags/user:team": "web", "resourceTags/user:env": "prod"}
    assert told(text([line]))[0] == ("team",)


def test_cur_2_has_a_map_of_them(told):
    line = {**cur_line(), "resource_tags": '{"user_cost_center": "7", "aws_created_by": "me"}'}
    assert told(text([line])) == (
        ("cost_center", "aws_created_by"),
        {("cost_center", "7"): "1", ("aws_created_by", "me"): "1"},
    )


def test_a_map_of_parquet_is_read(told, tmp_path):
    file = tmp_path / "tags.parquet"
    columns = ", ".join(f"'{value}' AS \"{name}\"" for name, value in cur_line().items() if value)
    tags = "MAP {'user_team': 'web', 'user_env': NULL} AS resource_tags"
    duckdb.sql(f"COPY (SELECT {columns}, {tags}) TO '{file}' (FORMAT parquet)")
    assert told(file.read_bytes(), "bill.parquet") == (("team",), {("team", "web"): "1"})


def test_broken_lines_leave_the_columns_of_tags_in_their_places(opened):
    line = {**cur_line(), "resourceTags/user:team": "web", "resourceTags/user:env": "prod"}
    broken = text([line, {**line, **cur_line(UnblendedCost="one")}])
    with opened(broken + '"never closed\r\n') as found:
        assert found.quarantined == 2
        assert of(found) == {("team", "web"): "1", ("env", "prod"): "1"}
