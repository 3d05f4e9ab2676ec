"""/api/v1/runs/."""

from decimal import Decimal

import pytest

from pipelines import messages
from pipelines.models import Status, Trigger
from tests import builders

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs/"


@pytest.fixture
def viewer():
    return builders.client("viewer")


def attempt(outcome, error=""):
    """The only attempt at a step of the builders."""
    unknown = dict.fromkeys(("started_at", "ended_at", "not_before"))
    return {"attempt": 1, "worker": "", "outcome": outcome, "error": error, **unknown}


def test_a_run_is_told_with_its_steps(viewer):
    operator = builders.user("operator")
    run = builders.run(
        "ec2",
        Status.PARTIAL,
        attempt=1,
        counts={"created": 3, "updated": 0},
        aws_calls=5,
        aws_cost_usd=Decimal("0.010"),
        error="111111111111/us-east-1: denied",
        requested_by=operator,
    )
    told = {"inputs": {"region": "eu-west-1"}, "outputs": {"found": 3}, "counts": {"created": 3}}
    builders.step(run, "111111111111/eu-west-1", **told)
    builders.step(run, "111111111111/us-east-1", Status.FAILED, error="denied")
    answer = viewer.get(f"{RUNS}{run.pk}/").json()
    scheduled, created = answer.pop("scheduled_for"), answer.pop("created_at")
    assert scheduled.endswith("Z")
    assert created.endswith("Z")
    assert answer == {
        "id": run.pk,
        "pipeline": "ec2",
        "scope": "all",
        "params": {},
        "status": "partial",
        "progress": {"done": 2, "total": 2, "percent": 100},
        "attempt": 1,
        "step_attempts": 0,
        "retries": 0,
        "takeovers": 0,
        "lease_until": None,
        "not_before": None,
        "started_at": "2026-03-01T06:00:00Z",
        "finished_at": "2026-03-01T06:01:00Z",
        "duration_s": 60.0,
        "counts": {"created": 3, "updated": 0},
        "outputs": {},
        "attempts": [
            {
                "attempt": 1,
                "started_at": None,
                "ended_at": "2026-03-01T06:01:00Z",
                "worker": "",
                "outcome": "partial",
                "error": "111111111111/us-east-1: denied",
                "not_before": None,
            }
        ],
        "aws_calls": 5,
        "aws_cost_usd": 0.01,
        "error": "111111111111/us-east-1: denied",
        "steps": [
            {
                "name": "111111111111/eu-west-1",
                "status": "succeeded",
                "attempt": 1,
                "retries": 0,
                "takeovers": 0,
                "not_before": None,
                "lease_until": None,
                "started_at": None,
                "finished_at": None,
                "progress": None,
                "inputs": {"region": "eu-west-1"},
                "outputs": {"found": 3},
                "attempts": [attempt("succeeded")],
                "counts": {"created": 3},
                "error": "",
            },
            {
                "name": "111111111111/us-east-1",
                "status": "failed",
                "attempt": 1,
                "retries": 0,
                "takeovers": 0,
                "not_before": None,
                "lease_until": None,
                "started_at": None,
                "finished_at": None,
                "progress": None,
                "inputs": {},
                "outputs": {},
                "attempts": [attempt("failed", "denied")],
                "counts": {},
                "error": "denied",
            },
        ],
        "step_counts": {"succeeded": 1, "failed": 1},
        "trigger": "manual",
        "requested_by": operator.email,
        "parent": None,
    }


def test_the_steps_of_a_parent_are_its_children_in_their_order(viewer):
    parent = builders.run("daily", Status.RUNNING)
    late = builders.run("cpu", Status.QUEUED, parent=parent, position=2)
    early = builders.run("ec2", parent=parent, position=0, counts={"created": 1})
    steps = viewer.get(f"{RUNS}{parent.pk}/").json()["steps"]
    assert [(step["name"], step["run_id"], step["status"]) for step in steps] == [
        ("ec2", early.pk, "succeeded"),
        ("cpu", late.pk, "queued"),
    ]
    assert steps[0]["counts"] == {"created": 1}
    assert viewer.get(f"{RUNS}{parent.pk}/").json()["step_counts"] == {"succeeded": 1, "queued": 1}
    assert viewer.get(f"{RUNS}{early.pk}/").json()["parent"] == parent.pk


def steps_of(run, **numbers):
    """Give the run so many steps of each status, in the order of the arguments."""
    for status, number in numbers.items():
        for each in range(number):
            builders.step(run, f"{status} {each}", Status(status))


def told(viewer, run):
    """The run as the list has it, which is as its own page has it."""
    answer = viewer.get(f"{RUNS}{run.pk}/").json()
    assert answer in viewer.get(RUNS).json()["results"]
    return answer


def test_up_to_a_hundred_steps_are_told_in_their_order(viewer):
    run = builders.run(status=Status.PARTIAL)
    steps_of(run, succeeded=98, failed=2)
    names = [step["name"] for step in told(viewer, run)["steps"]]
    assert names == [*(f"succeeded {number}" for number in range(98)), "failed 0", "failed 1"]


def test_of_more_steps_those_that_matter_most_are_told_and_all_are_counted(viewer):
    run = builders.run(status=Status.RUNNING)
    steps_of(run, succeeded=90, queued=5, running=4, failed=3)
    answer = told(viewer, run)
    statuses = [step["status"] for step in answer["steps"]]
    assert statuses == ["failed"] * 3 + ["running"] * 4 + ["queued"] * 5 + ["succeeded"] * 88
    assert answer["step_counts"] == {"succeeded": 90, "queued": 5, "running": 4, "failed": 3}


def test_what_became_of_the_steps_is_known_of_a_run_that_ended(viewer):
    run = builders.run(step_counts={"succeeded": 298, "failed": 2})
    assert told(viewer, run)["step_counts"] == {"succeeded": 298, "failed": 2}


def test_waiting_work_says_until_when_and_after_how_many_failures(viewer):
    run = builders.run(status=Status.RUNNING)
    builders.step(run, "throttled", Status.QUEUED, retries=2, not_before=builders.MORNING)
    (step,) = told(viewer, run)["steps"]
    assert (step["retries"], step["not_before"]) == (2, "2026-03-01T06:00:00Z")


# --- Progress --------------------------------------------------------------------------------
def progress(viewer, run):
    return tuple(told(viewer, run)["progress"].values())


def test_nothing_is_known_of_how_far_a_run_is_before_it_is_planned(viewer):
    assert progress(viewer, builders.run(status=Status.QUEUED)) == (0, 0, None)


def test_a_run_is_as_far_as_its_steps(viewer):
    run = builders.run(status=Status.RUNNING)
    steps_of(run, succeeded=2, failed=1, running=2, queued=3)
    assert progress(viewer, run) == (3, 8, 37)  # 3 / 8


def test_a_step_that_tells_how_far_it_is_counts_for_that_much(viewer):
    run = builders.run(status=Status.RUNNING)
    builders.step(run, "a large file", Status.RUNNING, progress=60)
    builders.step(run, "another", Status.QUEUED)
    assert progress(viewer, run) == (0, 2, 30)  # 60 / 2
    assert [step["progress"] for step in told(viewer, run)["steps"]] == [60, None]


def test_what_was_cancelled_was_not_done(viewer):
    run = builders.run(status=Status.CANCELLED)
    steps_of(run, succeeded=1, cancelled=3)
    assert progress(viewer, run) == (1, 4, 25)


def test_a_run_that_had_nothing_to_do_has_done_it(viewer):
    assert progress(viewer, builders.run()) == (0, 0, 100)


def test_a_parent_is_as_far_as_its_children_each_counting_alike(viewer):
    parent = builders.run("daily", Status.RUNNING)
    builders.run("ec2", parent=parent, step_counts={"succeeded": 30})
    steps_of(builders.run("cost", Status.RUNNING, parent=parent, position=1), succeeded=1, queued=1)
    builders.run("cpu", Status.QUEUED, parent=parent, position=2)
    assert progress(viewer, parent) == (31, 32, 50)  # (100 + 50 + 0) / 3
    assert [step["progress"] for step in told(viewer, parent)["steps"]] == [100, 50, None]


def test_a_run_that_has_not_ended_has_no_duration(viewer):
    run = builders.run(status=Status.RUNNING)
    assert viewer.get(f"{RUNS}{run.pk}/").json()["duration_s"] is None


@pytest.mark.parametrize("key", ["0", "999999999999999999", "9999999999999999999", "none", "-1"])
def test_an_unknown_run_is_not_found(viewer, key):
    answer = viewer.get(f"{RUNS}{key}/")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


def test_the_latest_run_comes_first(viewer):
    first, second = builders.run(), builders.run()
    assert [row["id"] for row in viewer.get(RUNS).json()["results"]] == [second.pk, first.pk]


def test_no_runs_are_an_empty_list(viewer):
    assert viewer.get(RUNS).json() == {"count": 0, "next": None, "previous": None, "results": []}


@pytest.mark.parametrize(
    ("query", "pipelines"),
    [
        ("pipeline=cost", ["cost"]),
        ("status=failed", ["cost"]),
        ("trigger=schedule", ["daily"]),
        ("top=true", ["cost", "daily"]),
        ("top=false", ["ec2"]),
        ("scope=all", ["cost", "ec2", "daily"]),
        ("start=2026-03-02", ["cost"]),
        ("end=2026-03-02", ["ec2", "daily"]),
        ("ordering=id", ["daily", "ec2", "cost"]),
        ("ordering=-aws_cost_usd", ["cost", "daily", "ec2"]),
        ("parent=9999999999999999999999", []),
    ],
)
def test_runs_can_be_narrowed_down(viewer, query, pipelines):
    early, late = builders.MORNING, builders.MORNING.replace(day=2)
    parent = builders.run("daily", trigger=Trigger.SCHEDULE, created_at=early)
    builders.run("ec2", parent=parent, created_at=early)
    builders.run("cost", Status.FAILED, created_at=late, aws_cost_usd=1)
    assert [row["pipeline"] for row in viewer.get(f"{RUNS}?{query}").json()["results"]] == pipelines


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("status=done", "status"),
        ("trigger=beat", "trigger"),
        ("parent=none", "parent"),
        ("top=2", "top"),
        ("start=2026-03-02&end=2026-03-01", "must be before end"),
        ("ordering=fence", "ordering"),
        ("state=failed", "state: Unknown parameter"),
    ],
)
def test_refuses_what_it_cannot_narrow_down_by(viewer, query, reason):
    answer = viewer.get(f"{RUNS}?{query}")
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_a_list_costs_the_same_number_of_queries_however_long(viewer, django_assert_num_queries):
    for _ in range(4):
        parent = builders.run("daily", requested_by=builders.user())
        for position in range(3):
            steps_of(builders.run("ec2", parent=parent, position=position), succeeded=4)
    # The role, the count, the runs, their children; how many steps, which are shown, and these.
    with django_assert_num_queries(7):
        viewer.get(RUNS)


def test_a_run_costs_the_same_number_of_queries_however_many_steps(viewer, django_assert_num_queries):
    run = builders.run(status=Status.RUNNING)
    steps_of(run, succeeded=110)
    with django_assert_num_queries(6):  # the same but for the count
        viewer.get(f"{RUNS}{run.pk}/")


@pytest.mark.parametrize("method", ["post", "delete", "patch"])
def test_runs_are_only_read(method):
    assert getattr(builders.client("administrator"), method)(RUNS).status_code == 405


def test_runs_are_browsable(viewer):
    builders.run()
    page = viewer.get(RUNS, headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")


# --- Cancelling and resuming -----------------------------------------------------------------
@pytest.fixture
def operator(monkeypatch):
    monkeypatch.setattr(messages, "send", lambda _run: True)
    return builders.client("operator")


@pytest.mark.parametrize("slash", ["/", ""])
def test_a_run_can_be_cancelled(operator, slash):
    run = builders.run(status=Status.RUNNING)
    answer = operator.post(f"{RUNS}{run.pk}/cancel{slash}")
    assert (answer.status_code, answer.json()) == (
        200,
        {"run_id": run.pk, "status": "cancelled", "status_url": f"http://testserver{RUNS}{run.pk}/"},
    )


@pytest.mark.parametrize("slash", ["/", ""])
def test_a_run_can_be_resumed(operator, slash):
    run = builders.run(status=Status.FAILED)
    answer = operator.post(f"{RUNS}{run.pk}/resume{slash}")
    assert (answer.status_code, answer.json()) == (
        202,
        {"run_id": run.pk, "status": "queued", "status_url": f"http://testserver{RUNS}{run.pk}/"},
    )


def test_what_stands_in_the_way_of_a_run_is_named(operator):
    run = builders.run(status=Status.FAILED)
    rival = builders.run(status=Status.RUNNING)
    answer = operator.post(f"{RUNS}{run.pk}/resume")
    told = f"Run {rival.pk} (ec2, all) is active; wait for its end, or cancel it."
    assert (answer.status_code, answer.json()) == (409, {"error": told})


@pytest.mark.parametrize("what", ["cancel", "resume"])
def test_no_body_is_taken_and_no_unknown_run(operator, what):
    run = builders.run(status=Status.FAILED)
    assert operator.post(f"{RUNS}{run.pk}/{what}", {"force": True}).status_code == 400
    assert operator.post(f"{RUNS}0/{what}").status_code == 404
