"""What holds after any faults, as sentences on what does not."""

from tests.faults.books import ACTIVE


def ledger_violations(books):
    """Return what is wrong with the ledger of a cluster that is quiet."""
    yield from (
        f"runs {first} and {second} of {pipeline} were at work at the same time"
        for pipeline, first, second in books.overlapping_runs()
    )
    yield from (
        f"run {run.id} of {run.pipeline} is {run.status}" for run in books.runs() if run.status in ACTIVE
    )
    for step in books.steps():
        if step.status in ACTIVE:
            yield f"step {step.id} ({step.name}) of run {step.run_id} is {step.status}"
        if step.lease_until is not None:
            yield f"step {step.id} ({step.name}) of run {step.run_id} has a lease, though it is {step.status}"


def estate_violations(books, aws):
    """Return what is wrong with what was collected, after inventory and metrics succeeded."""
    held = dict.fromkeys(
        ("instances", "volumes", "instances_ever", "volumes_ever", "first_seen"), aws.instances
    )
    if (found := books.inventory()) != held:
        yield f"the inventory has {found}, and AWS {aws.instances} of each"
    if gone := books.ever_gone():
        yield f"{gone} instances and volumes are marked as gone"
    if (measured := books.measured()) != aws.instances:
        yield f"{measured} of {aws.instances} instances have a metric series that was read"
    if gaps := books.series_with_gaps():
        yield f"{gaps} series lack samples, or have too many"
    if wrong := books.hours_that_differ():
        yield f"{wrong} hours are not the sum of their samples"


def failures(books):
    """Return the runs that got less than everything."""
    return [f"{run.pipeline} {run.status}: {run.error}" for run in books.runs() if run.status != "succeeded"]
