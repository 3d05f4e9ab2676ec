"""What a soak does to a cluster, one thing after the other, as a seed has it."""

import random
import signal
import time
from collections import Counter

from tests.faults.aws import TROUBLE
from tests.faults.cluster import LEASE_S, TAKEN_OVER_S

TROUBLE_S = 15
_WEIGHTS = {
    "kill_worker": 9,
    "kill_process_of_a_worker": 4,
    "kill_beat": 2,
    "restart_workers": 2,
    "stall_worker": 1,
    "poison": 1,
    "kill_broker": 1,
    "flush_broker": 1,
    "restart_database": 1,
    "kill_database": 1,
    "trouble_at_aws": 1,
}


class Breakage:
    """Breaks a cluster at random, counts that, and notes what was not mended in time."""

    def __init__(self, cluster, seed):
        self.done = Counter()
        self.kills = 0
        self.violations = []
        self._cluster = cluster
        self._crew = cluster.crew
        self._chance = random.Random(seed)  # noqa: S311  # not for secrets
        self._watched = []

    def pause_s(self):
        """Return how long to wait before the next one."""
        return self._chance.uniform(1, 8)

    def choose(self):
        """Return what comes next."""
        (action,) = self._chance.choices(list(_WEIGHTS), _WEIGHTS.values())
        return action

    def do(self, action):
        """Do it, and see whether what was done earlier was mended in time."""
        self.done[action] += 1
        getattr(self, f"_{action}")()
        self._check_watched()

    # --- Workers and beats -------------------------------------------------------------------
    def _kill_worker(self):
        self._kill(self._chance.choice([*self._crew.names("io"), *self._crew.names("cpu")]))

    def _kill_beat(self):
        self._kill(self._chance.choice(self._crew.names("beat")))

    def _kill(self, name):
        self._watch(name)
        self._crew.kill(name)
        self.kills += 1

    def _kill_process_of_a_worker(self):
        name = self._chance.choice(self._crew.names("cpu"))
        if below := self._crew.below(name):
            self._watch(name)
            self._crew.signal(signal.SIGKILL, self._chance.choice(below))
            self.kills += 1

    def _restart_workers(self):
        """Restart the workers that ask AWS one after the other, as for a new version."""
        for name in self._crew.names("io"):
            self._cluster.wait_ready(name)
            if not self._crew.stop(name, within_s=10):
                self.violations.append(f"{name} did not end within 10 s")
            self._crew.look_after()
            self._cluster.wait_ready(name)

    def _stall_worker(self):
        """Stop a worker until its leases are lost, and let it go on."""
        name = self._chance.choice(self._crew.names("io"))
        self._watch(name)
        self._cluster.stall(name)
        self._cluster.let_pass(LEASE_S + self._chance.uniform(2, 6))
        self._cluster.resume()

    def _poison(self):
        self._cluster.order("poison")

    # --- Servers -----------------------------------------------------------------------------
    def _kill_broker(self):
        self._cluster.restart("valkey", gently=False)
        self.kills += 1

    def _flush_broker(self):
        self._cluster.flush()

    def _restart_database(self):
        self._cluster.restart("postgres", gently=True)

    def _kill_database(self):
        self._cluster.restart("postgres", gently=False)
        self.kills += 1

    def _trouble_at_aws(self):
        self._cluster.aws.behave(faults=TROUBLE)
        self._cluster.let_pass(TROUBLE_S)
        self._cluster.aws.behave()

    # --- Taking over -------------------------------------------------------------------------
    def _watch(self, name):
        """Remember what a program holds, to see that others take it over."""
        held = self._cluster.ask(lambda: self._cluster.held_by(name))
        self._watched.append((time.monotonic() + TAKEN_OVER_S, name, held))

    def _check_watched(self):
        now = time.monotonic()
        due = [one for one in self._watched if one[0] <= now]
        self._watched = [one for one in self._watched if one[0] > now]
        for _, name, held in due:
            for table, pk, _ in self._cluster.ask(lambda held=held: self._cluster.books.still_held(held)):
                self.violations.append(
                    f"{table} {pk} was not taken over within {TAKEN_OVER_S} s of the end of {name}"
                )
