import os
import signal
import time

import pytest

from cloudintel_project import processes, supervisor
from cloudintel_project.processes import Program, StartError
from cloudintel_project.supervisor import Interrupts, Supervisor, backoff_s


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What the supervisor says, on a data folder for one test and without pauses."""
    monkeypatch.setenv("CLOUDINTEL_HOME", str(tmp_path))
    monkeypatch.setattr(supervisor, "backoff_s", lambda deaths: 0.0)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield []
    for number, handler in handlers.items():
        signal.signal(number, handler)


def shell(script, name="program", **options):
    return Program(name=name, argv=("/bin/sh", "-c", script), env=dict(os.environ), **options)


@pytest.mark.parametrize(("deaths", "seconds"), [(1, 1), (2, 2), (4, 8), (6, 30), (50, 30)])
def test_the_pause_doubles_up_to_half_a_minute(deaths, seconds):
    assert backoff_s(deaths) == seconds


def test_a_program_that_dies_starts_again_with_its_last_words_told(said, tmp_path):
    ran = tmp_path / "ran"
    with Supervisor(said.append) as kept:
        kept.start(
            [shell(f"echo oh no; echo x >> {ran}; test $(wc -l < {ran}) -gt 1 && exec sleep 60; exit 7")]
        )
        kept.wait_until(lambda: ran.exists() and ran.read_text() == "x\nx\n", within_s=10, what="The restart")
    assert len(said) == 1
    assert said[0].startswith("program ended with code 7; it starts again in 0 s.")
    assert said[0].endswith("    oh no")


def test_a_program_that_keeps_dying_ends_the_start_with_its_log(said):
    with Supervisor(said.append) as kept:
        kept.start([shell("echo oh no; exit 3")])
        with pytest.raises(StartError, match=r"(?s)ended with code 3 3 times.*oh no"):
            kept.wait_until(lambda: False, within_s=10, what="Nothing")


def test_only_the_last_words_of_the_program_that_died_are_told(said):
    program = shell("echo oh no; exit 3")
    program.log.parent.mkdir()
    program.log.write_text("earlier days\n")
    with Supervisor(said.append) as kept:
        kept.start([program])
        kept.wait_until(lambda: said, within_s=10, what="The first death")
    assert said[0].endswith("program.log:\n    oh no")


def test_after_the_start_a_program_may_keep_dying(said):
    with Supervisor(said.append) as kept:
        kept.starting = False
        kept.start([shell("exit 3")])
        kept.wait_until(lambda: len(said) > supervisor.START_ATTEMPTS, within_s=10, what="The fourth death")


def test_what_does_not_become_ready_in_time_is_named(said):
    slow = shell("sleep 60", name="web", is_ready=lambda: False)
    with Supervisor(said.append) as kept:
        kept.start([slow])
        with pytest.raises(StartError, match="start of web did not happen within 0 s"):
            kept.wait_ready([slow], within_s=0.1)


def test_servers_end_after_the_programs_that_need_them(said, tmp_path):
    ended = tmp_path / "ended"
    script = "trap 'sleep 0.1; echo {0} >> {1}; exit' TERM; echo up; while :; do sleep 0.02; done"
    server = shell(script.format("server", ended), name="server", is_server=True)
    program = shell(script.format("program", ended))
    with Supervisor(said.append) as kept:
        kept.start([server, program])
        kept.wait_until(
            lambda: all(processes.last_lines(each.log) for each in (server, program)),
            within_s=10,
            what="Both",
        )
    assert ended.read_text().split() == ["program", "server"]


def test_the_first_signal_interrupts(said):
    Interrupts(lambda: None).install()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_is_put_off_while_a_program_is_being_started(said):
    interrupts = Interrupts(lambda: None)
    interrupts.install()
    done = []

    def start():
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["started"]


def test_the_same_signal_passed_on_twice_is_one(said):
    killed = []
    interrupts = Interrupts(lambda: killed.append("all"))
    interrupts.install()
    interrupts.hold()
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    assert killed == []


def test_a_second_signal_kills_at_once(said, monkeypatch):
    events = []
    monkeypatch.setattr(os, "_exit", events.append)
    interrupts = Interrupts(lambda: events.append("killed"))
    interrupts.install()
    interrupts.hold()
    os.kill(os.getpid(), signal.SIGINT)
    later = time.monotonic() + 1.5
    monkeypatch.setattr(time, "monotonic", lambda: later)
    os.kill(os.getpid(), signal.SIGINT)
    assert events == ["killed", 130]


# --- Dismissing ------------------------------------------------------------------------------
def printed(program):
    return lambda: processes.last_lines(program.log)


def test_a_program_that_was_dismissed_ends_for_good_and_is_no_death(said, tmp_path):
    program = shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done")
    with Supervisor(said.append) as kept:
        kept.start([program])
        kept.wait_until(printed(program), within_s=10, what="The start")
        kept.dismiss("program", within_s=10)
        kept.wait_until(lambda: kept.names() == set(), within_s=10, what="The end")
        for _ in range(5):
            kept.tick()
    assert said == []
    assert not list((tmp_path / "run" / "children").iterdir())
    assert processes.last_lines(program.log) == ["up"]


def test_a_dismissed_program_that_does_not_end_in_time_is_killed(said):
    program = shell("trap '' TERM; echo up; while :; do sleep 0.02; done")
    with Supervisor(said.append) as kept:
        kept.start([program])
        kept.wait_until(printed(program), within_s=10, what="The start")
        kept.dismiss("program", within_s=0.2)
        kept.wait_until(lambda: kept.names() == set(), within_s=10, what="The end")
    assert said == []


def test_a_program_can_be_dismissed_while_it_waits_to_be_started_again(said, monkeypatch):
    monkeypatch.setattr(supervisor, "backoff_s", lambda deaths: 60.0)
    with Supervisor(said.append) as kept:
        kept.start([shell("exit 3")])
        kept.wait_until(lambda: said, within_s=10, what="The death")
        kept.dismiss("program", within_s=10)
        kept.tick()
        assert kept.names() == set()


def test_what_is_done_beside_may_start_programs(said):
    with Supervisor(said.append) as kept:
        wanted = [shell("exec sleep 60", name="second")]
        kept.beside = lambda: kept.start([wanted.pop()] if wanted else [])
        kept.start([shell("exec sleep 60", name="first")])
        kept.wait_until(lambda: kept.names() == {"first", "second"}, within_s=10, what="The start")
