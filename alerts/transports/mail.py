"""E-mail, by Apprise's own plugin, through the server that SMTP_URL names."""

import re
from email import policy
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid, parseaddr
from functools import partial
from smtplib import SMTPException
from typing import Any
from urllib.parse import parse_qs, urlsplit

from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController
from apprise.utils.parse import is_email
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from alerts import outcomes
from alerts.outcomes import Outcome
from core.errors import InvalidInputError

CONNECT_S = 10
_DETAIL = "Socket Exception: "
# A recipient or a message that is refused for good; what is wrong with the login can be mended.
_FINAL = re.compile(r"\((55\d), ")


def check(address: str) -> None:
    """Accept one address. Raises: InvalidInputError."""
    try:
        validate_email(address)
    except ValidationError as error:
        raise InvalidInputError("This is no e-mail address.") from error
    if not (found := is_email(address)) or found["full_email"] != address:
        raise InvalidInputError("This is no e-mail address.")


def server() -> dict[str, Any]:
    """Return Apprise's words for what SMTP_URL says. Raises: InvalidInputError."""
    if not settings.SMTP_URL:
        raise InvalidInputError("E-mail cannot be sent: SMTP_URL is not set.")
    try:
        parts = urlsplit(settings.SMTP_URL)
        is_open = parse_qs(parts.query).get("starttls") == ["no"]
        host, port, mode = parts.hostname, parts.port, _mode(parts.scheme, is_open=is_open)
    except (ValueError, KeyError):
        host, port, mode = None, None, ""
    if not host or (mode == "insecure" and parts.username):
        raise InvalidInputError(
            "E-mail cannot be sent: SMTP_URL must be smtp://user:password@host:587 or smtps://…; "
            "with ?starttls=no it holds no password."
        )
    # Apprise decodes user and password by itself.
    login = {"user": parts.username, "password": parts.password} if parts.username else {}
    return {"smtp_host": host, "host": host, "port": port, "secure_mode": mode, **login}


def _mode(scheme: str, *, is_open: bool) -> str:
    """Return how the connection is secured. Raises: KeyError."""
    return {"smtp": "insecure" if is_open else "starttls", "smtps": "ssl"}[scheme]


class ReportPlugin(NotifyEmail):  # type: ignore[misc]  # the library is not typed through
    """Writes a report as text and as HTML; Apprise itself would make up the text from the HTML."""

    def __init__(self, html: str, **options: Any) -> None:
        super().__init__(**options)
        self._html = html

    def send(self, body: str, title: str = "", **_words: Any) -> bool:
        """Send it; what the server says against it is told as Apprise tells it."""
        server = AppriseSMTPController(
            host=self.smtp_host,
            port=self.port,
            secure_mode=self.secure_mode,
            user=self.user,
            password=self.password,
            socket_connect_timeout=self.socket_connect_timeout,
        )
        (_name, address), *_ = self.targets
        mail = self._mail(address, title, body)
        try:
            with server as connection:
                return bool(connection.sendmail(self.from_addr[1], [address], mail.as_string()))
        except (OSError, SMTPException, RuntimeError) as error:
            self.logger.debug(f"{_DETAIL}{error}")  # noqa: G004 - Apprise's form, which judge reads
            return False

    def _mail(self, address: str, title: str, text: str) -> EmailMessage:
        # Seven bits pass everywhere, and smtplib takes no others as text.
        mail = EmailMessage(policy.default.clone(cte_type="7bit"))
        mail["Subject"], mail["To"], mail["From"] = title, address, formataddr(self.from_addr)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self.from_addr[1].split("@")[1])
        for name, value in self.headers.items():
            mail[name] = value
        mail.set_content(text)
        mail.add_alternative(self._html, subtype="html")
        return mail


def plugin(address: str, *, headers: dict[str, str], html: str = "", **options: Any) -> NotifyEmail:
    """Return the plugin that writes to an address. Raises: InvalidInputError."""
    check(address)
    name, sender = parseaddr(settings.ALERTS_FROM)
    if not is_email(sender):
        raise InvalidInputError("E-mail cannot be sent: ALERTS_FROM is no e-mail address.")
    kind = partial(ReportPlugin, html) if html else NotifyEmail
    return kind(
        **server(),
        from_addr=formataddr((name or "CloudIntel", sender)),
        targets=[address],
        headers=headers,
        cto=CONNECT_S,
        **options,
    )


def judge(told: list[str]) -> Outcome:
    """Judge by what the plugin says; the server's own words are in what it says of its socket."""
    detail = next((text.removeprefix(_DETAIL) for text in told if text.startswith(_DETAIL)), "")
    error = f"The mail server did not take it: {detail or 'no reason is known'}"
    return outcomes.refused(error) if _FINAL.search(detail) else outcomes.failed(error)
