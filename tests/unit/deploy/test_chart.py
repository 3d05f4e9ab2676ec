"""The chart: its values, its templates, and what they become."""

import copy
import json
import re

import jsonschema
import pytest
import yaml

from pipelines import workers
from tests.unit.deploy import hcl
from tests.unit.deploy.chart import ACTION, CHART, TEMPLATES, VALUES, depths, every, value
from tests.unit.test_container_files import options
from tests.unit.test_docs import table

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
CHECKER = jsonschema.Draft7Validator(SCHEMA)
PODS = {
    "web": "Deployment",
    "beat": "Deployment",
    "worker-critical": "Deployment",
    "worker": "Deployment",
    "migrate": "Job",
}


@pytest.fixture(scope="module")
def documents():
    return every()


@pytest.fixture(scope="module")
def containers(documents):
    """The container of each component."""
    pods = {name: documents[kind, name]["spec"]["template"]["spec"] for name, kind in PODS.items()}
    return {name: pod["containers"][0] for name, pod in pods.items()}


def merged(environment):
    """The values of an environment, as Helm merges them."""

    def merge(below, above):
        for name, found in above.items():
            both = isinstance(found, dict) and isinstance(below.get(name), dict)
            below[name] = merge(below[name], found) if both else found
        return below

    return merge(copy.deepcopy(VALUES), yaml.safe_load((CHART / f"values-{environment}.yaml").read_text()))


# --- Values ----------------------------------------------------------------------------------
def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("environment", hcl.ENVIRONMENTS)
def test_an_environments_values_are_as_the_schema_says(environment):
    values = merged(environment)
    assert not list(CHECKER.iter_errors(values))
    assert set(values["settings"]) <= set(table())


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("worker.scaling.maxReplicaCount", 11),
        ("worker.scaling.minReplicaCount", -1),
        ("worker.terminationGracePeriodSeconds", 4),
        ("image.tag", "latest"),
        ("host", "localhost"),
        ("settings.JWT_SECRET_KEY", "a secret"),
        ("settings.LOG_LEVEL", 10),
        ("web.replica", 2),
    ],
)
def test_the_schema_refuses_what_would_go_wrong(path, wrong):
    values = copy.deepcopy(VALUES)
    *above, last = path.split(".")
    part = values
    for name in above:
        part = part[name]
    part[last] = wrong
    assert list(CHECKER.iter_errors(values))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_value_that_a_template_asks_for_is_there(name):
    for path in re.findall(r"\.Values\.([\w.]+)", TEMPLATES[name]):
        value(path)


def test_every_value_is_asked_for():
    asked = set(re.findall(r"\.Values\.([\w.]+)", "".join(TEMPLATES.values())))

    def unused(part, path=""):
        for name, found in part.items():
            here = f"{path}{name}"
            if here not in asked and isinstance(found, dict) and found:
                yield from unused(found, f"{here}.")
            elif here not in asked:
                yield here

    assert not list(unused(VALUES))


# --- Templates -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", TEMPLATES)
def test_braces_and_blocks_of_a_template_are_closed(name):
    rest = ACTION.sub("", TEMPLATES[name])
    assert "{{" not in rest
    assert "}}" not in rest
    open_blocks = list(depths(TEMPLATES[name]))
    assert min(open_blocks, default=0) >= 0
    assert (open_blocks or [0])[-1] == 0


def test_what_is_included_is_defined():
    defined = set(re.findall(r'define "([\w.]+)"', TEMPLATES["_helpers.tpl"]))
    assert set(re.findall(r'include "([\w.]+)"', "".join(TEMPLATES.values()))) == defined


def test_everything_that_runs_is_there_and_nothing_else(documents):
    assert {(kind, name) for kind, name in documents if kind in ("Deployment", "Job")} == {
        (kind, name) for name, kind in PODS.items()
    }
    assert {kind for kind, _ in documents} == {
        *("Deployment", "Job", "Service", "Ingress", "ConfigMap", "ServiceAccount"),
        *("NetworkPolicy", "PodDisruptionBudget", "ScaledObject", "TriggerAuthentication"),
    }


def test_every_pod_has_no_rights_and_every_container_but_two_folders_to_write_to():
    helpers = TEMPLATES["_helpers.tpl"]
    for line in (
        *(
            "automountServiceAccountToken: false",
            "runAsNonRoot: true",
            "runAsUser: 10001",
            "type: RuntimeDefault",
        ),
        *("allowPrivilegeEscalation: false", "readOnlyRootFilesystem: true", "drop: [ALL]"),
    ):
        assert line in helpers
    for name in (*PODS,):
        template = TEMPLATES[f"{name}.yaml"]
        assert 'include "cloudintel.pod"' in template
        assert 'include "cloudintel.container"' in template


# --- Processes -------------------------------------------------------------------------------
def test_the_web_lives_and_is_ready_by_its_own_name(containers):
    web = containers["web"]
    assert web["command"] == ["/app/scripts/start-server.sh"]
    paths = {
        kind: web[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    for kind in paths:
        assert web[kind]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": VALUES["host"]}]


def test_the_web_is_replaced_without_a_gap(documents):
    strategy = documents["Deployment", "web"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert documents["PodDisruptionBudget", "web"]["spec"]["maxUnavailable"] == 1


def test_there_is_one_beat_and_never_two(documents, compose, containers):
    spec = documents["Deployment", "beat"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert containers["beat"]["command"] == compose["services"]["beat"]["command"]


def test_worker_critical_is_always_there_and_waits_for_no_other(documents, containers):
    assert documents["Deployment", "worker-critical"]["spec"]["replicas"] == 1
    command = options(containers["worker-critical"]["command"])
    assert command["--queues"] == "critical,watch,actions,readings"


def test_all_queues_of_compose_are_taken_by_one_or_the_other(compose, containers):
    def queues(command):
        return set(options(command)["--queues"].split(","))

    usual = [service["command"] for name, service in compose["services"].items() if name.startswith("worker")]
    ours = [containers[name]["command"] for name in ("worker-critical", "worker")]
    assert set().union(*map(queues, ours)) == set().union(*map(queues, usual))


@pytest.mark.parametrize("name", ["worker-critical", "worker"])
def test_workers_have_the_options_of_compose(compose, containers, name):
    differ = {"--hostname", "--queues", "--concurrency"}
    expected = options(compose["services"]["worker-critical"]["command"])
    given = options(containers[name]["command"])
    assert {key: given[key] for key in given.keys() - differ} == {
        key: expected[key] for key in expected.keys() - differ
    }
    assert given["--hostname"] == f"{name}@%h"
    check = containers[name]["livenessProbe"]["exec"]["command"]
    assert check == ["python", "deploy/healthcheck.py", "worker", name]


@pytest.mark.parametrize("name", ["worker-critical", "worker"])
def test_a_worker_is_given_longer_to_end_than_it_takes_to_give_back_its_work(documents, name):
    grace_s = documents["Deployment", name]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    gives_back_s = workers.FINISH_S
    # The database may be slow to answer, a lease long.
    assert grace_s >= gives_back_s + 30
    assert SCHEMA["definitions"]["grace"]["minimum"] > gives_back_s


def test_etl_workers_have_two_cpus_and_four_gigabytes():
    assert VALUES["worker"]["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}


def test_migrations_come_before_an_installation_and_before_an_upgrade(documents, containers):
    job = documents["Job", "migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert containers["migrate"]["command"] == ["python", "manage.py", "migrate", "--no-input"]
    # What comes before the chart's objects cannot use them.
    assert "configMapRef" not in str(containers["migrate"])
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]


# --- Scaling ---------------------------------------------------------------------------------
def test_workers_come_and_go_between_none_and_ten_one_for_two_pieces_of_work(documents):
    spec = documents["ScaledObject", "worker"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 10)
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "postgresql"
    assert trigger["metadata"]["targetQueryValue"] == "2"
    assert trigger["metadata"]["activationTargetQueryValue"] == "0"
    assert spec["pollingInterval"] <= 10
    # All ten at once: the issue gives them 30 seconds.
    (policy,) = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleUp"]["policies"]
    assert policy == {"type": "Pods", "value": 10, "periodSeconds": 15}
    assert "replicas" not in documents["Deployment", "worker"]["spec"]


def test_keda_connects_by_a_secret_that_is_not_in_the_chart(documents):
    (reference,) = documents["TriggerAuthentication", "worker"]["spec"]["secretTargetRef"]
    assert reference == {"parameter": "connection", "name": "cloudintel", "key": "SCALER_DATABASE_URL"}
    assert not [kind for kind, _ in documents if kind == "Secret"]


def test_keda_asks_what_the_platform_counts():
    backlog = pytest.importorskip("pipelines.backlog")
    assert (CHART / "files" / "backlog.sql").read_text().strip() == backlog.SCALER_SQL
    assert VALUES["worker"]["scaling"]["targetQueryValue"] == VALUES["worker"]["concurrency"] == backlog.SLOTS


# --- Who may reach whom ----------------------------------------------------------------------
def test_nobody_reaches_a_pod_but_the_webs_visitors(documents):
    everything = documents["NetworkPolicy", ""]["spec"]
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    assert everything["ingress"] == []
    web = documents["NetworkPolicy", "web"]["spec"]
    assert web["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 5000}]
