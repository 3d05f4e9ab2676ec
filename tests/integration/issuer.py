"""An issuer of OpenID Connect tokens on this machine, with real keys."""

import json
import threading
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "https://cloudintel.example.com"
CALLER = "scheduler@project.iam.gserviceaccount.com"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"


@cache
def private_key(name, algorithm="RS256"):
    """A private key, always the same one for a name: making one takes its time."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name, algorithm="RS256"):
    kind = ECAlgorithm if algorithm == "ES256" else RSAAlgorithm
    key = kind.to_jwk(private_key(name, algorithm).public_key(), as_dict=True)
    return {**key, "kid": name, "alg": algorithm, "use": "sig"}


class LocalIssuer:
    """Serves a discovery document and keys, and counts who asks; `answers` replaces what a path answers."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.document = {"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"}
        self.keys = [public_jwk("first")]
        self.answers = {}
        self.asked = []

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _handler(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                status, headers, body = issuer.answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, path):
        if path in self.answers:
            return self.answers[path]
        said = self.document if path == DISCOVERY else {"keys": self.keys}
        return 200, {"Content-Type": "application/json"}, json.dumps(said).encode()

    def claims(self, **changed):
        """What a good token says; a claim changed to None is left out."""
        now = int(datetime.now(UTC).timestamp())
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "1234567890",
            "email": CALLER,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
            **changed,
        }
        return {name: value for name, value in said.items() if value is not None}

    def token(self, *, key="first", kid=None, algorithm="RS256", **changed):
        """A token of the caller, good unless told otherwise."""
        headers = {"kid": kid or key}
        return jwt.encode(self.claims(**changed), private_key(key, algorithm), algorithm, headers=headers)
