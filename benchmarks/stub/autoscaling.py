"""Auto Scaling: a group for each instance, named after it, whose desired capacity can be read and set."""

from collections import defaultdict

from benchmarks.stub.protocol import Answer, Call, Handler
from democloud.protocol import AwsError

_NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
DESIRED, LARGEST = 4, 100


class AutoScaling:
    """The Auto Scaling of every account: a group begins with four instances, and is set as it is told."""

    def __init__(self) -> None:
        self.was_set: defaultdict[str, list[int]] = defaultdict(list)
        """What groups were set to, one after the other, by their names."""
        self.actions: dict[str, Handler] = {
            "DescribeAutoScalingInstances": self._instances,
            "DescribeAutoScalingGroups": self._groups,
            "SetDesiredCapacity": self._set,
        }

    def _instances(self, call: Call) -> Answer:
        instance_id = str(call.parameters["InstanceIds.member.1"])
        name = f"<AutoScalingGroupName>{instance_id}</AutoScalingGroupName>"
        member = f"<member><InstanceId>{instance_id}</InstanceId>{name}</member>"
        return _wrapped(call.action, f"<AutoScalingInstances>{member}</AutoScalingInstances>")

    def _groups(self, call: Call) -> Answer:
        name = str(call.parameters["AutoScalingGroupNames.member.1"])
        desired = [DESIRED, *self.was_set.get(name, ())][-1]
        member = (
            f"<AutoScalingGroupName>{name}</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>{LARGEST}</MaxSize>"
            f"<DesiredCapacity>{desired}</DesiredCapacity>"
        )
        return _wrapped(call.action, f"<AutoScalingGroups><member>{member}</member></AutoScalingGroups>")

    def _set(self, call: Call) -> Answer:
        desired = int(call.parameters["DesiredCapacity"])
        if desired > LARGEST:
            raise AwsError("ValidationError", f"New SetDesiredCapacity value {desired} is above max value")
        self.was_set[str(call.parameters["AutoScalingGroupName"])].append(desired)
        return _wrapped(call.action, "")


def _wrapped(action: str, result: str) -> Answer:
    return Answer(
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata></{action}Response>".encode()
    )
