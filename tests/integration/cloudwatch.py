"""CloudWatch as botocore's HTTP session sees it, without any process."""

import json
import re
from datetime import UTC, datetime

from botocore.awsrequest import AWSResponse, HeadersDict


class CloudWatch:
    """Answers GetMetricData and ListMetrics with whatever `value(metric, instance_id, moment)` says."""

    def __init__(self):
        self.questions, self.listings, self.requests = [], 0, 0
        self.memory = []
        self.value = lambda metric, instance_id, moment: 10.0
        self.status = 200
        self.refusal = "AccessDeniedException"
        self.silent = lambda region: False
        self.status_of = lambda: 200

    def send(self, request):
        self.requests += 1
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        question = json.loads(request.body)
        region = re.search(r"monitoring\.([a-z0-9-]+)\.", request.url)[1]
        if operation == "GetMetricData" and (status := self.status_of()) >= 500:
            return self._answer({"__type": "InternalServiceFault", "message": "no"}, status)
        if self.status != 200 or self.silent(region):
            return self._answer({"__type": self.refusal, "message": "no"}, 400)
        if operation == "ListMetrics":
            self.listings += 1
            return self._answer({"Metrics": self.memory})
        self.questions.append(question)
        return self._answer({"MetricDataResults": [self._result(q, question) for q in queries(question)]})

    def _result(self, query, question):
        stat = query["MetricStat"]
        dimensions = {one["Name"]: one["Value"] for one in stat["Metric"]["Dimensions"]}
        name = stat["Metric"]["MetricName"]
        points = {
            moment: self.value(name, dimensions["InstanceId"], datetime.fromtimestamp(moment, UTC))
            for moment in range(int(question["StartTime"]), int(question["EndTime"]), stat["Period"])
        }
        known = {moment: value for moment, value in points.items() if value is not None}
        return {
            "Id": query["Id"],
            "Timestamps": list(known),
            "Values": list(known.values()),
            "StatusCode": "Complete",
        }

    @staticmethod
    def _answer(body, status=200):
        raw = type("Raw", (), {"stream": lambda self, *a, **k: iter([json.dumps(body).encode()])})()
        return AWSResponse("http://aws", status, HeadersDict({"x-amzn-requestid": "1"}), raw)


def queries(question):
    """What one call asks."""
    return question["MetricDataQueries"]
