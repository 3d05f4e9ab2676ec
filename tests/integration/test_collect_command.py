"""`manage.py collect`, with the work done where a worker would be told of it."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from collectors.management.commands.collect import overall
from core.errors import PermanentCloudError
from pipelines import messages
from pipelines.models import Run
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db(transaction=True)


def refused():
    raise PermanentCloudError("denied")


@pytest.fixture
def sources(pipelines, monkeypatch):
    """Register the sources, each with the outcome given, and do their work as soon as it is published."""

    def register(**outcomes):
        names = ("ec2", "cost", "cpu", "metrics")
        handlers = {name: FakeHandler({"step": outcomes.get(name, dict)}) for name in names}
        pipelines(**handlers, daily=("ec2", "cost", "cpu"))
        monkeypatch.setattr(messages, "send", lambda run: work_off(run) or True)

    return register


def collect(*options):
    """Run the command and return its exit code."""
    try:
        call_command("collect", *options)
    except SystemExit as end:
        return end.code
    return 0


def test_collects_everything_as_the_daily_pipeline(sources):
    sources()
    assert collect("--wait") == 0
    assert Run.objects.get(parent=None).pipeline == "daily"


def test_collects_the_chosen_sources_in_their_order(sources):
    sources()
    collect("--source", "cpu", "--source", "ec2", "--wait")
    assert list(Run.objects.order_by("id").values_list("pipeline", flat=True)) == ["ec2", "cpu"]


@pytest.mark.parametrize(
    ("chosen", "started"),
    [(["metrics"], ["metrics"]), (["metrics", "cost"], ["cost", "metrics"])],
    ids=["alone", "after another"],
)
def test_collects_metrics_when_they_are_asked_for(sources, chosen, started):
    sources()
    collect(*(f"--source={source}" for source in chosen), "--wait")
    assert list(Run.objects.order_by("id").values_list("pipeline", flat=True)) == started


def test_tells_the_outcome_in_one_json_object(sources, capsys):
    sources(ec2=lambda: {"created": 2})
    collect("--source", "ec2", "--wait", "--json")
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["status"] == "succeeded"
    assert (
        told["runs"][0].items()
        >= {"pipeline": "ec2", "counts": {"created": 2}, "aws_calls": 0, "error": ""}.items()
    )


def test_tells_the_outcome_in_words(sources, capsys):
    sources(ec2=lambda: {"created": 2}, cost=refused)
    collect("--wait")
    printed = capsys.readouterr()
    assert "partial; 2 created; 0 AWS calls, $0" in printed.out
    assert "cost: step: denied" in printed.err


def test_without_waiting_the_run_is_queued_only(sources, sent, monkeypatch, capsys):
    sources()
    monkeypatch.setattr(messages, "send", lambda run: sent.append(run.pipeline) or True)
    assert collect("--source", "cost", "--json") == 0
    assert sent == ["cost"]
    assert json.loads(capsys.readouterr().out)["status"] == "queued"


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({}, 0),
        ({"ec2": refused, "cost": refused, "cpu": refused}, 1),
        ({"cost": refused}, 3),
    ],
    ids=["succeeded", "failed", "partial"],
)
def test_the_exit_code_tells_the_outcome(sources, outcomes, code):
    sources(**outcomes)
    assert collect("--wait") == code


def test_gives_up_waiting_with_code_4(sources, monkeypatch):
    sources()
    monkeypatch.setattr(messages, "send", lambda run: True)
    assert collect("--source", "cost", "--wait", "--timeout", "0.01") == 4


@pytest.mark.parametrize("options", [("--source", "s3"), ("--timeout", "0"), ("--timeout", "nan")])
def test_wrong_usage_is_refused(options):
    with pytest.raises(CommandError):
        collect(*options)


def test_a_database_that_does_not_answer_is_named(sources, monkeypatch):
    sources()

    def gone():
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", gone)
    connection.close()
    with pytest.raises(CommandError, match="The database does not answer; is `make run` running"):
        collect()


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        (["succeeded", "succeeded"], "succeeded"),
        (["failed", "failed"], "failed"),
        (["succeeded", "failed"], "partial"),
        (["partial"], "partial"),
        (["queued", "failed"], "running"),
    ],
)
def test_what_runs_come_to_together(statuses, together):
    assert overall(statuses) == together
