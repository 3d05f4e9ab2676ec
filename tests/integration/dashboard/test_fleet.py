"""/fleet/."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from analytics.models import Computation, InstanceFootprint, Subject
from tests import builders
from tests.integration.dashboard.conftest import logged_in
from tests.integration.dashboard.reading import parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/fleet/"
ID, TYPE, WHERE, CPU, MEMORY, MONTH, SAVING, CARBON, MANAGED = range(9)


def ids(browser, **chosen):
    """The instances on the page."""
    return [row[ID][:3] for row in rows(browser.get(PAGE, chosen), "Instances")]


def row(browser):
    (found,) = rows(browser.get(PAGE), "Instances")
    return found


def footprint(of, **fields):
    figures = {
        f"{part}_{bound}_kg": value
        for part in ("operational", "embodied")
        for bound, value in (("low", 1.0), ("high", 2.5))
    }
    return InstanceFootprint.objects.create(
        instance=of,
        instance_type=of.instance_type,
        unknown_hours=0,
        measured_share=1,
        **{**figures, **fields},
    )


@pytest.fixture
def three():
    """A running, a stopped and a gone instance, in two regions."""
    builders.instance(instance_id="i-1", name="web", tags={"team": "shop"}, region="eu-west-1")
    builders.instance(instance_id="i-2", state="stopped", instance_type="m5.large", region="us-east-1")
    builders.instance(instance_id="i-3", gone_at=timezone.now())


def test_what_is_there_is_shown_unless_the_gone_are_asked_for(viewer, three):
    assert ids(viewer) == ["i-1", "i-2"]
    assert ids(viewer, gone="") == ["i-1", "i-2", "i-3"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"region": "us-east-1"}, ["i-2"]),
        ({"state": "stopped"}, ["i-2"]),
        ({"instance_type": "t3.micro"}, ["i-1"]),
        ({"name": "we"}, ["i-1"]),
        ({"tag": "team=shop"}, ["i-1"]),
        ({"tag": "team=bank"}, []),
        ({"ordering": "-instance_id"}, ["i-2", "i-1"]),
        ({"ordering": "instance_type"}, ["i-2", "i-1"]),
    ],
)
def test_instances_are_narrowed_down_and_sorted_by_the_address(viewer, three, chosen, found):
    assert ids(viewer, **chosen) == found


def test_what_cannot_be_read_is_told_beside_the_filters(viewer, three):
    answer = viewer.get(PAGE, {"ordering": "price"})
    assert answer.status_code == 400
    assert "price is not one of the available choices" in " ".join(texts(answer, "filters"))
    assert rows(answer, "Instances") == []


def test_a_heading_sorts_by_its_column_and_the_other_way_round_after_that(viewer, three):
    def heading(**chosen):
        (found,) = parsed(viewer.get(PAGE, chosen)).xpath("//th[a[text()='Type']]")
        return found.get("aria-sort"), found.xpath("./a/@href")[0]

    assert heading(state="running", page="1") == ("none", "/fleet/?state=running&ordering=instance_type")
    assert heading(ordering="instance_type") == ("ascending", "/fleet/?ordering=-instance_type")
    assert heading(ordering="-instance_type") == ("descending", "/fleet/?ordering=instance_type")


def test_load_is_that_of_the_last_hours(viewer):
    of = builders.instance()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    builders.metric_hour(of, hour - timedelta(hours=30), cpu=99)
    builders.metric_hour(of, hour - timedelta(hours=3), cpu=10)
    builders.metric_hour(of, hour - timedelta(hours=1), cpu=40, memory=60)
    found = row(viewer)
    assert found[CPU] == "40.0 % avg 25.0 %"
    assert found[MEMORY] == "60.0 %avg 60.0 %"


def test_a_line_is_drawn_with_its_gaps_and_can_be_heard(viewer):
    of = builders.instance()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for ago in (1, 2, 5):
        builders.metric_hour(of, hour - timedelta(hours=ago), cpu=10 * ago)
    (line,) = parsed(viewer.get(PAGE)).xpath("//*[local-name()='svg']")
    assert line.get("aria-label") == "CPU: at least 10.0 %, on average 26.7 %, at most 50.0 %"
    (path,) = line.xpath("./*[local-name()='path']/@d")
    assert path.count("M") == 2
    assert not line.xpath(".//@style")


def test_what_was_not_measured_is_unknown_and_not_nothing(viewer):
    builders.instance()
    found = row(viewer)
    assert found[CPU] == "unknown not measured"
    assert found[MEMORY] == found[SAVING] == found[CARBON] == "unknown"


def test_a_month_is_priced_by_the_table_that_holds(viewer):
    builders.price_list("eu-west-1", hourly={"m5.large": "0.1"})
    builders.instance(instance_type="m5.large")
    assert row(viewer)[MONTH] == "$73.00"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"state": "stopped"}, "stopped: its volumes alone cost while it does not run"),
        ({"lifecycle": "spot"}, "unknown: it is a spot instance, whose price is another"),
        (
            {"platform": "Windows"},
            "unknown: The prices are those of Linux, and this instance's platform is Windows.",
        ),
        ({"instance_type": "z9.huge"}, "unknown: The price of z9.huge in eu-west-1 is not known."),
    ],
)
def test_a_month_that_has_no_price_says_why(viewer, fields, told):
    builders.instance(**fields)
    assert row(viewer)[MONTH] == told


def test_the_best_recommendation_counts_and_none_is_told_once_it_is_known(viewer):
    of = builders.instance(instance_id="i-1")
    builders.saving(of, monthly_usd=Decimal(10))
    builders.saving(of, kind="schedule", monthly_usd=Decimal(30))
    builders.instance(of.account, instance_id="i-2")
    Computation.objects.done(Subject.SAVINGS, timezone.now(), None)
    found = rows(viewer.get(PAGE), "Instances")
    assert [each[SAVING] for each in found] == ["$30.00 could be saved on i-1", "none"]


def test_carbon_is_a_range_of_running_and_making(viewer):
    footprint(builders.instance())
    assert row(viewer)[CARBON] == "2.00 to 5.00 kg"


def test_half_of_a_footprint_is_no_footprint(viewer):
    footprint(builders.instance(), embodied_low_kg=None, embodied_high_kg=None)
    assert row(viewer)[CARBON] == "unknown"


def test_an_owner_sees_the_level_and_others_that_it_is_managed(viewer):
    of = builders.instance()
    owner = builders.user("viewer")
    builders.managed(owner, inventory=of, level=3)
    assert row(logged_in(owner))[MANAGED].startswith("level 3")
    assert row(viewer)[MANAGED] == "other: by somebody else"


@pytest.mark.parametrize("number", [1, 40])
def test_the_number_of_queries_does_not_depend_on_the_instances(
    viewer, number, django_assert_max_num_queries
):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    owner = builders.account()
    for place in range(number):
        of = builders.instance(owner, region=f"eu-west-{place % 3}")
        builders.metric_hour(of, hour)
        builders.saving(of)
        footprint(of)
        builders.managed(inventory=of)
    with django_assert_max_num_queries(14):
        assert viewer.get(PAGE).status_code == 200
