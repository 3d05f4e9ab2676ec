"""The walk-through of the autoscaler's documentation, word for word, against everything running."""

import time
import uuid

import pytest
import requests

MOCK = {"instance_id": "mock-test-1", "instance_type": "t2.micro", "region": "mock", "is_mock": True}
PERSON = {"email": "test@example.com", "password": "testpass123"}
BUSY = {
    "instance_id": "mock-test-1",
    "cpu_utilization": 95.0,
    "memory_usage": 50.0,
    "duration_minutes": 10,
    "interval_seconds": 30,
}
IDLE = BUSY | {"cpu_utilization": 5.0, "memory_usage": 10.0}


class Postman:
    """Somebody with a token and the documentation."""

    def __init__(self, stack):
        self._url = stack.base_url
        self._session = requests.Session()

    def send(self, method, path, body=None):
        answer = self._session.request(method, f"{self._url}{path}", json=body, timeout=30)
        return answer.status_code, answer.json()

    def log_in(self):
        assert self.send("POST", "/api/auth/register", PERSON)[0] == 201
        status, answer = self.send("POST", "/api/auth/login", PERSON)
        assert status == 200
        self._session.headers["Authorization"] = f"Bearer {answer['token']}"

    def capacity(self):
        (instance,) = self.send("GET", "/api/instances/")[1]["instances"]
        return instance["cpu_capacity"]

    def decisions(self):
        return self.send("GET", "/api/metrics/decisions/mock-test-1")[1]["decisions"]

    def simulate(self, load):
        assert self.send("POST", "/api/metrics/simulate", load) == (
            201,
            {
                "message": "Created 20 simulated metrics over 10 minutes",
                "metrics_created": 20,
                "duration_minutes": 10,
                "interval_seconds": 30,
            },
        )


def until(wanted, within_s):
    """Ask until the answer is a true one, and return it."""
    deadline = time.monotonic() + within_s
    while not (found := wanted()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def postman(stack):
    """A user who registered a mock instance, started its monitoring and waited for its first metrics."""
    postman = Postman(stack)
    postman.log_in()
    assert postman.send("POST", "/api/instances/", MOCK)[0] == 201
    assert postman.send("PATCH", "/api/instances/mock-test-1/monitor/start") == (
        200,
        {"message": "Monitoring started successfully"},
    )
    return postman


@pytest.mark.timeout(240)
def test_the_walk_through_scales_up_holds_and_scales_down(postman):
    metrics = until(lambda: postman.send("GET", "/api/metrics/mock-test-1")[1]["metrics"], within_s=45)
    assert 40 <= metrics[0]["cpu_utilization"] <= 50
    assert 40 <= metrics[0]["memory_usage"] <= 50

    postman.simulate(BUSY)
    assert until(lambda: postman.capacity() == 150.0, within_s=30)
    scaled = next(each for each in postman.decisions() if each["decision"] == "scale_up")
    assert scaled["reason"].startswith("Sustained scale up: CPU > 90% for ")
    uuid.UUID(scaled["id"])
    _, told = postman.send("GET", f"/api/metrics/decisions/mock-test-1/{scaled['id']}")
    assert (told["level_before"], told["level_after"], told["simulated"]) == (1, 2, True)
    # Not the newest alone: that may be one of the mock's own.
    measured = told["inputs"]["samples"]["cpu"]
    assert measured.count(95.0) >= 0.8 * len(measured) > 0

    # Twice the rhythm of decisions: the load is still sustained, and the cooldown holds it.
    assert until(lambda: "ooldown" in postman.decisions()[0]["reason"], within_s=45)
    assert postman.capacity() == 150.0

    # The documented cooldown is five minutes; who does not want to wait shortens it.
    assert postman.send("PATCH", "/api/instances/mock-test-1/policy", {"cooldown_down_s": 0})[0] == 200
    postman.simulate(IDLE)
    assert until(lambda: postman.capacity() == 100.0, within_s=30)
    assert postman.decisions()[0]["reason"].startswith("Sustained scale down: CPU < 10%")


def test_readings_of_others_stay_theirs(stack, postman):
    other = stack.session()
    answer = other.get(f"{stack.base_url}/api/metrics/mock-test-1", timeout=10)
    assert answer.status_code == 403
