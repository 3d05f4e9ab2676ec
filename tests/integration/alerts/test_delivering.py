"""From the outbox to receivers: each notification once, in order, and tried again where that helps."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from alerts import services, tasks
from alerts.models import Alert, Channel, Delivery, Severity
from alerts.pacing import MOST_ATTEMPTS
from alerts.services import channels, delivering
from alerts.transports import webhook
from cloudintel_project.celery import app
from pipelines import schedules
from tests import builders
from tests.integration.test_ledger import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def channel(receiver):
    """A channel that leads to the receiver."""
    return builders.channel(receiver.url)


def states():
    """The events and states of deliveries, the oldest first."""
    rows = Delivery.objects.order_by("notification_id", "channel_id")
    return list(rows.values_list("notification__event", "state"))


def let_time_pass():
    """End all pauses."""
    Delivery.objects.update(not_before=timezone.now() - timedelta(seconds=1))


def events(receiver):
    return [json.loads(body)["event"] for _headers, body in receiver.got]


# --- What is told ----------------------------------------------------------------------------
def test_an_alert_arrives_as_json_with_a_key_of_its_own(receiver, channel):
    alert = builders.alert("disk:full", severity=Severity.CRITICAL, title="Full", body="Delete something.")
    tasks.deliver_due()
    ((headers, body),) = receiver.got
    delivery = Delivery.objects.get()
    told = json.loads(body)
    assert told.pop("sent_at").endswith("Z")
    assert told["alert"].pop("opened_at").endswith("Z")
    assert told == {
        "event": "opened",
        "delivery_id": str(delivery.pk),
        "alert": {
            "id": alert.pk,
            "key": "disk:full",
            "severity": "critical",
            "title": "Full",
            "body": "Delete something.",
            "source": "ec2",
            "state": "open",
            "resolved_at": None,
        },
    }
    assert (headers["Idempotency-Key"], headers["Host"]) == (str(delivery.pk), receiver.host)
    assert (delivery.state, delivery.attempts, delivery.error) == ("sent", 1, "")


def test_what_happens_to_an_alert_is_told_in_its_order(receiver, channel):
    builders.alert("disk:full", severity=Severity.WARNING)
    builders.alert("disk:full", severity=Severity.CRITICAL)
    services.resolve("disk:full")
    assert delivering.deliver_due() == 3
    assert events(receiver) == ["opened", "escalated", "resolved"]
    assert delivering.deliver_due() == 0, "each of them once"


def test_only_channels_that_want_to_know_are_written_to(receiver):
    for severity in ("warning", "error", "critical"):
        builders.channel(name=severity, min_severity=severity)
    builders.channel(name="off", is_enabled=False)
    builders.alert(severity=Severity.ERROR)
    assert set(Delivery.objects.values_list("channel__name", flat=True)) == {"warning", "error"}


def test_a_rise_is_the_first_that_some_hear_of_and_they_hear_of_the_end(receiver):
    builders.channel(name="all")
    builders.channel(name="critical", min_severity="critical")
    builders.alert("disk:full", severity=Severity.WARNING)
    builders.alert("disk:full", severity=Severity.CRITICAL)
    services.resolve("disk:full")
    told = Delivery.objects.filter(channel__name="critical").order_by("notification_id")
    assert list(told.values_list("notification__event", flat=True)) == ["escalated", "resolved"]


def test_without_channels_nothing_is_written_and_nobody_is_asked(valkey):
    builders.alert()
    assert (Delivery.objects.count(), valkey.llen("actions")) == (0, 0)


def test_a_channel_takes_what_was_to_be_sent_along(channel):
    builders.alert()
    channels.delete(channel)
    assert Delivery.objects.count() == 0


def test_a_channel_is_deleted_after_those_who_are_writing_to_it(channel):
    """A transaction that meanwhile tells of an alert, such as the end of a run, must not fail for it."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            builders.alert()
            deletion = pool.submit(_deleted, channel)
            assert wait_until(lambda: _waiting_for_locks() > 0)
        deletion.result(10)
    assert (Alert.objects.count(), Channel.objects.count(), Delivery.objects.count()) == (1, 0, 0)


def _deleted(channel):
    try:
        channels.delete(channel)
    finally:
        connection.close()


def _waiting_for_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


def wait_until(is_so, within_s=10):
    deadline = time.monotonic() + within_s
    while not (found := is_so()) and time.monotonic() < deadline:
        pass
    return found


def test_nothing_is_sent_of_what_was_rolled_back(receiver, channel, valkey):
    with transaction.atomic():
        builders.alert()
        transaction.set_rollback(True)
    assert (delivering.deliver_due(), valkey.llen("actions")) == (0, 0)


# --- When it does not arrive -----------------------------------------------------------------
def test_what_fails_is_tried_again_after_a_pause_with_the_same_key(receiver, channel):
    receiver.answers = [(503, {}), (500, {})]
    builders.alert()
    for _ in range(3):
        delivering.deliver_due()
        assert delivering.deliver_due() == 0, "not before its time"
        let_time_pass()
    assert len(receiver.keys) == 3
    assert set(receiver.keys) == {str(Delivery.objects.get().pk)}
    assert (states(), Delivery.objects.get().attempts) == ([("opened", "sent")], 3)


def test_a_receiver_that_names_a_time_is_asked_then(receiver, channel):
    receiver.answers = [(429, {"Retry-After": "600"})]
    builders.alert()
    delivering.deliver_due()
    delivery = Delivery.objects.get()
    assert delivery.state == "failed"
    assert timedelta(seconds=590) < delivery.not_before - timezone.now() <= timedelta(seconds=600)


def test_what_is_refused_is_given_up_at_once_with_the_reason(receiver, channel):
    receiver.answers = [(404, {})]
    builders.alert()
    delivering.deliver_due()
    channel.refresh_from_db()
    assert states() == [("opened", "abandoned")]
    assert Delivery.objects.get().error == channel.last_error == "It answered 404."


def test_a_redirect_is_not_followed(receiver, channel):
    receiver.answers = [(302, {"Location": receiver.url})]
    builders.alert()
    delivering.deliver_due()
    assert (len(receiver.got), states()) == (1, [("opened", "abandoned")])


def test_what_failed_often_enough_is_given_up_and_can_be_tried_again(receiver, channel):
    receiver.answers = [(500, {})] * MOST_ATTEMPTS
    builders.alert()
    for _ in range(MOST_ATTEMPTS):
        delivering.deliver_due()
        let_time_pass()
    assert (states(), len(receiver.got)) == ([("opened", "abandoned")], MOST_ATTEMPTS)
    assert (delivering.deliver_due(), delivering.try_again(Delivery.objects.all())) == (0, 1)
    delivering.deliver_due()
    assert states() == [("opened", "sent")]


def test_a_message_that_takes_its_worker_along_is_not_tried_for_ever(channel):
    builders.alert()
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.update(state="sending", attempts=MOST_ATTEMPTS, lease_until=past)
    delivering.deliver_due()
    assert (states(), Delivery.objects.get().error) == ([("opened", "abandoned")], delivering.LOST)


def test_the_end_is_not_told_before_the_beginning(receiver, channel):
    receiver.answers = [(503, {})]
    builders.alert("disk:full")
    delivering.deliver_due()
    services.resolve("disk:full")
    assert delivering.deliver_due() == 0
    let_time_pass()
    delivering.deliver_due()
    assert events(receiver) == ["opened", "opened", "resolved"]


def test_the_end_of_what_nobody_was_told_of_is_not_told(receiver, channel):
    receiver.answers = [(404, {})]
    builders.alert("disk:full")
    services.resolve("disk:full")
    for _round in range(2):
        delivering.deliver_due()
    assert events(receiver) == ["opened"]
    assert states() == [("opened", "abandoned"), ("resolved", "dropped")]


def test_a_channel_that_was_switched_off_meanwhile_is_left_alone(receiver, channel):
    builders.alert()
    type(channel).objects.update(is_enabled=False)
    delivering.deliver_due()
    assert (receiver.got, states()) == ([], [("opened", "dropped")])


def test_a_channel_that_fails_holds_up_no_other(receiver, channel):
    builders.channel("http://127.0.0.1:1/", name="broken")
    for _ in range(3):
        builders.alert()
    delivering.deliver_due()
    assert len(receiver.got) == 3
    broken = Delivery.objects.filter(channel__name="broken")
    assert sorted(broken.values_list("attempts", flat=True)) == [0, 0, 1], "and is not asked again and again"


# --- Addresses at delivery -------------------------------------------------------------------
def test_an_address_is_looked_at_again_when_something_is_sent(receiver, channel, settings):
    """It was public, or allowed, when the channel was added."""
    settings.WEBHOOK_ALLOWED_HOSTS = []
    builders.alert()
    delivering.deliver_due()
    assert (receiver.got, states()) == ([], [("opened", "abandoned")])


def test_a_name_that_leads_elsewhere_after_it_was_checked_leads_nowhere(receiver, monkeypatch):
    """The name has the address that was checked for the check alone; whoever asks again is led elsewhere."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    connected = []

    def connect(address, *_args, **_options):
        connected.append(address[0])
        raise OSError("not today")

    monkeypatch.setattr("alerts.addresses.resolve", rebinding)
    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    builders.channel("https://hooks.example.com/k3y")
    builders.alert()
    delivering.deliver_due()
    assert (asked, connected) == (["hooks.example.com"], ["93.184.215.14"])


# --- Workers and the broker ------------------------------------------------------------------
def test_workers_at_once_send_once(receiver):
    for _ in range(3):
        builders.channel(receiver.url)
    for _ in range(4):
        builders.alert()
    in_threads(4, delivering.deliver_due)
    delivering.deliver_due()
    assert len(receiver.keys) == len(set(receiver.keys)) == 12


def test_of_many_that_claim_a_delivery_one_gets_it(channel):
    builders.alert()
    claimed = [delivery for delivery in in_threads(8, delivering.claim) if delivery]
    assert (len(claimed), Delivery.objects.get().attempts) == (1, 1)


def test_a_failure_that_comes_late_changes_nothing(channel):
    builders.alert()
    late = delivering.claim()
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    later = delivering.claim()
    assert later == late
    delivering._record(late, webhook.outcomes.failed("It took too long."))
    assert states() == [("opened", "sending")]
    delivering._record(late, webhook.outcomes.DELIVERED)
    delivering._record(later, webhook.outcomes.failed("It took too long."))
    assert states() == [("opened", "sent")], "what arrived, arrived"


def test_workers_are_told_as_soon_as_there_is_something_to_send(channel, valkey):
    builders.alert()
    assert valkey.llen("actions") == 1


def test_while_the_broker_is_away_nothing_is_lost(receiver, channel, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError("no broker")

    monkeypatch.setattr(current_app._get_current_object(), "send_task", away)
    builders.alert()
    assert states() == [("opened", "pending")]
    tasks.deliver_due()
    assert states() == [("opened", "sent")]


def test_beat_has_them_look_by_themselves():
    from django_celery_beat.models import PeriodicTask

    schedules.ensure()
    row = PeriodicTask.objects.get(name="Deliver notifications")
    assert (row.task in app.tasks, row.task, str(row.interval)) == (
        True,
        tasks.deliver_due.name,
        "every 15 seconds",
    )
    assert app.amqp.router.route({}, row.task)["queue"].name == "actions"
