"""Remembered answers of the analytics endpoints: never older than the data, whoever changes them."""

import threading
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg2
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from analytics import cache
from analytics.models import Dataset, DataVersion
from collectors.aws.cost import CostDay, CostLine
from collectors.models import CloudAccount, CpuMetric, DailyCost, DailyTagCost, Instance
from collectors.services import costs
from dbops import direct
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)

MARCH = {"start": "2026-03-01", "end": "2026-04-01"}
PATHS = ("/cost-trend", "/cost-summary", "/cpu-trend")


@pytest.fixture
def viewer():
    return builders.client("viewer")


@pytest.fixture
def account():
    return builders.account("123456789012")


@pytest.fixture
def cost(account):
    return builders.cost(account, "2026-03-01", "0.10")


@pytest.fixture
def measured(account):
    """An instance with a day of CPU."""
    instance = builders.instance(account)
    builders.cpu_day(instance, "2026-03-01")
    return instance


@pytest.fixture
def other():
    """A session of somebody else, who writes as they like."""
    with closing(psycopg2.connect(**direct.parameters())) as session:
        yield session


def ask(viewer, path="/cost-trend", **query):
    return viewer.get(path, {**MARCH, **query})


def amounts(viewer):
    return [row["amount"] for row in ask(viewer).json()["data"]]


def is_remembered(viewer, path):
    """Whether a question is answered without a look at the data."""
    with CaptureQueriesContext(connection) as queries:
        ask(viewer, path)
    tables = (model._meta.db_table for model in (CloudAccount, CpuMetric, DailyCost, Instance))
    return not any(table in query["sql"] for table in tables for query in queries)


# --- Remembering -----------------------------------------------------------------------------
@pytest.mark.parametrize("path", PATHS)
def test_the_second_answer_is_the_first_one_byte_by_byte(viewer, path, cost, measured):
    with transaction.atomic():
        never_remembered = ask(viewer, path)
    first = ask(viewer, path)
    assert is_remembered(viewer, path)
    second = ask(viewer, path)
    assert second.content == first.content == never_remembered.content
    same = [{**answer.headers, "X-Request-ID": ""} for answer in (second, first, never_remembered)]
    assert same[0] == same[1] == same[2]


@pytest.mark.parametrize("amount", ["12345678901234567890.123456789", "0.0000008072", "-0.10", "3.30"])
def test_remembered_amounts_have_every_digit(viewer, account, amount):
    builders.cost(account, "2026-03-01", amount)
    ask(viewer)
    assert f'"amount":{amount},'.encode() in ask(viewer).content
    assert cache.report()["hits"] == 1


def test_where_the_next_instances_are_is_remembered_for_the_host_that_was_asked(
    viewer, account, measured, settings
):
    settings.ALLOWED_HOSTS = ["one.example", "other.example"]
    builders.cpu_day(builders.instance(account), "2026-03-01")
    for host in ("one.example", "other.example") * 2:
        answer = viewer.get("/cpu-trend", {**MARCH, "limit": 1}, headers={"host": host})
        assert answer["Link"].startswith(f"<http://{host}/cpu-trend?")
        assert answer["X-Total-Count"] == "2"
    assert (cache.report()["hits"], cache.report()["misses"]) == (2, 2)


def test_other_questions_have_other_answers(viewer, account, cost):
    builders.cost(account, "2026-03-02", "5", service="AmazonS3")
    for _ in range(2):
        assert len(ask(viewer).json()["data"]) == 2
        assert len(ask(viewer, service="AmazonS3").json()["data"]) == 1
        assert len(ask(viewer, end="2026-03-02").json()["data"]) == 1
        assert "service" in ask(viewer, group_by="service").json()["data"][0]
    assert cache.report()["hits"] == 4


def test_another_day_is_another_question(viewer, cost, now):
    now(datetime(2026, 3, 15, 23, 59, tzinfo=UTC))
    assert viewer.get("/cost-trend").json()["end"] == "2026-03-16"
    now(datetime(2026, 3, 16, 0, 1, tzinfo=UTC))
    assert viewer.get("/cost-trend").json()["end"] == "2026-03-17"


def test_another_release_does_not_give_the_answers_of_this_one(viewer, cost, monkeypatch):
    ask(viewer)
    monkeypatch.setattr(cache, "_code", lambda: "another release")
    assert not is_remembered(viewer, "/cost-trend")


def test_who_may_not_ask_is_told_nothing_that_is_remembered(viewer, cost):
    ask(viewer)
    assert ask(builders.client()).status_code == 403


def test_errors_are_not_remembered(viewer):
    assert ask(viewer, account="210987654321").status_code == 404
    builders.cost(builders.account("210987654321"), "2026-03-01", "1")
    assert ask(viewer, account="210987654321").status_code == 200


def test_indented_answers_stay_indented(viewer, cost):
    ask(viewer)
    answer = viewer.get("/cost-trend", MARCH, headers={"Accept": "application/json; indent=2"})
    assert b'\n  "currency"' in answer.content


# --- Forgetting ------------------------------------------------------------------------------
def by_bulk(account):
    line = CostLine("AmazonEC2", "eu-west-1", "USD", Decimal(7))
    day = CostDay(date=date(2026, 3, 1), estimated=False, lines=(line,))
    with transaction.atomic():
        costs.store(account, [day])


def by_sql(statement):
    def write(_account):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return write


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (by_bulk, [7]),
        (lambda account: builders.cost(account, "2026-03-02", "3"), [0.1, 3]),
        (lambda _: DailyCost.objects.update(amount="4"), [4]),
        (lambda _: DailyCost.objects.all().delete(), []),
        (lambda account: account.delete(), []),
        (by_sql("UPDATE daily_costs SET date = '2026-02-01'"), []),
        (by_sql("DELETE FROM daily_costs"), []),
        (by_sql("TRUNCATE daily_costs"), []),
    ],
    ids=["collection", "create", "update", "delete", "cascade", "SQL", "SQL's DELETE", "TRUNCATE"],
)
def test_whatever_writes_costs_is_seen_at_once(viewer, account, cost, write, left):
    assert amounts(viewer) == [0.1]
    write(account)
    assert amounts(viewer) == left


@pytest.mark.parametrize(
    ("path", "write"),
    [
        ("/cpu-trend", lambda of: CpuMetric.objects.update(average_cpu=3)),
        ("/cpu-trend", lambda of: CpuMetric.objects.all().delete()),
        ("/cpu-trend", lambda of: builders.cpu_day(of, "2026-03-02")),
        ("/cpu-trend", lambda of: Instance.objects.update(region="us-east-1")),
        ("/cpu-trend", lambda of: builders.instance(of.account)),
        ("/cpu-trend", lambda of: of.delete()),
        ("/cpu-trend", lambda of: CloudAccount.objects.update(account_id="210987654321")),
        ("/cost-trend", lambda of: CloudAccount.objects.update(enabled=False)),
        ("/cost-summary", lambda of: CloudAccount.objects.update(enabled=False)),
    ],
)
def test_all_that_answers_are_made_from_counts(viewer, cost, measured, path, write):
    ask(viewer, path)
    assert is_remembered(viewer, path)
    write(measured)
    assert not is_remembered(viewer, path)


@pytest.mark.parametrize(
    "write",
    [
        lambda of: builders.cost_by_tag(of, "2026-03-01", "1", "shop"),
        lambda _: DailyTagCost.objects.update(amount="4"),
        lambda _: DailyTagCost.objects.all().delete(),
        lambda _: by_sql("TRUNCATE daily_tag_costs")(None),
    ],
    ids=["create", "update", "delete", "TRUNCATE"],
)
def test_whatever_writes_costs_by_tag_is_seen_at_once(viewer, account, cost, write):
    builders.cost_by_tag(account, "2026-03-01", "0.10", "web")
    before = ask(viewer, tag_key="team", tag_value="web").content
    ask(viewer, tag_key="team", group_by="tag")
    assert ask(viewer, tag_key="team", tag_value="web").content == before
    assert cache.report()["hits"] == 1
    write(account)
    ask(viewer, tag_key="team", group_by="tag")
    ask(viewer, tag_key="team", tag_value="web")
    assert cache.report()["hits"] == 1


def test_the_answers_read_no_table_but_those_that_count(viewer, cost, measured):
    watched = {"collectors_cloudaccount", "cpu_metrics", "daily_costs", "daily_tag_costs", "ec2_instances"}
    with CaptureQueriesContext(connection) as queries:
        for path in PATHS:
            ask(viewer, path, account="123456789012")
        ask(viewer, account="123456789012", tag_key="team", group_by="tag")
    for query in queries:
        tables = set(query["sql"].split('"')) & set(connection.introspection.table_names())
        assert tables <= watched | {"accounts_user_groups", "auth_group", "analytics_dataversion"}


def test_what_changes_nothing_keeps_the_answers(viewer, cost, measured):
    for path in PATHS:
        ask(viewer, path)
    DailyCost.objects.filter(date="2020-01-01").delete()
    CpuMetric.objects.filter(date="2020-01-01").update(average_cpu=1)
    Instance.objects.update(last_seen=builders.MORNING, state="stopped")
    CloudAccount.objects.update(name="of another name")
    assert all(is_remembered(viewer, path) for path in PATHS)


def test_costs_that_are_read_again_without_a_change_keep_the_answers(viewer, account):
    by_bulk(account)
    ask(viewer)
    by_bulk(account)
    assert is_remembered(viewer, "/cost-trend")


def test_what_is_not_committed_is_not_seen_and_then_at_once(viewer, cost, other):
    assert amounts(viewer) == [0.1]
    with other.cursor() as cursor:
        cursor.execute("UPDATE daily_costs SET amount = 9")
    assert amounts(viewer) == [0.1]
    assert is_remembered(viewer, "/cost-trend")
    other.commit()
    assert amounts(viewer) == [9]


def test_what_is_rolled_back_was_never_seen(viewer, cost, other):
    with other.cursor() as cursor:
        cursor.execute("UPDATE daily_costs SET amount = 9")
    assert amounts(viewer) == [0.1]
    other.rollback()
    assert amounts(viewer) == [0.1]
    DailyCost.objects.update(amount="4")
    assert amounts(viewer) == [4]


def test_an_answer_made_while_data_changed_is_nobody_s_answer_afterwards(viewer, cost, monkeypatch):
    look_up = cache.Question.look_up

    def look_up_while_somebody_writes(question):
        found = look_up(question)
        monkeypatch.setattr(cache.Question, "look_up", look_up)
        thread = threading.Thread(target=written_elsewhere)
        thread.start()
        thread.join()
        return found

    def written_elsewhere():
        with closing(psycopg2.connect(**direct.parameters())) as session, session, session.cursor() as cursor:
            cursor.execute("UPDATE daily_costs SET amount = 9")

    monkeypatch.setattr(cache.Question, "look_up", look_up_while_somebody_writes)
    ask(viewer)
    assert not is_remembered(viewer, "/cost-trend")
    assert amounts(viewer) == [9]


# --- Writers ---------------------------------------------------------------------------------
def test_writers_of_the_same_table_do_not_wait_for_each_other(viewer, account, cost, other):
    amounts(viewer)
    with other.cursor() as cursor:
        cursor.execute("UPDATE daily_costs SET amount = 9")
        with connection.cursor() as ours:
            ours.execute("SET lock_timeout = '250ms'")
        builders.cost(account, "2026-03-02", "3")
        assert amounts(viewer) == [0.1, 3]
        assert DataVersion.objects.filter(dataset=Dataset.COSTS).count() == 2
    other.commit()
    assert amounts(viewer) == [9, 3]
    builders.cost(account, "2026-03-03", "4")
    assert DataVersion.objects.filter(dataset=Dataset.COSTS).count() == 2
    assert amounts(viewer) == [9, 3, 4]


def test_a_transaction_with_an_old_snapshot_may_write(viewer, account, cost, other):
    other.set_session(isolation_level="REPEATABLE READ")
    with other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM daily_costs")
        builders.cost(account, "2026-03-02", "3")
        cursor.execute("UPDATE daily_costs SET amount = 9")
    other.commit()
    assert amounts(viewer) == [9, 3]


# --- Without Valkey --------------------------------------------------------------------------
def test_without_valkey_everything_is_answered(viewer, cost, settings):
    first = ask(viewer)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ask(viewer).content == first.content
    assert ask(viewer, "/cpu-trend").status_code == 200
    assert cache.report() == {
        "hits": None,
        "misses": None,
        "hit_rate": None,
        "reason": "Valkey does not answer.",
    }
    assert viewer.get("/metrics").status_code == 200


def test_answers_take_no_more_room_than_they_may(viewer, cost, valkey, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 500)
    for number in range(9):
        ask(viewer, service=f"Service {number}")
    assert 0 < int(valkey.hget("analytics:answers:costs-accounts", "bytes")) <= 500
    assert 0 < valkey.ttl("analytics:answers:costs-accounts") <= 86_400
    monkeypatch.setattr(cache, "LARGEST_BYTES", 10)
    ask(viewer, "/cpu-trend")
    assert not is_remembered(viewer, "/cpu-trend")


def test_the_answers_of_data_that_changed_are_not_kept(viewer, cost, valkey):
    for number in range(5):
        ask(viewer, service=f"Service {number}")
    DailyCost.objects.update(amount="4")
    ask(viewer)
    assert len(valkey.hkeys("analytics:answers:costs-accounts")) == 3, "generation, bytes, the one answer"


# --- Figures ---------------------------------------------------------------------------------
def test_hits_and_misses_are_counted(viewer, cost):
    assert cache.report()["hit_rate"] is None
    for _ in range(4):
        ask(viewer)
    assert cache.report() == {"hits": 3, "misses": 1, "hit_rate": 0.75, "reason": ""}
    text = viewer.get("/metrics").content.decode()
    (family,) = (
        each for each in text_string_to_metric_families(text) if each.name == "cloudintel_analytics_cache"
    )
    counted = {sample.labels["result"]: sample.value for sample in family.samples}
    assert counted == {"hit": 3, "miss": 1}
