"""What the plugins for machines have in common: they send the JSON, whatever text Apprise hands them."""

from abc import abstractmethod
from typing import Any

from apprise.plugins.base import NotifyBase

from alerts import outcomes
from alerts.masking import masked
from alerts.outcomes import Outcome
from alerts.telling import Message

TIMEOUTS_S = (5, 10)
"""For the connection, and between two packets of the answer."""


class MachinePlugin(NotifyBase):  # type: ignore[misc]  # the library is not typed through
    """Sends one message to one target, and keeps what came of it."""

    def __init__(self, target: str, message: Message, **options: Any) -> None:
        super().__init__(**options)
        self._target, self._message = target, message
        self.outcome = outcomes.failed("It was not sent.")

    def url(self, privacy: bool = True, *_args: Any, **_options: Any) -> str:  # noqa: FBT001, FBT002 - Apprise's
        """Return the target as it may be shown, also where Apprise would like to see all of it."""
        return masked(self._target)

    def send(self, *_args: Any, **_words: Any) -> bool:
        """Make the attempt."""
        self.outcome = self._sent()
        return self.outcome.is_delivered

    @abstractmethod
    def _sent(self) -> Outcome:
        """Send the message, and tell what came of it."""
