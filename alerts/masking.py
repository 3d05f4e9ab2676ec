"""How targets are shown: well enough to tell them apart, too little to write there."""

import re
from urllib.parse import urlsplit

# The name of a topic opens nothing: whoever publishes there needs credentials, which no channel holds.
_TOPIC = re.compile(r"arn:[a-z-]+:sns:[\w.:-]+|projects/[\w-]+/topics/[\w.~+%-]+")


def masked(target: str) -> str:
    """Hide all of an e-mail address but its first letter and domain, and all of a URL but its host.

    Topics are shown as they are.
    """
    if _TOPIC.fullmatch(target):
        return target
    if "://" not in target:
        name, _, domain = target.rpartition("@")
        return f"{name[:1]}…@{domain}" if name else "…"
    try:
        parts = urlsplit(target)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "…"
    return f"{parts.scheme}://{parts.hostname}{port}/…"
