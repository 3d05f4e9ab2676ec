"""`make run` as its user sees it: real processes, from the first start to the last."""

import re
import signal
import stat
import time

import psutil
import pytest
import requests

from tests import services
from tests.stack import CURL, READY, Stack, clear, processes_of


def until(condition, *, within_s=30.0):
    """Wait for a condition and return what it gives."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def used_home():
    """A data folder that a start with ONCE=1 filled."""
    home = services.make_home()
    with Stack(home, ONCE="1") as stack:
        assert stack.launch().wait() == 0, stack.output
        yield home
    clear(home)


# --- While it runs ---------------------------------------------------------------------------
def test_says_in_its_last_line_where_it_is_ready(stack):
    assert stack.greeting.splitlines()[-1] == f"CloudIntel is ready at {stack.base_url}"


def test_prints_what_was_collected(stack):
    assert re.search(r"123456789012 production .* eu-west-1 .* running .* 7 ", stack.greeting)
    assert re.search(r"Cost of the 30 days .* [\d,]+\.\d\d USD", stack.greeting)
    assert re.search(r"daily .* succeeded .* \$0\.0\d", stack.greeting)


def test_the_printed_command_can_be_pasted(stack):
    token, url = CURL.search(stack.greeting).groups()
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert (answer.status_code, answer.json()["currency"]) == (200, "USD")


def test_the_generated_password_is_printed_and_kept_for_its_owner_alone(stack):
    kept = stack.home / "admin_password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text() in stack.greeting
    assert stack.admin_token()


def test_a_second_start_from_the_same_folder_is_refused(stack):
    with Stack(stack.home) as second:
        assert second.launch().wait(30) == 1
        (line,) = second.output.splitlines()
    assert f"pid {stack.pid}" in line


def test_a_port_in_use_is_named(stack):
    with Stack(PORT=str(stack.port)) as second:
        assert second.launch().wait(30) == 1
        (line,) = second.output.splitlines()
        assert f"Port {stack.port} " in line
        assert not (second.home / "logs").exists()


def test_a_program_that_dies_is_started_again_and_reported(stack):
    (beat,) = (process for process in processes_of(stack.home) if "beat" in process.cmdline())
    beat.kill()
    until(lambda: "beat was ended by SIGKILL; it starts again in 1 s" in stack.output)
    until(lambda: [process for process in processes_of(stack.home) if "beat" in process.cmdline()])


def test_a_second_shell_collects_in_the_same_database(stack):
    done = stack.manage("collect", "--source", "ec2", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    run = stack.session().get(f"{stack.base_url}/api/v1/runs/", timeout=10).json()["results"][0]
    assert f'"id":{run["id"]},' in done.stdout
    assert run["status"] == "succeeded"


# --- Starting again, and stopping ------------------------------------------------------------
@pytest.mark.alone
def test_a_second_start_is_warm_and_has_the_data_of_the_first(used_home):
    with Stack(used_home) as again:
        began = time.monotonic()
        again.start()
        assert time.monotonic() - began < 15
        assert "Last collection: " in again.output
        assert again.admin_password() not in again.output
        inventory = again.session().get(f"{again.base_url}/api/v1/inventory/", timeout=10).json()
        assert inventory["count"] == 24


@pytest.mark.alone
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_within_ten_seconds(used_home, how):
    with Stack(used_home) as stack:
        stack.start()
        family = psutil.Process(stack.pid).children(recursive=True)
        began = time.monotonic()
        assert stack.stop(how) == 0
        assert time.monotonic() - began < 10
        assert [process for process in family if process.is_running()] == []
        assert processes_of(used_home) == []
        assert not (used_home / "run" / "services.json").exists()


@pytest.mark.alone
def test_a_start_copes_with_what_a_killed_supervisor_left(used_home):
    with Stack(used_home) as killed, Stack(used_home) as next_one:
        killed.start()
        family = psutil.Process(killed.pid).children(recursive=True)
        killed.stop(signal.SIGKILL)
        next_one.start()
        until(lambda: not [each for each in family if each.is_running() and each.status() != "zombie"])
        assert next_one.session().get(f"{next_one.base_url}/cost-summary", timeout=10).status_code == 200


@pytest.mark.alone
def test_an_interrupted_start_leaves_nothing_behind(used_home):
    with Stack(used_home) as stack:
        stack.launch()
        until(lambda: processes_of(used_home)[1:])
        assert stack.stop() == 130
        assert READY.search(stack.output) is None
        assert processes_of(used_home) == []


@pytest.mark.alone
def test_once_fails_with_the_reason_when_nothing_could_be_collected(used_home):
    nobody = "http://127.0.0.1:1"
    credentials = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
    with Stack(used_home, ONCE="1", CLOUDINTEL_CLOUD="aws", AWS_ENDPOINT_URL=nobody, **credentials) as stack:
        assert stack.launch().wait() == 1
        assert "The first collection ended as failed: " in stack.output
