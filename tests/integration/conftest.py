from pathlib import Path

import pytest
import requests
from django.utils import timezone
from moto.server import ThreadedMotoServer

from dbops.catalogue import glance
from pipelines import claims, ledger, messages, registry, retention, runner, staffing
from pipelines.models import Run, Status, Step
from pipelines.registry import Counts, Handler, PlannedStep


@pytest.fixture
def patience(monkeypatch):
    """Give a look all the time that a busy machine may need."""
    monkeypatch.setattr(glance, "LIMIT_MS", 10_000)
    monkeypatch.setattr(glance, "STATEMENT_LIMIT_MS", 10_000)


@pytest.fixture
def just_begun(monkeypatch):
    """Have this process begun just now: what falls due meanwhile counts as waiting for no worker yet."""
    monkeypatch.setattr(staffing, "_begun", timezone.now())


class FakeHandler:
    """Does named steps by calling `do[name]()`, which counts or raises."""

    def __init__(self, do, plan=None):
        self._do = do
        self._plan = plan

    def __call__(self, claim):
        self.claim = claim
        return self

    def plan(self):
        if self._plan is not None:
            return self._plan()
        return [PlannedStep(name) for name in self._do]

    def execute(self, step):
        return Counts(self._do[step.name]() or {})


def pages(read, cloud, region):
    """Turn the pages of `ec2.instance_page` or `ec2.volume_page`, each only when it is asked for."""
    token = None
    while True:
        records, token = read(cloud, region, token, on_next=lambda _: None)
        yield records
        if token is None:
            return


def work_off(run=None):
    """Do what is ready, as workers would; of the run, when one is given. Pauses pass in no time."""
    runs = {"pk": run.pk} if run else {}
    steps = {"run": run.pk} if run else {}
    while True:
        if planned := ledger.ready_runs().filter(**runs).first():
            runner.plan(planned.pk)
        elif step := ledger.ready_steps().filter(**steps).first():
            runner.execute(step.pk)
        elif not _let_time_pass(Run, **runs) + _let_time_pass(Step, **steps):
            return


def _let_time_pass(work, **which):
    waiting = work.objects.filter(status=Status.QUEUED, not_before__isnull=False, **which)
    return waiting.update(not_before=None)


@pytest.fixture
def pipelines(monkeypatch):
    """Register pipelines for one test: `pipelines(one=handler, both=("one", "two"))`."""
    monkeypatch.setattr(registry, "_pipelines", {})

    def register(**handlers):
        for name, what in handlers.items():
            children, handler = (what, None) if isinstance(what, tuple) else ((), what)
            registry.register(registry.Pipeline(name=name, handler=handler, children=children))

    return register


@pytest.fixture
def now(monkeypatch):
    """Set all clocks: `now(moment)`."""

    def set_to(moment):
        for clock in ("django.utils.timezone.now", "pipelines.ticks.now"):
            monkeypatch.setattr(clock, lambda: moment)

    return set_to


@pytest.fixture
def sent(monkeypatch):
    """What was published, runs by their pipeline's name and steps by their own, instead of a broker."""
    names = []

    def send(work):
        names.append(work.pipeline if isinstance(work, Run) else work.name)
        return True

    monkeypatch.setattr(messages, "send", send)
    return names


class Cleaner(Handler):
    """Deletes what is over by the retention that the run's scope names."""

    def plan(self):
        return [PlannedStep("clean")]

    def execute(self, step):
        retention.clean(self._claim, retention.every()[self._claim.run.scope], timezone.now())
        return {}


@pytest.fixture
def tidy(sent, monkeypatch):
    """Delete what is over, as maintenance does, and return what was counted: `tidy("runs")`."""
    cleaning = registry.Pipeline(name="cleaning", handler=Cleaner)
    monkeypatch.setattr(registry, "_pipelines", {**registry._pipelines, "cleaning": cleaning})

    def run(name):
        started = ledger.start("cleaning", scope=name)
        work_off(started)
        started.refresh_from_db()
        assert started.status == Status.SUCCEEDED, started.error
        return started.counts

    return run


@pytest.fixture
def claimed(pipelines, sent, django_capture_on_commit_callbacks):
    """A claim on the one step of a run."""
    pipelines(source=FakeHandler({"one": dict}))
    run = ledger.start("source")
    runner.plan(run.pk)
    return claims.claim_step(run.steps.get().pk)


@pytest.fixture
def shared_data():
    """The folder of real data that lies beside a checkout of the project, not in it."""
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data of ../shared/data is not on this machine")
    return folder


@pytest.fixture(scope="session")
def moto_server():
    """The address of a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto_aws(moto_server, monkeypatch):
    """The address of an AWS that holds nothing, and that whoever has credentials reaches."""
    requests.post(f"{moto_server}/moto-api/reset", timeout=10)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return moto_server
