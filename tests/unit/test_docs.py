"""The documentation, held against the code that it describes."""

import hashlib
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from django.urls import is_valid_path

from collectors.management.commands import collect

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
CODE = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
# Source: https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
_READING = re.compile(
    r"""\b(?:env\.\w+|os\.environ|os\.environ\.get|_secret|_flag)[(\[]\s*"""
    r""""([A-Z][A-Z0-9_]+)"(?:, default="([^"]*)")?"""
)


def names_read_in(*folders):
    """The environment variables that the code of these folders reads, with the defaults written there."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    found = {}
    for file in files:
        for name, default in _READING.findall(file.read_text()):
            found[name] = found.get(name) or default
    return found


def section(title):
    """The part of the README under that heading."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table():
    """The README's configuration table: defaults by names."""
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", section("Configuration"), re.MULTILINE))


def blocks(language):
    """The code blocks of that language, with the documents they are in."""
    fence = re.compile(rf"^( *)```{language}\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    return [
        pytest.param(found[1], id=f"{file.name}-{number}")
        for file in DOCUMENTS
        for number, found in enumerate(fence.findall(file.read_text()))
    ]


# --- Settings --------------------------------------------------------------------------------
def test_the_configuration_table_has_every_setting_and_no_other():
    assert set(table()) == set(names_read_in(*CODE))


def test_the_example_of_an_env_file_has_every_setting_and_no_other():
    assert set(re.findall(r"^#([A-Z][A-Z_]*)=", ENV_EXAMPLE, re.MULTILINE)) == set(table())


def test_an_env_file_that_was_copied_unchanged_changes_nothing():
    assert not [line for line in ENV_EXAMPLE.splitlines() if line and not line.startswith("#")]


def test_the_configuration_table_has_the_defaults_of_the_code():
    written = {name: default for name, default in names_read_in(*CODE).items() if default}
    assert written
    assert {name: table()[name].strip("`") for name in written} == written


# --- Access to AWS ---------------------------------------------------------------------------
def policies():
    """The statements of all policies in the documentation."""
    found = [json.loads(block.values[0]) for block in blocks("json")]
    return [statement for policy in found for statement in policy["Statement"]]


def actions(statement):
    wanted = statement["Action"]
    return {wanted} if isinstance(wanted, str) else set(wanted)


def used_in(folder, *services):
    """The actions that the code of a folder names in its errors, as it does those that it asks for."""
    code = "".join(file.read_text() for file in (ROOT / folder).glob("*.py"))
    return set(re.findall(rf"\b(?:{'|'.join(services)}):[A-Z]\w+", code))


def test_policies_allow_nothing_but_reading_and_assuming_a_role():
    reading = [one for one in policies() if one.get("Sid") != "CloudIntelActs"]
    allowed = set().union(*(actions(statement) for statement in reading))
    assert "sts:AssumeRole" in allowed
    reading = re.compile(r"[a-z0-9]+:(Describe|Get|List)[A-Za-z]+")
    assert not [action for action in allowed - {"sts:AssumeRole"} if not reading.fullmatch(action)]


def test_the_reading_policy_has_exactly_the_actions_that_the_collectors_use():
    (reader,) = [one for one in policies() if one.get("Sid") == "CloudIntelReads"]
    used = used_in("collectors/aws", "ec2", "ce", "cloudwatch", "pricing", "sts")
    assert actions(reader) | {"sts:GetCallerIdentity"} == used


def test_the_acting_policy_has_exactly_the_actions_that_the_autoscaler_uses():
    (actor,) = [one for one in policies() if one.get("Sid") == "CloudIntelActs"]
    assert actions(actor) == used_in("scaling", "autoscaling", "ec2")


def test_roles_are_trusted_only_with_the_external_id():
    (trust,) = [statement for statement in policies() if "Principal" in statement]
    assert list(trust["Condition"]["StringEquals"]) == ["sts:ExternalId"]


# --- Form ------------------------------------------------------------------------------------
def test_the_readme_begins_with_the_problem_the_promise_and_an_example():
    beginning = README.splitlines()[:40]
    for mark in ("**The problem.**", "**The promise.**", "**An example.**", "$ make run"):
        assert [line for line in beginning if line.startswith(mark)], mark


def test_the_readme_keeps_a_place_for_what_a_terminal_shows():
    assert re.search(r"^<!-- capture -->\n(.*\n)*<!-- /capture -->$", README, re.MULTILINE)


@pytest.mark.parametrize("block", blocks("sh"))
def test_shell_examples_are_shell(block):
    done = subprocess.run(["/bin/sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_addresses_in_the_examples_are_answered():
    paths = set(re.findall(r"""["' ]\$URL(/[\w/.-]*)""", "".join(file.read_text() for file in DOCUMENTS)))
    assert paths
    slashes = {path: {path, path.rstrip("/"), f"{path}/"} for path in paths}
    assert not [path for path, spellings in slashes.items() if not any(map(is_valid_path, spellings))]


def test_the_readme_tells_the_commands_exit_codes():
    told = section("Asking").split("Its exit codes: ")[1].split(".")[0]
    assert set(map(int, re.findall(r"\b(\d) ", told))) == {*collect.EXIT_CODES.values(), 2}


def slug(heading):
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file):
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", file.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        goal = (file.parent / path).resolve() if path else file
        assert goal.exists(), target
        assert goal.is_relative_to(ROOT), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", goal.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), target


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_document_names_a_place_on_the_machine_it_was_written_on(file):
    assert not re.findall(r"/(?:root|home|Users|work|workspace|tmp)/\S+", file.read_text())


def test_every_decision_record_is_listed_and_has_its_three_parts():
    records = sorted(file for file in (ROOT / "docs" / "adr").glob("*.md") if file.name != "README.md")
    listed = re.findall(r"\]\((\S+)\)", (ROOT / "docs" / "adr" / "README.md").read_text())
    assert [file.name for file in records] == listed
    for file in records:
        parts = re.findall(r"^## (.+)$", file.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], file.name


def test_the_licence_is_the_whole_of_apache_2():
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_SHA256
