"""How many calls of AWS the pipelines make, counted by an AWS that they know nothing of."""

import os
import subprocess
import sys
from math import ceil

import pytest
import requests
from django.db import connection
from django.utils import timezone

from benchmarks.stub.protocol import ACCOUNT
from cloudintel_project import home
from collectors.aws import cpu
from collectors.models import CpuMetric, Instance, MetricSample, Volume
from pipelines import ledger, messages
from pipelines.models import Status
from scaling.models import ManagedSample
from scaling.services import polling
from scaling.tasks import read_metrics
from tests import builders
from tests.integration.conftest import work_off

INSTANCES = 1200
REGION = "eu-west-1"
# Thirty days back and today.
FIRST_DAYS = 31


@pytest.fixture(scope="module")
def server():
    """The address of a stub that holds the instances in one region."""
    command = [sys.executable, "-m", "benchmarks.stub", "--port", "0", "--instances", str(INSTANCES)]
    with subprocess.Popen(
        command, cwd=home.PROJECT_ROOT, env=os.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.fixture
def collected(server, db, sent, settings, monkeypatch):
    """Run a pipeline against the stub; gives the run and the calls that it took."""
    settings.CLOUDINTEL_CLOUD = "aws"
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stub")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "stub")
    builders.account(ACCOUNT, regions=[REGION])

    def run(pipeline):
        requests.post(f"{server}/stub/reset", timeout=10).raise_for_status()
        started = ledger.start(pipeline)
        work_off(started)
        started.refresh_from_db()
        assert started.status == Status.SUCCEEDED, started.error
        return started, requests.get(f"{server}/stub/calls", timeout=10).json()["calls"]

    return run


def test_inventory_takes_one_call_for_a_thousand_of_each_kind(collected):
    run, calls = collected("ec2")
    pages = ceil(INSTANCES / 1000)
    assert calls == {"GetCallerIdentity": 1, "DescribeInstances": pages, "DescribeVolumes": pages}
    assert run.aws_calls == sum(calls.values())
    assert Instance.objects.count() == Volume.objects.count() == INSTANCES


def test_metrics_take_the_fewest_calls_that_there_can_be(collected):
    run, calls = collected("metrics")
    assert calls == {
        "GetCallerIdentity": 1,
        "DescribeInstances": ceil(INSTANCES / 1000),
        "ListMetrics": 1,
        "GetMetricData": ceil(3 * INSTANCES / 500),
    }
    assert run.aws_calls == sum(calls.values())
    assert MetricSample.objects.count() == INSTANCES * 12


def test_cpu_takes_one_call_for_as_many_instances_as_fit(collected):
    collected("ec2")
    run, calls = collected("cpu")
    batches = ceil(INSTANCES / cpu.batch_size(FIRST_DAYS))
    assert calls == {"GetCallerIdentity": 1, "GetMetricData": batches}
    assert run.aws_calls == sum(calls.values())
    assert CpuMetric.objects.count() == INSTANCES * FIRST_DAYS


def test_cpu_read_again_takes_calls_for_the_last_days_alone(collected):
    collected("ec2")
    collected("cpu")
    _, calls = collected("cpu")
    assert calls["GetMetricData"] == ceil(INSTANCES / cpu.batch_size(days=2)) == ceil(INSTANCES / 166)


def test_monitored_instances_take_the_fewest_calls_that_there_can_be(collected, server, monkeypatch):
    collected("ec2")
    for one in Instance.objects.all():
        builders.managed(inventory=one)
    with connection.cursor() as cursor:
        # Another test may have had the tables analysed while they were empty.
        cursor.execute("ANALYZE")
    monkeypatch.setattr(messages, "order", lambda task, *batch, **_options: read_metrics(*batch) or True)
    requests.post(f"{server}/stub/reset", timeout=10).raise_for_status()
    polling.start(timezone.now())
    calls = requests.get(f"{server}/stub/calls", timeout=10).json()["calls"]
    assert calls == {"GetMetricData": ceil(3 * INSTANCES / 500)}
    assert ManagedSample.objects.count() == INSTANCES * 12
