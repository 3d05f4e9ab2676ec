"""GET /cpu-trend."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import builders

pytestmark = pytest.mark.django_db

MARCH = {"start": "2026-03-01", "end": "2026-04-01"}


@pytest.fixture
def viewer():
    return builders.client("viewer")


def get(viewer, **params):
    return viewer.get("/cpu-trend", params)


def test_tells_the_days_of_an_instance(viewer):
    instance = builders.instance(builders.account("111111111111"), instance_id="i-1")
    builders.cpu_day(instance, "2026-03-01", 12.345678901234567, maximum_cpu=99.5, coverage=0.5)
    builders.cpu_day(instance, "2026-03-02", 20.0, maximum_cpu=30.0)
    builders.cpu_day(builders.instance(), "2026-03-02")
    assert get(viewer, **MARCH, instance_id="i-1").json() == {
        "start": "2026-03-01",
        "end": "2026-04-01",
        "final_through": "2026-03-02",
        "instances": [
            {
                "instance_id": "i-1",
                "account": "111111111111",
                "region": "eu-west-1",
                "data": [
                    {
                        "date": "2026-03-01",
                        "average_cpu": 12.345678901234567,
                        "maximum_cpu": 99.5,
                        "coverage": 0.5,
                    },
                    {"date": "2026-03-02", "average_cpu": 20.0, "maximum_cpu": 30.0, "coverage": 1.0},
                ],
            }
        ],
    }


def test_the_end_is_exclusive(viewer):
    instance = builders.instance()
    for day in ("2026-02-28", "2026-03-01", "2026-03-02"):
        builders.cpu_day(instance, day)
    [series] = get(viewer, start="2026-03-01", end="2026-03-02").json()["instances"]
    assert [day["date"] for day in series["data"]] == ["2026-03-01"]


def test_without_an_instance_all_that_reported_are_told(viewer):
    account = builders.account()
    here = builders.instance(account, instance_id="i-a")
    there = builders.instance(account, instance_id="i-b", region="us-east-1")
    builders.instance(account, instance_id="i-silent")
    for instance in (here, there):
        builders.cpu_day(instance, "2026-03-01")
    names = [each["instance_id"] for each in get(viewer, **MARCH).json()["instances"]]
    assert names == ["i-a", "i-b"]


def test_a_known_instance_without_figures_has_no_days(viewer):
    builders.instance(instance_id="i-silent")
    [series] = get(viewer, **MARCH, instance_id="i-silent").json()["instances"]
    assert series["data"] == []


@pytest.mark.parametrize(
    ("chosen", "names"),
    [({"account": "111111111111"}, ["i-1"]), ({"region": "us-east-1"}, ["i-2"]), ({"region": "xx"}, [])],
)
def test_keeps_an_account_or_a_region(viewer, chosen, names):
    one = builders.instance(builders.account("111111111111"), instance_id="i-1")
    two = builders.instance(builders.account("222222222222"), instance_id="i-2", region="us-east-1")
    for instance in (one, two):
        builders.cpu_day(instance, "2026-03-01")
    assert [each["instance_id"] for each in get(viewer, **MARCH, **chosen).json()["instances"]] == names


@pytest.mark.parametrize(
    "chosen",
    [
        {"instance_id": "i-unknown"},
        {"account": "999999999999"},
        {"instance_id": "i-1", "region": "us-east-1"},
    ],
)
def test_what_is_unknown_is_not_found(viewer, chosen):
    builders.instance(instance_id="i-1")
    answer = get(viewer, **MARCH, **chosen)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


class TestFinalThrough:
    def day(self, ago):
        return str(datetime.now(UTC).date() - timedelta(days=ago))

    def test_is_yesterday_while_today_is_being_collected(self, viewer):
        instance = builders.instance()
        builders.cpu_day(instance, self.day(1), coverage=0.25)
        builders.cpu_day(instance, self.day(0), coverage=0.25)
        assert get(viewer).json()["final_through"] == self.day(1)

    def test_is_the_newest_day_where_an_instance_reported_all_its_hours(self, viewer):
        account = builders.account()
        builders.cpu_day(builders.instance(account), self.day(3), coverage=0.1)
        builders.cpu_day(builders.instance(account), self.day(3), coverage=1.0)
        assert get(viewer).json()["final_through"] == self.day(3)

    def test_is_the_day_before_where_the_newest_was_read_only_in_part(self, viewer):
        builders.cpu_day(builders.instance(), self.day(3), coverage=0.4)
        assert get(viewer).json()["final_through"] == self.day(4)

    def test_is_unknown_where_nothing_is_stored(self, viewer):
        assert get(viewer).json() == {
            "start": self.day(29),
            "end": self.day(-1),
            "final_through": None,
            "instances": [],
        }


class TestPages:
    @pytest.fixture(autouse=True)
    def fleet(self):
        account = builders.account()
        for number in range(5):
            builders.cpu_day(builders.instance(account, instance_id=f"i-{number}"), "2026-03-01")

    def test_tell_how_many_there_are_and_where_the_next_are(self, viewer):
        answer = get(viewer, **MARCH, limit=2)
        assert [each["instance_id"] for each in answer.json()["instances"]] == ["i-0", "i-1"]
        assert answer["X-Total-Count"] == "5"
        assert answer["Link"] == (
            '<http://testserver/cpu-trend?end=2026-04-01&limit=2&offset=2&start=2026-03-01>; rel="next"'
        )

    def test_can_be_followed_to_the_last(self, viewer):
        answer = get(viewer, **MARCH, limit=2, offset=4)
        assert [each["instance_id"] for each in answer.json()["instances"]] == ["i-4"]
        assert "Link" not in answer

    def test_cost_the_same_number_of_queries_however_long(self, viewer, django_assert_num_queries):
        with django_assert_num_queries(6):  # the role, newest day, whole day, count, instances, figures
            get(viewer, **MARCH)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("start=2026-03-02&end=2026-03-01", "must be before end"),
        ("start=2000-01-01", "731 at most"),
        ("instance_id=", "instance_id"),
        ("instance_id=i-1&instance_id=i-2", "instance_id"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("instance=i-1", "instance: Unknown parameter"),
    ],
)
def test_refuses_with_the_reason(viewer, query, reason):
    answer = viewer.get(f"/cpu-trend?{query}")
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
