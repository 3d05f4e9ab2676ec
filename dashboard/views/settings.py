"""One's own account, what is collected when, who is told of alerts, and the settings that hold."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, resolve_url
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from rest_framework.permissions import IsAuthenticated

from accounts import security, services
from accounts.errors import TooManyAttemptsError
from accounts.models import Kind as EventKind
from accounts.permissions import IsAdministrator, Role, asking, has_role, role_of
from accounts.serializers import PasswordChangeSerializer
from alerts.masking import masked
from alerts.models import Alert, Channel, Kind, Severity
from alerts.serializers import ChannelSerializer
from alerts.services import audit, channels
from collectors.models import CloudAccount
from collectors.serializers import AccountSerializer
from collectors.services import pricing
from core.errors import CloudIntelError, InvalidInputError
from dashboard import effective
from dashboard.choosing import rows_of_page
from dashboard.pages import Action, Page
from pipelines import alarms, due, schedules
from pipelines.slots import Cron, Every

ACCOUNTS = 10
MOST_ROWS = 100
_BACK = "dashboard:settings"


@dataclass(frozen=True, slots=True)
class Draft:
    """A channel that could not be added: what was sent, and what is wrong with it, by the field."""

    sent: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


# --- Looking ---------------------------------------------------------------------------------
class SettingsPage(Page):
    """What is one's own is everybody's; the rest is for the roles that the API tells it to."""

    title = "Settings"
    template_name = "dashboard/settings.html"
    permission = IsAuthenticated
    parts = {"accounts": "dashboard/settings/accounts.html"}
    draft = Draft()

    def context(self) -> dict[str, Any]:
        user = asking(self.request)
        shown = {"role": role_of(user), "session_ends": self.request.session.get_expiry_date()}
        if has_role(user, Role.VIEWER, Role.OPERATOR):
            shown |= {"looks": True, **self._accounts(priced=False), "schedules": _schedules()}
        if has_role(user, Role.OPERATOR):
            shown |= {**self._channels(), **_effective()}
        return shown

    def part_context(self, _part: str) -> dict[str, Any]:
        """Price the accounts of the page, for those who may look."""
        looks = has_role(asking(self.request), Role.VIEWER, Role.OPERATOR)
        return self._accounts(priced=True) if looks else {"accounts": []}

    def _accounts(self, *, priced: bool) -> dict[str, Any]:
        page = rows_of_page(self.request, CloudAccount.objects.all(), size=ACCOUNTS)
        keys = [alarms.access_key(account.account_id) for account in page]
        refused = {alert.key: alert for alert in Alert.objects.unresolved().filter(key__in=keys)}
        return {
            "accounts": page,
            "rows": [
                AccountRow(
                    account,
                    pricing.quote(account) if priced else None,
                    refused.get(alarms.access_key(account.account_id)),
                )
                for account in page
            ],
            "may_administer": has_role(asking(self.request)),
        }

    def _channels(self) -> dict[str, Any]:
        known = Channel.objects.select_related("created_by")[:MOST_ROWS]
        return {
            "channels": [ChannelRow(channel) for channel in known],
            "draft": self.draft,
            "kinds": Kind.choices,
            "severities": Severity.choices,
        }


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A cloud account, the price of its next collection where it was asked for, and who refuses access."""

    account: CloudAccount
    quote: pricing.Quote | None
    refused: Alert | None


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel as it may be shown: its target is a secret."""

    channel: Channel

    @property
    def target(self) -> str:
        return masked(self.channel.target)

    @property
    def warning(self) -> str:
        return channels.warning(self.channel.kind)


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule: the pipeline that it starts, in which rhythm, and when next."""

    row: PeriodicTask
    starts: str
    rhythm: str
    next_due: Any


def _schedules() -> list[ScheduleRow]:
    following = due.next_due(timezone.now())
    return [
        ScheduleRow(
            row,
            schedules.pipeline_of(row),
            _rhythm(row),
            following.get(schedules.pipeline_of(row)) if row.enabled else None,
        )
        for row in schedules.rows()[:MOST_ROWS]
    ]


def _rhythm(row: PeriodicTask) -> str:
    try:
        slots = schedules.slots_of(row)
    except InvalidInputError:
        slots = None
    if isinstance(slots, Cron):
        return f"{slots.expression} ({slots.zone})"
    return f"{row.interval}" if isinstance(slots, Every) else "not understood: it starts nothing"


def _effective() -> dict[str, Any]:
    return {
        "groups": effective.GROUPS,
        "kept": list(effective.kept()),
        "versions": effective.versions(),
    }


# --- One's own account -----------------------------------------------------------------------
class ChangePassword(Action):
    """Gives who asks another password; older tokens and other sessions are void then."""

    back = _BACK
    permission = IsAuthenticated

    def act(self, **_kwargs: Any) -> str:
        names = ("current_password", "new_password")
        sent = {name: self.request.POST.get(name, "") for name in names}
        if sent["new_password"] != self.request.POST.get("repeated_password", ""):
            raise InvalidInputError("The new password was not repeated as it was first written.")
        body = PasswordChangeSerializer(data=sent, context={"request": self.request})
        body.is_valid(raise_exception=True)
        try:
            services.change_password(self.request, asking(self.request), **body.validated_data)
        except TooManyAttemptsError:
            security.record(EventKind.LOCKED_OUT, self.request, email=asking(self.request).email)
            raise
        return "Your password is changed; older tokens and other sessions are void."


# --- Cloud accounts --------------------------------------------------------------------------
class SwitchAccount(Action):
    """Has an account collected from, or not."""

    back = _BACK
    permission = IsAdministrator
    on = True

    def act(self, **kwargs: Any) -> str:
        account = get_object_or_404(CloudAccount, pk=kwargs["pk"])
        changed = AccountSerializer(account, data={"enabled": self.on}, partial=True)
        changed.is_valid(raise_exception=True)
        changed.save()
        return f"{account} is {'enabled' if self.on else 'disabled'}."


# --- Channels --------------------------------------------------------------------------------
class NotDeliveredError(CloudIntelError):
    """A test did not arrive; the message says why."""


class AddChannel(Action):
    """Adds a channel; what is wrong with it is told beside its field, on the same page."""

    back = _BACK

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Lead back to the page, from the address that tells what was wrong."""
        return HttpResponseRedirect(resolve_url(self.back))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.body = ChannelSerializer(data=self._sent())
        if self.body.is_valid():
            return super().post(request, **kwargs)
        page = SettingsPage()
        page.setup(request)
        page.draft, page.status = Draft(self._sent(), self.body.errors), 400
        return page.get(request)

    def act(self, **_kwargs: Any) -> str:
        by = asking(self.request)
        with audit.by(by):
            channel = self.body.save(created_by=by)
        return f"{channel} is told of alerts from now on. {channels.warning(channel.kind)}".strip()

    def _sent(self) -> dict[str, str]:
        names = ("name", "kind", "target", "min_severity")
        return {name: self.request.POST[name] for name in names if name in self.request.POST}


class SwitchChannel(Action):
    """Has a channel told of alerts, or not."""

    back = _BACK
    on = True

    def act(self, **kwargs: Any) -> str:
        channel = get_object_or_404(Channel, pk=kwargs["pk"])
        changed = ChannelSerializer(channel, data={"is_enabled": self.on}, partial=True)
        changed.is_valid(raise_exception=True)
        with audit.by(asking(self.request)):
            changed.save()
        return f"{channel} is {'enabled' if self.on else 'disabled'}."


class TestChannel(Action):
    """Sends a message through a channel, and waits for what becomes of it."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        channel = get_object_or_404(Channel, pk=kwargs["pk"])
        outcome = channels.test(channel)
        if not outcome.is_delivered:
            raise NotDeliveredError(f"{channel}: {outcome.error}")
        return f"{channel}: delivered."


class DeleteChannel(Action):
    """Deletes a channel."""

    back = _BACK

    def act(self, **kwargs: Any) -> str:
        channel = get_object_or_404(Channel, pk=kwargs["pk"])
        with audit.by(asking(self.request)):
            channels.delete(channel)
        return f"{channel} is deleted."
