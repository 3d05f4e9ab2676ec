"""Work for a cluster to be disturbed at, and what has to hold in the end."""

from tests.faults import invariants

PIPELINES = ("ec2", "metrics")


def idle(cluster):
    """Return the pipelines of which nothing runs."""
    active = {run.pipeline for run in cluster.ask(cluster.books.runs) if not run.finished_at}
    return [pipeline for pipeline in PIPELINES if pipeline not in active]


def keep_up(cluster):
    """Keep inventory and metrics running."""
    for pipeline in idle(cluster):
        cluster.start(pipeline)


def order(cluster):
    """Have inventory and metrics started when they do not run, without waiting for that."""
    for pipeline in idle(cluster):
        cluster.order(pipeline)


def busy(cluster, *names):
    """Keep the load up until one of these programs, by default a worker-io, holds some; return its name."""

    def found():
        keep_up(cluster)
        return next((name for name in names or cluster.crew.names("io") if cluster.held_by(name)), None)

    return cluster.until(found, within_s=30, what=f"work for {' or '.join(names) or 'any worker'}")


def collected(cluster):
    """Wait for what runs, collect once more, and return what is wrong then."""
    cluster.wait_quiet(within_s=90)
    failed = invariants.failures(cluster.books)
    for pipeline in PIPELINES:
        assert cluster.finish(pipeline, within_s=60).status == "succeeded"
    return [
        *failed,
        *invariants.ledger_violations(cluster.books),
        *invariants.estate_violations(cluster.books, cluster.aws),
    ]
