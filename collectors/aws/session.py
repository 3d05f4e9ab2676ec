"""The door to one AWS account: sessions, roles and clients."""

import logging
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError
from botocore.loaders import create_loader
from botocore.session import Session as BotocoreSession

from collectors.aws import fastparse, metering
from collectors.aws.errors import translated
from core.errors import PermanentCloudError

HOME_REGION = "us-east-1"
"""Where global questions are asked: costs, identities and the list of regions."""

_AT_HOME = frozenset({"ce", "pricing"})
_METADATA_PROVIDERS = ("container-role", "iam-role")
_METADATA_SOURCES = ("EcsContainer", "Ec2InstanceMetadata")
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=10,
    user_agent_extra="cloudintel",
)
# What changes something is asked for once: whether it was done is found out by looking.
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
# A refresh that fails is raised and told in one sentence; botocore logs it with its whole traceback besides,
# and with all that AWS said, which may repeat the signed request.
logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
# The service models are 25 MB and 0.2 s to read: one copy of them serves every session.
_LOADER = create_loader()


@dataclass(frozen=True, slots=True)
class Access:
    """How an account is reached: by a role, by the default credential chain, or in the demo cloud.

    Who `acts` there sends each call once, and gets whole answers.
    """

    account_id: str | None
    role_arn: str = ""
    external_id: str = ""
    endpoint_url: str | None = None
    demo: bool = False
    acts: bool = False


class Cloud:
    """One account's clients, metered, with timeouts, retries and the fast parsers."""

    def __init__(self, access: Access, meter: metering.Meter) -> None:
        self.access = access
        self._meter = meter
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()

    def client(self, service: str, region: str) -> Any:
        """Return the client of a service in a region; those of costs and prices are in us-east-1 alone.

        Raises: PermanentCloudError (no credentials, a broken profile).
        """
        key = (service, HOME_REGION if service in _AT_HOME else region)
        with self._lock:
            if key not in self._clients:
                with translated(f"A client for {service} in {key[1]}"):
                    self._clients[key] = self._new_client(self._session, *key)
            return self._clients[key]

    def account_id(self) -> str:
        """Return the account that the credentials belong to.

        Raises: TransientCloudError, PermanentCloudError.
        """
        client = self.client("sts", HOME_REGION)
        with translated("sts:GetCallerIdentity"):
            account_id: str = client.get_caller_identity()["Account"]
        return account_id

    @cached_property
    def _session(self) -> boto3.Session:
        source = self._source_session()
        if not self.access.role_arn:
            return source
        session = _session()
        resolver = CredentialResolver([_Given(self._role_credentials(source))])
        session._session.register_component("credential_provider", resolver)  # noqa: SLF001
        return session

    def _source_session(self) -> boto3.Session:
        if not self.access.demo:
            return _session()
        if not self.access.endpoint_url:
            raise PermanentCloudError("The demo cloud is not running: start it with `make run`.")
        return _session(aws_access_key_id="demo", aws_secret_access_key="demo")  # noqa: S106

    def _role_credentials(self, source: boto3.Session) -> DeferredRefreshableCredentials:
        credentials = source.get_credentials()
        if credentials is None:
            raise NoCredentialsError

        def client(service: str, **keys: Any) -> Any:
            return self._new_client(source, service, HOME_REGION, **keys)

        about = {"RoleSessionName": "cloudintel"}
        if self.access.external_id:
            about["ExternalId"] = self.access.external_id
        fetcher = AssumeRoleCredentialFetcher(client, credentials, self.access.role_arn, extra_args=about)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, method="assume-role")

    def _new_client(self, session: boto3.Session, service: str, region: str, **keys: Any) -> Any:
        # The demo cloud is on this machine: a proxy for the internet would not find it.
        config = _CONFIG.merge(Config(proxies={})) if self.access.demo else _CONFIG
        config = config.merge(_ONCE) if self.access.acts else config
        endpoint = self.access.endpoint_url or None
        with self._lock:
            client = session.client(service, region_name=region, endpoint_url=endpoint, config=config, **keys)
        metering.attach(client, self._meter)
        if not self.access.acts:
            fastparse.install(client)
        return client


def default_chain_has_credentials() -> bool:
    """Tell whether the default chain finds credentials without asking a metadata service.

    Raises: PermanentCloudError where it is broken: a profile that does not exist, half of a key pair.
    """
    with translated("The default credential chain"):
        session = BotocoreSession()
        profile = session.get_scoped_config()
        if profile.get("credential_source") in _METADATA_SOURCES:
            return True
        resolver = session.get_component("credential_provider")
        for provider in _METADATA_PROVIDERS:
            resolver.remove(provider)
        return resolver.load_credentials() is not None


class _Given(CredentialProvider):
    """A link of a credential chain that hands out what it was given."""

    METHOD = "cloudintel"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def _session(**keys: str) -> boto3.Session:
    core = BotocoreSession()
    session = boto3.Session(botocore_session=core, **keys)
    core.register_component("data_loader", _LOADER)
    return session
