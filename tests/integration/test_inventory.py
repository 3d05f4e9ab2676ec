"""The inventory follows the cloud: what appears, changes, vanishes, and what could not be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from collectors.aws import ec2
from collectors.aws.ec2 import InstanceRecord, VolumeRecord
from collectors.models import CloudAccount, Instance, InstanceStateChange, Volume
from collectors.pipelines import register
from collectors.services import access, inventory
from core.errors import PermanentCloudError, TransientCloudError
from pipelines import ledger, runner
from pipelines.models import Run, Status
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNT = "123456789012"


def instance(instance_id, **changes):
    return InstanceRecord(
        **{
            "instance_id": instance_id,
            "instance_type": "m5.large",
            "state": "running",
            "name": "web",
            "availability_zone": "eu-west-1a",
            "platform": "Linux/UNIX",
            "lifecycle": "",
            "detailed_monitoring": False,
            "image_id": "ami-1",
            "vpc_id": "vpc-1",
            "private_ip": "10.0.0.1",
            "public_ip": "",
            "tags": {"Name": "web"},
            "launched_at": datetime(2026, 1, 1, tzinfo=UTC),
            **changes,
        }
    )


def volume(volume_id, **changes):
    return VolumeRecord(
        **{
            "volume_id": volume_id,
            "volume_type": "gp3",
            "state": "in-use",
            "size_gib": 100,
            "iops": 3000,
            "throughput_mibps": 125,
            "encrypted": True,
            "availability_zone": "eu-west-1a",
            "attached_to": "i-1",
            "device": "/dev/xvda",
            "tags": {},
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
            **changes,
        }
    )


def whose(cloud):
    """The account that a role, or else the default credentials, belong to."""
    return cloud.access.account_id if cloud.access.role_arn else ACCOUNT


class Estate:
    """A cloud by region: pages of instances, where an exception stands for a page that fails."""

    def __init__(self):
        self.instances = {"eu-west-1": [[]]}
        self.volumes = {}
        self.regions = lambda: list(self.instances)

    def instance_page(self, cloud, region, token, *, on_next):
        return self._page(self.instances[region], token, on_next)

    def volume_page(self, cloud, region, token, *, on_next):
        return self._page(self.volumes.get(region, [[]]), token, on_next)

    def _page(self, pages, token, on_next):
        number = int(token or 0)
        following = str(number + 1) if number + 1 < len(pages) else None
        if isinstance(pages[number], Exception):
            raise pages[number]
        if following:
            on_next(following)
        return pages[number], following

    def enabled_regions(self, cloud):
        return self.regions()


@pytest.fixture
def estate(monkeypatch, sent):
    register()
    found = Estate()
    for kind, fetch in (("instances", found.instance_page), ("volumes", found.volume_page)):
        monkeypatch.setitem(inventory.KINDS, kind, replace(inventory.KINDS[kind], fetch=fetch))
    monkeypatch.setattr(ec2, "enabled_regions", found.enabled_regions)
    monkeypatch.setattr(access.Cloud, "account_id", whose)
    return found


def collect():
    run = ledger.start("ec2")
    work_off(run)
    return Run.objects.get(pk=run.pk)


def test_stores_what_it_finds_and_files_it_under_the_default_account(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")], [instance("i-2", tags={"Team": "a"})]]
    estate.volumes["eu-west-1"] = [[volume("vol-1")]]
    run = collect()
    assert run.counts == {"created": 3, "updated": 0, "unchanged": 0, "gone": 0}
    stored = Instance.objects.get(instance_id="i-2")
    assert (stored.account.account_id, stored.region, stored.tags) == (ACCOUNT, "eu-west-1", {"Team": "a"})
    assert Volume.objects.get().size_gib == 100


def test_changes_nothing_the_second_time(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    collect()
    assert collect().counts == {"created": 0, "updated": 0, "unchanged": 1, "gone": 0}
    assert InstanceStateChange.objects.count() == 1


def test_moves_last_seen_but_not_first_seen(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    collect()
    before = Instance.objects.get()
    collect()
    after = Instance.objects.get()
    assert after.first_seen == before.first_seen
    assert after.last_seen > before.last_seen


def test_leaves_alone_when_a_scan_that_began_later_saw_it(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    collect()
    later = timezone.now() + timedelta(minutes=1)
    Instance.objects.update(last_seen=later)
    collect()
    assert Instance.objects.get().last_seen == later


def test_records_each_change_of_state_with_its_time(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    collect()
    estate.instances["eu-west-1"] = [[instance("i-1", state="stopped")]]
    assert collect().counts["updated"] == 1
    changes = InstanceStateChange.objects.order_by("id")
    assert [(change.from_state, change.to_state) for change in changes] == [
        ("", "running"),
        ("running", "stopped"),
    ]
    assert changes[1].observed_at == Instance.objects.get().last_seen


def test_marks_as_gone_what_a_complete_scan_no_longer_finds(estate):
    estate.instances["eu-west-1"] = [[instance("i-1"), instance("i-2")]]
    collect()
    estate.instances["eu-west-1"] = [[instance("i-2")]]
    assert collect().counts["gone"] == 1
    assert list(Instance.objects.present().values_list("instance_id", flat=True)) == ["i-2"]


def test_a_scan_does_not_mistake_what_an_earlier_one_found_meanwhile(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    first = ledger.start("metrics")
    runner.plan(first.pk)
    second = ledger.start("ec2")
    work_off(second)
    # Launched after the second scan had read its page, and found by the first one only.
    estate.instances["eu-west-1"] = [[instance("i-1"), instance("i-2")]]
    third = ledger.start("ec2")
    runner.plan(third.pk)
    work_off(first)
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    work_off(third)
    assert Instance.objects.get(instance_id="i-2").gone_at is None


def test_welcomes_back_what_was_gone(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    collect()
    estate.instances["eu-west-1"] = [[]]
    collect()
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    collect()
    assert Instance.objects.get().gone_at is None


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_marks_nothing_as_gone_when_a_page_fails(estate, failing):
    pages = [[instance("i-1")], [instance("i-2")], [instance("i-3")]]
    estate.instances["eu-west-1"] = pages
    collect()
    torn = list(pages)
    torn[failing] = TransientCloudError("timed out")
    estate.instances["eu-west-1"] = torn
    assert collect().status == Status.PARTIAL
    assert Instance.objects.present().count() == 3


def test_marks_nothing_as_gone_in_another_region_or_account(estate):
    other = CloudAccount.objects.create(
        account_id="210987654321", role_arn="arn:aws:iam::210987654321:role/R"
    )
    CloudAccount.objects.create(account_id=ACCOUNT)
    estate.instances = {"eu-west-1": [[instance("i-1")]], "us-east-1": [[instance("i-2")]]}
    collect()
    CloudAccount.objects.filter(pk=other.pk).update(enabled=False)
    estate.instances = {"eu-west-1": [[]]}
    assert collect().counts["gone"] == 1
    assert Instance.objects.present().count() == 3


def test_says_which_region_failed_and_keeps_the_others(estate):
    estate.instances = {"eu-west-1": [[instance("i-1")]], "us-east-1": [PermanentCloudError("denied")]}
    run = collect()
    assert run.status == Status.PARTIAL
    assert run.error == f"{ACCOUNT}/us-east-1/instances/1: denied"
    assert Instance.objects.count() == 1


def test_keeps_the_instances_though_the_volumes_are_denied(estate):
    estate.instances["eu-west-1"] = [[instance("i-1")]]
    estate.volumes["eu-west-1"] = [PermanentCloudError("denied")]
    assert collect().error == f"{ACCOUNT}/eu-west-1/volumes/1: denied"
    assert Instance.objects.count() == 1


def test_one_denied_account_does_not_stop_the_other(estate):
    CloudAccount.objects.create(account_id=ACCOUNT)
    CloudAccount.objects.create(account_id="210987654321", role_arn="arn:aws:iam::210987654321:role/R")
    answers = iter([["eu-west-1"], None])

    def regions():
        if (answer := next(answers)) is None:
            raise PermanentCloudError("the role cannot be assumed")
        return answer

    estate.regions = regions
    run = collect()
    assert (run.status, run.error) == (Status.PARTIAL, "210987654321: the role cannot be assumed")


def test_asks_only_the_regions_an_account_names(estate):
    CloudAccount.objects.create(account_id=ACCOUNT, regions=["us-east-1"])
    estate.instances = {"eu-west-1": [[instance("i-1")]], "us-east-1": [[instance("i-2")]]}
    collect()
    assert Instance.objects.get().instance_id == "i-2"


def test_an_empty_account_is_a_success_with_nothing_in_it(estate):
    run = collect()
    assert (run.status, run.counts["created"]) == (Status.SUCCEEDED, 0)


def test_files_nothing_under_an_account_the_credentials_do_not_belong_to(estate):
    CloudAccount.objects.create(account_id="999999999999")
    run = collect()
    assert run.status == Status.FAILED
    assert "belong to account 123456789012, not to 999999999999" in run.error


def test_says_so_when_every_account_is_disabled(estate):
    CloudAccount.objects.create(account_id=ACCOUNT, enabled=False)
    assert collect().error == "Every cloud account is disabled; enable one in the admin."


def test_notes_when_an_instance_became_of_its_type(estate):
    estate.instances["eu-west-1"] = [[instance("i-1"), instance("i-2")]]
    collect()
    assert set(Instance.objects.values_list("type_since", flat=True)) == {None}
    began = timezone.now()
    estate.instances["eu-west-1"] = [[instance("i-1", instance_type="m5.xlarge"), instance("i-2")]]
    collect()
    changed = Instance.objects.get(instance_id="i-1").type_since
    assert changed > began
    collect()
    assert [each.type_since for each in Instance.objects.order_by("instance_id")] == [changed, None]


def test_notes_since_when_a_volume_is_attached_to_nothing(estate):
    loose = {"state": "available", "attached_to": "", "device": ""}
    began = timezone.now()
    estate.volumes["eu-west-1"] = [[volume("vol-1"), volume("vol-2", **loose)]]
    collect()
    used, unused = Volume.objects.order_by("volume_id")
    assert used.available_since is None
    assert unused.available_since > began
    estate.volumes["eu-west-1"] = [[volume("vol-1", **loose), volume("vol-2", **loose)]]
    collect()
    first, second = Volume.objects.order_by("volume_id")
    assert first.available_since > second.available_since == unused.available_since
    estate.volumes["eu-west-1"] = [[volume("vol-1"), volume("vol-2")]]
    collect()
    assert set(Volume.objects.values_list("available_since", flat=True)) == {None}
