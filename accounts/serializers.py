"""What the account endpoints take and give."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as WeakPasswordError
from rest_framework import serializers
from rest_framework.settings import api_settings

from accounts.models import User
from accounts.passwords import LONGEST_PASSWORD
from core.moments import MomentField


class TextField(serializers.CharField):
    """A string; a number is none."""

    def to_internal_value(self, data: Any) -> str:
        """Return the string. Raises: ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class LowercaseField(TextField):
    """An e-mail address as addresses are compared: in lower case."""

    def to_internal_value(self, data: Any) -> str:
        """Return the address. Raises: ValidationError."""
        return super().to_internal_value(data).lower()


class EmailField(LowercaseField, serializers.EmailField):
    """A well-formed e-mail address."""


class PasswordField(TextField):
    """A password, with the spaces that it begins or ends with."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_PASSWORD, trim_whitespace=False, write_only=True, **kwargs)


class CompleteSerializer(serializers.Serializer[Any]):
    """Takes an object that has all that is required; `missing` says so when one is absent or empty."""

    missing: str
    default_error_messages = {"invalid": "The body must be a JSON object, not {datatype}."}

    def to_internal_value(self, data: Any) -> Any:
        """Return the values. Raises: ValidationError."""
        if isinstance(data, Mapping) and any(data.get(name) in (None, "") for name in self._required()):
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [self.missing]})
        return super().to_internal_value(data)

    def _required(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.required]


class CredentialsSerializer(CompleteSerializer):
    """What a user logs in with. Whether the e-mail is well-formed is not told: an unknown one is unknown."""

    missing = "Email and password are required"
    email = LowercaseField(max_length=254)
    password = PasswordField()


class RegistrationSerializer(CredentialsSerializer):
    """What a user registers with."""

    email = EmailField(max_length=254)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold the password against the rules. Raises: ValidationError."""
        refuse_weak(attrs["password"], field="password", user=User(email=attrs["email"]))
        return attrs


class PasswordChangeSerializer(CompleteSerializer):
    """The password that is and the one that shall be."""

    missing = "current_password and new_password are required"
    current_password = PasswordField()
    new_password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold the new password against the rules. Raises: ValidationError."""
        refuse_weak(attrs["new_password"], field="new_password", user=self.context["request"].user)
        return attrs


def refuse_weak(password: str, *, field: str, user: User) -> None:
    """Raises: ValidationError, which names the rules of AUTH_PASSWORD_VALIDATORS that are broken."""
    try:
        validate_password(password, user)
    except WeakPasswordError as error:
        raise serializers.ValidationError({field: error.messages}) from error


class RegisteredSerializer(serializers.Serializer[Any]):
    """The answer to a registration."""

    message = serializers.CharField()
    user_id = serializers.UUIDField()


class TokenSerializer(serializers.Serializer[Any]):
    """The answer that carries a token."""

    message = serializers.CharField()
    token = serializers.CharField()


class ProfileSerializer(serializers.Serializer[User]):
    """A user as they see themselves."""

    user_id = serializers.UUIDField(source="pk")
    email = serializers.EmailField()
    created_at = MomentField()
    instance_count = serializers.SerializerMethodField()
    monitoring_count = serializers.SerializerMethodField()

    def get_instance_count(self, user: User) -> int:
        """Count what the user registered with the autoscaler."""
        return user.managed_instances.count()

    def get_monitoring_count(self, user: User) -> int:
        """Count those that are monitored."""
        return user.managed_instances.monitored().count()
