"""Terraform's files, in both clouds: parsed, formatted, and with nothing that leads nowhere.

They are never applied here, and what providers know of them is not asked: none can be fetched.
"""

import re
import shutil
import subprocess

import pytest

from tests.unit.deploy import hcl
from tests.unit.test_docs import table

MODULES = ["gcp", "aws", "aws/modules/collector-role"]
CLOUDS = ["gcp", "aws"]
SECRET = re.compile(r"(?i)(password|secret_data|auth_token|private_key|access_key)\s*=\s*\"[^$\"]+\"")


def text(name):
    return "".join(file.read_text() for file in sorted((hcl.TERRAFORM / name).glob("*.tf")))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_parsed_and_says_what_it_needs(name):
    (terraform,) = hcl.module(name)["versions.tf"]["terraform"]
    assert terraform["required_version"] == ">= 1.11.0"
    (providers,) = terraform["required_providers"]
    assert all(provider["version"].startswith("~> ") for provider in providers.values())


@pytest.mark.parametrize("name", MODULES)
def test_every_variable_says_what_it_is_and_of_which_type(name):
    for variable, body in hcl.variables(name).items():
        assert body["description"].strip(), variable
        assert body["type"], variable


@pytest.mark.parametrize("name", MODULES)
def test_what_is_referred_to_is_there(name):
    code = re.sub(r"(?m)^\s*#.*$", "", text(name))
    assert set(re.findall(r"\bvar\.(\w+)", code)) == set(hcl.variables(name))
    assert set(re.findall(r"\blocal\.(\w+)", code)) == set(hcl.local(name))
    kinds = {address.split(".")[0] for address in hcl.resources(name)}
    named = set(re.findall(rf"(?<!data\.)\b((?:{'|'.join(kinds)})\.\w+)", code))
    assert named <= set(hcl.resources(name))
    data = set(re.findall(r"\bdata\.(\w+\.\w+)", code))
    assert data == set(dict(hcl.blocks(name, "data")))


@pytest.mark.parametrize("name", MODULES)
def test_no_secret_is_written_down(name):
    assert not SECRET.findall(text(name))
    for environment in hcl.ENVIRONMENTS if name in CLOUDS else ():
        assert not SECRET.findall(
            (hcl.TERRAFORM / name / "environments" / f"{environment}.tfvars").read_text()
        )


@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("environment", hcl.ENVIRONMENTS)
def test_an_environment_sets_variables_that_there_are_and_settings_of_the_readme(name, environment):
    values = hcl.values(name, environment)
    assert values["environment"] == environment
    assert set(values) <= set(hcl.variables(name))
    assert set(values["settings"]) <= set(table())


@pytest.mark.parametrize("name", CLOUDS)
def test_secrets_are_not_among_the_settings(name):
    local = hcl.local(name)
    required = set(re.findall(r'"([A-Z_]+)"', local["secrets"]))
    assert required == {"DATABASE_URL", "REDIS_URL", "CLOUDINTEL_SECRET_KEY", "JWT_SECRET_KEY"}
    refused = set(re.findall(r'"([A-Z_]+)"', str(hcl.variables(name)["settings"]["validation"])))
    assert refused == required | {"METRICS_TOKEN", "SMTP_URL"}


@pytest.mark.parametrize("name", CLOUDS)
def test_production_keeps_what_it_has(name):
    assert hcl.variables(name)["deletion_protection"]["default"] is True
    assert "deletion_protection" not in hcl.values(name, "production")


@pytest.mark.parametrize("name", CLOUDS)
def test_there_is_no_image_to_go_back_to_before_anything_ran(name):
    outputs = dict(hcl.blocks(name, "output"))
    assert outputs["image"]["value"] == '${var.run_services ? var.image : ""}'


@pytest.mark.skipif(shutil.which("terraform") is None, reason="there is no terraform here")
def test_the_files_are_formatted_as_terraform_does():
    command = ["terraform", f"-chdir={hcl.TERRAFORM}", "fmt", "-check", "-recursive", "-no-color"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
