"""`make run WORKERS=0..3`: real workers come with the backlog and go without it, and no work is lost."""

import json
import re
import signal
import time

import psutil
import pytest

from tests import services
from tests.elastic import Elastic
from tests.stack import clear, processes_of

pytestmark = pytest.mark.timeout(240)

DEATH = re.compile(r"it starts again|Killed")


def until(condition, *, within_s, of):
    """Wait for a condition of a stack and return what it gives."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"did not happen in time:\n{of.output}"
        time.sleep(0.1)
    return found


def is_at_work(stack):
    return stack.books.one("SELECT count(*) FROM pipelines_step WHERE status = 'running'")


@pytest.fixture
def home():
    folder = services.make_home()
    yield folder
    clear(folder)


def test_workers_come_and_go_with_the_backlog_and_nothing_is_lost(home):
    with Elastic(home, most=3) as stack, Elastic(home, most=3) as following:
        stack.start()
        assert re.search(r"daily .* succeeded ", stack.greeting)
        until(lambda: not stack.workers(), within_s=40, of=stack)
        slot = stack.order("30x0.3")
        until(lambda: is_at_work(stack), within_s=30, of=stack)
        numbers = stack.changes()
        assert (numbers[0] > 0, min(numbers), max(numbers), numbers[-1] > 0) == (True, 0, 3, True)
        assert not DEATH.search(stack.output)
        family = psutil.Process(stack.pid).children(recursive=True)
        stack.stop(signal.SIGKILL)

        following.start()
        assert not [each for each in family if each.is_running() and each.status() != "zombie"]
        run = until(lambda: following.books.ended("crowd", slot), within_s=60, of=following)
        steps = [step.id for step in following.books.steps(run.id)]
        assert (run.status, run.counts) == ("succeeded", {"written": 30})
        assert sorted(following.written(run.id)) == steps
        assert following.stop() == 0
        assert processes_of(home) == []
        assert not DEATH.search(following.output)
        assert torn_lines(home) == []


def torn_lines(home):
    """The lines of the logs that are not one JSON object with its time, level and event.

    The servers write logs of their own, and Celery tells of its end past all logging.
    """
    said = {"", "worker: Warm shutdown (MainProcess)"}
    logs = [home / "logs" / "web.log", home / "logs" / "beat.log", *(home / "logs").glob("worker-*.log")]
    return [
        line
        for log in logs
        for line in log.read_text().splitlines()
        if not is_event(line) and line not in said
    ]


def is_event(line):
    try:
        return {"timestamp", "level", "event"} <= json.loads(line).keys()
    except (ValueError, AttributeError):
        return False
