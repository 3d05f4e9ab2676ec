"""Terraform's files, parsed: what blocks there are, and what they say."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hcl2

TERRAFORM = Path(__file__).resolve().parents[3] / "deploy" / "terraform"
ENVIRONMENTS = ("dev", "staging", "production")
_PLAIN = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)


def read(file):
    """A file's content, texts without their quotes."""
    with file.open() as text:
        return hcl2.load(text, serialization_options=_PLAIN)


@cache
def module(name):
    """The files of a folder of deploy/terraform, by name."""
    return {file.name: read(file) for file in sorted((TERRAFORM / name).glob("*.tf"))}


def blocks(name, kind) -> Iterator[tuple[str, dict]]:
    """The blocks of a kind, such as `resource`, by their address below it: `TYPE.NAME`, or `NAME`."""
    for content in module(name).values():
        for block in content.get(kind, []):
            yield from _named(block, depth=2 if kind in ("resource", "data") else 1)


def _named(block, *, depth):
    for label, body in block.items():
        name = label.strip('"')
        if depth == 1:
            yield name, body
        else:
            yield from ((f"{name}.{below}", inner) for below, inner in _named(body, depth=depth - 1))


def resources(name):
    return dict(blocks(name, "resource"))


def variables(name):
    return dict(blocks(name, "variable"))


def values(name, environment):
    """What the environment sets."""
    return read(TERRAFORM / name / "environments" / f"{environment}.tfvars")


def local(name):
    """All local values of a module."""
    return {
        key: value
        for content in module(name).values()
        for part in content.get("locals", [])
        for key, value in part.items()
    }


def words(name, expression, *, io_may_be_gone=False):
    """The words of `concat(local.celery, […], local.no_talk)`, with what `local.io_may_be_gone` chooses."""
    own = re.findall(r'"((?:[^"$]|\$\{[^}]*\})*)"', expression)
    chosen = r"\1" if io_may_be_gone else r"\2"
    own = [
        re.sub(r'\$\{local\.io_may_be_gone \? "?([^"]*?)"? : "?([^"]*?)"?\}', chosen, word) for word in own
    ]
    return [*local(name)["celery"], *own, *(local(name)["no_talk"] if "local.no_talk" in expression else [])]
