"""A whole CloudIntel whose workers come and go with the backlog, and work that writes what it did."""

import json
import re
from datetime import UTC, datetime

import psutil
from celery import Celery

from tests.faults.books import Books
from tests.stack import Stack, processes_of

CHANGE = re.compile(r"^(\d+) workers? instead of (\d+); work ready or being done: \d+\.$", re.MULTILINE)
START = "tests.faults.trials.tasks.start"


class Elastic(Stack):
    """A stack with none to `most` workers, and with the trial pipelines."""

    def __init__(self, home=None, *, most, **settings):
        super().__init__(
            home, WORKERS=f"0..{most}", DJANGO_SETTINGS_MODULE="tests.faults.settings", **settings
        )

    @property
    def services(self):
        """The addresses of its servers."""
        return json.loads((self.home / "run" / "services.json").read_text())

    @property
    def books(self):
        """Its database."""
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
            sender.send_task(START, ["crowd", slot.isoformat(), scope], queue="critical")
        return slot

    def written(self, run_id):
        """Return the steps of a crowd's run that have written their line, once for each line."""
        lines = "SELECT step FROM trial_lines JOIN pipelines_step s ON s.id = step WHERE s.run_id = %s"
        return [line.step for line in self.books.rows(lines, run_id)]

    def workers(self):
        """Return the names of the workers that come and go and are there now."""
        found = [
            re.search(r"--hostname=(worker-\d+)-", " ".join(_arguments(process)))
            for process in processes_of(self.home)
        ]
        return sorted({each[1] for each in found if each})

    def changes(self):
        """Return the numbers of workers, one after the other, as the terminal told them."""
        return [int(after) for after, _before in CHANGE.findall(self.output)]


def _arguments(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []
