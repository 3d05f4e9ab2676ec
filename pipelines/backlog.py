"""How much work waits for workers that come and go, and how many of them it is worth.

Such workers take every queue but those of worker-critical, which always runs: `critical`, `watch`, and, where
the others may all be gone, `actions` and `readings`. So what counts are the ledger's steps and the runs to be
planned, of all pipelines but those of the queue `actions`; of these, only what lost its worker, since that is
done alone. Parents, children whose turn has not come, and what waits for its time do not count: no worker
could take them now.
"""

from math import ceil

from django.db import connection

from pipelines.models import Capacity, Run, Status, Step

SLOTS = 2
"""How much one of these workers does at once."""

NOT_COUNTED = ("scale",)
"""The pipelines of the queue `actions`."""

_STEPS, _RUNS = Step._meta.db_table, Run._meta.db_table


def _ready(work: str, pipeline: str) -> str:
    """Return the condition that work is queued and ready, or worked on, and not worker-critical's."""
    left_out = ", ".join(f"'{name}'" for name in NOT_COUNTED)
    return (
        f"({work}.status = 'running' AND {work}.lease_until IS NOT NULL OR {work}.status = 'queued' "
        f"AND ({work}.not_before IS NULL OR {work}.not_before <= statement_timestamp())) "
        f"AND ({pipeline} NOT IN ({left_out}) OR {work}.lost_workers > 0)"
    )


SQL = f"""
SELECT (
    SELECT count(*) FROM {_STEPS} AS step JOIN {_RUNS} AS run ON run.id = step.run_id
    WHERE {_ready("step", "run.pipeline")}
) + (
    SELECT count(*) FROM {_RUNS} AS run
    WHERE {_ready("run", "run.pipeline")}
    AND NOT EXISTS (SELECT 1 FROM {_RUNS} AS child WHERE child.parent_id = run.id)
    AND NOT EXISTS (
        SELECT 1 FROM {_RUNS} AS elder
        WHERE elder.parent_id = run.parent_id AND elder.position < run.position
        AND elder.status IN ('queued', 'running')
    )
)
""".strip()
"""Counts the work; one number, without parameters."""

SCALER_SQL = f"""
{SQL} + {SLOTS} * coalesce((SELECT extra_workers FROM {Capacity._meta.db_table}), 0)
""".strip()
"""For KEDA's PostgreSQL scaler with a target of `SLOTS`: it divides, and rounds up, to what `wanted` says."""


def count() -> int:
    """Return how many pieces of work a worker could take now, or has taken."""
    with connection.cursor() as cursor:
        cursor.execute(SQL)
        return int(cursor.fetchone()[0])


def busy() -> set[str]:
    """Return the nodes of the workers that do something."""
    held = {"status": Status.RUNNING, "lease_until__isnull": False}
    runs, steps = Run.objects.filter(**held), Step.objects.filter(**held)
    return {
        name.partition("/")[0] for work in (runs, steps) for name in work.values_list("worker", flat=True)
    }


def extra() -> int:
    """Return how many workers are wanted beyond what the backlog asks for."""
    return sum(Capacity.objects.values_list("extra_workers", flat=True))


def wanted(count: int, extra: int, least: int, most: int) -> int:
    """Return how many workers there should be: one for each two pieces of work, and the extra."""
    return min(most, max(least, ceil(count / SLOTS) + extra))
