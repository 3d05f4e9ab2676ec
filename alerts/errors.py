"""What can go wrong with alerts and channels, each with the status that the API answers."""

from rest_framework.exceptions import APIException


class AlertOverError(APIException):
    """The alert was resolved before anybody acknowledged it."""

    status_code = 409
    default_detail = "The alert is resolved; there is nothing left to look after."
    default_code = "alert_over"
