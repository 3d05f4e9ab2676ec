"""The chart, rendered crudely: enough to parse what it becomes; `make scan` has Helm's own engine render it.

Conditions count as true and a list as having one item; values are put where they are written plainly, and a
name where anything else is asked for. What is included as a block is left out.
"""

import re
from functools import reduce
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "cloudintel"
TEMPLATES = {file.name: file.read_text() for file in sorted((CHART / "templates").iterdir())}
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
ACTION = re.compile(r"\{\{-?\s*(/\*.*?\*/|.*?)\s*-?\}\}", re.DOTALL)
_VALUE = re.compile(r"\.Values\.([\w.]+)(?: \| quote)?")
_OPENS = ("if ", "range ", "with ", "define ")


def value(path):
    """The value of values.yaml at that path, such as `web.replicas`. Raises: KeyError."""
    return reduce(lambda part, name: part[name], path.split("."), VALUES)


def depths(text):
    """How many blocks are open after each action."""
    depth = 0
    for action in ACTION.findall(text):
        depth += action.startswith(_OPENS) - (action == "end")
        yield depth


def render(name):
    """The documents of a template."""
    lines = [line for line in TEMPLATES[name].splitlines() if not _is_control(line)]
    text = ACTION.sub(_put, "\n".join(lines))
    return [document for document in yaml.safe_load_all(text) if document]


def _is_control(line):
    found = re.fullmatch(r"\s*\{\{-?\s*(.*?)\s*-?\}\}", line)
    return bool(found) and (
        found[1].startswith(_OPENS) or found[1] in ("end", "else") or "nindent" in found[1]
    )


def _put(action):
    written = action[1]
    plain = _VALUE.fullmatch(written)
    if plain is None:
        return "name"
    found = value(plain[1])
    return f'"{found}"' if written.endswith("quote") else str(found)


def every():
    """All documents, by kind and component."""
    return {
        (document["kind"], document["metadata"]["name"].removeprefix("name").strip("-")): document
        for name in TEMPLATES
        if name.endswith(".yaml")
        for document in render(name)
    }
