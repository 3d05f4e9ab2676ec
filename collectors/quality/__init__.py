"""What is asked of the quality of what was collected: each check is one question about slots."""

from collections.abc import Iterator
from functools import partial

from collectors.quality import completeness, consistency, timeliness, uniqueness, validity
from pipelines.quality import checks
from pipelines.quality.checks import Check
from pipelines.quality.scores import DATASETS


def register() -> None:
    """Make all checks known."""
    for check in _checks():
        checks.register(check)


def _checks() -> Iterator[Check]:
    for name, title, dimension, datasets, find in _TABLE:
        yield Check(name=name, title=title, dimension=dimension, datasets=datasets, find=find)
    for dataset in DATASETS:
        yield Check(
            name=f"{dataset}-in-time",
            title=f"Were {dataset} there by 05:00 in New York?",
            dimension="timeliness",
            datasets=(dataset,),
            find=partial(timeliness.of_dataset, dataset),
        )


_COMPLETE, _VALID, _UNIQUE, _CONSISTENT = "completeness", "validity", "uniqueness", "consistency"
_TABLE = (
    ("scans", "Was every account and region scanned?", _COMPLETE, ("inventory",), completeness.scans),
    ("costs-there", "Has every account costs each day?", _COMPLETE, ("costs",), completeness.costs),
    ("cpu-there", "Has what ran CPU figures?", _COMPLETE, ("cpu",), completeness.cpu),
    ("samples-there", "Has what ran samples each hour?", _COMPLETE, ("samples",), completeness.samples),
    ("instances-valid", "Can instances be so?", _VALID, ("inventory",), validity.instances),
    ("costs-valid", "Can costs be so?", _VALID, ("costs",), validity.costs),
    ("billing-lines", "Are lines of billing files whole?", _VALID, ("costs",), validity.lines),
    ("billing-files", "Can billing files be read?", _VALID, ("costs",), validity.files),
    ("cpu-valid", "Can CPU figures be so?", _VALID, ("cpu",), validity.cpu),
    ("samples-valid", "Can samples be so?", _VALID, ("samples",), validity.samples),
    ("instances-once", "Is each instance in one place?", _UNIQUE, ("inventory",), uniqueness.instances),
    ("costs-once", "Is each cost spelt one way?", _UNIQUE, ("costs",), uniqueness.costs),
    ("files-once", "Does each billing file count once?", _UNIQUE, ("costs",), uniqueness.files),
    ("cpu-once", "Has each day of an instance one figure?", _UNIQUE, ("cpu",), uniqueness.cpu),
    ("reconciled", "Do bills and Cost Explorer agree?", _CONSISTENT, ("costs",), consistency.reconciled),
    ("cpu-as-samples", "Do CPU and samples agree?", _CONSISTENT, ("cpu", "samples"), consistency.load),
    ("cpu-known", "Does the inventory know it?", _CONSISTENT, ("cpu", "inventory"), consistency.known),
)
