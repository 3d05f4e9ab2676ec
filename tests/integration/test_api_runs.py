"""/api/v1/runs/."""

from decimal import Decimal

import pytest

from pipelines.models import Status, Trigger
from tests import builders

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs/"


@pytest.fixture
def viewer():
    return builders.client("viewer")


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
    builders.step(run, "111111111111/eu-west-1", counts={"created": 3})
    builders.step(run, "111111111111/us-east-1", Status.FAILED, error="denied")
    answer = viewer.get(f"{RUNS}{run.pk}/").json()
    scheduled, created = answer.pop("scheduled_for"), answer.pop("created_at")
    assert scheduled.endswith("Z")
    assert created.endswith("Z")
    assert answer == {
        "id": run.pk,
        "pipeline": "ec2",
        "scope": "all",
        "status": "partial",
        "attempt": 1,
        "takeovers": 0,
        "lease_until": None,
        "started_at": "2026-03-01T06:00:00Z",
        "finished_at": "2026-03-01T06:01:00Z",
        "duration_s": 60.0,
        "counts": {"created": 3, "updated": 0},
        "aws_calls": 5,
        "aws_cost_usd": 0.01,
        "error": "111111111111/us-east-1: denied",
        "steps": [
            {
                "name": "111111111111/eu-west-1",
                "status": "succeeded",
                "attempt": 1,
                "takeovers": 0,
                "lease_until": None,
                "started_at": None,
                "finished_at": None,
                "counts": {"created": 3},
                "error": "",
            },
            {
                "name": "111111111111/us-east-1",
                "status": "failed",
                "attempt": 1,
                "takeovers": 0,
                "lease_until": None,
                "started_at": None,
                "finished_at": None,
                "counts": {},
                "error": "denied",
            },
        ],
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
    assert viewer.get(f"{RUNS}{early.pk}/").json()["parent"] == parent.pk


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
            builders.step(builders.run("ec2", parent=parent, position=position), "a step")
    with django_assert_num_queries(5):  # the role, the count, the runs, their steps, their children
        viewer.get(RUNS)


@pytest.mark.parametrize("method", ["post", "delete", "patch"])
def test_runs_are_only_read(method):
    assert getattr(builders.client("administrator"), method)(RUNS).status_code == 405


def test_runs_are_browsable(viewer):
    builders.run()
    page = viewer.get(RUNS, headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
