"""What is asked of AWS."""

import re

import pytest

from tests.unit.deploy import hcl
from tests.unit.test_container_files import options
from tests.unit.test_docs import actions, policies

ROLE = "aws/modules/collector-role"
RESOURCES = hcl.resources("aws")
VARIABLES = hcl.variables("aws")
TASKS = hcl.local("aws")["tasks"]
SERVICES = ("web", "worker-critical", "worker-io", "worker-cpu", "beat")


def statements(name, document):
    """The statements of a policy document, those that are there only sometimes included."""
    body = dict(hcl.blocks(name, "data"))[f"aws_iam_policy_document.{document}"]
    sometimes = [
        block
        for dynamic in body.get("dynamic", [])
        for block in dynamic.get("statement", {}).get("content", [])
    ]
    return [*body["statement"], *sometimes]


def reading(name, document):
    (statement,) = [one for one in statements(name, document) if one.get("sid") == "CloudIntelReads"]
    return set(statement["actions"])


# --- Tasks -----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SERVICES[1:])
def test_workers_are_started_as_compose_starts_them(compose, name):
    expected = options(compose["services"][name]["command"])
    assert options(hcl.words("aws", TASKS[name]["command"])) == expected


def test_where_worker_io_may_be_gone_worker_critical_is_the_versatile_one(versatile):
    given = options(hcl.words("aws", TASKS["worker-critical"]["command"], io_may_be_gone=True))
    assert {name: given[name] for name in versatile} == versatile


def test_a_web_that_waits_for_others_is_not_replaced():
    assert TASKS["web"]["check"] == ["web", "/livez"]


@pytest.mark.parametrize("name", SERVICES[1:])
def test_services_are_checked_as_compose_checks_them(compose, name):
    test = compose["services"][name]["healthcheck"]["test"]
    assert test == ["CMD", "python", "deploy/healthcheck.py", *TASKS[name]["check"]]


def test_what_is_run_once_is_no_service():
    assert {name for name, task in TASKS.items() if not task["check"]} == {"migrate", "command"}
    assert TASKS["migrate"]["command"] == ["python", "manage.py", "migrate", "--no-input"]


def test_etl_tasks_have_two_cpus_and_four_gigabytes():
    assert (VARIABLES["etl_cpu"]["default"], VARIABLES["etl_memory"]["default"]) == (2048, 4096)
    for name in ("web", "worker-io", "worker-cpu"):
        assert (TASKS[name]["cpu"], TASKS[name]["memory"]) == ("${var.etl_cpu}", "${var.etl_memory}")


def test_containers_write_to_two_folders_and_have_no_rights():
    definition = RESOURCES["aws_ecs_task_definition.task"]["container_definitions"]
    for line in (
        "readonlyRootFilesystem = true",
        'drop = ["ALL"]',
        'containerPath = "/data"',
        'containerPath = "/tmp"',
    ):
        assert line in re.sub(r" +", " ", definition)


def test_a_deployment_that_ecs_has_undone_is_none():
    (lifecycle,) = RESOURCES["aws_ecs_service.service"]["lifecycle"]
    (condition,) = lifecycle["postcondition"]
    assert condition["condition"] == "${self.task_definition == aws_ecs_task_definition.task[each.key].arn}"
    assert RESOURCES["aws_ecs_task_definition.task"]["skip_destroy"] is True


def test_there_is_never_a_second_beat():
    service = RESOURCES["aws_ecs_service.service"]
    assert service["deployment_maximum_percent"] == '${each.key == "beat" ? 100 : 200}'
    assert service["deployment_minimum_healthy_percent"] == '${each.key == "beat" ? 0 : 100}'
    assert TASKS["beat"]["count"] == 1


def test_worker_io_has_none_to_ten_tasks():
    (validation,) = VARIABLES["worker_io_tasks"]["validation"]
    assert "var.worker_io_tasks.min >= 0" in validation["condition"]
    assert "var.worker_io_tasks.max <= 10" in validation["condition"]
    assert hcl.values("aws", "dev")["worker_io_tasks"]["min"] == 0
    assert hcl.values("aws", "production")["worker_io_tasks"]["max"] == 10


def test_workers_are_added_above_four_fifths_of_the_cpu():
    (policy,) = RESOURCES["aws_appautoscaling_policy.cpu"]["target_tracking_scaling_policy_configuration"]
    assert policy["target_value"] == 80
    assert policy["predefined_metric_specification"] == [
        {"predefined_metric_type": "ECSServiceAverageCPUUtilization"}
    ]


# --- Schedules -------------------------------------------------------------------------------
def test_runs_are_started_at_their_time_in_new_york():
    assert hcl.local("aws")["schedules"] == {
        "daily-etl": {"when": "cron(30 4 ? * * *)", "pipeline": "daily"},
        "weekly-validation": {"when": "cron(0 5 ? * MON *)", "pipeline": "weekly-validation"},
    }
    assert RESOURCES["aws_scheduler_schedule.this"]["schedule_expression_timezone"] == "America/New_York"


def test_three_retries_within_an_hour():
    (target,) = RESOURCES["aws_scheduler_schedule.this"]["target"]
    assert target["retry_policy"] == [{"maximum_retry_attempts": 3, "maximum_event_age_in_seconds": 3600}]


def test_a_run_is_started_for_its_slot_so_that_the_platforms_own_schedule_makes_no_second_one():
    (target,) = RESOURCES["aws_scheduler_schedule.this"]["target"]
    assert (
        '"manage.py", "start", each.value.pipeline, "--slot", "<aws.scheduler.scheduled-time>"'
        in target["input"]
    )
    assert target["input"].startswith("${replace(replace(jsonencode(")


# --- Rights ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "document"), [(ROLE, "reads"), ("aws", "worker")])
def test_reading_is_exactly_the_policy_of_the_readme(name, document):
    (reader,) = [one for one in policies() if one.get("Sid") == "CloudIntelReads"]
    assert reading(name, document) == actions(reader)


@pytest.mark.parametrize("name", ["aws", ROLE])
def test_stars_stand_where_the_readme_has_them_and_for_a_key_in_its_own_policy(name):
    for address, _body in hcl.blocks(name, "data"):
        if not address.startswith("aws_iam_policy_document.") or address.endswith(".key"):
            continue
        for statement in statements(name, address.split(".")[1]):
            assert not [action for action in statement["actions"] if "*" in action], address
            if statement.get("resources") == ["*"]:
                assert statement["sid"] == "CloudIntelReads"


def test_the_collector_role_is_assumed_by_one_identity_and_with_the_external_id():
    (statement,) = statements(ROLE, "trust")
    assert statement["actions"] == ["sts:AssumeRole"]
    assert statement["principals"] == [{"type": "AWS", "identifiers": ["${var.trusted_arn}"]}]
    assert statement["condition"] == [
        {"test": "StringEquals", "variable": "sts:ExternalId", "values": ["${var.external_id}"]}
    ]


def test_billing_files_are_read_only_where_they_are_and_only_if_asked():
    assert hcl.variables(ROLE)["billing_files"]["default"] in (None, "null")
    allowed = {
        action for one in statements(ROLE, "reads") for action in one["actions"] if action.startswith("s3:")
    }
    assert allowed == {"s3:GetObject", "s3:ListBucket"}


def test_only_workers_that_ask_aws_have_a_role_with_rights():
    idle = {name for name, task in TASKS.items() if task["role"] == "${aws_iam_role.idle.arn}"}
    assert idle == {"web", "beat", "migrate", "command"}
    assert not [body for body in RESOURCES.values() if body.get("role") == "${aws_iam_role.idle.id}"]


def test_the_scheduler_can_read_its_schedules():
    assert RESOURCES["aws_scheduler_schedule.this"]["kms_key_arn"] == "${aws_kms_key.this.arn}"
    (statement,) = [one for one in statements("aws", "scheduler") if one["actions"] == ["kms:Decrypt"]]
    assert statement["resources"] == ["${aws_kms_key.this.arn}"]


# --- Servers ---------------------------------------------------------------------------------
def test_the_database_is_encrypted_backed_up_and_keeps_its_own_password():
    database = RESOURCES["aws_db_instance.this"]
    assert (database["engine"], database["engine_version"]) == ("postgres", "18")
    assert database["storage_encrypted"] is True
    assert database["manage_master_user_password"] is True
    assert "password" not in database
    assert database["multi_az"] == "${var.database_multi_az}"
    assert database["backup_retention_period"] == "${var.backup_days}"
    assert database["publicly_accessible"] is False


def test_the_broker_asks_for_a_password_over_tls():
    broker = RESOURCES["aws_elasticache_replication_group.this"]
    assert broker["engine"] == "valkey"
    assert broker["transit_encryption_enabled"] is True
    assert broker["auth_token"] == "${var.valkey_token}"
    assert VARIABLES["valkey_token"]["sensitive"] is True


def test_people_come_by_tls_alone():
    listeners = [body for address, body in RESOURCES.items() if address.startswith("aws_lb_listener.")]
    assert [(listener["port"], listener["protocol"]) for listener in listeners] == [(443, "HTTPS")]


def test_images_are_scanned_and_their_names_are_not_given_twice():
    images = RESOURCES["aws_ecr_repository.images"]
    assert images["image_tag_mutability"] == "IMMUTABLE"
    assert images["image_scanning_configuration"] == [{"scan_on_push": True}]


def test_logs_are_encrypted():
    logs = [body for address, body in RESOURCES.items() if address.startswith("aws_cloudwatch_log_group.")]
    assert logs
    assert all(body["kms_key_id"] == "${aws_kms_key.this.arn}" for body in logs)
