"""Lists in pages."""

import pytest
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.test import APIClient

pytestmark = pytest.mark.urls("tests.unit.test_core_pagination")


class Numbers(ListAPIView):
    """The numbers from 1 to 1500."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def list(self, request):
        return self.get_paginated_response(self.paginate_queryset(range(1, 1501)))


urlpatterns = [path("numbers/", Numbers.as_view())]


def page(**params):
    return APIClient().get("/numbers/", params)


def test_a_page_has_100_rows_and_knows_its_neighbours():
    answer = page().json()
    assert list(answer) == ["count", "next", "previous", "results"]
    assert (answer["count"], answer["results"]) == (1500, list(range(1, 101)))
    assert (answer["next"], answer["previous"]) == ("http://testserver/numbers/?page=2", None)


@pytest.mark.parametrize(("size", "rows"), [("1", 1), ("1000", 1000), ("1001", 1000), ("9" * 30, 1000)])
def test_the_size_is_chosen_up_to_1000(size, rows):
    assert len(page(page_size=size).json()["results"]) == rows


def test_the_last_page_is_found_by_name_and_number():
    assert page(page=15).json() == page(page="last").json()
    assert page(page=15).json()["results"][-1] == 1500


@pytest.mark.parametrize("name", ["page", "page_size"])
@pytest.mark.parametrize("wish", ["0", "-1", "x", "1.5", "", "9" * 5000])
def test_what_is_no_page_number_or_size_is_refused_by_name(name, wish):
    answer = page(**{name: wish})
    assert answer.status_code == 400
    assert answer.json()["error"] == f"{name}: This must be a whole number of at least 1."


@pytest.mark.parametrize("number", ["16", "9" * 30])
def test_beyond_the_last_page_nothing_is_found(number):
    answer = page(page=number)
    assert (answer.status_code, answer.json()) == (404, {"error": f"There is no page {number}."})
