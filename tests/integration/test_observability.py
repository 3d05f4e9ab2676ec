"""The dashboard and the alert rules, held against what /metrics tells, and checked by promtool."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests import builders

ROOT = Path(settings.BASE_DIR)
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "cloudintel.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (apt-get install prometheus)"
)


def expressions():
    """All PromQL of the dashboard and of the rules."""
    queries = [target["expr"] for panel in PANELS for target in panel["targets"]]
    variables = [each["definition"] for each in DASHBOARD["templating"]["list"] if "definition" in each]
    return [*queries, *variables, *(rule["expr"] for rule in RULES)]


def named(expression):
    """The metrics of ours that a piece of PromQL names."""
    return set(re.findall(r"\b(?:cloudintel|django)_\w+", expression))


@pytest.mark.django_db
def test_every_metric_of_the_dashboard_and_the_rules_is_scraped():
    text = builders.client("viewer").get("/metrics").content.decode()
    families = list(text_string_to_metric_families(text))
    scraped = {sample.name for family in families for sample in family.samples}
    # What is unknown here has no sample; its family is announced all the same.
    scraped |= {family.name for family in families if not family.samples and family.type == "gauge"}
    wanted = set().union(*map(named, expressions()))
    assert len(wanted) > 20
    assert wanted - scraped == set()


# --- The dashboard ---------------------------------------------------------------------------
def test_panels_have_ids_of_their_own():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_panels_lie_within_the_grid_and_beside_each_other():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def overlap(one, other):
    """Whether two panels share a cell of the grid."""
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_whoever_imports_the_dashboard_chooses_its_data_source():
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    for panel in PANELS:
        assert {"datasource": chosen}.items() <= panel.items(), panel["title"]
        assert all(target["datasource"] == chosen for target in panel["targets"])


def test_the_dashboard_has_a_row_for_each_subject():
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "ETL: success and failures",
        "Execution time",
        "Records and files",
        "Quality",
        "Queue and workers",
        "Errors",
        "AWS cost",
        "Database",
        "Autoscaler",
    ]


# --- The rules -------------------------------------------------------------------------------
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_how_bad_it_is_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("warning", "error", "critical")
    assert set(rule["annotations"]) == {"summary", "runbook"}


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts_it(arguments):
    done = subprocess.run(
        [PROMTOOL, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_understands_every_query_of_the_dashboard(tmp_path):
    queries = [target["expr"] for panel in PANELS for target in panel["targets"]]
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$pipeline", ".*")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        [PROMTOOL, "check", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_scrapes_with_a_token_from_a_file():
    (job,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"].keys() == {"type", "credentials_file"}
