"""CloudWatch in its JSON protocol: GetMetricData, GetMetricStatistics and ListMetrics."""

import re
import time
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from benchmarks.stub import figures
from benchmarks.stub.estate import Estate
from benchmarks.stub.protocol import Answer, Call, Handler, json_answer
from democloud.protocol import AwsError, Json

MOST_QUERIES = 500
MOST_POINTS = 100_800
METRICS_PER_PAGE = 500
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_SHORT_PERIODS_S = frozenset({1, 5, 10, 20, 30})
_QUERY_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
# Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
_RETENTION_S = ((_HOUR_S, 455 * _DAY_S), (300, 63 * _DAY_S), (_MINUTE_S, 15 * _DAY_S), (1, 3 * _HOUR_S))


class _Window(NamedTuple):
    """Seconds since the epoch, half-open, of an answer that is asked for at `now`."""

    start: int
    end: int
    now: int

    @classmethod
    def of(cls, question: Json, now: int) -> "_Window":
        """Read the window; its start is rounded down to the minute, as AWS does."""
        start, end = int(question["StartTime"]), int(question["EndTime"])
        if start >= end:
            raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
        return cls(start - start % _MINUTE_S, end, now)

    def periods(self, period_s: int) -> tuple[int, int]:
        """Return the begin of the first period that has a point, and how many have one."""
        return _periods(self, period_s)


class _Series(NamedTuple):
    """One query's whole answer: where it begins, and how many points it has."""

    label: str
    query_id: str
    metric: figures.Metric | None
    statistic: str
    number: int
    period_s: int
    begin: int
    points: int

    def result(self, skip: int, take: int, *, newest_first: bool, status: str) -> str:
        """Render `take` points, in the order asked for, after the first `skip`."""
        first = self.points - skip - take if newest_first else skip
        times = _times(self.begin + first * self.period_s, take, self.period_s, newest_first)
        values = ""
        if self.metric and take:
            values = figures.values(
                self.metric,
                self.statistic,
                self.number,
                first_slot=self.begin // self.period_s + first,
                count=take,
                period_s=self.period_s,
                newest_first=newest_first,
            )
        return (
            f'{{"Id":"{self.query_id}","Label":{self.label},"StatusCode":"{status}",'
            f'"Timestamps":[{times}],"Values":[{values}]}}'
        )


@lru_cache(maxsize=1024)
def _periods(window: _Window, period_s: int) -> tuple[int, int]:
    kept = next(seconds for multiple, seconds in _RETENTION_S if period_s % multiple == 0)
    lost = max(0, -(-(window.now - kept - window.start) // period_s))
    end = min(window.end, window.now + 1)
    return window.start + lost * period_s, max(0, -(-(end - window.start) // period_s) - lost)


@lru_cache(maxsize=1024)
def _quoted(label: str) -> str:
    return orjson.dumps(label).decode()


@lru_cache(maxsize=4096)
def _times(begin: int, count: int, period_s: int, newest_first: bool) -> str:  # noqa: FBT001  # a key of the cache
    """Write times as CloudWatch does: seconds in exponent form."""
    moments = range(begin, begin + count * period_s, period_s)
    return ",".join(f"{moment / 1e9:.9f}E9" for moment in (reversed(moments) if newest_first else moments))


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


class CloudWatch:
    """The CloudWatch of every account."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._listed: dict[tuple[Any, ...], list[tuple[figures.Metric, int]]] = {}
        self.actions: dict[str, Handler] = {
            "GetMetricData": self.get_metric_data,
            "GetMetricStatistics": self._get_metric_statistics,
            "ListMetrics": self._list_metrics,
        }

    def get_metric_data(self, call: Call, *, partial: bool = False) -> Answer:
        """Answer one page; a `partial` one stops half way and does not say where the rest is.

        Raises: AwsError for what CloudWatch would refuse.
        """
        question = call.parameters
        skip, now = _cursor(question.get("NextToken"))
        all_series = self._all_series(call, now)
        total = sum(series.points for series in all_series)
        most = min(int(question.get("MaxDatapoints") or MOST_POINTS), MOST_POINTS)
        end = min(total, skip + most)
        newest_first = question.get("ScanBy") != "TimestampAscending"
        shown = end if not partial else skip + (end - skip) // 2
        results = _page(all_series, skip, shown, newest_first=newest_first)
        token = f',"NextToken":"{end}-{now}"' if end < total and not partial else ""
        return json_answer(f'{{"Messages":[],"MetricDataResults":[{",".join(results)}]{token}}}'.encode())

    def _all_series(self, call: Call, now: int) -> list[_Series]:
        asked = call.parameters.get("MetricDataQueries") or []
        if not 0 < len(asked) <= MOST_QUERIES:
            raise _invalid(f"The collection MetricDataQueries must have 1 to {MOST_QUERIES} members.")
        if len({query["Id"] for query in asked}) < len(asked):
            raise _invalid("The values for parameter id in MetricDataQueries are not unique.")
        window = _Window.of(call.parameters, now)
        return [self._series(call.region, query, window) for query in asked]

    def _series(self, region: str, query: Json, window: _Window) -> _Series:
        query_id, stat = str(query["Id"]), query["MetricStat"]
        if not _QUERY_ID.fullmatch(query_id):
            raise _invalid(f"The value {query_id} for parameter MetricDataQueries.Id is invalid.")
        metric = stat["Metric"]
        label = _quoted(query.get("Label") or metric["MetricName"])
        statistic, period_s = _statistic(stat["Stat"]), _period(stat["Period"])
        known, number = self._published(region, metric)
        begin, count = window.periods(period_s) if known else (window.start, 0)
        return _Series(label, query_id, known, statistic, number, period_s, begin, count)

    def _published(self, region: str, metric: Json) -> tuple[figures.Metric | None, int]:
        """Return the metric and the instance's number; a metric of other dimensions does not exist."""
        known = figures.METRICS.get((metric["Namespace"], metric["MetricName"]))
        dimensions = {pair["Name"]: pair["Value"] for pair in metric.get("Dimensions", ())}
        number = self._estate.number(region, dimensions.get("InstanceId", ""))
        if known is None or number is None or not self._has(region, known, number, dimensions):
            return None, 0
        return known, number

    def _has(self, region: str, metric: figures.Metric, number: int, dimensions: dict[str, str]) -> bool:
        """Say whether the instance, which the dimensions name, publishes the metric under just these."""
        if metric.namespace != "CWAgent":
            return len(dimensions) == 1
        return dimensions == self._dimensions(region, metric, number)

    def _dimensions(self, region: str, metric: figures.Metric, number: int) -> dict[str, str] | None:
        if metric.namespace != "CWAgent":
            return {"InstanceId": self._estate.instance_id(region, number)}
        has = self._estate.has_memory(number)
        return self._estate.memory_dimensions(region, number) if has else None

    def _get_metric_statistics(self, call: Call) -> Answer:
        """Answer one metric of one instance, as tools ask that do not batch."""
        question, statistics = call.parameters, call.parameters["Statistics"]
        period_s = _period(question["Period"])
        window = _Window.of(question, int(time.time()))
        known, number = self._published(call.region, question)
        begin, count = window.periods(period_s) if known else (window.start, 0)
        points = [
            {"Timestamp": at, "Unit": known.unit}
            | {
                name: figures.value(known, _statistic(name), number, at_s=at, period_s=period_s)
                for name in statistics
            }
            for at in range(begin, begin + count * period_s, period_s)
            if known
        ]
        return json_answer(orjson.dumps({"Label": question["MetricName"], "Datapoints": points}))

    def _list_metrics(self, call: Call) -> Answer:
        found = self._matching(call)
        first = int(call.parameters.get("NextToken") or 0)
        page = found[first : first + METRICS_PER_PAGE]
        metrics = [
            {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": _pairs(dimensions)}
            for metric, number in page
            if (dimensions := self._dimensions(call.region, metric, number))
        ]
        end = first + len(page)
        token = {"NextToken": str(end)} if end < len(found) else {}
        return json_answer(orjson.dumps({"Metrics": metrics, **token}))

    def _matching(self, call: Call) -> list[tuple[figures.Metric, int]]:
        """Return the metrics with the wanted namespace and name, and the instances that publish them."""
        if call.parameters.get("Dimensions"):
            raise _invalid("The stub's ListMetrics does not filter by dimensions.")
        wanted = call.parameters.get("Namespace"), call.parameters.get("MetricName")
        if wanted not in self._listed:
            self._listed[wanted] = [
                (metric, number)
                for metric in figures.METRICS.values()
                if wanted[0] in (None, metric.namespace) and wanted[1] in (None, metric.name)
                for number in range(self._estate.instances)
                if metric.namespace != "CWAgent" or self._estate.has_memory(number)
            ]
        return self._listed[wanted]


def _pairs(dimensions: dict[str, str]) -> list[Json]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _cursor(token: str | None) -> tuple[int, int]:
    """Return how many points were sent before, and when the first page was asked for."""
    if not token:
        return 0, int(time.time())
    sent, _, asked_at = token.partition("-")
    if not (sent.isdecimal() and asked_at.isdecimal()):
        raise AwsError("InvalidNextToken", "The NextToken is malformed")
    return int(sent), int(asked_at)


def _statistic(name: str) -> str:
    if name not in figures.STATISTICS and name != figures.SAMPLE_COUNT:
        raise _invalid(f"The value {name} for parameter Stat is not supported.")
    return name


def _period(seconds: int) -> int:
    if seconds not in _SHORT_PERIODS_S and (seconds <= 0 or seconds % _MINUTE_S):
        raise _invalid("Period must be 1, 5, 10, 20, 30, or a multiple of 60.")
    return seconds


def _page(all_series: list[_Series], skip: int, end: int, *, newest_first: bool) -> list[str]:
    """Cut the points [skip, end) out of the series laid end to end; one that goes on later is PartialData.

    A series without any point is told on the first page.
    """
    results, begin = [], 0
    for series in all_series:
        before = min(max(0, skip - begin), series.points)
        upto = min(max(0, end - begin), series.points)
        if upto > before or (not series.points and skip == 0):
            status = "Complete" if upto == series.points else "PartialData"
            results.append(series.result(before, upto - before, newest_first=newest_first, status=status))
        begin += series.points
    return results
