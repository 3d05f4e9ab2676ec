"""The accounts to collect from, and what collecting cost them."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from core.fields import ExactDecimalField

_ACCOUNT_ID = RegexValidator(r"^\d{12}$", "An AWS account id has 12 digits.")
_ROLE_ARN = RegexValidator(
    r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$",
    "A role ARN looks like arn:aws:iam::123456789012:role/CloudIntelReader.",
)


def new_external_id() -> str:
    """Return an external id for a role's trust policy, so that nobody else can have us assume it."""
    return f"cloudintel-{secrets.token_hex(16)}"


def validate_regions(value: Any) -> None:
    """Accept a list of region names. Raises: ValidationError."""
    region = RegexValidator(r"^[a-z]{2}(-[a-z]+)+-\d$", "A region looks like eu-west-1.")
    if not isinstance(value, list):
        region("")
    for name in value:
        region(name)


def validate_role_of(account_id: str, role_arn: str, *, field: str = "role_arn") -> None:
    """Refuse another account's role: its data would be filed under this one. Raises: ValidationError."""
    if role_arn and role_arn.split(":")[4:5] != [account_id]:
        raise ValidationError({field: f"This role is not one of account {account_id}."})


class CostSource(models.TextChoices):
    """Where costs come from: both tell of the same money, and are never added."""

    EXPLORER = "explorer", "Cost Explorer"
    FILES = "files", "billing files"


class CloudAccount(models.Model):
    """An AWS account to collect from: through a role, or by the default credential chain.

    One that only billing files tell of is disabled: its costs are known, and nothing is collected.
    """

    # AWS's have 12 digits; billing files may write others.
    account_id = models.CharField("account id", max_length=18, unique=True, validators=[_ACCOUNT_ID])
    name = models.CharField(max_length=100, blank=True)
    role_arn = models.CharField(
        "role ARN",
        max_length=200,
        blank=True,
        validators=[_ROLE_ARN],
        help_text="Empty: the credentials that the workers find by themselves.",
    )
    external_id = models.CharField(max_length=64, default=new_external_id, editable=False)
    actor_role_arn = models.CharField(
        "actor role ARN",
        max_length=200,
        blank=True,
        validators=[_ROLE_ARN],
        help_text="The role through which the autoscaler acts; empty: it never acts in this account.",
    )
    regions = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_regions],
        help_text='Such as ["eu-west-1"]; empty: every region that the account has enabled.',
    )
    cost_source = models.CharField(
        "costs are answered from",
        max_length=10,
        choices=CostSource,
        default=CostSource.EXPLORER,
        db_default=CostSource.EXPLORER,
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("account_id",)
        verbose_name = "cloud account"

    def __str__(self) -> str:
        return f"{self.account_id} {self.name}".strip()

    def clean(self) -> None:
        super().clean()
        validate_role_of(self.account_id, self.role_arn)
        validate_role_of(self.account_id, self.actor_role_arn, field="actor_role_arn")


class Purpose(models.TextChoices):
    """What CloudIntel's own calls are made for; each has a daily budget of its own."""

    COLLECT = "collect", "collection"
    SCALE = "scale", "autoscaler"


class AwsSpend(models.Model):
    """What CloudIntel's own calls for one purpose cost an account on one UTC day."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="spend")
    date = models.DateField()
    purpose = models.CharField(
        max_length=10, choices=Purpose, default=Purpose.COLLECT, db_default=Purpose.COLLECT
    )
    amount_usd = ExactDecimalField(default=0)

    class Meta:
        ordering = ("-date",)
        verbose_name = "AWS spend"
        verbose_name_plural = "AWS spend"
        constraints = (models.UniqueConstraint(fields=("account", "date", "purpose"), name="aws_spend_day"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.date} {self.purpose}: ${self.amount_usd}"
