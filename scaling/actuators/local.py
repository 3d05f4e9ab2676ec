"""The actuators that ask nothing of AWS: their outcome is there with the decision."""

from scaling.actuators.actuator import Actuator
from scaling.models import Outcome


class Mock(Actuator):
    """Changes the level alone, with the decision."""

    first_outcome = Outcome.APPLIED


class Recommend(Actuator):
    """Records what should be done, and does nothing."""

    first_outcome = Outcome.RECOMMENDED
