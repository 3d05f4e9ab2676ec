"""CloudWatch's JSON, read by orjson along a plan that is made once from botocore's own output shape."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.utils import parse_timestamp

from collectors.aws.shapes import Parser, UnknownShapeError

_NUMBERS = frozenset({"double", "float", "integer", "long"})
_EXACT = 2.0**63


class Times(dict[Any, datetime | None]):
    """Timestamps as they are written, to what they mean: the metrics of one page share most of theirs."""

    def __init__(self) -> None:
        self._lists: dict[tuple[Any, ...], list[datetime | None]] = {}

    def __missing__(self, written: Any) -> datetime | None:
        self[written] = moment = _moment(written)
        return moment

    def of(self, written: list[Any]) -> list[datetime | None]:
        """Return a list's moments; lists that are written alike share one, so that it must stay as it is."""
        key = tuple(written)
        moments = self._lists.get(key)
        if moments is None:
            moments = self._lists[key] = list(map(self.__getitem__, written))
        return moments


Reader = Callable[[Any, Times], Any]


def compiled(shape: Shape) -> Parser:
    """Return a parser of answers with that output shape.

    Raises: UnknownShapeError where the shape has what these answers do not, such as maps or blobs;
    the parser raises it, or what orjson and the converters raise, for bodies it cannot follow.
    """
    if not isinstance(shape, StructureShape):
        raise UnknownShapeError(shape.name)
    read = _structure(shape, {})

    def parse(body: bytes) -> tuple[dict[str, Any], bytes]:
        return read(orjson.loads(body), Times()), b"{}"

    return parse


def _reader(shape: Shape, known: dict[str, Reader]) -> Reader | None:
    """Return what reads a value of that shape; None where the value is to be taken as it is."""
    if isinstance(shape, StructureShape):
        return _structure(shape, known)
    if isinstance(shape, ListShape):
        return _list(shape, known)
    if isinstance(shape, MapShape) or shape.type_name == "blob":
        raise UnknownShapeError(shape.name)
    if shape.type_name == "timestamp":
        return lambda raw, times: times[raw]
    if shape.type_name in _NUMBERS:
        return lambda raw, _: _exact([raw])[0]
    return None


def _structure(shape: StructureShape, known: dict[str, Reader]) -> Reader:
    """Return a reader of dicts; `known` holds those made before, by the names of their shapes."""
    if shape.name in known:
        return known[shape.name]
    if shape.is_tagged_union or shape.is_document_type or shape.event_stream_name:
        raise UnknownShapeError(shape.name)
    members: list[tuple[str, str, Reader | None]] = []

    def read(raw: Any, times: Times) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise UnknownShapeError(shape.name)
        return {
            member: value if convert is None else convert(value, times)
            for name, member, convert in members
            if (value := raw.get(name)) is not None
        }

    known[shape.name] = read
    for member, member_shape in shape.members.items():
        name = str(member_shape.serialization.get("name", member))
        members.append((name, member, _reader(member_shape, known)))
    return read


def _list(shape: ListShape, known: dict[str, Reader]) -> Reader:
    if shape.member.type_name == "timestamp":
        return lambda raw, times: times.of(_items(raw))
    if shape.member.type_name in _NUMBERS:
        return lambda raw, _: _exact(_items(raw))
    read = _reader(shape.member, known)
    if read is None:
        return lambda raw, _: _items(raw)
    return lambda raw, times: [None if item is None else read(item, times) for item in _items(raw)]


def _items(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise UnknownShapeError("a list that is none")
    return raw


def _exact(numbers: list[Any]) -> list[Any]:
    """Return the numbers if orjson and json read all of them alike.

    Beyond 64 bits, orjson reads an integer as a float; json, and so botocore, reads it exactly. The length
    of the vector of all numbers is a bound for each of them, and the quickest there is.
    """
    if not math.hypot(*numbers) < _EXACT:
        raise UnknownShapeError("a number beyond 64 bits")
    return numbers


def _moment(written: Any) -> datetime | None:
    if written is None:
        return None
    if isinstance(written, int | float):
        return datetime.fromtimestamp(written, UTC)
    moment: datetime = parse_timestamp(written)
    return moment
