"""The API for scripts of pages elsewhere, as browsers ask it on their behalf."""

import requests

ORIGIN = {"Origin": "https://app.example.org"}


def ask(stack, method, path, **headers):
    return requests.request(method, f"{stack.base_url}{path}", headers=ORIGIN | headers, timeout=10)


def test_a_page_elsewhere_asks_first_and_reads_with_a_token(stack):
    wish = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    preflight = ask(stack, "OPTIONS", "/api/auth/me", **wish)
    assert preflight.ok
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = ask(stack, "GET", "/api/auth/me", Authorization=f"Bearer {stack.admin_token()}")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_a_page_elsewhere_reads_that_a_token_is_missing(stack):
    answer = ask(stack, "GET", "/api/auth/me")
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_pages_elsewhere_read_nothing_but_the_api(stack):
    assert "Access-Control-Allow-Origin" not in ask(stack, "GET", "/livez").headers
