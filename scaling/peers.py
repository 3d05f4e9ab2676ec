"""Two ways of steering that others have, as the predictive policy is measured against them.

Both look once a minute, as all in `scaling.fleet` do: of the four looks that Kubernetes takes in a minute,
15 s apart, the later three see the same load again, and change nothing.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from scaling.fleet import LEAST_UNITS, Minute

TOLERANCE = 0.1
STABILISATION_MINUTES = 5
SCALE_OUT_MINUTES, SCALE_IN_MINUTES = 3, 15
SCALE_IN_SHARE = 0.9
_SLACK = 1e-9

Floats = npt.NDArray[np.float64]


class PodAutoscaler:
    """Kubernetes' HorizontalPodAutoscaler: the serving units by the ratio of their busy share to the target.

    Nothing within a tolerance of 0.1; units that boot count as idle for growing, and not at all for
    shrinking; for shrinking the highest of what was recommended in 300 s counts.
    Source: kubernetes.io, Horizontal Pod Autoscaling; pkg/controller/podautoscaler/replica_calculator.go.
    """

    def __init__(self, target: Floats) -> None:
        """Take a target (a busy share) for each group."""
        self._target = target
        self._recommended: deque[Floats] = deque(maxlen=STABILISATION_MINUTES)

    def wanted(self, now: Minute) -> Floats:
        """Return the recommended number of units."""
        ratio = now.demand / now.serving / self._target
        # With what boots counted as idle, the ratio of all units.
        diluted = np.where(ratio > 1, ratio * now.serving / now.units, ratio)
        is_near = (np.abs(ratio - 1) <= TOLERANCE + _SLACK) | (np.abs(diluted - 1) <= TOLERANCE + _SLACK)
        stays = is_near | ((ratio > 1) & (diluted < 1)) | np.isnan(ratio)
        exact = np.maximum(np.ceil(ratio * now.serving - _SLACK), LEAST_UNITS)
        self._recommended.append(np.where(stays, now.units, exact))
        return np.asarray(np.max(self._recommended, axis=0))


class TargetTracking:
    """AWS' target tracking: out in proportion after three minutes above, in after 15 below 90 % of it.

    Units that boot (their warm-up) count as there for growing, and nothing shrinks meanwhile.
    Source: docs.aws.amazon.com, Target tracking scaling policies for Amazon EC2 Auto Scaling; the alarms are
    those that it creates.
    """

    def __init__(self, target: Floats) -> None:
        """Take a target (a busy share) for each group."""
        self._target = target
        self._above, self._below = np.zeros(len(target)), np.zeros(len(target))

    def wanted(self, now: Minute) -> Floats:
        """Return what the two alarms lead to."""
        busy = now.demand / now.serving
        self._above = np.where(busy > self._target, self._above + 1, 0)
        self._below = np.where(busy < SCALE_IN_SHARE * self._target, self._below + 1, 0)
        exact = np.maximum(np.ceil(np.nan_to_num(now.demand) / self._target - _SLACK), LEAST_UNITS)
        is_out = self._above >= SCALE_OUT_MINUTES
        is_in = (self._below >= SCALE_IN_MINUTES) & (now.booting == 0)
        out = np.where(is_out, np.maximum(exact, now.units), now.units)
        return np.where(is_in, np.minimum(exact, now.units), out)
