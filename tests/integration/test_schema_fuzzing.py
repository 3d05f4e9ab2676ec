"""What schemathesis thinks of when it reads the schema: none of it fails, all is answered as documented."""

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from accounts import tokens
from alerts.models import Alert, Severity
from pipelines import messages, waiting
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patience")]

KNOWN = {
    "anomaly": 1,
    "account": "111111111111",
    "account_id": "111111111111",
    "decision_id": "aa0e8400-e29b-41d4-a716-446655440005",
    "id": 1,
    "instance_id": "i-1",
    "tag_key": "team",
    "tag_value": "web",
    "volume_id": "vol-1",
}
"""What is there to be found, by the name of the parameter; schemathesis would hardly guess any of it."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# The authorization matrix tries the methods that a route does not serve.
_CONFIG = {"phases": {"coverage": {"unexpected-methods": []}}}
# The same requests in each run; all of them differ from each other, so there is nothing to shrink.
_EXAMPLES = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _known(given):
    return {name: KNOWN[name] for name in given if name in KNOWN} if isinstance(given, dict) else {}


def _finding(given):
    """Take the values as given, or those instead of them that can be found."""
    found = _known(given)
    return st.sampled_from([given, {**given, **found}]) if found else st.just(given)


schema = schemathesis.openapi.from_dict(
    SchemaGenerator().get_schema(request=None, public=True), config=SchemathesisConfig.from_dict(_CONFIG)
)
schema.app = WSGIHandler()


@schema.hook
def flatmap_path_parameters(context, path_parameters):
    return _finding(path_parameters)


@schema.hook
def flatmap_query(context, query):
    return _finding(query)


@schema.hook
def flatmap_body(context, body):
    return _finding(body)


@pytest.fixture(autouse=True)
def _one_connection():
    """Keep the test's connection from one request to the next, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(monkeypatch, patience, just_begun):
    """The token of an administrator, who gets past all permissions and owns a managed instance."""
    user = builders.user("administrator")
    managed = builders.managed(user, instance_id=KNOWN["instance_id"], is_monitoring=False)
    builders.managed_sample(managed)
    builders.decision(managed, id=KNOWN["decision_id"])
    monkeypatch.setattr(messages, "send", lambda _run: True)
    monkeypatch.setattr(waiting, "_follow", lambda _run, until: None)
    account = builders.account(KNOWN["account_id"])
    instance = builders.instance(account, instance_id=KNOWN["instance_id"])
    builders.volume(account, volume_id=KNOWN["volume_id"])
    builders.cost_forecast(account)
    builders.load_forecast(instance)
    builders.cpu_day(instance, "2026-03-01")
    builders.cost(account, "2026-03-01", "0.0000008072")
    builders.quarantined(builders.billing_file(id=KNOWN["id"]))
    builders.reconciliation(account, "2026-03-01")
    builders.cost_by_tag(account, "2026-03-01", "1", KNOWN["tag_value"])
    builders.anomaly(account, id=KNOWN["anomaly"])
    builders.budget(id=KNOWN["id"], account=account)
    with connection.cursor() as cursor:  # the next one gets another key
        cursor.execute("SELECT setval(pg_get_serial_sequence('analytics_budget', 'id'), %s)", [KNOWN["id"]])
    builders.step(builders.run(id=KNOWN["id"]), "a step")
    Alert.objects.create(id=KNOWN["id"], key="run:ec2:all", severity=Severity.ERROR, title="ec2 failed")
    return tokens.issue(user)


@schema.parametrize()
@_EXAMPLES
def test_requests_are_answered_as_the_schema_says(case, token):
    if case.method in ("PATCH", "PUT"):  # what is sent is looked at only where there is something to change
        case.path_parameters = {**case.path_parameters, **_known(case.path_parameters)}
    with transaction.atomic():
        answer = case.call(headers={"Authorization": f"Bearer {token}"}, base_url="http://127.0.0.1")
        transaction.set_rollback(True)
    case.validate_response(answer, checks=CHECKS)
