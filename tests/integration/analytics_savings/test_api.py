"""What could be saved, through HTTP."""

from datetime import timedelta
from decimal import Decimal
from time import process_time

import pytest

from analytics.models import PriceList, Saving, Subject
from analytics.models.computations import Computation
from analytics.savings import tallies
from tests import builders
from tests.integration.analytics_savings.conftest import NOW, machine, sampled

pytestmark = pytest.mark.django_db

URL = "/api/v1/analytics/savings"


def ask(query="", *, role="viewer", url=URL):
    return builders.client(role).get(url + query)


@pytest.fixture
def two(compute):
    """An idle instance in each of two accounts, and what is recommended about them."""
    for number, account_id in enumerate(("111111111111", "222222222222"), start=1):
        owner = builders.account(account_id)
        sampled(machine(owner, instance_id=f"i-{number}"), percent=1)
    compute()


def test_before_the_first_computation_it_says_so():
    answer = ask().json()
    assert answer["computed_at"] is None
    assert "not computed yet" in answer["reason"]
    assert (answer["total"], answer["results"], answer["regions"]) == (
        {"monthly_usd": None, "resources": 0, "unpriced": 0},
        [],
        [],
    )


def test_a_recommendation_is_told_with_what_it_is_based_on(two):
    answer = ask("?resource=i-1&kind=idle").json()
    assert answer["computed_at"] == "2026-03-20T10:00:00Z"
    assert answer["reason"] is None
    [found] = answer["results"]
    assert found == {
        "id": Saving.objects.get(resource="i-1", kind="idle").pk,
        "kind": "idle",
        "resource": "i-1",
        "name": "web",
        "account": "111111111111",
        "region": "eu-west-1",
        "from_type": "m5.xlarge",
        "to_type": "",
        "monthly_usd": 146.0,
        # Fourteen days of fourteen, and one signal of two: 15 / 16 / 2.
        "confidence": 0.46875,
        "coverage": 1.0,
        "evidence": {"days": 14, "cpu_worst_p99_percent": 1.0, "network_worst_percent": None},
        "notes": ["Its network use is not known."],
        "price_date": "2026-03-01",
        "price_source": "a test",
        "recommended_at": "2026-03-20T10:00:00Z",
        "dismissed": None,
    }


def test_the_total_counts_the_best_of_each_resource(two):
    answer = ask().json()
    assert answer["count"] == 4
    assert answer["total"] == {"monthly_usd": 292.0, "resources": 2, "unpriced": 0}
    assert answer["kinds"] == [
        {"kind": "generation", "recommendations": 2, "monthly_usd": 29.2},
        {"kind": "idle", "recommendations": 2, "monthly_usd": 292.0},
    ]


@pytest.mark.parametrize(
    ("query", "usd", "count"),
    [
        ("?account=111111111111", 146.0, 2),
        ("?region=eu-west-1", 292.0, 4),
        ("?region=mars-1", 0, 0),
        ("?kind=generation", 29.2, 2),
        ("?resource=i-2", 146.0, 2),
        ("?min_confidence=0.5", 29.2, 2),
        ("?min_monthly_usd=100", 292.0, 2),
        ("?account=111111111111&kind=idle", 146.0, 1),
        ("?dismissed=true", 0, 0),
    ],
)
def test_filters_narrow_the_list_and_its_total(two, query, usd, count):
    answer = ask(query).json()
    assert (answer["total"]["monthly_usd"], answer["count"], len(answer["results"])) == (usd, count, count)


def test_reasons_are_counted_with_the_filters(two):
    memory = "Memory is not measured, or not for a week: no type with less of it is considered."
    assert {"kind": "oversized", "reason": memory, "resources": 2} in ask().json()["withheld"]
    of_one = ask("?account=111111111111&kind=oversized").json()["withheld"]
    assert of_one == [{"kind": "oversized", "reason": memory, "resources": 1}]


def test_lists_are_paged(two):
    first = ask("?page_size=3").json()
    assert [each["monthly_usd"] for each in first["results"]] == [146.0, 146.0, 14.6]
    second = builders.client("viewer").get(first["next"]).json()
    assert (len(second["results"]), second["next"]) == (1, None)
    assert ask("?page=9").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "?account=1",
        "?kind=lucky",
        "?min_confidence=2",
        "?page=0",
        "?page_size=x",
        "?colour=red",
        "?kind=idle&kind=idle",
    ],
)
def test_what_cannot_be_read_is_refused(query):
    assert ask(query).status_code == 400


@pytest.mark.parametrize("url", [URL, f"{URL}/realised"])
def test_of_an_account_that_is_not_known_nothing_is_told(two, url):
    answer = ask("?account=333333333333", url=url)
    assert (answer.status_code, answer.json()) == (404, {"error": "No account 333333333333 is known."})


def test_prices_are_told_with_their_source_their_date_and_how_the_shipped_ones_differ(two):
    compared = {
        "shipped_date": "2023-01-06",
        "instance_types": {"common": 3, "differ": 1, "largest_percent": 12.5},
        "volume_types": {"common": 1, "differ": 0, "largest_percent": 0.0},
    }
    PriceList.objects.update(compared=compared)
    assert ask().json()["regions"] == [
        {
            "region": "eu-west-1",
            "instances": 2,
            "volumes": 0,
            "price_date": "2026-03-01",
            "price_source": "a test",
            "compared": compared,
        }
    ]


def test_after_a_night_without_an_answer_the_last_one_stays_with_the_reason(two):
    Computation.objects.withheld(Subject.SAVINGS, "A test says so.", None)
    answer = ask().json()
    assert (answer["computed_at"], answer["reason"]) == ("2026-03-20T10:00:00Z", "A test says so.")
    assert answer["count"] == 4


def test_a_read_takes_few_queries_however_many_there_are(two, django_assert_num_queries):
    viewer = builders.client("viewer")
    with django_assert_num_queries(10):
        viewer.get(URL)


def test_a_read_of_a_large_estate_is_fast():
    owner = builders.account()
    Saving.objects.bulk_create(
        Saving(
            account=owner,
            region="eu-west-1",
            resource=f"i-{number // 2}",
            kind=("idle", "generation")[number % 2],
            from_type="m5.xlarge",
            evidence={f"figure_{each}": 1.5 for each in range(12)},
            notes=["Its network use is not known."],
            coverage=1,
            confidence=0.5,
            monthly_usd=Decimal(number) / 7,
            recommended_at=NOW,
        )
        for number in range(20_000)
    )
    tallies.renew()
    viewer = builders.client("viewer")
    spent = []
    for _ in range(10):
        start = process_time()
        assert viewer.get(URL).json()["count"] == 20_000
        spent.append(process_time() - start)
    # A machine that is busy with other things takes longer, and is not at issue.
    assert min(spent) < 0.2


# --- Dismissal -------------------------------------------------------------------------------
def dismiss(key, body=None, *, role="operator"):
    return builders.client(role).post(f"{URL}/{key}/dismiss", body or {"reason": "It is a spare."})


def test_what_an_operator_dismisses_is_left_out_and_the_next_best_counts(two):
    saving = Saving.objects.get(resource="i-1", kind="idle")
    answer = dismiss(saving.pk).json()
    assert answer["dismissed"]["reason"] == "It is a spare."
    assert answer["dismissed"]["by"].endswith("@example.com")
    assert ask("?resource=i-1").json()["total"]["monthly_usd"] == 14.6
    [left] = ask("?dismissed=true").json()["results"]
    assert left["id"] == saving.pk


def test_a_dismissal_can_be_taken_back(two):
    saving = Saving.objects.get(resource="i-1", kind="idle")
    dismiss(saving.pk)
    answer = builders.client("operator").delete(f"{URL}/{saving.pk}/dismiss")
    assert answer.json()["dismissed"] is None
    assert ask("?resource=i-1").json()["total"]["monthly_usd"] == 146.0


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 1001}, {"reason": "x", "why": "y"}])
def test_a_dismissal_needs_a_reason_and_nothing_else(two, body):
    key = Saving.objects.first().pk
    assert builders.client("operator").post(f"{URL}/{key}/dismiss", body).status_code == 400


def test_viewers_dismiss_nothing(two):
    key = Saving.objects.first().pk
    assert dismiss(key, role="viewer").status_code == 403
    assert Saving.objects.exclude(dismissed_at=None).count() == 0


def test_what_is_not_there_cannot_be_dismissed():
    assert dismiss(7).status_code == 404


# --- Realised --------------------------------------------------------------------------------
def followed(saved=None, **fields):
    return builders.followed_saving(
        **{"changed_at": NOW, "monthly_usd": saved, "computed_at": NOW if saved else None, **fields}
    )


def test_what_was_saved_is_added_up_and_what_is_not_known_yet_is_told_apart():
    followed(Decimal(90), of_promised=0.9)
    followed(Decimal(-10), of_promised=-0.1)
    followed()
    realised = {"monthly_usd": 80.0, "promised_usd": 200.0, "changes": 2, "pending": 1}
    assert ask().json()["realised"] == realised
    answer = ask(url=f"{URL}/realised").json()
    assert (answer["realised"], answer["count"]) == (realised, 3)


def test_a_change_says_why_what_it_saved_is_not_known():
    followed()
    earlier = NOW - timedelta(days=1)
    followed(computed_at=NOW, reason="What it cost is not known on both sides.", changed_at=earlier)
    first, second = ask(url=f"{URL}/realised").json()["results"]
    assert "once a fortnight has passed" in first["reason"]
    assert second["reason"] == "What it cost is not known on both sides."
    assert ask("?kind=schedule", url=f"{URL}/realised").json()["count"] == 0
