"""`make run WORKERS=0..3`: real workers come with the backlog and go without it, and no work is lost."""

import json
import re
import signal
import time
from datetime import UTC, datetime

import psutil
import pytest
from celery import Celery

from tests import services
from tests.faults.books import Books
from tests.stack import Stack, clear, processes_of

pytestmark = pytest.mark.timeout(240)

CHANGE = re.compile(r"^(\d+) workers? instead of (\d+); work ready or being done: \d+\.$", re.MULTILINE)
DEATH = re.compile(r"it starts again|Killed")


class Elastic(Stack):
    """A stack whose workers come and go, with the trial pipelines."""

    def __init__(self, home, **settings):
        super().__init__(home, WORKERS="0..3", DJANGO_SETTINGS_MODULE="tests.faults.settings", **settings)

    @property
    def services(self):
        return json.loads((self.home / "run" / "services.json").read_text())

    @property
    def books(self):
        return Books(self.services["database"])

    def start(self):
        """Start, and have nothing done by itself that would keep workers busy."""
        super().start()
        quiet = "UPDATE django_celery_beat_periodictask SET enabled = false WHERE name = 'Tick'"
        self.books.rows(f"{quiet}; UPDATE django_celery_beat_periodictasks SET last_update = now()")
        return self

    def order(self, scope):
        """Have so many steps done, "40x0.5" of half a second each; return the slot."""
        slot = datetime.now(UTC)
        with Celery(broker=self.services["redis"], set_as_current=False) as sender:
            sender.conf.task_ignore_result = True
            sender.send_task(
                "tests.faults.trials.tasks.start", ["crowd", slot.isoformat(), scope], queue="critical"
            )
        return slot

    def is_at_work(self):
        """Say whether a step is being done."""
        return self.books.one("SELECT count(*) FROM pipelines_step WHERE status = 'running'")

    def workers(self):
        """The names of the workers that run and come and go."""
        found = [
            re.search(r"--hostname=(worker-\d+)-", " ".join(one))
            for one in map(argv, processes_of(self.home))
        ]
        return sorted({each[1] for each in found if each})

    def changes(self):
        """The numbers of workers, one after the other, as the terminal told them."""
        return [int(after) for after, _before in CHANGE.findall(self.output)]

    def until(self, condition, *, within_s):
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            assert time.monotonic() < deadline, f"did not happen in time:\n{self.output}"
            time.sleep(0.1)
        return found

    def check(self, slot, steps):
        """Hold a crowd's run against what was written: each step once."""
        run = self.until(lambda: self.books.ended("crowd", slot), within_s=60)
        done = self.books.steps(run.id)
        lines = self.books.rows("SELECT step FROM trial_lines WHERE step = ANY(%s)", [one.id for one in done])
        assert (run.status, len(done), run.counts) == ("succeeded", steps, {"written": steps})
        assert {one.status for one in done} == {"succeeded"}
        assert sorted(line.step for line in lines) == sorted(one.id for one in done)


def argv(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def home():
    folder = services.make_home()
    yield folder
    clear(folder)


def test_workers_come_and_go_with_the_backlog_and_nothing_is_lost(home):
    with Elastic(home) as stack, Elastic(home) as following:
        stack.start()
        assert re.search(r"daily .* succeeded ", stack.greeting)
        stack.check(stack.order("30x0.3"), 30)
        stack.until(lambda: stack.workers() == [], within_s=40)
        interrupted = stack.order("30x0.3")
        stack.until(stack.is_at_work, within_s=30)
        numbers = stack.changes()
        assert (min(numbers), max(numbers)) == (0, 3)
        assert numbers[0] > 0
        assert numbers[-1] > 0
        assert not DEATH.search(stack.output)
        family = psutil.Process(stack.pid).children(recursive=True)
        stack.stop(signal.SIGKILL)

        following.start()
        assert not [each for each in family if each.is_running() and each.status() != "zombie"]
        following.check(interrupted, 30)
        assert following.stop() == 0
        assert processes_of(home) == []
        assert not DEATH.search(following.output)
