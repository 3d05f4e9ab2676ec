"""Workers that are killed (SIGKILL) in the midst of a delivery: nothing is lost, copies have the same key."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from alerts.models import Delivery
from alerts.services import delivering
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import sys, time, django
django.setup()
from alerts import addresses
from alerts.services import delivering
if sys.argv[1] == "before":
    def resolve(host, port):
        print("about to send", flush=True)
        time.sleep(60)
    addresses.resolve = resolve
delivering.deliver_due()
"""


@pytest.fixture
def worker(receiver):
    """Start a process that delivers what is due: `worker("before")` stalls before it sends."""
    database = connection.settings_dict
    user = f"{database['USER']}:{database['PASSWORD']}@" if database["PASSWORD"] else f"{database['USER']}@"
    url = f"postgresql://{user}{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {**os.environ, "DATABASE_URL": url, "WEBHOOK_ALLOWED_HOSTS": receiver.host}
    started = []

    def start(stalls):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, stalls],
                env=environment,
                cwd=django_settings.BASE_DIR,
                stdout=subprocess.PIPE,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(process):
    process.kill()
    process.wait()


def let_the_lease_run_out():
    assert delivering.deliver_due() == 0, "what somebody holds is left to them"
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_what_was_not_sent_yet_is_sent_once(receiver, worker):
    builders.channel(receiver.url)
    builders.alert()
    process = worker("before")
    assert process.stdout.readline() == b"about to send\n"
    kill(process)
    let_the_lease_run_out()
    delivering.deliver_due()
    assert len(receiver.got) == 1
    assert list(Delivery.objects.values_list("state", "attempts")) == [("sent", 2)]


def test_what_was_sent_and_not_recorded_is_sent_again_with_the_same_key(receiver, worker):
    builders.channel(receiver.url)
    builders.alert()
    receiver.go_on.clear()
    process = worker("never")
    assert receiver.arrived.wait(30)
    kill(process)
    receiver.go_on.set()
    let_the_lease_run_out()
    delivering.deliver_due()
    assert receiver.keys == [str(Delivery.objects.get().pk)] * 2
    assert (Delivery.objects.get().state, delivering.deliver_due()) == ("sent", 0)
