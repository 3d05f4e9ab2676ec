"""The workflow of GitHub Actions, parsed: it has never run here."""

import re

import pytest
import yaml

from tests.unit.deploy import hcl
from tests.unit.test_container_files import ROOT

TEXT = (ROOT / ".github" / "workflows" / "ci.yml").read_text()


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load(TEXT)


@pytest.fixture(scope="module")
def triggers(workflow):
    # YAML 1.1 takes `on` for a truth value.
    return workflow[True]


def steps(workflow, job):
    return workflow["jobs"][job]["steps"]


def test_every_change_is_tested_as_here(workflow, triggers):
    assert {"push", "pull_request"} <= set(triggers)
    *before, last = [step["run"] for step in steps(workflow, "test") if "run" in step]
    assert last == ".ci/run"
    provided = re.findall(r"^provide \w+ ([\w-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert provided == ["pgbouncer", "prometheus", "chromium", "chromium-driver"]
    assert before[0].split()[-2:] == provided[:2]
    assert "if" not in workflow["jobs"]["test"]


def test_an_image_is_scanned_and_started_before_any_is_pushed(workflow):
    scan = next(step for step in steps(workflow, "image") if "trivy-action" in step.get("uses", ""))
    assert (scan["with"]["severity"], scan["with"]["exit-code"]) == ("HIGH,CRITICAL", "1")
    assert "/livez" in steps(workflow, "image")[-1]["run"]
    assert workflow["jobs"]["push"]["needs"] == ["test", "image"]
    assert not [step for step in steps(workflow, "image") if step.get("with", {}).get("push")]


def test_images_are_pushed_from_main_and_from_versions_and_named_by_them(workflow, triggers):
    assert triggers["push"] == {"branches": ["main"], "tags": ["v*.*.*"]}
    assert workflow["jobs"]["push"]["if"] == "github.event_name == 'push'"
    names = next(step for step in steps(workflow, "push") if step.get("id") == "names")["with"]
    assert "type=semver,pattern={{version}}" in names["tags"]
    assert names["flavor"] == "latest=false"


def test_deployments_are_made_by_hand_and_protected_by_their_environment(workflow, triggers):
    job = workflow["jobs"]["deploy"]
    assert job["if"] == "github.event_name == 'workflow_dispatch'"
    assert job["environment"] == "${{ inputs.environment }}"
    assert triggers["workflow_dispatch"]["inputs"]["environment"]["options"] == list(hcl.ENVIRONMENTS)
    assert job["needs"] == ["test", "image"]
    assert job["steps"][-1]["run"] == 'scripts/deploy.sh "$ENVIRONMENT" --cloud "$CLOUD"'


def test_what_an_environment_has_to_have_is_documented():
    named = set(re.findall(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", TEXT))
    documented = (ROOT / "docs" / "deployment.md").read_text()
    assert not [name for name in named if f"`{name}`" not in documented]


def test_what_logging_in_to_google_leaves_in_the_checkout_is_no_change():
    """Otherwise production would be refused for changes that are not committed."""
    left = "gha-creds-0123456789abcdef.json"
    assert left.replace("0123456789abcdef", "*") in (ROOT / ".gitignore").read_text().splitlines()


def test_no_job_has_more_rights_than_it_needs(workflow):
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "test": {"contents": "read"},
        "image": {"contents": "read"},
        "push": {"contents": "read", "packages": "write"},
        "deploy": {"contents": "read", "id-token": "write"},
    }


def test_only_runs_of_pull_requests_are_cut_off(workflow):
    group = workflow["concurrency"]["group"]
    assert "github.event_name == 'pull_request' && github.ref || github.run_id" in group


def test_one_deployment_of_an_environment_waits_for_the_other(workflow):
    assert workflow["jobs"]["deploy"]["concurrency"] == {
        "group": "deploy-${{ inputs.environment }}-${{ inputs.cloud }}",
        "cancel-in-progress": False,
    }


def test_actions_are_pinned_to_a_commit_and_say_which_version_that_is():
    used = re.findall(r"uses: (\S+)(.*)", TEXT)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_what_others_may_write_reaches_no_shell(workflow):
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    assert not [command for command in commands if "${{" in command]


def test_every_job_ends_some_time(workflow):
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
