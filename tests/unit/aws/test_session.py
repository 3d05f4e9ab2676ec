"""The door to an account: whose credentials, which role, which endpoint, and none that nobody gave."""

from datetime import UTC, datetime, timedelta

import pytest

from collectors.aws import ec2
from collectors.aws.session import Access, Cloud, default_chain_has_credentials
from core.errors import PermanentCloudError, TransientCloudError
from tests.unit.aws.test_ec2 import FULL, instances

ROLE = "arn:aws:iam::210987654321:role/CloudIntelReader"


def identity(account="123456789012"):
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


def assumed(token="role-token", *, minutes=60):
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    return (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        "<AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>{token}</SessionToken><Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ).encode()


def without_credentials(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def test_the_account_is_asked_anew_each_time(aws, cloud, tally):
    aws.say(identity()).say(identity("210987654321"))
    assert [cloud.account_id(), cloud.account_id()] == ["123456789012", "210987654321"]
    assert tally.calls == 2


def test_clients_are_kept(cloud):
    assert cloud.client("ec2", "eu-west-1") is cloud.client("ec2", "eu-west-1")
    assert cloud.client("ec2", "eu-west-1") is not cloud.client("ec2", "us-east-1")


def test_cost_explorer_is_in_one_region_only(cloud):
    assert cloud.client("ce", "eu-west-1") is cloud.client("ce", "us-east-1")
    assert cloud.client("ce", "eu-west-1").meta.endpoint_url == "https://ce.us-east-1.amazonaws.com"


def test_clients_have_timeouts_and_standard_retries(cloud):
    config = cloud.client("ec2", "eu-west-1").meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 30)
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}


def test_cloudwatch_speaks_the_protocol_that_is_parsed_fast(cloud):
    assert cloud.client("cloudwatch", "eu-west-1").meta.service_model.resolved_protocol == "json"


def test_a_role_is_assumed_with_its_external_id(aws, tally):
    aws.say(assumed()).say(instances(FULL))
    role = Cloud(Access("210987654321", role_arn=ROLE, external_id="cloudintel-1"), tally)
    assert len(ec2.instance_page(role, "eu-west-1", None, on_next=pytest.fail)[0]) == 1
    asked = aws.asked()[0]
    assert (asked["Action"], asked["RoleArn"]) == ("AssumeRole", ROLE)
    assert (asked["ExternalId"], asked["RoleSessionName"]) == ("cloudintel-1", "cloudintel")
    assert aws.requests[1].headers["X-Amz-Security-Token"] == b"role-token"
    assert tally.calls == 2


def test_a_role_is_assumed_once_for_all_clients(aws, tally):
    aws.say(assumed()).say(instances(FULL))
    role = Cloud(Access("210987654321", role_arn=ROLE), tally)
    for region in ("eu-west-1", "us-east-1"):
        ec2.instance_page(role, region, None, on_next=pytest.fail)
    assert [asked["Action"] for asked in aws.asked()] == ["AssumeRole", *["DescribeInstances"] * 2]
    assert "ExternalId" not in aws.asked()[0]


def test_a_role_is_assumed_anew_before_it_expires(aws, tally):
    aws.say(assumed("old", minutes=5)).say(instances(FULL)).say(assumed("new")).say(instances(FULL))
    role = Cloud(Access("210987654321", role_arn=ROLE), tally)
    for _ in range(2):
        ec2.instance_page(role, "eu-west-1", None, on_next=pytest.fail)
    tokens = [request.headers.get("X-Amz-Security-Token") for request in aws.requests]
    assert tokens == [None, b"old", None, b"new"]


def test_a_denied_role_is_permanent_and_says_what_to_check(aws, tally):
    aws.refuse_sts("AccessDenied", "not authorized to perform: sts:AssumeRole")
    role = Cloud(Access("210987654321", role_arn=ROLE), tally)
    with pytest.raises(PermanentCloudError, match=r"by AssumeRole \(AccessDenied.*trust policy"):
        ec2.instance_page(role, "eu-west-1", None, on_next=pytest.fail)
    assert tally.calls == 1


def test_a_throttled_role_is_transient(aws, tally):
    aws.refuse_sts("Throttling", status=400)
    role = Cloud(Access("210987654321", role_arn=ROLE), tally)
    with pytest.raises(TransientCloudError, match="Throttling"):
        ec2.instance_page(role, "eu-west-1", None, on_next=pytest.fail)
    assert tally.calls == 4


def test_an_expired_token_is_permanent_after_one_call(aws, cloud, tally):
    aws.refuse_sts("ExpiredToken", "The security token included in the request is expired")
    with pytest.raises(PermanentCloudError, match=r"ExpiredToken.*Renew the credentials"):
        cloud.account_id()
    assert tally.calls == 1


@pytest.mark.parametrize("role_arn", ["", ROLE], ids=["default chain", "role"])
def test_no_credentials_are_permanent_and_nothing_is_sent(aws, tally, monkeypatch, role_arn):
    without_credentials(monkeypatch)
    with pytest.raises(PermanentCloudError, match=r"Unable to locate credentials\. Give the workers"):
        Cloud(Access(None, role_arn=role_arn), tally).account_id()
    assert aws.requests == []


def test_the_demo_cloud_needs_no_credentials_and_no_aws(aws, tally, monkeypatch):
    without_credentials(monkeypatch)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    aws.say(identity())
    demo = Cloud(Access(None, endpoint_url="http://127.0.0.1:4999", demo=True), tally)
    assert demo.account_id() == "123456789012"
    assert aws.requests[0].url == "http://127.0.0.1:4999/"


def test_a_demo_cloud_that_is_not_running_says_so(tally):
    with pytest.raises(PermanentCloudError, match="make run"):
        Cloud(Access(None, endpoint_url="", demo=True), tally).account_id()


def test_the_endpoint_of_the_environment_is_honoured(aws, cloud, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    aws.say(identity())
    cloud.account_id()
    assert aws.requests[0].url == "http://127.0.0.1:4566/"


def test_a_profile_that_does_not_exist_is_permanent(cloud, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(PermanentCloudError, match="nobody"):
        cloud.account_id()


class TestDefaultChain:
    """What is found without asking a metadata service."""

    @pytest.fixture(autouse=True)
    def chain(self, monkeypatch, tmp_path):
        """A chain that finds nothing, on a machine that would ask its metadata service."""
        without_credentials(monkeypatch)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1")
        self.config = tmp_path / "config"
        self.credentials = tmp_path / "credentials"

    def test_nothing(self, aws):
        assert not default_chain_has_credentials()
        assert aws.requests == []

    def test_environment(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        assert default_chain_has_credentials()

    def test_credentials_file(self):
        self.credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        assert default_chain_has_credentials()

    def test_a_profile_whose_role_comes_from_the_metadata_service(self, aws):
        self.config.write_text(f"[default]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")
        assert default_chain_has_credentials()
        assert aws.requests == []

    def test_half_a_key_pair(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        with pytest.raises(PermanentCloudError, match="AWS_SECRET_ACCESS_KEY"):
            default_chain_has_credentials()
