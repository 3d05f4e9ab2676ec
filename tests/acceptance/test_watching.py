"""What operators watch: /metrics of all web processes, and logs in which a request can be followed."""

import json
import time

import requests
from prometheus_client.parser import text_string_to_metric_families

PROGRAMS = ("web", "worker-critical", "worker-io", "worker-cpu", "beat")


def lines(stack, program):
    """What the program has logged, read as JSON."""
    return [json.loads(line) for line in (stack.home / "logs" / f"{program}.log").read_text().splitlines()]


def values(stack):
    text = stack.session().get(f"{stack.base_url}/metrics", timeout=10).text
    families = text_string_to_metric_families(text)
    return {
        (each.name, *sorted(each.labels.values())): each.value for one in families for each in one.samples
    }


def test_requests_to_all_web_processes_are_counted_together(stack):
    key = ("django_http_requests_before_middlewares_total",)
    before = values(stack)[key]
    for _ in range(40):
        # A connection each, so that both processes get some.
        assert requests.get(f"{stack.base_url}/livez", timeout=10).ok
    # Beside these, the login and the request of the second reading.
    assert values(stack)[key] - before >= 40


def test_the_first_collection_is_in_the_metrics(stack):
    found = values(stack)
    runs = stack.session().get(f"{stack.base_url}/api/v1/runs/?pipeline=cost", timeout=10).json()["results"]
    assert found["cloudintel_aws_calls_total", "cost"] == sum(run["aws_calls"] for run in runs) > 0
    assert found["cloudintel_oldest_queued_age_seconds", "cost"] < 60


def test_every_line_of_the_logs_is_a_json_object(stack):
    for program in PROGRAMS:
        told = lines(stack, program)
        assert told, program
        assert all({"event", "level", "timestamp"} <= each.keys() for each in told), program


def test_the_terminal_shows_no_log_lines(stack):
    assert "[info " not in stack.greeting
    assert '"event"' not in stack.greeting


def test_a_request_can_be_followed_through_the_worker(stack):
    name = f"followed-{time.time_ns()}"
    session = stack.session()
    answer = session.post(f"{stack.base_url}/sync-ec2?wait=60", headers={"X-Request-ID": name}, timeout=70)
    run_id = answer.json()["run_id"]
    assert answer.headers["X-Request-ID"] == name
    followed = [each for each in lines(stack, "worker-io") if each.get("request_id") == name]
    started = [each for each in followed if each.get("run_id") == run_id]
    assert [each for each in started if each["logger"] == "pipelines.runner"]
    assert {each["task_id"] for each in started} == {each["task_id"] for each in followed}
    asked = [each for each in lines(stack, "web") if each.get("request_id") == name]
    assert (asked[-1]["event"], asked[-1]["code"]) == ("request_finished", 200)
    assert asked[-1]["user_id"]


def test_no_token_is_logged(stack):
    token = stack.admin_token()
    requests.get(
        f"{stack.base_url}/metrics?token={token}", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    for program in PROGRAMS:
        assert token not in (stack.home / "logs" / f"{program}.log").read_text()


def test_the_status_tells_who_works_and_what_ran(stack):
    told = stack.session().get(f"{stack.base_url}/status", timeout=10).json()
    kinds = {worker["name"].rpartition("-")[0] for worker in told["workers"]}
    assert {"worker-critical", "worker-io", "worker-cpu"} <= kinds
    last = {pipeline["name"]: pipeline["last_run"] for pipeline in told["pipelines"]}
    assert last["daily"]["status"] == "succeeded"


def test_the_health_of_what_runs_is_told_to_anybody(stack):
    for path in ("health", "readyz"):
        answer = requests.get(f"{stack.base_url}/{path}", timeout=10)
        components = dict.fromkeys(("database", "migrations", "broker", "workers"), "ok")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "components": components})
