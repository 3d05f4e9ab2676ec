import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloudintel_project import home


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A data folder for one test."""
    monkeypatch.setenv("CLOUDINTEL_HOME", str(tmp_path))
    return tmp_path


def test_a_secret_is_made_once_and_is_its_owners_alone(folder):
    secret = home.kept_secret("key")
    assert home.kept_secret("key") == secret
    assert stat.S_IMODE((folder / "secrets" / "key").stat().st_mode) == 0o600


def test_those_who_ask_for_a_secret_at_once_get_the_same():
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: home.kept_secret("key"), range(64)))) == 1


def test_a_secret_leaves_no_draft_behind(folder):
    home.kept_secret("key")
    assert [path.name for path in (folder / "secrets").iterdir()] == ["key"]


def test_announced_services_are_found_until_they_are_retracted():
    home.announce_services({"redis": "redis://127.0.0.1:1/0"})
    assert home.running_services() == {"redis": "redis://127.0.0.1:1/0"}
    home.retract_services()
    assert home.running_services() == {}


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("", home.PROJECT_ROOT / ".cloudintel"),
        ("data", home.PROJECT_ROOT / "data"),
        ("/srv/x", Path("/srv/x")),
    ],
)
def test_the_data_folder_is_relative_to_the_project(monkeypatch, value, folder):
    monkeypatch.setenv("CLOUDINTEL_HOME", value)
    assert home.home() == folder


def test_the_environment_comes_before_the_env_file(folder, monkeypatch):
    file = folder / "settings"
    file.write_text("PORT=5001\nCOLLECT_EVERY=1m\n")
    monkeypatch.setenv("CLOUDINTEL_ENV_FILE", str(file))
    monkeypatch.setenv("PORT", "5002")
    monkeypatch.setenv("COLLECT_EVERY", "")
    monkeypatch.delenv("COLLECT_EVERY")
    home.read_env_file()
    assert (os.environ["PORT"], os.environ["COLLECT_EVERY"]) == ("5002", "1m")
