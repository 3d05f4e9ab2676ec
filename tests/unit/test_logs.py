"""How logs are written, and read again."""

import json
import logging
import logging.config
import os

import pytest
import structlog

from cloudintel_project.processes import Child, Program
from core import logs


@pytest.fixture
def written():
    """Format as LOG_FORMAT says: `written("json", record)` returns the formatter's line for a record."""

    def render(chosen, record):
        config = logs.configure(format=chosen, level="INFO")["formatters"]["chosen"]
        formatter = config.pop("()")
        return formatter(**config).format(record)

    yield render
    structlog.contextvars.clear_contextvars()


def record(message="%s is %d", *args, exc_info=None):
    return logging.LogRecord("pipelines.runner", logging.WARNING, __file__, 1, message, args, exc_info)


def raised():
    secret = "local variables stay out"
    try:
        [][len(secret)]
    except IndexError as error:
        return type(error), error, error.__traceback__


def test_a_line_is_one_json_object(written):
    line = written("json", record("%s is %d", "one", 1))
    said = json.loads(line)
    assert "\n" not in line
    assert list(said)[:4] == ["timestamp", "level", "logger", "event"]
    assert (said["level"], said["logger"], said["event"]) == ("warning", "pipelines.runner", "one is 1")
    assert said["timestamp"].endswith("Z")


def test_a_line_carries_what_is_bound(written):
    with structlog.contextvars.bound_contextvars(run_id=7, request_id="abc"):
        said = json.loads(written("json", record("hello")))
    assert (said["run_id"], said["request_id"]) == (7, "abc")
    assert "run_id" not in json.loads(written("json", record("hello")))


def test_a_traceback_is_a_field_without_local_variables(written):
    line = written("json", record("failed", exc_info=raised()))
    said = json.loads(line)
    assert said["exception"].startswith("Traceback (most recent call last):")
    assert said["exception"].endswith("IndexError: list index out of range")
    assert "stay out" not in line
    assert "\n" not in line


@pytest.mark.parametrize("value", ["\ud800", "ümlaut", "two\nlines", "\0"])
def test_whatever_is_said_can_be_written(written, value):
    line = written("json", record("%s", value))
    assert line.isascii()
    assert json.loads(line)["event"] == value


def test_lines_for_people_have_no_colours(written):
    line = written("console", record("failed", exc_info=raised()))
    assert "\x1b" not in line
    assert "failed" in line
    assert "IndexError: list index out of range" in line


# --- Reading ---------------------------------------------------------------------------------
def test_a_json_line_is_read_back_for_people(written):
    with structlog.contextvars.bound_contextvars(run_id=7):
        line = written("json", record("failed", exc_info=raised()))
    first, *trace = logs.readable(line)
    assert first.partition(" ")[2] == "warning pipelines.runner: failed run_id=7"
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "IndexError: list index out of range"


@pytest.mark.parametrize("line", ["plain text", "", "{torn", "7", '{"no": "event of ours"}', "null"])
def test_other_lines_stay_as_they_are(line):
    assert logs.readable(line) == [line]


def test_the_last_words_of_a_program_are_for_people(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDINTEL_HOME", str(tmp_path))
    said = json.dumps({"level": "error", "event": "oh no", "exception": "Traceback\nValueError: why"})
    printed = tmp_path / "printed"
    printed.write_text(f"plain\n{said}\n")
    child = Child(Program(name="program", argv=("/bin/cat", str(printed)), env=dict(os.environ)))
    child.await_end(within_s=10)
    assert child.last_words() == ["plain", "error: oh no", "Traceback", "ValueError: why"]
