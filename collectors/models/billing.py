"""Billing files: what was found where, what each file told, and how that compares with Cost Explorer."""

from django.db import models
from django.utils import timezone

from collectors.models.accounts import CloudAccount
from collectors.models.costs import Basis
from collectors.models.tags import LONGEST_KEY, LONGEST_VALUE
from core.fields import ExactDecimalField
from pipelines.models import Run


class BillingManifest(models.Model):
    """A list of the files that make up the bill of an export for one billing period."""

    location = models.CharField(max_length=500, help_text="The folder, or s3://bucket/prefix.")
    key = models.CharField(max_length=1000, help_text="The manifest's path in it.")
    export = models.CharField(max_length=250, help_text="The export's name.")
    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    etag = models.CharField(max_length=250, help_text="Of the version that was read last.")
    files = models.JSONField(default=list, help_text="The paths that it lists.")
    tag_keys = models.JSONField(default=list, help_text="The keys of tags that all of its files tell of.")
    error = models.TextField(blank=True, help_text="Why it cannot be followed.")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-period_start", "export")
        constraints = (models.UniqueConstraint(fields=("location", "key"), name="billing_manifest_key"),)

    def __str__(self) -> str:
        return f"{self.export} {self.period_start} to {self.period_end}"


class FileState(models.TextChoices):
    """What became of a version of a file."""

    FOUND = "found", "found, not read yet"
    STAGED = "staged", "read, waiting for the other files of its manifest"
    ACTIVE = "active", "its lines count"
    SUPERSEDED = "superseded", "replaced by another"
    FAILED = "failed"


class Layout(models.TextChoices):
    """By which specification a file's columns are named."""

    CUR = "cur", "Cost and Usage Report"
    FOCUS = "focus", "FOCUS"


class BillingFile(models.Model):
    """One version of a file, known by its path, etag and size: each is read once."""

    manifest = models.ForeignKey(BillingManifest, models.CASCADE, related_name="versions")
    key = models.CharField(max_length=1000)
    etag = models.CharField(max_length=250)
    size = models.PositiveBigIntegerField(help_text="In bytes.")
    layout = models.CharField(max_length=10, choices=Layout, blank=True)
    state = models.CharField(max_length=10, choices=FileState, default=FileState.FOUND)
    lines = models.PositiveBigIntegerField(default=0, help_text="Lines that were read.")
    quarantined = models.PositiveBigIntegerField(default=0, help_text="Lines that are broken.")
    skipped = models.JSONField(default=dict, blank=True, help_text="Lines left out on purpose, by reason.")
    left_out = models.JSONField(default=list, blank=True, help_text="Columns that are kept out.")
    tag_keys = models.JSONField(
        null=True, blank=True, help_text="The keys of tags that are kept; null: its tags were not read."
    )
    tags_left_out = models.JSONField(
        default=list, blank=True, help_text="The keys of tags that it has, too, and that are not kept."
    )
    error = models.TextField(blank=True)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, blank=True, related_name="+")
    found_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("manifest", "key", "etag", "size"), name="billing_file_version"),
        )

    def __str__(self) -> str:
        return self.key


class BillingCost(models.Model):
    """What one file says that a service cost in a region of an account on a UTC day, by basis."""

    file = models.ForeignKey(BillingFile, models.CASCADE, related_name="costs", db_index=False)
    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="+", db_index=False)
    date = models.DateField()
    service = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=60, blank=True)
    basis = models.CharField(max_length=30, choices=Basis)
    unit = models.CharField(max_length=10)
    amount = ExactDecimalField()
    estimated = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("file", "account", "date", "service", "region", "basis", "unit"),
                name="billing_cost_key",
            ),
        )
        indexes = (models.Index(fields=("account", "date"), name="billing_cost_by_day"),)

    def __str__(self) -> str:
        return f"{self.date} {self.service}: {self.amount} {self.unit}"


class BillingTag(models.Model):
    """The key of a tag by which costs are kept where nobody chose: the most used, for good.

    Were they chosen anew for each file, the files of one bill would not tell of the same keys.
    """

    key = models.CharField(max_length=LONGEST_KEY, unique=True)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key


class BillingTagCost(models.Model):
    """What one file says was charged for what has a tag, by account, day, service and region.

    What has no tag of the key is not among them. `is_other` stands for values beyond those kept of a file,
    and for tags that cannot be read; `value` is empty then.
    """

    file = models.ForeignKey(BillingFile, models.CASCADE, related_name="tag_costs", db_index=False)
    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="+")
    date = models.DateField()
    service = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=60, blank=True)
    key = models.CharField(max_length=LONGEST_KEY)
    value = models.CharField(max_length=LONGEST_VALUE, blank=True)
    is_other = models.BooleanField(default=False)
    unit = models.CharField(max_length=10)
    amount = ExactDecimalField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "file",
                    "account",
                    "date",
                    "service",
                    "region",
                    "key",
                    "value",
                    "is_other",
                    "unit",
                ),
                name="billing_tag_cost_key",
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.key}={self.value}: {self.amount} {self.unit}"


class QuarantinedLine(models.Model):
    """A line of a billing file that could not be understood; of very many, the first."""

    file = models.ForeignKey(BillingFile, models.CASCADE, related_name="quarantine")
    line = models.PositiveBigIntegerField(help_text="Its number in the file; the header is line 1.")
    reason = models.CharField(max_length=500)
    text = models.TextField(blank=True, help_text="How it begins.")

    class Meta:
        ordering = ("file", "line")
        constraints = (models.UniqueConstraint(fields=("file", "line"), name="quarantined_line_once"),)

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class Reconciliation(models.Model):
    """How an account's day compares between billing files and Cost Explorer, as charged."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="reconciliations", db_index=False)
    date = models.DateField(db_index=True)
    unit = models.CharField(max_length=10)
    files_amount = ExactDecimalField()
    explorer_amount = ExactDecimalField()
    difference = ExactDecimalField(help_text="Files less Cost Explorer.")
    compared_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-date", "account")
        constraints = (
            models.UniqueConstraint(fields=("account", "date", "unit"), name="reconciliation_key"),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.account_id}: {self.difference} {self.unit}"
