"""Who uses CloudIntel."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Creates users; e-mail addresses are compared and kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a user. Raises: ValueError for an empty address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store an administrator, who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or a program, that logs in with an e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", unique=True)
    is_active = models.BooleanField(default=True, help_text="Unset to lock the user out at once.")
    is_staff = models.BooleanField("may use the admin", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()


class Kind(models.TextChoices):
    """What was refused."""

    LOGIN_FAILED = "login_failed"
    LOCKED_OUT = "locked_out"
    PERMISSION_DENIED = "permission_denied"


class SecurityEvent(models.Model):
    """Something that was tried and refused: how often in one hour, by one e-mail from one address."""

    kind = models.CharField(max_length=20, choices=Kind)
    user = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Whose e-mail it is, where it is anybody's.",
    )
    email = models.CharField("e-mail address", max_length=254, help_text="As it was tried.")
    address = models.GenericIPAddressField(null=True, help_text="Where it came from.")
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=200)
    hour = models.DateTimeField()
    at = models.DateTimeField("last time", db_index=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("-at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "hour", "address", "email", "path"),
                nulls_distinct=False,
                name="security_event_once_an_hour",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.email}"
