"""The examples in the schema: each endpoint of the automation has one, in the shape of its answers."""

import json
from pathlib import Path

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.integration.test_api_schema import answer_schema

BASE = "/api/v1/database/automation"
PROMISED = {
    ("post", "start"),
    ("post", "stop"),
    ("get", "status"),
    ("get", "scaling/patterns"),
    ("post", "scaling/evaluate"),
    ("post", "scaling/predict"),
    ("get", "scaling/history"),
    ("post", "emergency/scale-up"),
    ("post", "maintenance/run"),
    ("get", "maintenance/status"),
    ("post", "optimize"),
    ("get", "metrics"),
    ("get", "load/history"),
    ("get", "recommendations"),
}


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.mark.parametrize(("method", "path"), sorted(PROMISED))
def test_each_endpoint_has_an_example_of_its_own_shape(schema, method, path):
    answers = schema["paths"][f"{BASE}/{path}"][method]["responses"]
    found = [
        (status, example["value"])
        for status, answer in answers.items()
        for example in answer.get("content", {}).get("application/json", {}).get("examples", {}).values()
        if status.startswith("2")
    ]
    assert found
    for status, value in found:
        jsonschema.validate(value, answer_schema(schema, f"{BASE}/{path}", method, int(status)))


def test_what_is_recorded_speaks_of_no_machine():
    recorded = Path(__file__).parents[3] / "dbops" / "recorded"
    for file in recorded.glob("*.json"):
        text = json.dumps(json.loads(file.read_text()))
        assert "/tmp/" not in text, file.name  # noqa: S108 - it is looked for
        assert "/home/" not in text, file.name
