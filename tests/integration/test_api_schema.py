"""The OpenAPI schema, and whether the answers keep to it."""

import re
from contextlib import closing
from datetime import timedelta

import jsonschema
import pytest
from django.core.management import call_command
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from analytics.models import CostJudgement, SavingsScope, WithheldSaving
from analytics.savings import tallies
from collectors.models import BillingManifest
from pipelines import messages
from pipelines.models import Worker
from scaling import audit
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("just_begun", "patience")]


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def as_json_schema(node):
    """Say `nullable` in JSON Schema's words, and allow nothing beside what is told."""
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    told = {key: as_json_schema(value) for key, value in node.items() if key != "nullable"}
    if "properties" in told:
        told["additionalProperties"] = False
    return {"anyOf": [told, {"type": "null"}]} if node.get("nullable") else told


def answer_schema(schema, path, method, status):
    content = schema["paths"][path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
    return {**as_json_schema(content), "components": as_json_schema(schema["components"])}


def savings(instance):
    """What a computation counted beside its recommendations."""
    reason = "Its type is not known."
    WithheldSaving.objects.create(
        account=instance.account, region="eu-west-1", kind="family", reason=reason, resources=1
    )
    SavingsScope.objects.create(region="eu-west-1", instances=1, volumes=0, price_source="a test")
    compared = {"common": 3, "differ": 1, "largest_percent": 12.5}
    builders.price_list(
        compared={"shipped_date": "2023-01-06", "instance_types": compared, "volume_types": compared}
    )
    tallies.renew()


@pytest.fixture
def estate(monkeypatch):
    """A little of everything."""
    monkeypatch.setattr(messages, "send", lambda _run: True)
    account = builders.account("111111111111")
    instance = builders.instance(account, instance_id="i-1", tags={"Name": "web"})
    builders.state_change(instance, "running")
    builders.volume(account, volume_id="vol-1")
    builders.cost(account, "2026-03-01", "0.0000008072")
    builders.cost(account, "2026-03-02", "1", estimated=True)
    builders.cpu_day(instance, "2026-03-01")
    builders.cost_forecast(account)
    builders.load_forecast(instance)
    builders.billing_file(skipped={"not of AWS": 1}, left_out=["x_extra"], tag_keys=["team"])
    BillingManifest.objects.update(tag_keys=["team"])
    builders.reconciliation(account, "2026-03-01")
    builders.cost_by_tag(account, "2026-03-01", "0.0000008072", "web")
    builders.cost_by_tag(account, "2026-03-01", "1", is_other=True)
    builders.step(builders.run("ec2", counts={"created": 1}), "a step")
    builders.quality_report()
    builders.quality_report(kind="weekly", days=7)
    builders.alert()
    builders.anomaly(account, id=1)
    CostJudgement.objects.create(account=account, judged_through="2026-03-01")
    builders.saving(instance)
    builders.saving(instance, kind="generation", dismissed_at=builders.MORNING, dismissal_reason="Not now.")
    builders.followed_saving(instance)
    savings(instance)
    builders.budget(account=account)
    audit.record("policy-changed", user=builders.user())
    Worker.objects.create(name="worker-io@here", host="here", pid=1, slots=8)
    parent = builders.run("daily", requested_by=builders.user())
    return builders.run("cost", parent=parent), parent


ANSWERS = [
    ("/cost-trend", "?start=2026-03-01&end=2026-04-01"),
    ("/cost-trend", "?start=2026-03-01&end=2026-04-01&group_by=service"),
    ("/cost-trend", "?start=2026-03-01&end=2026-04-01&group_by=tag&tag_key=team"),
    ("/cost-trend", "?start=2026-03-01&end=2026-04-01&tag_key=team&tag_value=web&group_by=service"),
    ("/cost-summary", "?start=2026-03-01&end=2026-04-01"),
    ("/cost-summary", "?start=2025-03-01&end=2025-04-01"),
    ("/cpu-trend", "?start=2026-03-01&end=2026-04-01"),
    ("/api/v1/analytics/forecast", ""),
    ("/api/v1/analytics/forecast", "?kind=load"),
    ("/api/v1/accounts/", ""),
    ("/api/v1/accounts/{account_id}/", ""),
    ("/api/v1/accounts/{account_id}/price/", ""),
    ("/api/v1/inventory/", ""),
    ("/api/v1/inventory/{instance_id}/", ""),
    ("/api/v1/volumes/", ""),
    ("/api/v1/volumes/{volume_id}/", ""),
    ("/api/v1/costs/", ""),
    ("/api/v1/cpu/", ""),
    ("/api/v1/fleet-cpu/", ""),
    ("/api/v1/billing-files/", ""),
    ("/api/v1/reconciliations/", ""),
    ("/api/v1/cost-tags/", ""),
    ("/api/v1/cost-tags/values/", "?tag_key=team&start=2026-03-01"),
    ("/api/v1/runs/", ""),
    ("/api/v1/runs/{id}/", ""),
    ("/api/v1/alerts/", ""),
    ("/api/v1/analytics/anomalies", ""),
    ("/api/v1/analytics/anomalies/{anomaly}", ""),
    ("/api/v1/analytics/savings", ""),
    ("/api/v1/analytics/savings", "?dismissed=true"),
    ("/api/v1/analytics/savings/realised", ""),
    ("/api/v1/analytics/carbon", ""),
    ("/api/v1/analytics/sustainability", ""),
    ("/api/v1/analytics/replay", "?instance_id=i-1&policy=hpa"),
    ("/api/v1/budgets/", ""),
    ("/api/v1/scaling/kill-switch/", ""),
    ("/api/v1/scaling/events/", ""),
    ("/api/v1/database/automation/maintenance/status", ""),
    ("/api/auth/me", ""),
    ("/api/", ""),
    ("/livez", ""),
    ("/readyz", ""),
    ("/health", ""),
    ("/status", ""),
    ("/api/v1/slo", ""),
    ("/api/v1/quality/", ""),
    ("/api/v1/quality/weekly/", ""),
]


@pytest.mark.parametrize(("path", "query"), ANSWERS, ids=[path + query for path, query in ANSWERS])
def test_answers_keep_to_the_schema(schema, estate, path, query):
    url = path.format(
        account_id="111111111111", instance_id="i-1", volume_id="vol-1", anomaly=1, id=estate[1].pk
    )
    answer = builders.client("viewer").get(url + query)
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), answer_schema(schema, path, "get", 200))


def test_channels_and_what_became_of_deliveries_keep_to_the_schema(schema):
    operator, channel = builders.client("operator"), builders.channel(created_by=builders.user())
    alert = builders.alert()
    for path, pk in (
        ("/api/v1/channels/", ""),
        ("/api/v1/channels/{id}/", channel.pk),
        ("/api/v1/alerts/{id}/", alert.pk),
    ):
        answer = operator.get(path.format(id=pk)).json()
        jsonschema.validate(answer, answer_schema(schema, path, "get", 200))
    answer = operator.post(f"/api/v1/alerts/{alert.pk}/acknowledge/").json()
    jsonschema.validate(answer, answer_schema(schema, "/api/v1/alerts/{id}/acknowledge/", "post", 200))


def test_files_and_their_broken_lines_keep_to_the_schema(schema):
    file = builders.billing_file()
    builders.quarantined(file)
    for path in ("/api/v1/billing-files/{id}/", "/api/v1/billing-files/{id}/quarantine/"):
        answer = builders.client("viewer").get(path.format(id=file.pk)).json()
        jsonschema.validate(answer, answer_schema(schema, path, "get", 200))


def test_a_replay_of_what_is_known_keeps_to_the_schema(schema):
    viewer = builders.user("viewer")
    instance = builders.managed(viewer)
    now = timezone.now().replace(second=0, microsecond=0)
    for minutes in range(90):
        builders.managed_sample(instance, now - timedelta(minutes=minutes + 1), cpu=95.0)
    builders.decision(instance, now - timedelta(minutes=5), probability=0.2, units_before=1, units_wanted=1.5)
    url = f"/api/v1/analytics/replay?instance_id={instance.instance_id}&days=1"
    answer = builders.bearer(viewer).get(url).json()
    assert answer["changes"]
    assert answer["decisions"]
    jsonschema.validate(answer, answer_schema(schema, "/api/v1/analytics/replay", "get", 200))


@pytest.fixture
def managed(estate):
    """An instance with all that can be told of one."""
    instance = builders.managed(
        inventory=builders.instance(), is_monitoring=False, last_action_at=builders.MORNING
    )
    builders.managed_sample(instance, outlier=1)
    builders.managed_sample(instance, builders.MORNING.replace(hour=7), cpu=None, memory=None, network_in=0.5)
    decision = builders.decision(instance)
    audit.record("desired-capacity-set", instance=instance, decision=decision, desired=2)
    return decision


ID, LOAD = "{instance_id}", {"instance_id": "...", "cpu_utilization": 95}
MOCK = {"instance_id": "mock-1", "instance_type": "t2.micro", "region": "mock", "is_mock": True}
ABOUT_INSTANCES = [
    ("get", "/api/instances/", "", None, 200),
    ("post", "/api/instances/", "", MOCK, 201),
    ("get", f"/api/instances/{ID}", "", None, 200),
    ("delete", f"/api/instances/{ID}", "", None, 204),
    ("patch", f"/api/instances/{ID}/monitor/start", "", None, 200),
    ("get", f"/api/instances/{ID}/policy", "", None, 200),
    ("patch", f"/api/instances/{ID}/policy", "", {"cpu_high": 80}, 200),
    ("get", f"/api/metrics/{ID}", "", None, 200),
    ("get", f"/api/metrics/{ID}", "?sources=true", None, 200),
    ("get", f"/api/metrics/decisions/{ID}", "", None, 200),
    ("get", f"/api/metrics/decisions/{ID}/{{decision_id}}", "", None, 200),
    ("post", "/api/metrics/simulate", "", LOAD, 201),
    ("post", "/api/metrics/simulate", "", {**LOAD, "duration_minutes": 10}, 201),
]


@pytest.mark.parametrize("asked", ABOUT_INSTANCES, ids=lambda asked: " ".join(asked[:2]))
def test_what_is_about_an_owners_instance_keeps_to_the_schema(schema, managed, asked):
    method, path, query, body, status = asked
    instance = managed.instance
    url = path.format(instance_id=instance.instance_id, decision_id=managed.pk)
    sent = {**body, "instance_id": instance.instance_id} if body and "cpu_utilization" in body else body
    answer = getattr(builders.bearer(instance.owner), method)(url + query, sent)
    assert answer.status_code == status
    if answer.content:
        jsonschema.validate(answer.json(), answer_schema(schema, path, method, status))


def test_what_is_about_an_instance_or_its_owner_is_asked_with_a_token_alone(schema):
    for method, path, *_ in [*ABOUT_INSTANCES, ("get", "/api/auth/me")]:
        assert schema["paths"][path][method]["security"] == [{"bearerAuth": []}]


@pytest.mark.parametrize("path", ["/api/instances/", "/api/metrics/simulate"])
def test_the_examples_of_requests_are_taken(schema, path):
    examples = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    owner = builders.user()
    for example in examples.values():
        if path.endswith("simulate"):
            builders.managed(owner, instance_id=example["value"]["instance_id"])
        assert builders.bearer(owner).post(path, example["value"]).status_code == 201
        owner.managed_instances.all().delete()


DOCUMENTED = [
    ("get", "/api/", 200),
    ("post", "/api/auth/register", 201),
    ("post", "/api/auth/login", 200),
    ("get", "/api/auth/me", 200),
    ("post", "/api/instances/", 201),
    ("get", "/api/instances/", 200),
    ("patch", f"/api/instances/{ID}/monitor/start", 200),
    ("patch", f"/api/instances/{ID}/monitor/stop", 200),
    ("get", f"/api/metrics/{ID}", 200),
    ("get", f"/api/metrics/decisions/{ID}", 200),
    ("post", "/api/metrics/simulate", 201),
    ("get", "/api/v1/alerts/{id}/", 200),
    ("post", "/api/v1/channels/", 201),
    ("post", "/api/v1/channels/{id}/test/", 200),
    ("get", "/health", 200),
    ("get", "/status", 200),
    ("post", "/execute", 202),
    ("post", "/validate-weekly", 202),
]


@pytest.mark.parametrize(("method", "path", "status"), DOCUMENTED)
def test_the_examples_of_answers_keep_to_the_schema(schema, method, path, status):
    answer = schema["paths"][path][method]["responses"][str(status)]["content"]["application/json"]
    assert answer["examples"]
    for example in answer["examples"].values():
        jsonschema.validate(example["value"], answer_schema(schema, path, method, status))


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
def test_the_examples_of_credentials_are_the_documents(schema, path):
    (example,) = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values()
    assert example["value"] == {"email": "user@example.com", "password": "securepassword123"}


@pytest.mark.parametrize("name", ["Metric", "Decision"])
def test_what_has_an_id_and_a_moment_begins_with_them(schema, name):
    assert list(schema["components"]["schemas"][name]["properties"])[:3] == [
        "id",
        "timestamp",
        "cpu_utilization",
    ]


@pytest.mark.parametrize(("path", "status"), [("/sync-ec2", 202), ("/sync-cpu", 202), ("/execute", 202)])
def test_a_start_keeps_to_the_schema(schema, estate, path, status):
    answer = builders.client("operator").post(path)
    assert answer.status_code == status
    jsonschema.validate(answer.json(), answer_schema(schema, path, "post", status))


@pytest.mark.parametrize(
    ("role", "url", "status"),
    [
        ("viewer", "/cost-trend?start=soon", 400),
        (None, "/cost-trend", 403),
        ("viewer", "/cpu-trend?instance_id=i-9", 404),
        ("viewer", "/cost-trend?account=999999999999", 404),
        ("viewer", "/api/v1/runs/?page=9", 404),
    ],
)
def test_errors_keep_to_the_schema(schema, role, url, status):
    answer = builders.client(role).get(url)
    told = {"error": answer.json()["error"]}
    assert answer.status_code == status
    jsonschema.validate(told, answer_schema(schema, url.partition("?")[0], "get", status))


def test_every_operation_that_needs_a_token_says_how_it_refuses(schema):
    for path in schema["paths"].values():
        for operation in path.values():
            if {} not in operation["security"]:
                assert {"401", "403"} <= set(operation["responses"]), operation["operationId"]


def test_every_operation_that_takes_a_body_says_which_it_refuses(schema):
    for path in schema["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                assert {"400", "413", "415"} <= set(operation["responses"]), operation["operationId"]


def test_a_moment_without_a_zone_is_not_said_to_be_a_date_time(schema):
    """RFC 3339, which OpenAPI goes by, wants a zone."""
    created_at = schema["components"]["schemas"]["Profile"]["properties"]["created_at"]
    assert created_at["type"] == "string"
    assert "format" not in created_at
    assert re.fullmatch(created_at["pattern"], created_at["example"])


def test_amounts_are_numbers(schema):
    amount = schema["components"]["schemas"]["CostRow"]["properties"]["amount"]
    assert (amount["type"], schema["components"]["schemas"]["Run"]["properties"]["aws_cost_usd"]["type"]) == (
        "number",
        "number",
    )


def test_is_valid_and_complete(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_is_served_to_anybody():
    served = APIClient().get("/api/schema", {"format": "json"}).json()
    assert served["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert {"/cost-trend", "/sync-ec2", "/api/v1/runs/{id}/", "/api/auth/login"} <= set(served["paths"])


def test_the_documentation_is_swagger_on_that_schema():
    page = APIClient().get("/api/docs").content.decode()
    assert "SwaggerUIBundle(" in page
    assert "/api/schema" in page


def test_the_documentation_needs_nothing_from_elsewhere():
    page = APIClient().get("/api/docs").content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/static/") for source in sources)
    for source in sources:
        with closing(APIClient().get(source)) as asset:
            assert asset.status_code == 200
