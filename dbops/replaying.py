"""The automation's own rules on a recorded load: they observe, learn, predict and decide as in production.

Nothing of a later minute is used. What production keeps in tables is kept in lists here; what decides are the
same functions.
"""

from collections import deque
from datetime import UTC, datetime, timedelta

from dbops import adapting, anticipating, prediction
from dbops.anticipating import SHRINK_BY, Guide
from dbops.patterns import REACH, Hour, Profile
from dbops.prediction import SETTLED_HOURS, Expected, Settled
from dbops.readings import PoolReading
from dbops.rolling import Highest, HourSoFar, Look, Roller
from dbops.sizing import Limits
from dbops.thresholds import Thresholds

PREDICT_MINUTES = 15
_HOUR_MINUTES = 60


class Automatic:
    """Sizes a pool by `anticipating.judge`, from what it has seen itself."""

    def __init__(self, limits: Limits) -> None:
        self.thresholds = Thresholds()
        self.settled: deque[Settled] = deque(maxlen=SETTLED_HOURS)
        self._limits = limits
        self._roller, self._lasting = Roller(), Highest(SHRINK_BY)
        self._seen: deque[int] = deque()
        self._hours: deque[Hour] = deque(maxlen=REACH // timedelta(hours=1))
        self._largest_surge = 0.0
        self._expected: dict[int, Expected] = {}
        self._recommended: dict[int, int] = {}
        self._changes: deque[tuple[datetime, int]] = deque()

    def next_size(self, minute: int, size: int, demand: float) -> int:
        """Observe the minute, learn from it, and decide."""
        self._observe(Look(minute, demand, min(demand, size) / size))
        if minute % PREDICT_MINUTES == 0:
            self._predict(minute)
        found = anticipating.judge(
            _reading(size, demand),
            self.thresholds,
            self._limits,
            self._guide(minute),
            changed_at=self._changes[-1][0] if self._changes else None,
            now=_moment(minute),
        )
        if difference := found.recommended_pool_size - size:
            self._changes.append((_moment(minute), difference))
        return found.recommended_pool_size

    def _observe(self, look: Look) -> None:
        over = self._roller.add(look)
        if over is not None:
            self._learn(over)
        self._lasting.add(look.minute, look.demand)
        self._seen.append(look.minute)
        while self._seen[0] <= look.minute - SHRINK_BY // timedelta(minutes=1):
            self._seen.popleft()

    def _learn(self, over: HourSoFar) -> None:
        expected, hour = self._expected.pop(over.hour, None), over.rolled_up()
        self._recommended.pop(over.hour, None)
        if hour is None:
            return
        if expected is not None:
            self.settled.append(Settled(expected.demand, expected.low, expected.high, hour.peak_demand))
        self._hours.append(hour)
        self._adapt(hour.hour + timedelta(hours=1))

    def _adapt(self, now: datetime) -> None:
        latest = [each for each in self._hours if each.hour >= now - adapting.HOURS_REACH]
        self._largest_surge = max(each.surge or 0.0 for each in latest)
        while self._changes and self._changes[0][0] < now - adapting.FLAPS_REACH:
            self._changes.popleft()
        adapted = adapting.adapt(latest, self.thresholds, flapped=adapting.flaps(self._changes))
        if adapted is not None:
            self.thresholds = adapted.thresholds

    def _predict(self, minute: int) -> None:
        """Expect the next hour's peak."""
        this_hour = minute // _HOUR_MINUTES
        profile = Profile.of(self._hours, now=this_hour)
        level = self._roller.recent.until(minute)
        if level is None or prediction.too_early(profile):
            return
        expected = prediction.expect(
            profile, level, hour=this_hour + 1, minute=minute % _HOUR_MINUTES, settled=self.settled
        )
        self._expected[this_hour + 1] = expected
        self._recommended[this_hour + 1] = anticipating.size_for_expected(
            expected, self.thresholds, self._limits
        )

    def _guide(self, minute: int) -> Guide | None:
        so_far = self._roller.so_far
        room = anticipating.room(
            self._largest_surge,
            (so_far.surge if so_far else None) or 0.0,
            hours=len(self._hours),
            maximum=self._limits.maximum,
        )
        if room is None:
            return None
        hour = minute // _HOUR_MINUTES
        return Guide(
            recent=self._roller.recent.until(minute) or 0.0,
            lasting=self._lasting.until(minute) or 0.0,
            room=room,
            seen=len(self._seen),
            predicted_size=max(self._recommended.get(hour, 0), self._recommended.get(hour + 1, 0)),
        )


def _reading(size: int, demand: float) -> PoolReading:
    active = min(demand, float(size))
    return PoolReading("simulated", size, active, size - active, demand - active, None, active / size)


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
