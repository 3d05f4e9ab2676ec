"""/pipelines/."""

from datetime import timedelta

import pytest
from django.utils import timezone

from pipelines.models import Run, Status
from pipelines.params import DAILY
from tests import builders
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/pipelines/"


def runs(browser, **chosen):
    """The runs on the page, each as `pipeline #number`."""
    return [row[0] for row in rows(browser.get(PAGE, chosen), "Runs")]


# --- Runs ------------------------------------------------------------------------------------
def test_a_run_is_told_with_what_it_came_to(viewer):
    run = builders.run(
        "ec2",
        Status.PARTIAL,
        counts={"created": 1200, "updated": 0},
        aws_calls=5,
        aws_cost_usd="0.05",
        error="111111111111: denied\nmore",
    )
    builders.step(run, "one")
    builders.step(run, "two", Status.FAILED)
    (row,) = rows(viewer.get(PAGE), "Runs")
    assert row[:3] == [f"ec2 #{run.pk}", "partial111111111111: denied", "100 %2 of 2 steps"]
    assert row[3].endswith("agotook 1 min")
    assert row[4:] == ["1,200 created", "5 calls$0.05", "manual"]


def test_a_run_in_progress_says_how_far_it_is(viewer):
    run = builders.run(status=Status.RUNNING)
    builders.step(run, "one")
    builders.step(run, "two", Status.QUEUED)
    (row,) = rows(viewer.get(PAGE), "Runs")
    assert row[2] == "50 %1 of 2 steps"
    assert "took" not in row[3]


def test_what_is_not_planned_is_not_at_zero(viewer):
    builders.run(status=Status.QUEUED)
    (row,) = rows(viewer.get(PAGE), "Runs")
    assert row[2:4] == ["unknown not planned yet", "unknown not started"]


def test_parts_are_shown_with_their_whole(viewer):
    whole = builders.run(DAILY)
    part = builders.run("cost", Status.FAILED, parent=whole)
    assert runs(viewer) == [f"{DAILY} #{whole.pk} 1 part of run {whole.pk}failed cost #{part.pk}"]
    assert len(runs(viewer, top="")) == 2


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"status": "failed"}, ["cost"]),
        ({"pipeline": "ec2"}, ["ec2"]),
        ({"start": "2026-01-01", "end": "2026-01-02"}, []),
    ],
)
def test_runs_are_narrowed_down_by_the_address(viewer, chosen, found):
    builders.run("ec2")
    builders.run("cost", Status.FAILED)
    assert [name.partition(" ")[0] for name in runs(viewer, **chosen)] == found


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"status": "odd"}, "Select a valid choice. odd is not one of the available choices."),
        ({"start": "soon"}, "Enter a valid date."),
        ({"start": "2026-02-01", "end": "2026-01-01"}, "start (2026-02-01) must be before end (2026-01-01)"),
    ],
)
def test_what_cannot_be_read_is_told_beside_the_filters(viewer, chosen, told):
    builders.run()
    answer = viewer.get(PAGE, chosen)
    assert answer.status_code == 400
    assert told in " ".join(texts(answer, xpath="//form[@method='get']"))
    assert rows(answer, "Runs") == []


def test_pages_keep_the_filters(viewer):
    Run.objects.bulk_create(
        Run(pipeline="ec2", status=Status.FAILED, scheduled_for=timezone.now() + timedelta(seconds=number))
        for number in range(30)
    )
    assert len(runs(viewer, status="failed")) == 25
    found = parsed(viewer.get(PAGE, {"status": "failed"}))
    assert found.xpath("//a[@rel='next']/@href") == ["/pipelines/?status=failed&page=2"]
    assert len(runs(viewer, status="failed", page=2)) == 5


def test_the_runs_are_asked_for_alone(viewer, part):
    run = builders.run()
    answer = part(viewer, PAGE, "runs")
    assert f"#{run.pk}" in answer.content.decode()
    assert "<h1" not in answer.content.decode()


@pytest.mark.parametrize("number", [1, 20])
def test_the_number_of_queries_does_not_depend_on_the_runs(viewer, number, django_assert_max_num_queries):
    for _ in range(number):
        whole = builders.run(DAILY)
        builders.step(builders.run("ec2", parent=whole), "one")
    with django_assert_max_num_queries(26):
        assert viewer.get(PAGE).status_code == 200


# --- Quality ---------------------------------------------------------------------------------
def test_scores_are_told_and_the_unknown_with_its_reason(viewer):
    builders.quality_report(total=89.96)
    answer = viewer.get(PAGE)
    told = dict(
        text.split(" ", 1) for text in texts(answer, xpath="//section[1]//*[contains(@class, 'stat ')]")
    )
    assert told["Total"] == "89.9"
    assert told["Consistency"] == "unknown"
    assert texts(answer, xpath="//section[1]//li") == ["Consistency is unknown: Nothing was compared."]


def test_without_a_report_there_are_no_scores(viewer):
    answer = viewer.get(PAGE)
    assert "There is no report yet." in texts(answer, "empty")[0]


# --- Acting ----------------------------------------------------------------------------------
def test_viewers_are_offered_nothing_to_do_and_may_do_nothing(viewer):
    run = builders.run(status=Status.FAILED)
    assert parsed(viewer.get(PAGE)).xpath("//main//form[@method='post']") == []
    for action in ("collect", f"{run.pk}/resume", f"{run.pk}/cancel"):
        assert viewer.post(f"{PAGE}{action}/").status_code == 403
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_a_pipeline_is_called_by_the_name_that_its_runs_have(viewer):
    found = {row[0]: row[1:] for row in rows(viewer.get(PAGE), "Pipelines")}
    assert found["dailyCollect EC2, costs and CPU"][-1].startswith("in ")
    assert found["ec2"] == ["has never run", "not scheduled"]


def test_what_was_counted_is_told_in_words(viewer):
    builders.run(counts={"slots_checked": 12, "created": 0})
    assert rows(viewer.get(PAGE), "Runs")[0][4] == "12 slots checked"


def offered(browser):
    """The addresses of what can be done with runs."""
    return parsed(browser.get(PAGE)).xpath("//*[@id='runs']//form/@action")


@pytest.mark.parametrize("status", [Status.FAILED, Status.PARTIAL, Status.CANCELLED])
def test_what_did_not_succeed_can_be_tried_again(operator, status):
    run = builders.run(status=status)
    assert rows(operator.get(PAGE), "Runs")[0][-1].startswith("Retry")
    assert offered(operator) == [f"{PAGE}{run.pk}/resume/"]
    answer = operator.post(offered(operator)[0], follow=True)
    assert notes(answer) == [f"ec2 #{run.pk} is queued again."]
    run.refresh_from_db()
    assert run.status == Status.QUEUED


def test_what_is_active_can_be_cancelled(operator):
    run = builders.run(status=Status.QUEUED)
    assert offered(operator) == [f"{PAGE}{run.pk}/cancel/"]
    answer = operator.post(offered(operator)[0], follow=True)
    assert notes(answer) == [f"ec2 #{run.pk} is cancelled."]
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.CANCELLED, "Cancelled by operator@example.com.")


def test_what_succeeded_is_done(operator):
    builders.run()
    assert offered(operator) == []


@pytest.mark.parametrize(
    ("action", "why"), [("resume", "nothing to resume"), ("cancel", "nothing left to cancel")]
)
def test_what_cannot_be_done_is_told(operator, action, why):
    run = builders.run()
    answer = operator.post(f"{PAGE}{run.pk}/{action}/", follow=True)
    assert why in notes(answer)[0]


@pytest.mark.parametrize("action", ["resume", "cancel"])
def test_a_run_that_is_gone_is_told_on_a_page(operator, action):
    assert operator.post(f"{PAGE}999999/{action}/").status_code == 404


def test_a_collection_is_started_once(operator):
    first, second = (notes(operator.post(f"{PAGE}collect/", follow=True)) for _ in range(2))
    run = Run.objects.get(pipeline=DAILY)
    assert first == second == [f"{run} is queued."]
    assert run.requested_by.email == "operator@example.com"
