"""Who makes decisions come true, by the policy's mode."""

from scaling.actuators.actuator import Actuator, CloudActuator
from scaling.actuators.asg import AsgActuator
from scaling.actuators.local import Mock, Recommend
from scaling.actuators.resize import ResizeActuator
from scaling.models import Mode

LOCAL: dict[str, type[Actuator]] = {Mode.MOCK: Mock, Mode.RECOMMEND: Recommend}
CLOUD: dict[str, type[CloudActuator]] = {Mode.ASG: AsgActuator, Mode.EC2_RESIZE: ResizeActuator}
BY_MODE: dict[str, type[Actuator]] = {**LOCAL, **CLOUD}
