"""What AWS asks for the calls that CloudIntel makes.

Source: https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/ ($0.01 a paginated request),
https://aws.amazon.com/cloudwatch/pricing/ ($0.01 per 1,000 metrics requested by GetMetricData, and per 1,000
calls of ListMetrics, where no free tier is counted on); the EC2, STS and Price List calls are free. Failed
calls are not charged.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

COST_PAGE_USD = Decimal("0.01")
METRIC_QUERY_USD = Decimal("0.00001")
LIST_METRICS_USD = Decimal("0.00001")
_FREE = Decimal(0)


def call_price(service: str, operation: str, params: Mapping[str, Any]) -> Decimal:
    """Return the dollars that one call, which is one page, costs when it succeeds.

    A further page of GetMetricData repeats its queries and is counted in full: AWS does not say that it is
    free, and a budget had better not guess low.
    """
    match service, operation:
        case "ce", "GetCostAndUsage":
            return COST_PAGE_USD
        case "cloudwatch", "GetMetricData":
            return METRIC_QUERY_USD * len(params.get("MetricDataQueries", ()))
        case "cloudwatch", "ListMetrics":
            return LIST_METRICS_USD
        case _:
            return _FREE
