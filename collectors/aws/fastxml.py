"""EC2's XML, read by lxml along a plan of what is wanted, made once from botocore's own output shape."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from botocore.utils import parse_timestamp
from lxml import etree

from collectors.aws.shapes import Parser, UnknownShapeError
from collectors.aws.wanted import Wanted

Node = Any
"""An lxml element; the stubs do not know that elements can be sliced."""
Plan = dict[str, tuple[str, int, Any]]
"""A structure's members by their tags: the member's name, the kind of node, and what reads that kind."""

_TEXT, _VALUE, _STRUCTURE, _LIST = range(4)
_NAMESPACE = "{"
"""What lxml begins a tag with that has a namespace; a prefix without one is an error to libxml2."""
_NOT_AN_ELEMENT = ("location", "xmlAttribute", "eventheader", "flattened")

# The only beginning that is read here: no document type, hence no entities, and one namespace at most.
_ROOT = re.compile(rb'\A(?:<\?xml version=["\']1\.0["\'][^<>]*\?>)?\s*<(\w+)(\s+xmlns="[^"<>&]*")?>')
# Comments, CDATA, processing instructions, and carriage returns, which touch on what is blank text.
_UNUSUAL = (b"<!", b"<?", b"\r")
# A page's tree takes many times the memory of its text, and threads would only share one processor.
_ONE_AT_A_TIME = threading.Lock()


def compiled(shape: Shape, wanted: Wanted, unread: str = "") -> Parser:
    """Return a parser of what is wanted of the answers with that output shape.

    Elements with the name `unread` are cut out before, whatever is in them.
    Raises: UnknownShapeError where that has what EC2's answers do not, such as maps or attributes;
    the parser raises it, or what lxml and the converters raise, for bodies it cannot follow.
    """
    if "resultWrapper" in shape.serialization:
        raise UnknownShapeError(shape.name)
    plan = _plan(shape, wanted)
    root_name = shape.name.removesuffix("Result")

    def parse(body: bytes) -> tuple[dict[str, Any], bytes]:
        with _ONE_AT_A_TIME:
            root = _tree(body, unread)
            if not root.tag.startswith(root_name):
                raise UnknownShapeError(root.tag)
            return _structure(root[:], plan), _remainder(root)

    return parse


def _tree(body: bytes, unread: str) -> Node:
    """Parse the body with the root's default namespace taken off: tags then are plain names."""
    start = _ROOT.match(body)
    if start is None or any(_contains(body, mark, start.end()) for mark in _UNUSUAL):
        raise UnknownShapeError("an unusual document")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=True,
        remove_blank_text=True,
    )
    # Fed in parts, the body need not be put together again without its namespace.
    parser.feed(body[: start.end(1)])
    for part in _without(unread, body, start.end() - 1):
        parser.feed(part)
    root = parser.close()
    if len(parser.error_log):
        raise UnknownShapeError("a document that libxml2 had to mend")
    return root


def _without(tag: str, body: bytes, place: int) -> Iterator[bytes]:
    """Yield the body from a place on but for the elements of that name: to find their ends is soon done."""
    opening, closing = f"<{tag}>".encode(), f"</{tag}>".encode()
    while tag and (begin := body.find(opening, place)) >= 0:
        yield body[place:begin]
        place = body.find(closing, begin) + len(closing)
        if place < begin or body.find(opening, begin + 1, place) >= 0:
            raise UnknownShapeError(tag)
    yield body[place:]


def _contains(body: bytes, mark: bytes, start: int) -> bool:
    """Look for the last byte first: it is rare, where "<" is everywhere."""
    return body.find(mark[-1:], start) >= 0 and body.find(mark, start) >= 0


def _remainder(root: Node) -> bytes:
    """Return a document of the root and the request id, which botocore's parser reads by itself."""
    rest = etree.Element(root.tag)
    rest.extend(root.findall("requestId"))
    return etree.tostring(rest)


def _plan(shape: Shape, wanted: Wanted) -> Plan:
    """Return the plan of what is wanted of a structure."""
    if not isinstance(shape, StructureShape) or shape.is_tagged_union or shape.metadata.get("exception"):
        raise UnknownShapeError(shape.name)
    plan: Plan = {}
    for member, below in wanted.items():
        member_shape = shape.members[member]
        if any(mark in member_shape.serialization for mark in _NOT_AN_ELEMENT):
            raise UnknownShapeError(member_shape.name)
        tag = member_shape.serialization.get("name", member)
        plan[tag] = (member, *_how(member_shape, below))
    return plan


def _how(shape: Shape, wanted: Any) -> tuple[int, Any]:
    """Return the kind of a node and what reads it."""
    if shape.type_name == "string":
        return _TEXT, None
    if isinstance(shape, ListShape):
        return _LIST, _how(shape.member, wanted)
    if shape.type_name in _CONVERTERS:
        return _VALUE, _CONVERTERS[shape.type_name]
    return _STRUCTURE, _plan(shape, wanted)


def _structure(children: list[Node], plan: Plan) -> dict[str, Any]:
    """Read the members of a structure; most of the time goes by in this loop."""
    found: dict[str, Any] = {}
    unwanted = 0
    for child in children:
        tag = child.tag
        step = plan.get(tag)
        if step is None:
            if tag[0] == _NAMESPACE:
                raise UnknownShapeError(tag)
            unwanted += 1
            continue
        member, kind, how = step
        if kind == _TEXT:
            found[member] = child.text or _empty(child)
        elif kind == _STRUCTURE:
            found[member] = _structure(child[:], how)
        elif kind == _VALUE:
            found[member] = how(child.text or "")
        else:
            found[member] = _list(child[:], *how)
    if len(found) + unwanted != len(children):
        raise UnknownShapeError("a member twice")
    return found


def _list(children: list[Node], kind: int, how: Any) -> list[Any]:
    if kind == _STRUCTURE:
        return [_structure(child[:], how) for child in children]
    if kind == _TEXT:
        return [child.text or _empty(child) for child in children]
    if kind == _VALUE:
        return [how(child.text or "") for child in children]
    return [_list(child[:], *how) for child in children]


def _empty(node: Node) -> str:
    """Return the text of a node without any, as botocore does: empty, unless it is blank before a child."""
    if len(node):
        raise UnknownShapeError(f"{node.tag} with children")
    return ""


def _timestamp(text: str) -> datetime:
    if len(text) in {20, 24} and text[4] == text[7] == "-" and text[10] == "T" and text[-1] == "Z":
        return datetime.fromisoformat(text)
    moment: datetime = parse_timestamp(text)
    return moment


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "boolean": "true".__eq__,
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
    "timestamp": _timestamp,
}
