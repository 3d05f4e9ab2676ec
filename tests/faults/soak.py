"""`make soak`: breaks a CloudIntel again and again, then lets it come to rest and checks what must hold.

What is broken follows from SEED (1); it goes on for MINUTES (20). The last line printed is one JSON object of
what was done and found; the exit code is 1 if anything did not hold.
"""

import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime

from tests import services
from tests.faults import invariants, load
from tests.faults.breakage import Breakage
from tests.faults.cluster import Cluster, Size

REST_S = 240
# What a soak of the usual length has to get through.
USUAL_MINUTES, FEWEST_KILLS = 20, 50
SCHEDULES_S = {"daily": 120, "metrics": 120, "tick": 60}
# What messages that no worker will acknowledge may take until they expire.
MEMORY_BYTES = 5_000_000


def soak(cluster, breakage, minutes):
    """Break the cluster for so long, let it come to rest, and return what was found."""
    # What is scheduled as often as here is read less far back the first time.
    for pipeline in load.PIPELINES:
        cluster.finish(pipeline, within_s=REST_S)
    usual = cluster.resources()
    for pipeline, every_s in SCHEDULES_S.items():
        cluster.books.schedule(pipeline, every_s=every_s)
    began, start = datetime.now(UTC), time.monotonic()
    while (passed := time.monotonic() - start) < 60 * minutes:
        load.order(cluster)
        cluster.let_pass(breakage.pause_s())
        action = breakage.choose()
        tell(f"{passed:7.1f} s  {action}")
        breakage.do(action)
    breakage.violations += spared(breakage.kills, minutes)
    breakage.violations += come_to_rest(cluster, began)
    breakage.violations += grown(usual, cluster.resources(), cluster.size)
    return figures(cluster, breakage) | {"resources": {"before": usual, "after": cluster.resources()}}


def come_to_rest(cluster, began):
    """End all faults and schedules; return what is wrong once everything that was due has been done."""
    cluster.resume()
    cluster.aws.behave()
    cluster.wait_ready()
    ended = datetime.now(UTC)
    try:
        cluster.until(
            lambda: not unserved(cluster, began, ended), within_s=REST_S, what="all slots are served"
        )
        cluster.books.unschedule()
        cluster.wait_quiet(within_s=REST_S)
    except AssertionError as error:
        return [str(error), *unserved(cluster, began, ended)]
    failed = [cluster.finish(pipeline, within_s=REST_S) for pipeline in load.PIPELINES]
    return [
        *(
            f"the last {run.pipeline} {run.status}: {run.error}"
            for run in failed
            if run.status != "succeeded"
        ),
        *invariants.ledger_violations(cluster.books),
        *invariants.estate_violations(cluster.books, cluster.aws),
    ]


def unserved(cluster, began, ended):
    """Return the slots of that time which have not exactly one run that has ended."""
    return [
        f"{pipeline} has no finished run for its slot {slot}"
        for pipeline, every_s in SCHEDULES_S.items()
        for slot in cluster.books.unserved(pipeline, every_s=every_s, since=began, until=ended)
    ]


def spared(kills, minutes):
    """Return that too few were killed for this to show anything; a shorter soak promises nothing."""
    if minutes >= USUAL_MINUTES and kills < FEWEST_KILLS:
        yield f"{kills} kills in {minutes:g} minutes; {FEWEST_KILLS} are required"


def grown(before, after, size):
    """Return which resources the faults have used up."""
    most = size.io * (size.slots + 2) + size.cpu * 4 + size.beats * 2
    if after["connections"] > most:
        yield f"{after['connections']} connections to PostgreSQL; all programs together need {most}"
    if after["redis_bytes"] > before["redis_bytes"] + MEMORY_BYTES:
        yield f"Valkey grew from {before['redis_bytes']} to {after['redis_bytes']} bytes"


def figures(cluster, breakage):
    """Return what was done and found."""
    runs = cluster.books.runs()
    failed = [run for run in runs if run.status in ("failed", "partial") and run.pipeline != "poison"]
    if len(failed) > len(runs) / 100:
        breakage.violations += [f"{run.pipeline} {run.id} {run.status}: {run.error}" for run in failed]
    return {
        "actions": dict(breakage.done),
        "kills": breakage.kills,
        "restarts": cluster.crew.deaths,
        "runs": len(runs),
        "by_status": dict(Counter(run.status for run in runs)),
        "steps": len(cluster.books.steps()),
        "lost_workers": int(cluster.books.lost_workers()),
        "failed": len(failed),
        "violations": breakage.violations,
    }


def tell(line):
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    """Run the soak that the environment asks for; return the exit code."""
    seed, minutes = int(os.environ.get("SEED") or 1), float(os.environ.get("MINUTES") or USUAL_MINUTES)
    home = services.make_home()
    os.environ.update(services.clean_environment(home))
    with Cluster(Size(beats=2)) as cluster:
        found = soak(cluster, Breakage(cluster, seed), minutes)
    if found["violations"]:
        tell(f"The logs are in {home / 'logs'}.")
    else:
        services.remove_home(home)
    tell(json.dumps({"seed": seed, "minutes": minutes} | found))
    return 1 if found["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
