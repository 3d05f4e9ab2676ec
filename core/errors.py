"""The errors CloudIntel raises on purpose, one root above them all."""


class CloudIntelError(Exception):
    """Something went wrong that a user can be told about in one sentence."""


class InvalidInputError(CloudIntelError):
    """The caller sent something that cannot be understood; the message says what and how to mend it."""


class TransientCloudError(CloudIntelError):
    """The cloud did not answer this time; the same call may succeed later."""


class PermanentCloudError(CloudIntelError):
    """The cloud refused; the same call will be refused again until somebody acts."""


class AccessRefusedError(PermanentCloudError):
    """The cloud does not permit what is asked; asking the same of it again ends the same way."""


class CredentialsRefusedError(AccessRefusedError):
    """The cloud does not accept who asks, whatever it is they ask for."""


class BudgetExceededError(PermanentCloudError):
    """The call was not made because its price would exceed the day's budget."""


class LeaseLostError(CloudIntelError):
    """This worker's claim on a run has passed to another; its writes are refused."""


class NotYetError(CloudIntelError):
    """The work is to be put back for so many seconds; nothing of it was done."""

    def __init__(self, wait_s: float, why: str) -> None:
        super().__init__(why)
        self.wait_s = wait_s
