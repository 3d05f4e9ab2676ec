"""/api/v1/inventory/ and /api/v1/volumes/."""

from datetime import timedelta

import pytest

from tests import builders
from tests.builders import MORNING

pytestmark = pytest.mark.django_db

INVENTORY = "/api/v1/inventory/"
VOLUMES = "/api/v1/volumes/"


@pytest.fixture
def viewer():
    return builders.client("viewer")


def names(answer, key="instance_id"):
    return [row[key] for row in answer.json()["results"]]


class TestInstances:
    def test_are_told_with_all_that_is_known(self, viewer):
        builders.instance(
            builders.account("111111111111"),
            instance_id="i-1",
            name="web",
            tags={"Name": "web", "Team": "a"},
            launched_at=MORNING,
        )
        assert viewer.get(INVENTORY).json() == {
            "count": 1,
            "next": None,
            "previous": None,
            "results": [
                {
                    "instance_id": "i-1",
                    "account": "111111111111",
                    "region": "eu-west-1",
                    "instance_type": "t3.micro",
                    "state": "running",
                    "launched_at": "2026-03-01T06:00:00Z",
                    "first_seen": "2026-03-01T06:00:00Z",
                    "last_seen": "2026-03-01T06:00:00Z",
                    "gone_at": None,
                    "tags": {"Name": "web", "Team": "a"},
                    "name": "web",
                    "availability_zone": "",
                    "platform": "",
                    "lifecycle": "",
                    "detailed_monitoring": False,
                    "image_id": "",
                    "vpc_id": "",
                    "private_ip": "",
                    "public_ip": "",
                }
            ],
        }

    def test_have_a_page_with_their_history(self, viewer):
        instance = builders.instance(instance_id="i-1", state="stopped")
        builders.state_change(instance, "running")
        builders.state_change(
            instance, "stopped", from_state="running", observed_at=MORNING + timedelta(hours=1)
        )
        answer = viewer.get(f"{INVENTORY}i-1/").json()
        assert answer["instance_id"] == "i-1"
        assert answer["state_changes"] == [
            {"from_state": "running", "to_state": "stopped", "observed_at": "2026-03-01T07:00:00Z"},
            {"from_state": "", "to_state": "running", "observed_at": "2026-03-01T06:00:00Z"},
        ]

    def test_told_of_by_two_accounts_are_shown_as_last_seen(self, viewer):
        builders.instance(instance_id="i-1", state="running", last_seen=MORNING + timedelta(days=1))
        builders.instance(instance_id="i-1", state="stopped")
        assert viewer.get(f"{INVENTORY}i-1/").json()["state"] == "running"

    @pytest.mark.parametrize("name", ["i-unknown", "no.such.thing", "i-1" + "0" * 60])
    def test_that_are_unknown_are_not_found(self, viewer, name):
        answer = viewer.get(f"{INVENTORY}{name}/")
        assert answer.status_code == 404
        assert set(answer.json()) == {"error"}

    @pytest.mark.parametrize(
        ("query", "kept"),
        [
            ("account=111111111111", ["i-1"]),
            ("account=999999999999", []),
            ("region=us-east-1", ["i-2"]),
            ("state=stopped", ["i-2"]),
            ("instance_type=m5.large", ["i-2"]),
            ("instance_id=i-2", ["i-2"]),
            ("lifecycle=spot", ["i-2"]),
            ("name=WE", ["i-1"]),
            ("gone=true", ["i-2"]),
            ("gone=false", ["i-1"]),
            ("tag=Team", ["i-1", "i-2"]),
            ("tag=Team%3Da", ["i-1"]),
            ("tag=Team%3D", []),
            ("tag=Team%3Da%3Db", []),
            ("region=", ["i-1", "i-2"]),
            ("ordering=-instance_type", ["i-1", "i-2"]),
            ("ordering=instance_type", ["i-2", "i-1"]),
        ],
    )
    def test_can_be_narrowed_down(self, viewer, query, kept):
        builders.instance(builders.account("111111111111"), instance_id="i-1", name="web", tags={"Team": "a"})
        builders.instance(
            builders.account("222222222222"),
            instance_id="i-2",
            region="us-east-1",
            state="stopped",
            instance_type="m5.large",
            lifecycle="spot",
            tags={"Team": "b"},
            gone_at=MORNING,
        )
        assert names(viewer.get(f"{INVENTORY}?{query}")) == kept

    def test_come_in_pages(self, viewer):
        account = builders.account()
        for number in range(5):
            builders.instance(account, instance_id=f"i-{number}", instance_type="same")
        first = viewer.get(INVENTORY, {"page_size": 2, "ordering": "instance_type"})
        second = viewer.get(first.json()["next"])
        third = viewer.get(second.json()["next"])
        assert names(first) + names(second) + names(third) == [f"i-{number}" for number in range(5)]
        assert first.json()["count"] == 5

    def test_cost_the_same_number_of_queries_however_many(self, viewer, django_assert_num_queries):
        for _ in range(7):
            builders.instance()
        with django_assert_num_queries(3):  # the role, the count, the rows
            viewer.get(INVENTORY)

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("gone=maybe", "gone"),
            ("ordering=secret", "ordering"),
            ("regoin=eu-west-1", "regoin: Unknown parameter"),
            ("state=running&state=stopped", "state: Give this parameter once"),
            ("page_size=none", "page_size"),
            ("region=%00", "NUL"),
        ],
    )
    def test_refuse_what_they_cannot_be_narrowed_down_by(self, viewer, query, reason):
        answer = viewer.get(f"{INVENTORY}?{query}")
        assert answer.status_code == 400
        assert reason in answer.json()["error"]

    def test_beyond_the_last_page_are_not_found(self, viewer):
        assert viewer.get(f"{INVENTORY}?page=2").status_code == 404

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_are_only_read(self, method):
        answer = getattr(builders.client("administrator"), method)(INVENTORY)
        assert answer.status_code == 405
        assert set(answer.json()) == {"error"}

    def test_are_browsable(self, viewer):
        builders.instance(tags={"Name": "<script>alert(1)</script>"})
        page = viewer.get(INVENTORY, headers={"Accept": "text/html"})
        assert page["Content-Type"].startswith("text/html")
        assert "<script>alert(1)" not in page.content.decode()


class TestVolumes:
    def test_are_told_with_all_that_is_known(self, viewer):
        builders.volume(builders.account("111111111111"), volume_id="vol-1", attached_to="i-1", iops=3000)
        [row] = viewer.get(VOLUMES).json()["results"]
        assert row == {
            "volume_id": "vol-1",
            "account": "111111111111",
            "region": "eu-west-1",
            "volume_type": "gp3",
            "state": "in-use",
            "size_gib": 8,
            "iops": 3000,
            "throughput_mibps": None,
            "encrypted": False,
            "availability_zone": "",
            "attached_to": "i-1",
            "device": "",
            "created_at": None,
            "first_seen": "2026-03-01T06:00:00Z",
            "last_seen": "2026-03-01T06:00:00Z",
            "gone_at": None,
            "tags": {},
        }
        assert viewer.get(f"{VOLUMES}vol-1/").json() == row

    @pytest.mark.parametrize(
        ("query", "kept"),
        [
            ("attached_to=i-1", ["vol-1"]),
            ("encrypted=true", ["vol-2"]),
            ("ordering=-size_gib", ["vol-2", "vol-1"]),
        ],
    )
    def test_can_be_narrowed_down(self, viewer, query, kept):
        account = builders.account()
        builders.volume(account, volume_id="vol-1", attached_to="i-1")
        builders.volume(account, volume_id="vol-2", encrypted=True, size_gib=9)
        assert names(viewer.get(f"{VOLUMES}?{query}"), "volume_id") == kept

    def test_cost_the_same_number_of_queries_however_many(self, viewer, django_assert_num_queries):
        for _ in range(7):
            builders.volume()
        with django_assert_num_queries(3):
            viewer.get(VOLUMES)
