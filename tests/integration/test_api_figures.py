"""/api/v1/costs/, its export, and /api/v1/cpu/."""

import csv
import io

import pytest

from core.api import Pagination
from tests import builders

pytestmark = pytest.mark.django_db

COSTS = "/api/v1/costs/"
CPU = "/api/v1/cpu/"


@pytest.fixture
def viewer():
    return builders.client("viewer")


def exported(answer):
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


class TestCosts:
    def test_are_told_exactly(self, viewer):
        builders.cost(builders.account("111111111111"), "2026-03-01", "12345678901234567890.123456789")
        answer = viewer.get(COSTS).content.decode()
        assert (
            '{"date":"2026-03-01","account":"111111111111","service":"AmazonEC2","region":"eu-west-1",'
            '"basis":"unblended","amount":12345678901234567890.123456789,"unit":"USD","estimated":false,"source":"explorer"}'
        ) in answer

    @pytest.mark.parametrize(
        ("query", "amounts"),
        [
            ("start=2026-03-02", [2, 3]),
            ("end=2026-03-02", [1]),
            ("start=2026-03-01&end=2026-03-03", [1, 2]),
            ("account=222222222222", [3]),
            ("service=AmazonS3", [2]),
            ("region=us-east-1", [3]),
            ("unit=EUR", [2]),
            ("basis=amortized", [3]),
            ("source=files", [1]),
            ("estimated=true", [1]),
            ("ordering=-amount", [3, 2, 1]),
        ],
    )
    def test_can_be_narrowed_down(self, viewer, query, amounts):
        ours, theirs = builders.account("111111111111"), builders.account("222222222222")
        builders.cost(ours, "2026-03-01", "1", estimated=True, source="files")
        builders.cost(ours, "2026-03-02", "2", service="AmazonS3", unit="EUR")
        builders.cost(theirs, "2026-03-03", "3", region="us-east-1", basis="amortized")
        assert [row["amount"] for row in viewer.get(f"{COSTS}?{query}").json()["results"]] == amounts

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("start=soon", "start"),
            ("start=0000-01-01", "start"),
            ("start=2026-03-02&end=2026-03-02", "must be before end"),
            ("estimated=perhaps", "estimated"),
            ("currency=USD", "currency: Unknown parameter"),
            ("format=csv&start=soon", "start"),
        ],
    )
    def test_refuse_what_they_cannot_be_narrowed_down_by(self, viewer, query, reason):
        answer = viewer.get(f"{COSTS}?{query}")
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
        assert reason in answer.json()["error"]

    def test_cost_the_same_number_of_queries_however_many(self, viewer, django_assert_num_queries):
        for _ in range(7):
            builders.cost(builders.account(), "2026-03-01", "1")
        with django_assert_num_queries(3):
            viewer.get(COSTS)


class TestExport:
    def test_a_format_that_there_is_not_is_told_in_json(self, viewer):
        answer = viewer.get(f"{COSTS}?format=xml")
        assert (answer.status_code, list(answer.json())) == (404, ["error"])

    def test_has_a_line_for_each_cost(self, viewer):
        builders.cost(builders.account("000000000001"), "2026-03-01", "0.0000008072", estimated=True)
        answer = viewer.get(f"{COSTS}?format=csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="costs.csv"'
        assert answer.getvalue().decode() == (
            "date,account,service,region,basis,amount,unit,estimated,source\r\n"
            "2026-03-01,000000000001,AmazonEC2,eu-west-1,unblended,0.0000008072,USD,true,explorer\r\n"
        )

    def test_escapes_formulas_but_leaves_credits_numbers(self, viewer):
        builders.cost(builders.account(), "2026-03-01", "-12.50", service='=HYPERLINK("http://evil")')
        [row] = exported(viewer.get(f"{COSTS}?format=csv"))
        assert (row["service"], row["amount"]) == ('\'=HYPERLINK("http://evil")', "-12.50")

    def test_has_all_that_the_filters_keep_not_a_page(self, viewer, monkeypatch):
        monkeypatch.setattr(Pagination, "page_size", 1)
        account = builders.account()
        for day in range(1, 6):
            builders.cost(account, f"2026-03-0{day}", str(day))
        rows = exported(viewer.get(f"{COSTS}?format=csv&start=2026-03-02"))
        assert [row["amount"] for row in rows] == ["2", "3", "4", "5"]

    def test_can_be_asked_for_by_a_header(self, viewer):
        answer = viewer.get(COSTS, headers={"Accept": "text/csv"})
        assert answer["Content-Type"].startswith("text/csv")

    def test_of_nothing_is_the_header(self, viewer):
        answer = viewer.get(f"{COSTS}?format=csv")
        assert answer.getvalue() == b"date,account,service,region,basis,amount,unit,estimated,source\r\n"

    @pytest.mark.parametrize(("role", "status"), [("registered", 403), ("anonymous", 401)])
    def test_refuses_in_json(self, role, status):
        client = builders.client() if role == "registered" else builders.APIClient()
        answer = client.get(f"{COSTS}?format=csv")
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
        assert set(answer.json()) == {"error"}


class TestCpu:
    def test_is_told_by_day_and_instance(self, viewer):
        instance = builders.instance(builders.account("111111111111"), instance_id="i-1")
        builders.cpu_day(instance, "2026-03-01", 12.5, samples=24, coverage=0.5)
        [row] = viewer.get(CPU).json()["results"]
        assert row == {
            "date": "2026-03-01",
            "instance_id": "i-1",
            "account": "111111111111",
            "region": "eu-west-1",
            "average_cpu": 12.5,
            "maximum_cpu": 25.0,
            "samples": 24,
            "coverage": 0.5,
        }

    @pytest.mark.parametrize(
        ("query", "averages"),
        [
            ("instance_id=i-1", [10, 20]),
            ("start=2026-03-02", [20, 30]),
            ("account=222222222222", [30]),
            ("region=us-east-1", [30]),
            ("ordering=-average_cpu", [30, 20, 10]),
        ],
    )
    def test_can_be_narrowed_down(self, viewer, query, averages):
        one = builders.instance(builders.account("111111111111"), instance_id="i-1")
        two = builders.instance(builders.account("222222222222"), region="us-east-1")
        builders.cpu_day(one, "2026-03-01", 10.0)
        builders.cpu_day(one, "2026-03-02", 20.0)
        builders.cpu_day(two, "2026-03-03", 30.0)
        assert [row["average_cpu"] for row in viewer.get(f"{CPU}?{query}").json()["results"]] == averages

    def test_costs_the_same_number_of_queries_however_much(self, viewer, django_assert_num_queries):
        for _ in range(7):
            builders.cpu_day(builders.instance(), "2026-03-01")
        with django_assert_num_queries(3):
            viewer.get(CPU)
