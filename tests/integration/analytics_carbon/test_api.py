"""Emissions and the score of sustainability, as they are read."""

from datetime import UTC, datetime

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator

from tests import builders
from tests.integration.analytics_carbon.conftest import NOW
from tests.integration.analytics_carbon.test_computing import LONG_AGO, THIRTY_DAYS, machine, measured
from tests.integration.test_api_schema import answer_schema

pytestmark = pytest.mark.django_db

CARBON, SUSTAINABILITY = "/api/v1/analytics/carbon", "/api/v1/analytics/sustainability"


def read(address=CARBON, **query):
    answer = builders.client("viewer").get(address, query)
    assert answer.status_code == 200, answer.json()
    return answer.json()


@pytest.fixture
def estate(compute):
    """A large and a small instance in one account, one in another, and a volume."""
    one, other = builders.account("111111111111"), builders.account("222222222222")
    measured(machine(one, instance_id="i-large", instance_type="m6i.4xlarge", name="web"))
    measured(machine(one, instance_id="i-small", instance_type="t3.large", region="eu-west-1"))
    measured(machine(other, instance_id="i-gpu", instance_type="p3.2xlarge"))
    builders.volume(one, created_at=LONG_AGO, region="us-east-1")
    builders.cost(one, THIRTY_DAYS[3], "1", service="AWS Lambda")
    compute()


@pytest.mark.parametrize("address", [CARBON, SUSTAINABILITY])
def test_before_the_first_computation_nothing_is_known_and_it_says_why(address):
    answer = read(address)
    assert answer["computed_at"] is None
    assert "not computed yet" in answer["reason"]
    assert not any(
        answer.get(figure) for figure in ("operational_kg", "embodied_kg", "score", "instances", "parts")
    )


def test_carbon_is_told_in_ranges_with_what_they_are_of(estate):
    answer = read()
    assert (answer["computed_at"], answer["reason"]) == (NOW.isoformat().replace("+00:00", "Z"), None)
    assert (answer["start"], answer["end"]) == ("2026-03-01", "2026-03-31")
    assert answer["coefficients_as_of"] == "2026-11-30"
    assert 0 < answer["operational_kg"]["low"] < answer["operational_kg"]["high"]
    assert 0 < answer["embodied_kg"]["low"] < answer["embodied_kg"]["high"]
    assert answer["coverage"]["operational"]["resources"] == 4
    assert [each["service"] for each in answer["services"]] == ["EBS", "EC2", "AWS Lambda"]
    assert answer["hints"][0]["to_region"] == "eu-north-1"


def test_instances_that_caused_most_come_first_and_the_unknown_last(estate):
    instances = read()["instances"]
    assert [each["instance_id"] for each in instances] == ["i-large", "i-small", "i-gpu"]
    assert (instances[0]["name"], instances[0]["account"]) == ("web", "111111111111")
    assert instances[2]["operational_kg"] is None
    assert instances[2]["reasons"]


def test_instances_are_told_in_pages(estate):
    answer = builders.client("viewer").get(CARBON, {"limit": 2, "offset": 1})
    assert [each["instance_id"] for each in answer.json()["instances"]] == ["i-small", "i-gpu"]
    assert answer.headers["X-Total-Count"] == "3"
    assert "Link" not in answer.headers
    first = builders.client("viewer").get(CARBON, {"limit": 2})
    assert 'offset=2>; rel="next"' in first.headers["Link"].replace("&limit=2", "")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"account": "222222222222"}, ["i-gpu"]),
        ({"region": "eu-west-1"}, ["i-small"]),
        ({"instance_id": "i-large"}, ["i-large"]),
        ({"account": "222222222222", "region": "eu-west-1"}, []),
    ],
)
def test_instances_can_be_chosen_and_the_sums_stay(estate, query, expected):
    answer = read(**query)
    assert [each["instance_id"] for each in answer["instances"]] == expected
    assert answer["operational_kg"] == read()["operational_kg"]


@pytest.mark.parametrize(
    ("address", "query", "status"),
    [
        (CARBON, "?days=7", 400),
        (CARBON, "?account=prod", 400),
        (CARBON, "?limit=0", 400),
        (CARBON, "?limit=1&limit=2", 400),
        (CARBON, "?account=999999999999", 404),
        (CARBON, "?instance_id=i-nobody", 404),
        (SUSTAINABILITY, "?account=111111111111", 400),
    ],
)
def test_what_cannot_be_answered_is_refused(address, query, status):
    answer = builders.client("viewer").get(address + query)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("address", [CARBON, SUSTAINABILITY])
def test_a_user_without_a_role_reads_nothing(address):
    assert builders.client().get(address).status_code == 403


def test_the_score_is_told_with_its_parts_and_those_of_the_days_before(estate, compute):
    compute(datetime(2026, 4, 1, 10, tzinfo=UTC))
    answer = read(SUSTAINABILITY)
    assert answer["date"] == "2026-03-31"
    assert 0 < answer["score"] <= 100
    assert [part["name"] for part in answer["parts"]] == [
        "utilisation",
        "idle",
        "efficiency",
        "grid",
        "storage",
        "coverage",
    ]
    assert [day["date"] for day in answer["history"]] == ["2026-03-30", "2026-03-31"]
    assert answer["history"][-1]["score"] == answer["score"]


@pytest.mark.parametrize("address", [CARBON, SUSTAINABILITY])
def test_the_answers_keep_to_the_schema(estate, address):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    jsonschema.validate(read(address), answer_schema(schema, address, "get", 200))


@pytest.mark.parametrize(("address", "most"), [(CARBON, 4), (SUSTAINABILITY, 3)])
def test_a_reading_is_a_few_queries(estate, django_assert_max_num_queries, address, most):
    viewer = builders.client("viewer")
    with django_assert_max_num_queries(most + 1):  # and one for the role
        viewer.get(address)
