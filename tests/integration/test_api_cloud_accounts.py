"""/api/v1/accounts/."""

import pytest
from django_celery_beat.models import PeriodicTask

from collectors.models import CloudAccount, MetricSeries
from pipelines import schedules
from tests import builders

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v1/accounts/"
ROLE = "arn:aws:iam::111111111111:role/CloudIntelReader"


@pytest.fixture
def administrator():
    return builders.client("administrator")


def test_an_account_is_told():
    builders.account("111111111111", name="prod", role_arn=ROLE, regions=["eu-west-1"], external_id="x-1")
    [row] = builders.client("viewer").get(ACCOUNTS).json()["results"]
    assert row.pop("created_at").endswith("Z")
    assert row == {
        "account_id": "111111111111",
        "name": "prod",
        "role_arn": ROLE,
        "external_id": "x-1",
        "actor_role_arn": "",
        "regions": ["eu-west-1"],
        "cost_source": "explorer",
        "enabled": True,
    }
    assert builders.client("viewer").get(f"{ACCOUNTS}111111111111/").json()["name"] == "prod"


def test_an_account_is_found_by_the_number_of_its_row_too():
    account = builders.account("111111111111")
    answer = builders.client("viewer").get(f"{ACCOUNTS}{account.pk}/")
    assert answer.json()["account_id"] == "111111111111"


@pytest.mark.parametrize("key", ["999999999999", "999999999999999999", "prod"])
def test_an_unknown_account_is_not_found(key):
    answer = builders.client("viewer").get(f"{ACCOUNTS}{key}/")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    ("query", "kept"),
    [("enabled=false", ["222222222222"]), ("name=PRO", ["111111111111"]), ("ordering=-account_id", None)],
)
def test_accounts_can_be_narrowed_down(query, kept):
    builders.account("111111111111", name="prod")
    builders.account("222222222222", name="dev", enabled=False)
    rows = builders.client("viewer").get(f"{ACCOUNTS}?{query}").json()["results"]
    assert [row["account_id"] for row in rows] == (kept or ["222222222222", "111111111111"])


class TestWriting:
    def test_adds_an_account_with_an_external_id_of_ours(self, administrator):
        wanted = {"account_id": "111111111111", "role_arn": ROLE, "external_id": "theirs"}
        answer = administrator.post(ACCOUNTS, wanted)
        assert answer.status_code == 201
        account = CloudAccount.objects.get()
        assert answer.json()["external_id"] == account.external_id != "theirs"
        assert account.external_id.startswith("cloudintel-")
        assert (account.regions, account.enabled) == ([], True)

    def test_changes_an_account(self, administrator):
        builders.account("111111111111", name="prod")
        wanted = {"name": "old", "enabled": False, "regions": ["eu-west-1", "us-gov-west-1"]}
        answer = administrator.patch(f"{ACCOUNTS}111111111111/", wanted)
        assert answer.status_code == 200
        account = CloudAccount.objects.get()
        assert (account.name, account.enabled, account.regions) == tuple(wanted.values())

    def test_replaces_an_account(self, administrator):
        builders.account("111111111111", name="prod")
        wanted = {"account_id": "111111111111", "name": "new"}
        assert administrator.put(f"{ACCOUNTS}111111111111/", wanted).status_code == 200
        assert CloudAccount.objects.get().name == "new"

    def test_deletes_an_account_and_what_was_collected(self, administrator):
        account = builders.account("111111111111")
        builders.cpu_day(builders.instance(account), "2026-03-01")
        builders.cost(account, "2026-03-01", "1")
        assert administrator.delete(f"{ACCOUNTS}111111111111/").status_code == 204
        assert not CloudAccount.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"account_id": "12"}, "account_id: An AWS account id has 12 digits."),
            ({"account_id": None}, "account_id"),
            ({"account_id": ""}, "account_id"),
            ({"role_arn": "arn:aws:iam::1:user/x"}, "role_arn: A role ARN looks like"),
            (
                {"account_id": "222222222222", "role_arn": ROLE},
                "role_arn: This role is not one of account 2222",
            ),
            ({"actor_role_arn": "*"}, "actor_role_arn: A role ARN looks like"),
            (
                {"account_id": "222222222222", "actor_role_arn": ROLE},
                "actor_role_arn: This role is not one of account 2222",
            ),
            ({"regions": ["everywhere"]}, "A region looks like eu-west-1."),
            ({"regions": "eu-west-1"}, "regions"),
            ({"regions": [{"name": "eu-west-1"}]}, "regions"),
            ({"enabled": "perhaps"}, "enabled"),
            ({"name": "x" * 101}, "name"),
            ({"name": "x\0y"}, "NUL"),
        ],
    )
    def test_refuses_with_the_reason(self, administrator, wrong, reason):
        answer = administrator.post(ACCOUNTS, {"account_id": "111111111111", **wrong})
        assert answer.status_code == 400
        assert reason in answer.json()["error"]
        assert not CloudAccount.objects.exists()

    def test_refuses_an_account_twice(self, administrator):
        builders.account("111111111111")
        answer = administrator.post(ACCOUNTS, {"account_id": "111111111111"})
        assert answer.status_code == 400
        assert "account_id" in answer.json()["error"]

    def test_refuses_to_make_an_account_another_one(self, administrator):
        builders.account("111111111111")
        answer = administrator.patch(f"{ACCOUNTS}111111111111/", {"account_id": "222222222222"})
        assert answer.status_code == 400
        assert "keeps its id" in answer.json()["error"]

    def test_refuses_another_accounts_role_in_a_change_too(self, administrator):
        builders.account("222222222222")
        answer = administrator.patch(f"{ACCOUNTS}222222222222/", {"role_arn": ROLE})
        assert answer.status_code == 400
        assert "not one of account 222222222222" in answer.json()["error"]

    @pytest.mark.parametrize("body", ["{", "[]", '"text"', '{"account_id": NaN}'])
    def test_refuses_what_is_not_an_account_in_json(self, administrator, body):
        answer = administrator.post(ACCOUNTS, body, content_type="application/json")
        assert answer.status_code == 400
        assert "error" in answer.json()

    def test_refuses_other_than_json(self, administrator):
        answer = administrator.post(
            ACCOUNTS, "account_id=1", content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 415
        assert set(answer.json()) == {"error"}


class TestPrice:
    def test_is_unknown_before_the_inventory_is(self):
        builders.account("111111111111")
        answer = builders.client("viewer").get(f"{ACCOUNTS}111111111111/price/").json()
        assert (answer["account"], answer["usd"]) == ("111111111111", None)
        assert {line["source"]: line["usd"] for line in answer["lines"]} == {
            "ec2": 0,
            "cost": 0.01,
            "cpu": None,
            "metrics": None,
        }
        assert answer["per_day_usd"] is None

    def test_grows_with_the_instances(self):
        account = builders.account("111111111111")
        for _ in range(3):
            builders.instance(account)
        answer = builders.client("viewer").get(f"{ACCOUNTS}111111111111/price/").json()
        cpu = next(line["usd"] for line in answer["lines"] if line["source"] == "cpu")
        assert cpu > 0
        assert answer["usd"] == pytest.approx(0.01 + cpu)
        assert answer["daily_budget_usd"] == 1
        assert answer["spent_today_usd"] == 0

    def test_tells_what_hourly_metrics_come_to_in_a_day(self):
        account = builders.account("111111111111")
        builders.instance(account, state="stopped")
        MetricSeries.objects.create(instance=builders.instance(account))
        with_memory = builders.instance(account)
        MetricSeries.objects.create(instance=with_memory, memory_dimensions={"InstanceId": "i-1"})
        schedules.ensure()
        answer = builders.client("viewer").get(f"{ACCOUNTS}111111111111/price/").json()
        # Three metrics of two running instances, and the memory of one, at a thousandth of a cent.
        assert answer["lines"][-1] == {
            "source": "metrics",
            "usd": 0.00007,
            "per_day_usd": 0.00168,
            "basis": "7 metrics of 2 running instances at $0.00001 each, 24 times a day: $0.00168",
        }
        # A page of costs and the daily figures of the same two once, and the readings 24 times.
        assert answer["usd"] == pytest.approx(0.01 + 6 * 0.00001)
        assert answer["per_day_usd"] == pytest.approx(0.01 + 6 * 0.00001 + 24 * 7 * 0.00001)

    def test_of_a_source_that_is_not_scheduled_is_paid_on_no_day(self):
        builders.instance(builders.account("111111111111"))
        schedules.ensure()
        PeriodicTask.objects.filter(task=schedules.START).update(enabled=False)
        answer = builders.client("viewer").get(f"{ACCOUNTS}111111111111/price/").json()
        assert answer["usd"] > answer["per_day_usd"] == 0

    def test_of_an_unknown_account_is_not_found(self):
        assert builders.client("viewer").get(f"{ACCOUNTS}999999999999/price/").status_code == 404
