"""Workers say that they are there, and take their rows away."""

import os
import socket
import threading
import time
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from celery.signals import worker_ready, worker_shutdown
from django.db import OperationalError, connection
from django.utils import timezone

from pipelines import presence as module
from pipelines import workers
from pipelines.models import Worker
from pipelines.presence import Presence, presence, say


def worker(name="worker-io@here", **fields):
    return Worker(**{"name": name, "host": "here", "pid": 7, "queues": ["aws"], "slots": 8, **fields})


def wait_until(condition, what):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "BEAT_S", 0.02)


@pytest.mark.django_db(transaction=True)
class TestTheThread:
    @pytest.fixture
    def kept(self):
        begun = Presence()
        yield begun
        begun.end()

    def test_a_worker_is_there_from_its_beginning_to_its_end(self, kept):
        kept.begin(worker())
        wait_until(Worker.objects.exists, "the first sign of life")
        (there,) = workers.alive(timezone.now())
        assert (there.name, there.slots, there.queues, there.cpu_percent) == (
            "worker-io@here",
            8,
            ["aws"],
            None,
        )
        kept.end()
        assert not Worker.objects.exists()

    def test_it_says_so_again_and_again_with_the_load_of_its_machine(self, kept, quick):
        kept.begin(worker())
        wait_until(Worker.objects.filter(cpu_percent__gte=0).exists, "the second sign of life")
        first = Worker.objects.get().seen_at
        wait_until(Worker.objects.filter(seen_at__gt=first).exists, "another sign of life")
        assert Worker.objects.count() == 1

    def test_to_begin_twice_is_to_begin_once(self, kept):
        kept.begin(worker())
        kept.begin(worker("another"))
        wait_until(Worker.objects.exists, "the first sign of life")
        assert [each.name for each in Worker.objects.all()] == ["worker-io@here"]
        assert [each.name for each in threading.enumerate()].count("presence") == 1

    def test_it_survives_that_the_database_is_away(self, kept, quick, monkeypatch, caplog):
        away, real = threading.Event(), module.say
        away.set()

        def say_if_there(row):
            if away.is_set():
                raise OperationalError("connection refused")
            real(row)

        monkeypatch.setattr(module, "say", say_if_there)
        kept.begin(worker())
        wait_until(lambda: caplog.text.count("does not learn of this worker") > 2, "three tries")
        away.clear()
        wait_until(Worker.objects.exists, "a sign of life")

    def test_it_keeps_no_connection_between_two_signs(self, kept, monkeypatch):
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"

        def others():
            with connection.cursor() as cursor:
                cursor.execute(sessions)
                return cursor.fetchone()[0] - 1

        kept.begin(worker())
        wait_until(Worker.objects.exists, "the first sign of life")
        wait_until(lambda: others() == 0, "its connection is closed")

    def test_a_database_that_hangs_does_not_hold_up_the_end(self, kept, monkeypatch):
        hanging = threading.Event()
        monkeypatch.setattr(module, "say", lambda _row: hanging.wait(10))
        monkeypatch.setattr(module, "LEAVE_S", 0.1)
        kept.begin(worker())
        begun = time.monotonic()
        kept.end()
        assert time.monotonic() - begun < 5
        hanging.set()
        wait_until(lambda: "presence" not in [each.name for each in threading.enumerate()], "its end")

    def test_celery_tells_when(self, monkeypatch):
        app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={"b": 1, "a": 1})))
        consumer = Mock(controller=SimpleNamespace(app=app, concurrency=2))
        monkeypatch.setattr(workers, "_node", "worker-cpu@here")
        receivers = [each for each in worker_ready.receivers if each[1]() is workers.appear]
        monkeypatch.setattr(worker_ready, "receivers", receivers)
        worker_ready.send(sender=consumer)
        wait_until(Worker.objects.exists, "the first sign of life")
        row = Worker.objects.get()
        assert (row.name, row.pid, row.queues, row.slots) == ("worker-cpu@here", os.getpid(), ["a", "b"], 2)
        assert row.host == socket.gethostname()
        worker_shutdown.send(sender=None)
        assert not Worker.objects.exists()
        assert presence._thread is None


@pytest.mark.django_db
class TestTheRows:
    def test_a_worker_that_came_back_has_one_row_with_its_new_process(self):
        say(worker(pid=7))
        say(worker(pid=8))
        assert [each.pid for each in Worker.objects.all()] == [8]

    def test_what_was_not_seen_for_an_hour_is_taken_away(self):
        for name, minutes in (("old", 61), ("late", 59)):
            say(worker(name))
            Worker.objects.filter(name=name).update(seen_at=timezone.now() - timedelta(minutes=minutes))
        say(worker("new"))
        assert [each.name for each in Worker.objects.all()] == ["late", "new"]

    def test_who_was_not_seen_for_a_minute_is_not_there(self):
        now = timezone.now()
        for name, seconds in (("late", 61), ("there", 59)):
            say(worker(name))
            Worker.objects.filter(name=name).update(seen_at=now - timedelta(seconds=seconds))
        assert [each.name for each in workers.alive(now)] == ["there"]
