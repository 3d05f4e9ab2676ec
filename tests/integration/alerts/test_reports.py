"""Reports to people: queued with what they are about, sent once to each e-mail channel as text and HTML."""

import email
import email.policy
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts import services
from alerts.models import Delivery, Event, Kind, Notification
from alerts.services import delivering
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "Quality of the week: 97.5.\nZürich: 0.5 above the last one."
HTML = f"<h1>Quality of the week: 97.5</h1><p>Zürich: 0.5 above the last one.</p>{'<p>ö</p>' * 500}"


@pytest.fixture
def reader(mail_server):
    """A channel that leads to somebody's mail."""
    return builders.channel("ops@example.com", kind=Kind.EMAIL)


def send():
    return services.report("Quality, 23 to 29 November", TEXT, HTML)


def mails(server):
    return [email.message_from_string(each, policy=email.policy.default) for each in server.got]


def test_a_report_arrives_as_text_and_as_html(mail_server, reader):
    send()
    delivering.deliver_due()
    (mail,) = mails(mail_server)
    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(("plain",)).get_content().splitlines() == TEXT.splitlines()
    assert mail.get_body(("html",)).get_content().strip() == HTML
    assert (mail["Subject"], mail["To"]) == ("Quality, 23 to 29 November", "ops@example.com")
    assert mail["X-CloudIntel-Delivery"] == str(Delivery.objects.get().pk)


def test_a_report_is_sent_once(mail_server, reader):
    send()
    assert [delivering.deliver_due() for _ in range(2)] == [1, 0]
    assert (len(mail_server.got), Delivery.objects.get().state) == (1, "sent")


def test_only_e_mail_channels_that_are_switched_on_get_reports_whatever_severity_they_want():
    builders.channel(name="webhook")
    builders.channel("projects/our-project/topics/t", name="topic", kind=Kind.PUBSUB)
    builders.channel("off@example.com", name="off", kind=Kind.EMAIL, is_enabled=False)
    builders.channel("a@example.com", name="a", kind=Kind.EMAIL, min_severity="critical")
    builders.channel("b@example.com", name="b", kind=Kind.EMAIL)
    send()
    assert set(Delivery.objects.values_list("channel__name", flat=True)) == {"a", "b"}


def test_a_report_of_what_was_rolled_back_is_not_sent(mail_server, reader, valkey):
    with transaction.atomic():
        send()
        transaction.set_rollback(True)
    assert (delivering.deliver_due(), valkey.llen("actions")) == (0, 0)


def test_a_report_that_is_put_off_is_sent_later(mail_server, reader):
    mail_server.refusal = "451 come back later"
    send()
    delivering.deliver_due()
    assert (Delivery.objects.get().state, mail_server.got) == ("failed", [])
    mail_server.refusal = ""
    Delivery.objects.update(not_before=timezone.now())
    delivering.deliver_due()
    assert (Delivery.objects.get().state, len(mail_server.got)) == ("sent", 1)


def test_a_recipient_of_reports_that_is_refused_is_given_up(mail_server, reader):
    mail_server.refusal = "550 nobody of that name"
    send()
    delivering.deliver_due()
    assert Delivery.objects.get().state == "abandoned"
    assert "nobody of that name" in Delivery.objects.get().error


def test_a_report_whose_server_is_away_is_tried_again(reader, settings):
    settings.SMTP_URL = "smtp://ops:s3cret@127.0.0.1:1"
    send()
    delivering.deliver_due()
    assert Delivery.objects.get().state == "failed"
    assert "s3cret" not in Delivery.objects.get().error


def test_a_report_that_waits_holds_up_neither_another_nor_an_alert(mail_server, reader):
    for _ in range(2):
        send()
    builders.alert()
    first = Delivery.objects.order_by("notification").first()
    Delivery.objects.filter(pk=first.pk).update(not_before=timezone.now() + timedelta(hours=1))
    assert delivering.deliver_due() == 2


def test_a_title_is_one_line(reader):
    report = services.report("Quality\nBcc: someone@example.com", TEXT, HTML)
    assert report.title == "Quality Bcc: someone@example.com"


@pytest.mark.parametrize("event", [Event.OPENED, Event.RESOLVED])
def test_what_is_told_without_an_alert_is_a_report(event):
    with pytest.raises(IntegrityError, match="notification_of_alert_or_report"):
        Notification.objects.create(event=event, severity="error")


def test_the_admin_shows_reports_without_running_their_html(reader):
    report = services.report("Quality", TEXT, "<script>alert(1)</script>")
    browser = Client()
    browser.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    pages = [
        browser.get(reverse("admin:alerts_notification_changelist")),
        browser.get(reverse("admin:alerts_notification_change", args=[report.pk])),
        browser.get(reverse("admin:alerts_delivery_changelist")),
    ]
    for page in pages:
        assert page.status_code == 200
        assert "report: Quality" in page.content.decode()
        assert "<script>alert(1)" not in page.content.decode()
