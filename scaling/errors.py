"""What can go wrong with managed instances, each with the status that the API answers."""

from datetime import UTC, datetime

from rest_framework.exceptions import APIException, NotFound, PermissionDenied


class UnknownInstanceError(NotFound):
    """Nobody registered such an instance."""

    default_detail = "Instance not found"


class UnknownDecisionError(NotFound):
    """No such decision was made about the instance."""

    default_detail = "Decision not found"


class NotOwnerError(PermissionDenied):
    """Somebody else registered the instance; no role opens it here."""

    default_detail = "Unauthorized: You don't own this instance"


class RoleMissingError(PermissionDenied):
    """The instance's owner does not have the role that this needs."""


class AlreadyRegisteredError(APIException):
    """Somebody has registered the instance already."""

    status_code = 409
    default_detail = "Instance already registered"
    default_code = "already_registered"


class ActionPendingError(APIException):
    """Something is being done at AWS with the instance, and must be followed to its end."""

    status_code = 409
    default_detail = "A scaling action on this instance is not finished; try again when it is."
    default_code = "action_pending"


class ActionRecentError(APIException):
    """AWS was asked for something too recently for the instance to be forgotten."""

    status_code = 409
    default_code = "action_recent"

    def __init__(self, until: datetime) -> None:
        super().__init__(
            "AWS was asked to scale this instance within the last hour, which counts towards its account's "
            f"limit; it can be deleted from {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC on."
        )


class AlreadyMonitoredError(APIException):
    """The instance is monitored already."""

    status_code = 400
    default_detail = "Monitoring is already active for this instance"
    default_code = "already_monitored"


class NotMonitoredError(APIException):
    """The instance is not monitored."""

    status_code = 400
    default_detail = "Monitoring is not active for this instance"
    default_code = "not_monitored"


class NotInInventoryError(APIException):
    """Collection did not find the instance, or found it gone."""

    status_code = 400
    default_code = "not_in_inventory"

    def __init__(self, instance_id: str, region: str) -> None:
        super().__init__(
            f"{instance_id} is not in the collected inventory of {region}: check the id and the region it is "
            "registered with, have an operator collect it (POST /sync-ec2), then start again."
        )
