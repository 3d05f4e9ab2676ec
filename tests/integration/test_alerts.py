"""Alerts: one open a key, whoever raises it how often, and what is told of it through API and admin."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from alerts import services
from alerts.models import Alert, Event, Notification, Severity
from alerts.services import sink
from tests import builders
from tests.integration.test_ledger import in_threads

ALERTS = "/api/v1/alerts/"


def events():
    """What is to be told, oldest first."""
    return list(Notification.objects.order_by("pk").values_list("alert__key", "event"))


@pytest.mark.django_db
class TestOpening:
    def test_makes_an_alert_and_something_to_tell(self):
        alert = builders.alert(
            "disk:full", severity=Severity.CRITICAL, title="Full", body="Delete something."
        )
        assert Alert.objects.get() == alert
        assert (alert.key, alert.state, alert.severity, alert.count) == ("disk:full", "open", "critical", 1)
        assert events() == [("disk:full", Event.OPENED)]

    def test_counts_the_same_trouble_and_keeps_its_latest_words(self):
        first = builders.alert("disk:full", severity=Severity.WARNING, body="90 %")
        second = builders.alert("disk:full", severity=Severity.CRITICAL, body="99 %")
        third = builders.alert("disk:full", severity=Severity.CRITICAL, body="100 %")
        assert first == second == third
        assert (third.count, third.severity, third.body) == (3, "critical", "100 %")
        assert third.opened_at == first.opened_at < second.updated_at < third.updated_at

    def test_tells_the_same_trouble_once(self):
        for _ in range(3):
            builders.alert("disk:full")
        assert events() == [("disk:full", Event.OPENED)]

    def test_tells_of_each_severity_that_it_rises_to_once(self):
        for severity in ("warning", "error", "error", "warning", "error", "critical", "warning"):
            builders.alert("disk:full", severity=severity)
        told = Notification.objects.order_by("pk").values_list("event", "severity")
        assert list(told) == [("opened", "warning"), ("escalated", "error"), ("escalated", "critical")]
        assert (Alert.objects.get().severity, Alert.objects.get().count) == ("warning", 7)

    def test_counting_up_asks_the_database_no_more_than_twice(self, django_assert_num_queries):
        builders.alert("disk:full", severity=Severity.ERROR)
        with django_assert_num_queries(2):
            builders.alert("disk:full", severity=Severity.ERROR)

    def test_keeps_other_troubles_apart(self):
        assert builders.alert("disk:a") != builders.alert("disk:b")

    def test_opens_anew_what_was_resolved(self):
        first = builders.alert("disk:full")
        services.resolve("disk:full")
        second = builders.alert("disk:full")
        assert (second != first, second.count) == (True, 1)
        assert [event for _key, event in events()] == [Event.OPENED, Event.RESOLVED, Event.OPENED]

    def test_cuts_a_title_that_is_too_long(self):
        assert len(builders.alert(title="x" * 1000).title) == 250


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_ten_openings_make_one_alert_that_counts_ten(self):
        opened = in_threads(10, lambda: builders.alert("disk:full").pk)
        alert = Alert.objects.get()
        assert (set(opened), len(opened), alert.count) == ({alert.pk}, 10, 10)
        assert events() == [("disk:full", Event.OPENED)]

    def test_ten_rises_are_told_once(self):
        builders.alert("disk:full", severity=Severity.WARNING)
        in_threads(10, lambda: builders.alert("disk:full", severity=Severity.CRITICAL).pk)
        assert Alert.objects.get().count == 11
        assert events() == [("disk:full", Event.OPENED), ("disk:full", Event.ESCALATED)]

    def test_ten_resolutions_are_one(self):
        builders.alert("disk:full")
        resolved = in_threads(10, lambda: services.resolve("disk:full"))
        assert len([alert for alert in resolved if alert]) == 1
        assert events() == [("disk:full", Event.OPENED), ("disk:full", Event.RESOLVED)]

    def test_what_is_rolled_back_was_never_raised(self):
        with transaction.atomic():
            builders.alert("disk:full")
            transaction.set_rollback(True)
        assert (Alert.objects.count(), events()) == (0, [])


@pytest.mark.django_db
class TestResolving:
    def test_ends_the_open_alert(self):
        alert = builders.alert("disk:full")
        assert services.resolve("disk:full") == alert
        alert.refresh_from_db()
        assert (alert.state, alert.resolved_at > alert.opened_at) == ("resolved", True)

    def test_does_nothing_where_nothing_is_open(self):
        builders.alert("disk:full")
        services.resolve("disk:full")
        assert services.resolve("disk:full") is None
        assert services.resolve("disk:other") is None
        assert len(events()) == 2

    @pytest.mark.parametrize(("source", "state"), [("cost", "open"), ("ec2", "resolved"), (None, "resolved")])
    def test_can_be_left_to_what_raised_it_last(self, source, state):
        alert = builders.alert("access:1", source="ec2")
        services.resolve("access:1", source=source)
        alert.refresh_from_db()
        assert alert.state == state


@pytest.mark.django_db
class TestApi:
    def test_tells_an_alert(self):
        alert = builders.alert("run:ec2:all", title="ec2 (all) failed", body="denied", source="ec2")
        answer = builders.client("viewer").get(f"{ALERTS}{alert.pk}/").json()
        assert answer.pop("opened_at").endswith("Z")
        assert answer.pop("updated_at").endswith("Z")
        assert answer == {
            "id": alert.pk,
            "key": "run:ec2:all",
            "state": "open",
            "severity": "error",
            "title": "ec2 (all) failed",
            "body": "denied",
            "source": "ec2",
            "count": 1,
            "resolved_at": None,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "note": "",
            "deliveries": [],
        }

    @pytest.mark.parametrize(
        ("query", "keys"),
        [
            ("", ["c", "b", "a"]),
            ("state=open", ["c", "b"]),
            ("state=resolved", ["a"]),
            ("severity=critical", ["b"]),
            ("source=cpu", ["c"]),
            ("key=b", ["b"]),
            ("acknowledged=true", ["b"]),
            ("acknowledged=false", ["c", "a"]),
            ("start=2100-01-01", []),
            ("end=2100-01-01", ["c", "b", "a"]),
            ("ordering=id", ["a", "b", "c"]),
            ("ordering=-count", ["b", "a", "c"]),
        ],
    )
    def test_alerts_can_be_narrowed_down(self, query, keys):
        builders.alert("a")
        services.resolve("a")
        for _ in range(2):
            alert = builders.alert("b", severity=Severity.CRITICAL)
        sink.acknowledge(alert, by=builders.user("operator"))
        builders.alert("c", source="cpu")
        answer = builders.client("viewer").get(f"{ALERTS}?{query}").json()
        assert [row["key"] for row in answer["results"]] == keys

    @pytest.mark.parametrize(
        "query", ["state=gone", "severity=bad", "start=soon", "colour=red", "acknowledged=x"]
    )
    def test_refuses_what_it_cannot_narrow_down_by(self, query):
        answer = builders.client("viewer").get(f"{ALERTS}?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json()["error"]

    @pytest.mark.parametrize("method", ["post", "delete", "patch"])
    def test_alerts_are_only_read(self, method):
        assert getattr(builders.client("administrator"), method)(ALERTS).status_code == 405


@pytest.mark.django_db
class TestAcknowledging:
    def acknowledge(self, alert, role="operator", **body):
        return builders.client(role).post(f"{ALERTS}{alert.pk}/acknowledge/", body)

    def test_says_who_looks_after_it_and_since_when(self):
        alert = builders.alert()
        answer = self.acknowledge(alert, note="I am on it.").json()
        alert.refresh_from_db()
        assert (answer["acknowledged_by"], answer["note"]) == (alert.acknowledged_by.email, "I am on it.")
        assert (answer["state"], answer["acknowledged_at"][-1]) == ("open", "Z")
        shown = builders.client("viewer").get(f"{ALERTS}{alert.pk}/").json()
        assert shown["acknowledged_by"] == answer["acknowledged_by"]

    def test_who_was_first_stays(self):
        alert = builders.alert()
        first, second = self.acknowledge(alert, note="mine"), self.acknowledge(alert, note="no, mine")
        assert (first.status_code, second.status_code) == (200, 200)
        assert second.json() == first.json()

    def test_what_is_over_needs_nobody(self):
        alert = builders.alert("disk:full")
        services.resolve("disk:full")
        answer = self.acknowledge(alert)
        assert (answer.status_code, "resolved" in answer.json()["error"]) == (409, True)

    def test_the_same_trouble_stays_acknowledged_and_a_new_one_is_not(self):
        self.acknowledge(builders.alert("disk:full"))
        assert builders.alert("disk:full").acknowledged_at is not None
        services.resolve("disk:full")
        assert builders.alert("disk:full").acknowledged_at is None

    def test_a_key_that_would_not_be_heeded_is_refused(self):
        alert = builders.alert()
        answer = self.acknowledge(alert, comment="mine")
        alert.refresh_from_db()
        assert (answer.status_code, answer.json()["error"]) == (400, "comment: Unknown key; known are: note.")
        assert alert.acknowledged_at is None

    def test_is_for_operators(self):
        assert self.acknowledge(builders.alert(), role="viewer").status_code == 403


@pytest.mark.django_db
class TestAdmin:
    def resolve(self, person, *alerts, action="resolve"):
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        order = {"action": action, "_selected_action": [alert.pk for alert in alerts]}
        return client.post(reverse("admin:alerts_alert_changelist"), order, follow=True)

    def test_an_administrator_resolves_what_is_open(self):
        over, still = builders.alert("a"), builders.alert("b")
        services.resolve("a")
        page = self.resolve(builders.user("administrator"), over, still)
        assert "Resolved 1 alerts." in page.content.decode()
        assert Alert.objects.unresolved().count() == 0
        assert events().count(("a", Event.RESOLVED)) == 1

    def test_an_administrator_acknowledges_what_is_open(self):
        over, still = builders.alert("a"), builders.alert("b")
        services.resolve("a")
        page = self.resolve(builders.user("administrator"), over, still, action="acknowledge")
        assert "Acknowledged 1 alerts." in page.content.decode()
        still.refresh_from_db()
        assert still.acknowledged_by.is_superuser

    def test_staff_without_the_role_cannot(self):
        alert = builders.alert("a")
        self.resolve(builders.user("viewer", is_staff=True), alert)
        assert Alert.objects.unresolved().count() == 1
