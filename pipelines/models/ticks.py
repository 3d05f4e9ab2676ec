"""What is due every few seconds, and who took it."""

from django.db import models


class Tick(models.Model):
    """The last slot of a short rhythm that somebody took: what is due every few seconds needs no run."""

    name = models.CharField(max_length=80, primary_key=True)
    slot = models.DateTimeField()
    claimed_at = models.DateTimeField()
    worker = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} {self.slot:%Y-%m-%d %H:%M:%S}"
