import re
from datetime import timedelta

import pytest

from cloudintel_project import __main__ as start
from cloudintel_project import home, programs
from cloudintel_project.__main__ import Order
from cloudintel_project.first_run import Outcome, ago
from core.errors import InvalidInputError
from pipelines.models import Run, Status


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch):
    monkeypatch.setattr(start, "default_chain_has_credentials", lambda: False)


def test_listens_on_loopback_unless_told_otherwise(monkeypatch):
    order = Order.from_environment()
    assert (order.bind, order.port, order.once, order.url) == (
        "127.0.0.1",
        5000,
        False,
        "http://127.0.0.1:5000",
    )


@pytest.mark.parametrize(
    ("bind", "url"),
    [("::", "http://[::1]:81"), ("::1", "http://[::1]:81"), ("10.0.0.7", "http://10.0.0.7:81")],
)
def test_says_an_address_that_this_machine_reaches(monkeypatch, bind, url):
    monkeypatch.setenv("BIND", bind)
    monkeypatch.setenv("PORT", "81")
    assert Order.from_environment().url == url


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "5000 5001", "²"])
def test_refuses_what_is_no_port(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(InvalidInputError, match="PORT must be a number from 1 to 65535"):
        Order.from_environment()


@pytest.mark.parametrize(("text", "once"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_reads_once(monkeypatch, text, once):
    monkeypatch.setenv("ONCE", text)
    assert Order.from_environment().once is once


@pytest.mark.parametrize(
    ("setting", "found", "cloud"),
    [("", False, "demo"), ("", True, "aws"), ("demo", True, "demo"), ("aws", False, "aws")],
    ids=["nothing found", "credentials found", "demo wins", "aws wins"],
)
def test_takes_aws_where_there_are_credentials_unless_told(monkeypatch, setting, found, cloud):
    monkeypatch.setenv("CLOUDINTEL_CLOUD", setting)
    monkeypatch.setattr(start, "default_chain_has_credentials", lambda: found)
    assert Order.from_environment().cloud == cloud


def test_refuses_another_cloud(monkeypatch):
    monkeypatch.setenv("CLOUDINTEL_CLOUD", "azure")
    with pytest.raises(InvalidInputError, match="CLOUDINTEL_CLOUD must be demo or aws, not 'azure'"):
        Order.from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "x"), ("ONCE", "maybe"), ("CLOUDINTEL_CLOUD", "x"), ("COLLECT_EVERY", "often")],
)
def test_a_wrong_setting_is_one_line_and_code_2(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    assert start.main() == 2
    assert re.fullmatch(r"error: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome(None, "Last collection: 3 hours ago"), 0),
        (Outcome(None, "declined", declined=True), 1),
        (Outcome(Run(status=Status.SUCCEEDED)), 0),
        (Outcome(Run(status=Status.PARTIAL)), 3),
        (Outcome(Run(status=Status.FAILED)), 1),
    ],
    ids=["recent", "declined", "succeeded", "partial", "failed"],
)
def test_the_exit_code_tells_how_the_first_collection_ended(outcome, code):
    assert outcome.exit_code == code


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (timedelta(seconds=0), "0 seconds ago"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(hours=5, minutes=59), "5 hours ago"),
        (timedelta(days=2), "2 days ago"),
    ],
)
def test_says_how_long_ago(past, said):
    assert ago(past) == said


def test_workers_of_two_folders_have_different_names(monkeypatch):
    names = set()
    for folder in ("a", "b"):
        monkeypatch.setenv("CLOUDINTEL_HOME", folder)
        names.add(programs.worker_io(env={}).argv)
    assert len(names) == 2


def test_every_setting_is_in_the_example():
    known = set(re.findall(r"^#([A-Z_]+)=", (home.PROJECT_ROOT / ".env.example").read_text(), re.MULTILINE))
    reads = re.compile(r'(?:env\.\w+|environ\.get|_secret|_flag)\(\s*"([A-Z_]+)"')
    package = home.PROJECT_ROOT / "cloudintel_project"
    assert {name for file in package.glob("*.py") for name in reads.findall(file.read_text())} == known
