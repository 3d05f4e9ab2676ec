"""scripts/deploy.sh: dry, and with programs that stand in for those of the clouds and note their calls."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.deploy import hcl

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "deploy.sh"
CLOUDS = ("gcp", "aws", "helm")
VARIABLES = {
    "gcp": {"PROJECT_ID": "our-project", "REGION": "us-east1", "TF_STATE_BUCKET": "our-state"},
    "aws": {
        "AWS_ACCOUNT_ID": "123456789012",
        "AWS_REGION": "us-east-1",
        "TF_STATE_BUCKET": "our-state",
        "TF_VAR_host": "cloudintel.example.com",
        "TF_VAR_certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
        "TF_VAR_valkey_token": "0" * 32,
    },
    "helm": {
        "IMAGE_REPOSITORY": "registry.example.com/cloudintel",
        "CLOUDINTEL_URL": "https://ci.example.com",
    },
}
# What stands in: notes the call, and answers as far as the script needs an answer.
STAND_IN = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> "$CALLS"
case "$name $*" in
    "git rev-parse "*) echo 0123456789ab ;;
    "git status "*) printf '%s' "${DIRTY:-}" ;;
    *"output -raw image") echo "${BEFORE:-}" ;;
    *"output -raw url") echo https://ci.example.com ;;
    *"output -raw migrate_network") echo network-1 ;;
    "gcloud run services describe "*) [ -z "${BEFORE:-}" ] || echo revision-7 ;;
    "aws ecs run-task "*) echo arn:task/1 ;;
    "aws ecs describe-tasks "*) echo "${MIGRATED:-0}" ;;
    "helm history "*) [ -n "${BEFORE:-}" ] && printf 'REVISION\tUPDATED\tSTATUS\tCHART\n%s\n' \
        '6\tMon\tsuperseded\tcloudintel' '7\tMon\tdeployed\tcloudintel' '8\tMon\tfailed\tcloudintel' ;;
    "docker manifest inspect "*) [ -n "${PUSHED:-}" ] ;;
    "docker build "*) exit "${BUILD:-0}" ;;
    "curl "*)
        # After the way back the old image answers.
        grep -qE 'rollback|image=old' "$CALLS" && exit "${SMOKE_AFTER:-0}"
        [ "$(grep -c ^curl "$CALLS")" -gt "${FAILS:-0}" ] || exit 22
        exit "${SMOKE:-0}" ;;
esac
"""
NAMES = ("git", "docker", "curl", "terraform", "gcloud", "aws", "helm")


def run(*arguments, path, **environment):
    return subprocess.run(
        [shutil.which("bash"), SCRIPT, *arguments],
        env={"PATH": path, "HOME": os.devnull, "SMOKE_WITHIN_S": "0", "SMOKE_EVERY_S": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def stand_ins(tmp_path):
    """A PATH on which the clouds' programs are stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture
def deploy(stand_ins, tmp_path):
    """Deploy for real, as far as the script can tell: what it did, and which programs it called."""
    calls = tmp_path / "calls"
    calls.touch()

    def deploy(cloud, environment="dev", **settings):
        settings = {"BEFORE": "registry/old:1" if cloud != "helm" else "7", **VARIABLES[cloud], **settings}
        if cloud != "helm" and settings["BEFORE"]:
            settings["BEFORE"] = "image=old"
        done = run(environment, "--cloud", cloud, path=stand_ins, CALLS=str(calls), **settings)
        return done, calls.read_text().splitlines()

    return deploy


def steps(output):
    """The steps that the script announces, without what they are about."""
    return [re.match(r"== (\w+)", line)[1] for line in output.splitlines() if line.startswith("== ")]


def position(calls, pattern):
    """Where the first call is that matches."""
    return next(index for index, call in enumerate(calls) if re.search(pattern, call))


# --- Dry -------------------------------------------------------------------------------------
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("environment", hcl.ENVIRONMENTS)
def test_a_dry_run_prints_every_step_in_its_order_and_runs_nothing(environment, cloud, tmp_path):
    only_shell = tmp_path / "bin"
    only_shell.mkdir()
    for name in ("dirname", "git"):
        (only_shell / name).symlink_to(shutil.which(name))
    done = run(environment, "--cloud", cloud, "--dry-run", path=str(only_shell))
    assert (done.returncode, done.stderr) == (0, "")
    migrate = [] if cloud == "helm" else ["migrate"]
    assert steps(done.stdout) == ["dry", "plan", "build", "push", *migrate, "apply", "smoke", "if", "dry"]
    asked = re.findall(r"^\+ curl .*?(/\w+)$", done.stdout, re.MULTILINE)
    assert asked == ["/livez", "/readyz", "/health"]


@pytest.mark.parametrize("environment", hcl.ENVIRONMENTS)
@pytest.mark.parametrize("cloud", ["gcp", "aws"])
def test_an_environment_is_its_variables_and_its_state(environment, cloud, tmp_path):
    done = run(environment, f"--cloud={cloud}", "--dry-run", path=os.environ["PATH"])
    terraform = [line for line in done.stdout.splitlines() if line.startswith("+ terraform")]
    init, *others = [line for line in terraform if " output " not in line]
    assert f"cloudintel-{environment}" in init
    assert others
    assert all(f"-var-file=environments/{environment}.tfvars" in line for line in others)


def test_a_dry_run_shows_the_way_back():
    done = run("staging", "--cloud", "gcp", "--dry-run", path=os.environ["PATH"])
    back = done.stdout.partition("if the smoke test failed")[2]
    assert "gcloud run services update-traffic cloudintel-staging-web" in back
    assert "terraform -chdir=deploy/terraform/gcp apply" in back


# --- What it refuses -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "which environment"),
        (["qa"], "unknown environment qa"),
        (["dev", "staging"], "one environment at a time"),
        (["dev", "--cloud", "azure"], "unknown cloud azure"),
        (["dev", "--cloud"], "--cloud needs"),
        (["dev", "--force"], "unknown option --force"),
    ],
)
def test_wrong_usage_is_refused_with_what_would_be_right(arguments, reason):
    done = run(*arguments, path=os.environ["PATH"])
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Usage: scripts/deploy.sh dev|staging|production" in done.stderr


@pytest.mark.parametrize("cloud", CLOUDS)
def test_variables_that_are_not_set_are_named_all_at_once(cloud, stand_ins):
    done = run("dev", "--cloud", cloud, path=stand_ins, CALLS=os.devnull)
    assert done.returncode == 2
    assert f"not set: {' '.join(VARIABLES[cloud])}." in done.stderr


def test_tools_that_are_missing_are_named(tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    done = run("dev", "--cloud", "helm", path=str(tmp_path), **VARIABLES["helm"])
    assert done.returncode == 2
    assert "not installed, or not in PATH: git docker curl helm" in done.stderr


def test_production_is_refused_with_changes_that_are_not_committed(deploy):
    done, calls = deploy("gcp", "production", DIRTY=" M settings.py")
    assert done.returncode == 2
    assert "changes that are not committed" in done.stderr
    assert {call.split()[0] for call in calls} == {"git"}


# --- Deploying -------------------------------------------------------------------------------
@pytest.mark.parametrize("cloud", CLOUDS)
def test_deploys(deploy, cloud):
    done, calls = deploy(cloud)
    assert (done.returncode, done.stderr) == (0, "")
    apply = "helm upgrade .* --wait" if cloud == "helm" else r"terraform .* apply (?!.*-target)"
    order = [
        position(calls, pattern) for pattern in ("docker build", "docker push", apply, "/livez", "/health")
    ]
    assert order == sorted(order)
    assert "0123456789ab" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_image_that_was_pushed_is_deployed_as_it_is(deploy, cloud):
    """Registries refuse to change a tag; going back is deploying an earlier commit again."""
    done, calls = deploy(cloud, PUSHED="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not [call for call in calls if re.match("docker (build|push)", call)]
    assert [call for call in calls if re.search(r"upgrade .*--wait|apply (?!.*-target)", call)]


def test_the_smoke_test_tries_until_its_time_is_over(deploy):
    done, calls = deploy("aws", FAILS="2", SMOKE_WITHIN_S="60")
    assert done.returncode == 0
    asked = [call.rsplit("/", 1)[1] for call in calls if call.startswith("curl")]
    assert asked == ["livez", "livez", "livez", "readyz", "health"]


@pytest.mark.parametrize(
    ("cloud", "migration"), [("gcp", "gcloud run jobs execute"), ("aws", "aws ecs run-task")]
)
def test_the_new_image_migrates_before_it_serves(deploy, cloud, migration):
    _, calls = deploy(cloud)
    order = [position(calls, pattern) for pattern in ("apply .*-target=", migration, r"apply (?!.*-target)")]
    assert order == sorted(order)
    assert "0123456789ab" in calls[order[0]]


def test_the_migration_is_the_new_one_and_not_what_terraform_knew_before(deploy):
    """After an apply of one target, Terraform's outputs still tell of the task definition before."""
    _, calls = deploy("aws")
    (started,) = [call for call in calls if call.startswith("aws ecs run-task")]
    assert "--task-definition=cloudintel-dev-migrate " in started
    assert "--network-configuration=network-1 " in started


def test_a_migration_that_fails_changes_nothing_that_serves(deploy):
    done, calls = deploy("aws", MIGRATED="1")
    assert done.returncode == 1
    assert "the migrations ended with 1" in done.stderr
    assert not [call for call in calls if re.search(r"apply (?!.*-target)", call)]


def test_a_build_that_fails_changes_nothing(deploy):
    done, calls = deploy("gcp", BUILD="125")
    assert done.returncode == 1
    assert not [call for call in calls if "apply" in call or "push" in call]


# --- The way back ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cloud", "back"),
    [
        (
            "gcp",
            [
                "gcloud run services update-traffic cloudintel-dev-web .*=revision-7=100",
                "gcloud run services update-traffic cloudintel-dev-etl .*=revision-7=100",
                "terraform .* apply .*-var=image=image=old",
            ],
        ),
        ("aws", ["terraform .* apply .*-var=image=image=old"]),
        ("helm", ["helm rollback cloudintel 7 .*--wait"]),
    ],
)
def test_a_smoke_test_that_fails_brings_back_what_ran_before(deploy, cloud, back):
    done, calls = deploy(cloud, SMOKE="22")
    assert done.returncode == 3
    assert "did not answer 200" in done.stderr
    assert "runs again" in done.stderr
    order = [position(calls, pattern) for pattern in ("/livez", *back)]
    assert order == sorted(order)
    # The way back is tested as well.
    assert [call.rsplit("/", 1)[1] for call in calls[-3:]] == ["livez", "readyz", "health"]


def test_a_way_back_that_leads_nowhere_is_said_loudly(deploy):
    done, _ = deploy("aws", SMOKE="22", SMOKE_AFTER="22")
    assert done.returncode == 4
    assert "look at it now" in done.stderr


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_first_deployment_has_nothing_to_go_back_to(deploy, cloud):
    done, calls = deploy(cloud, SMOKE="22", BEFORE="")
    assert done.returncode == 4
    assert "nothing ran here before" in done.stderr
    assert not [call for call in calls if "rollback" in call or "update-traffic" in call]


# --- Form ------------------------------------------------------------------------------------
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck here")
def test_the_scripts_are_clean():
    scripts = [
        *sorted((ROOT / "scripts").glob("*.sh")),
        ROOT / "deploy/pgbouncer/entrypoint.sh",
        ROOT / ".ci/run",
    ]
    done = subprocess.run([shutil.which("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_scripts_can_be_started():
    assert all(os.access(script, os.X_OK) for script in (ROOT / "scripts").glob("*.sh"))
