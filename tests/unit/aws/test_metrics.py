"""Metrics of instances come by calls of 500, each with the instances that are complete with it."""

import pytest

from collectors.aws import metrics
from core.errors import TransientCloudError


# --- Memory ----------------------------------------------------------------------------------
def listed(*dimensions, token=None):
    """A page of ListMetrics; each metric by its dimensions."""
    found = [{"Dimensions": [{"Name": n, "Value": v} for n, v in one.items()]} for one in dimensions]
    return {"Metrics": found} | ({"NextToken": token} if token else {})


def test_memory_is_found_where_the_agent_publishes_it(aws, cloud):
    aws.say(listed({"InstanceId": "i-1"}, {"ImageId": "ami-1", "InstanceId": "i-2"}, {"host": "elsewhere"}))
    assert metrics.memory_page(cloud, "eu-west-1", None) == (
        {"i-1": {"InstanceId": "i-1"}, "i-2": {"ImageId": "ami-1", "InstanceId": "i-2"}},
        None,
    )
    [asked] = aws.asked()
    assert asked == {"Namespace": "CWAgent", "MetricName": "mem_used_percent", "RecentlyActive": "PT3H"}


def test_of_several_memory_metrics_the_one_with_the_fewest_dimensions_counts(aws, cloud):
    more, fewer = {"ImageId": "ami-1", "InstanceId": "i-1"}, {"InstanceId": "i-1"}
    aws.say(listed(more, fewer, more))
    assert metrics.memory_page(cloud, "eu-west-1", None)[0] == {"i-1": fewer}


def test_pages_of_memory_follow_each_other(aws, cloud):
    aws.say(listed({"InstanceId": "i-1"}, token="t-1")).say(listed({"InstanceId": "i-2"}))
    first, token = metrics.memory_page(cloud, "eu-west-1", None)
    second, last = metrics.memory_page(cloud, "eu-west-1", token)
    assert (set(first), token, set(second), last) == ({"i-1"}, "t-1", {"i-2"}, None)
    assert [asked.get("NextToken") for asked in aws.asked()] == [None, "t-1"]


def test_a_page_of_memory_that_leads_to_itself_is_refused(aws, cloud):
    aws.say(listed(token="t-1"))
    with pytest.raises(TransientCloudError, match="the token that it was asked with"):
        metrics.memory_page(cloud, "eu-west-1", "t-1")


def test_no_listing_is_not_taken_for_no_memory(aws, cloud):
    aws.say({})
    with pytest.raises(TransientCloudError, match="no Metrics"):
        metrics.memory_page(cloud, "eu-west-1", None)
