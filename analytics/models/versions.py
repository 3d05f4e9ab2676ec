"""Which version the data are that answers are made from."""

from typing import Self

from django.db import connection, models
from django.db.models import Max, Sum


class Dataset(models.TextChoices):
    """What answers are made from; a trigger on its table notices each change, whoever makes it."""

    ACCOUNTS = "accounts"
    INSTANCES = "instances"
    COSTS = "costs"
    CPU = "cpu"


class DataVersionQuerySet(models.QuerySet["DataVersion"]):
    def current(self, *datasets: Dataset) -> str | None:
        """Return the version of these data together; None inside a transaction, or where one is unknown.

        A transaction sees what it wrote before anybody else does, and what may never be.
        """
        if connection.in_atomic_block:
            return None
        versions = self._of(datasets).order_by("dataset").values_list("dataset")
        found = list(versions.annotate(Sum("version"), Max("changed_at")))
        return ";".join(map(str, found)) if len(found) == len(set(datasets)) else None

    def _of(self, datasets: tuple[Dataset, ...]) -> Self:
        return self.filter(dataset__in=datasets)


class DataVersion(models.Model):
    """A part of a dataset's version, which is the sum of them: how many statements changed it.

    Whoever writes takes a part that no other transaction holds, so that nobody waits. Visible changes only
    become more, and the sum with them: two states of the data never have the same one. The moment tells them
    apart where a database was put back to an earlier state and went on from there.
    """

    dataset = models.CharField(max_length=20, choices=Dataset, db_index=True)
    version = models.BigIntegerField()
    changed_at = models.DateTimeField()

    objects = DataVersionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.dataset}: {self.version}"
