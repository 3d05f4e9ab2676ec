"""What is asked of Google Cloud."""

import re
import shutil
import subprocess

import pytest

from tests.unit.deploy import hcl
from tests.unit.test_container_files import options

RESOURCES = hcl.resources("gcp")
VARIABLES = hcl.variables("gcp")
# As the customer's document gives it.
RETRY = {
    "retry_count": 3,
    "max_retry_duration": "3600s",
    "max_backoff_duration": "600s",
    "min_backoff_duration": "30s",
    "max_doublings": 4,
}


@pytest.fixture
def template():
    (template,) = RESOURCES["google_cloud_run_v2_service.http"]["template"]
    return template


@pytest.fixture
def container(template):
    (container,) = template["containers"]
    return container


# --- Cloud Run -------------------------------------------------------------------------------
def test_the_web_has_two_cpus_and_four_gigabytes(container):
    (resources,) = container["resources"]
    assert resources["limits"] == {"cpu": "${var.cpu}", "memory": "${var.memory}"}
    assert (VARIABLES["cpu"]["default"], VARIABLES["memory"]["default"]) == ("2", "4Gi")


def test_it_has_none_to_ten_instances(template):
    (scaling,) = template["scaling"]
    assert scaling == {
        "min_instance_count": "${var.min_instances}",
        "max_instance_count": "${var.max_instances}",
    }
    assert (VARIABLES["min_instances"]["default"], VARIABLES["max_instances"]["default"]) == (0, 10)
    assert all(hcl.values("gcp", name)["max_instances"] <= 10 for name in hcl.ENVIRONMENTS)


def test_a_request_may_take_an_hour(template):
    assert template["timeout"] == "${var.timeout_s}s"
    assert VARIABLES["timeout_s"]["default"] == 3600


def test_it_is_asked_whether_it_lives_at_its_start_and_after_by_its_own_name(container):
    for kind in ("startup_probe", "liveness_probe"):
        (probe,) = container[kind]
        assert probe["timeout_seconds"] <= probe["period_seconds"]
        (question,) = probe["http_get"]
        assert question["path"] == "/livez"
        assert [header["name"] for header in question["http_headers"]] == ["Host"]


def test_calls_that_start_pipelines_are_taken_one_at_a_time_and_from_inside():
    http = hcl.local("gcp")["http"]
    assert http["etl"] == {"concurrency": 1, "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}
    assert http["web"] == {"concurrency": "${var.web_concurrency}", "ingress": "INGRESS_TRAFFIC_ALL"}
    assert VARIABLES["web_concurrency"]["default"] == 2 * 8


def test_the_token_reaches_the_platform_with_its_signature():
    assert RESOURCES["google_cloud_run_v2_service.http"]["invoker_iam_disabled"] is True
    audience = hcl.local("gcp")["settings"]
    assert 'OIDC_AUDIENCE = local.urls["etl"]' in re.sub(r" +", " ", audience)
    assert "OIDC_CALLERS = google_service_account.scheduler.email" in re.sub(r" +", " ", audience)


def test_servers_are_reached_through_the_connector(template):
    (access,) = template["vpc_access"]
    assert access["connector"] == "${google_vpc_access_connector.this.id}"


# --- Workers ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["worker-critical", "worker-io", "worker-cpu", "beat"])
def test_workers_are_started_as_compose_starts_them(compose, name):
    expected = options(compose["services"][name]["command"])
    expected.pop("--hostname", None)
    assert options(hcl.words("gcp", hcl.local("gcp")["workers"][name]["args"])) == expected


def test_where_worker_io_may_be_gone_worker_critical_is_the_versatile_one(versatile):
    args = hcl.local("gcp")["workers"]["worker-critical"]["args"]
    given = options(hcl.words("gcp", args, io_may_be_gone=True))
    assert {name: given[name] for name in versatile} == versatile


def test_every_instance_of_a_worker_has_a_name_of_its_own():
    """Cloud Run calls all of them localhost."""
    (template,) = RESOURCES["google_cloud_run_v2_worker_pool.worker"]["template"]
    (container,) = template["containers"]
    script = re.search(r'"-c", "(.*)", "sh"', container["command"])[1]
    script = script.replace('\\"', '"').replace("${each.key}", "worker-io").replace("python", "echo")
    command = [shutil.which("sh"), "-c", script, "sh", "-m", "celery", "worker"]
    said = {subprocess.check_output(command, text=True) for _ in range(2)}
    assert len(said) == 2
    assert all(re.fullmatch(r"-m celery worker --hostname=worker-io@[0-9a-f-]{36}\n", line) for line in said)


def test_there_is_one_beat_and_one_worker_critical_and_up_to_ten_of_the_others():
    workers = hcl.local("gcp")["workers"]
    assert {name for name, worker in workers.items() if worker["instances"] == 1} == {
        "beat",
        "worker-critical",
    }
    (validation,) = VARIABLES["worker_instances"]["validation"]
    assert "count >= 0" in validation["condition"]
    assert "count <= 10" in validation["condition"]


def test_migrations_are_a_job_that_is_not_tried_again():
    (outer,) = RESOURCES["google_cloud_run_v2_job.migrate"]["template"]
    (inner,) = outer["template"]
    (container,) = inner["containers"]
    assert container["args"] == ["manage.py", "migrate", "--no-input"]
    assert inner["max_retries"] == 0


# --- Schedules -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("job", "schedule", "path"),
    [("daily_etl", "30 4 * * *", "/execute"), ("weekly_validation", "0 5 * * 1", "/validate-weekly")],
)
def test_the_scheduler_calls_at_its_time_in_new_york_with_a_token(job, schedule, path):
    body = RESOURCES[f"google_cloud_scheduler_job.{job}"]
    assert (body["schedule"], body["time_zone"]) == (schedule, "America/New_York")
    assert body["retry_config"] == [RETRY]
    (target,) = body["http_target"]
    assert target["http_method"] == "POST"
    assert target["uri"] == '${local.urls["etl"]}' + path
    assert target["oidc_token"] == [
        {
            "service_account_email": "${google_service_account.scheduler.email}",
            "audience": '${local.urls["etl"]}',
        }
    ]


def test_one_of_the_two_schedules_is_in_force_the_platforms_own_unless_asked():
    for job in ("daily_etl", "weekly_validation"):
        assert RESOURCES[f"google_cloud_scheduler_job.{job}"]["paused"] == "${!var.use_cloud_scheduler}"
    assert VARIABLES["use_cloud_scheduler"]["default"] is False


# --- Servers, secrets and rights -------------------------------------------------------------
def test_the_database_is_the_version_that_is_developed_with_and_has_no_public_address(compose):
    database = RESOURCES["google_sql_database_instance.this"]
    assert compose["services"]["postgres"]["image"] == "postgres:18"
    assert database["database_version"] == "POSTGRES_18"
    (settings,) = database["settings"]
    (network,) = settings["ip_configuration"]
    assert (network["ipv4_enabled"], network["ssl_mode"]) == (False, "ENCRYPTED_ONLY")


def test_the_broker_asks_for_a_password_over_tls():
    broker = RESOURCES["google_redis_instance.this"]
    assert (broker["auth_enabled"], broker["transit_encryption_mode"]) == (True, "SERVER_AUTHENTICATION")


def test_the_only_secret_with_a_value_is_a_certificate_that_is_none():
    versions = [address for address in RESOURCES if "secret_manager_secret_version" in address]
    assert versions == ["google_secret_manager_secret_version.valkey_ca"]


def test_rights_are_on_single_things_and_across_the_project_only_to_look():
    roles = {body["role"] for address, body in RESOURCES.items() if "_iam_member." in address}
    assert not roles & {"roles/owner", "roles/editor", "roles/viewer"}
    across = [address for address in RESOURCES if address.startswith("google_project_iam_member.")]
    assert across == [
        f"google_project_iam_member.deployer_{name}" for name in ("looks", "reads_valkey_password")
    ]
    role = RESOURCES["google_project_iam_custom_role.reads_valkey_password"]
    assert role["permissions"] == ["redis.instances.getAuthString"]
    looks = re.findall(r'"([\w.]+)"', str(RESOURCES[across[0]]["for_each"]).replace("'", '"'))
    assert looks
    assert not [
        role for role in looks if re.search(r"admin|editor|developer|writer|user$", role, re.IGNORECASE)
    ]


def test_identities_have_no_keys():
    assert not [address for address in RESOURCES if "service_account_key" in address]


def test_only_what_asks_aws_has_its_keys():
    workers = hcl.local("gcp")["workers"]
    assert {name for name, worker in workers.items() if worker["asks_aws"] is True} == {
        "worker-io",
        "worker-cpu",
    }
    assert workers["worker-critical"]["asks_aws"] == "${local.io_may_be_gone}"
