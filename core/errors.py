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
    """The cloud does not accept who asks, or what they ask for: whatever is asked next ends the same way."""


class BudgetExceededError(PermanentCloudError):
    """The call was not made because its price would exceed the day's budget."""


class LeaseLostError(CloudIntelError):
    """This worker's claim on a run has passed to another; its writes are refused."""
