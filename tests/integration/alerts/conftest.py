"""Receivers on this machine, which remember what they were sent."""

import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Receiver(ThreadingHTTPServer):
    """Takes webhooks; `answers` holds the statuses and headers of the next ones, then it is 200 each time."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Posts)
        self.answers, self.got, self.arrived, self.go_on = [], [], threading.Event(), threading.Event()
        self.go_on.set()

    @property
    def host(self):
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self):
        return f"http://{self.host}/k3y"

    @property
    def keys(self):
        return [headers["Idempotency-Key"] for headers, _body in self.got]


class _Posts(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers, body))
        self.server.arrived.set()
        self.server.go_on.wait(30)
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"s3cret")

    def log_message(self, *_words):
        pass


class MailServer(socketserver.ThreadingTCPServer):
    """Takes e-mail, without TLS; `refusal` is what it says to recipients instead."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.got, self.refusal = [], ""

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.server_address[1]}?starttls=no"


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self):
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line[:4].upper()
            if word == "QUIT":
                return self._say("221 bye")
            if word == "RCPT" and self.server.refusal:
                self._say(self.server.refusal)
            elif word == "DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.got.append(b"".join(lines).decode())
                self._say("250 taken")
            else:
                self._say("250 fine")
        return None

    def _say(self, words):
        self.wfile.write(f"{words}\r\n".encode())


def _serving(server):
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver(settings):
    """A receiver that webhooks may reach."""
    server = Receiver()
    settings.WEBHOOK_ALLOWED_HOSTS = [server.host]
    yield from _serving(server)


@pytest.fixture
def mail_server(settings):
    """The server that SMTP_URL names."""
    server = MailServer()
    settings.SMTP_URL = server.url
    yield from _serving(server)
