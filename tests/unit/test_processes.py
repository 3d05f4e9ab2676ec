import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from cloudintel_project import home, processes
from cloudintel_project.processes import Child, Program, StartError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A data folder for one test."""
    monkeypatch.setenv("CLOUDINTEL_HOME", str(tmp_path))
    return tmp_path


def shell(script, name="program", **options):
    return Program(name=name, argv=("/bin/sh", "-c", script), env=dict(os.environ), **options)


def until(condition, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)
    return found


def living(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def printed_pid(program):
    return int(until(lambda: processes.last_lines(program.log))[0])


def test_stopping_a_child_ends_what_it_started():
    program = shell("sleep 60 & echo $!; wait")
    child = Child(program)
    grandchild = printed_pid(program)
    assert processes.stop([child], within_s=5) == []
    assert not living(grandchild)


def test_a_child_that_will_not_stop_is_killed_and_named():
    program = shell("trap '' TERM; echo $$; while :; do sleep 1; done", name="stubborn")
    child = Child(program)
    pid = printed_pid(program)
    assert processes.stop([child], within_s=0.2) == ["stubborn"]
    assert not living(pid)


def test_a_child_gets_the_signal_that_stops_it_cleanly():
    # Of a suite in the background, children could not trap SIGINT.
    program = shell("trap 'echo interrupted; exit' USR1; echo ready; while :; do sleep 0.05; done",
                    stop_signal=signal.SIGUSR1)  # fmt: skip
    child = Child(program)
    until(lambda: processes.last_lines(program.log))
    assert processes.stop([child], within_s=30) == []
    assert processes.last_lines(program.log) == ["ready", "interrupted"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_a_child_ends_with_its_parent():
    code = (
        "import os, time; from cloudintel_project.processes import *; import sys;"
        "print(Child(Program(name='x', argv=('/bin/sleep', '60'))).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    until(lambda: not living(pid))


def test_what_was_left_running_is_stopped_and_named():
    child = Child(shell("sleep 60 & echo $!; wait", name="left"))
    grandchild = printed_pid(child.program)
    assert processes.stop_leftovers(within_s=0.1) == ["left"]
    assert not living(grandchild)
    child.await_end(within_s=5)
    assert processes.stop_leftovers() == []


def test_the_orphans_of_a_leader_that_died_are_found_too():
    child = Child(shell("trap '' TERM; sleep 60 & echo $!; wait", name="left"))
    orphan = printed_pid(child.program)
    os.kill(child.pid, signal.SIGKILL)
    child.await_end(within_s=5)
    assert processes.stop_leftovers(within_s=0.1) == ["left"]
    assert not living(orphan)


def test_another_process_that_has_the_number_now_is_left_alone(folder):
    child = Child(shell("sleep 60"))
    record = folder / "run" / "children" / "program"
    born = psutil.Process(child.pid).create_time()
    home.write_private(record, record.read_text().replace(str(born), str(born - 100)))
    assert processes.stop_leftovers(within_s=0.1) == []
    assert living(child.pid)
    processes.stop([child], within_s=1)


def test_a_child_that_was_stopped_leaves_no_record(folder):
    processes.stop([Child(shell("sleep 60"))], within_s=5)
    assert list((folder / "run" / "children").iterdir()) == []


def test_a_log_that_grew_too_long_is_put_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", 10)
    log = tmp_path / "web.log"
    log.write_text("0123456789A")
    processes.rotate(log)
    assert (log.read_text(), (tmp_path / "web.log.1").read_text()) == ("", "123456789A")


def test_a_log_within_the_limit_stays(tmp_path):
    log = tmp_path / "web.log"
    log.write_text("short")
    processes.rotate(log)
    assert log.read_text() == "short"


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1 cannot be used: Address already"):
            processes.check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_named():
    with pytest.raises(StartError, match=r"Port 5000 on 192\.0\.2\.1 cannot be used"):
        processes.check_port("192.0.2.1", 5000)
