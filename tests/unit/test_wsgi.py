"""What the web server loads before it starts its processes, in a process of its own."""

import os
import subprocess
import sys

import pytest

from cloudintel_project import home

_SHOW = "import os, cloudintel_project.wsgi; print(os.environ['PROMETHEUS_MULTIPROC_DIR'])"


def load(folder, code=_SHOW, **settings):
    environment = os.environ | {"CLOUDINTEL_HOME": str(folder)} | settings
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=home.PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_counts_of_an_earlier_start_are_forgotten(tmp_path):
    folder = tmp_path / "run" / "metrics"
    folder.mkdir(parents=True)
    (folder / "counter_1.db").write_text("old")
    done = load(tmp_path)
    assert done.stdout.splitlines()[-1:] == [str(folder)], done.stderr
    assert not (folder / "counter_1.db").exists()


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"METRICS_TOKEN": "x" * 31}, "METRICS_TOKEN has 31 bytes; set one of at least 32"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be one of json, console"),
    ],
)
def test_a_setting_that_is_wrong_is_named(tmp_path, setting, complaint):
    done = load(tmp_path, **setting)
    assert done.returncode == 1
    assert complaint in done.stderr
