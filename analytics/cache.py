"""Answers that were given before, for as long as the data they were made from stay the same.

They are kept in Valkey, all of a kind in one hash that belongs to a generation: the versions of the data, the
day and the code. The first answer of the next generation takes the place of all of them, so that nothing old
is ever found, and nothing piles up. Without Valkey everything is computed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import orjson
import redis
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.models import Dataset, DataVersion
from core import valkey
from core.api import ExactJSONRenderer

logger = logging.getLogger(__name__)

KEPT_S = 24 * 3600
LARGEST_BYTES = 1_000_000
MOST_BYTES = 16_000_000
"""Of all answers of a kind: Valkey is there for messages in the first place."""
COUNTS = "analytics:counts"

_MEDIA_TYPE = "application/json"
# KEYS: the answers, the counts; ARGV: the generation, the question. Returns the answer, if there is one.
_LOOK_UP = """
local found = redis.call('HMGET', KEYS[1], 'generation', ARGV[2])
local is_hit = found[1] == ARGV[1] and found[2]
redis.call('HINCRBY', KEYS[2], is_hit and 'hits' or 'misses', 1)
return is_hit and found[2]
"""
# KEYS: the answers; ARGV: the generation, the question, the answer, bytes of all at most, seconds kept.
_KEEP = """
local bytes = tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0) + #ARGV[3]
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] or bytes > tonumber(ARGV[4]) then
    redis.call('UNLINK', KEYS[1])
    bytes = #ARGV[3]
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'bytes', bytes, ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])
"""

View = Callable[[Any, Request], Response]
RememberingView = Callable[[Any, Request], Response | HttpResponse]


def remembered(*datasets: Dataset) -> Callable[[View], RememberingView]:
    """Have a view's answers kept that are made from these data, the question and the day alone.

    Who may ask has been checked by then. Whatever is not plain JSON is made anew.
    """

    def remembering(get: View) -> RememberingView:
        @wraps(get)
        def answered(view: APIView, request: Request) -> Response | HttpResponse:
            question = Question.of(request, datasets)
            if question is None:
                return get(view, request)
            try:
                known = question.look_up()
            except redis.RedisError as error:
                logger.warning("Answers are not remembered, Valkey cannot be asked: %s", error)
                return get(view, request)
            if known is None:
                known = Answer.of(get(view, request))
                question.keep(known)
            return known.response()

        return answered

    return remembering


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, byte by byte, with the headers that belong to it."""

    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, response: Response) -> Self:
        """Write an answer as it is sent."""
        headers = {name: value for name, value in response.items() if name != "Content-Type"}
        return cls(headers, ExactJSONRenderer().render(response.data))

    @classmethod
    def read(cls, kept: bytes) -> Self:
        headers, _, body = kept.partition(b"\n")
        return cls(orjson.loads(headers), body)

    def written(self) -> bytes:
        return orjson.dumps(self.headers) + b"\n" + self.body

    def response(self) -> HttpResponse:
        return HttpResponse(self.body, content_type=_MEDIA_TYPE, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one state of the data."""

    kind: str
    generation: str
    name: str

    @classmethod
    def of(cls, request: Request, datasets: tuple[Dataset, ...]) -> Self | None:
        """Return the question that a request asks; None where its answer is not to be kept."""
        if request.accepted_media_type != _MEDIA_TYPE:
            return None
        versions = DataVersion.objects.current(*datasets)
        if versions is None:
            return None
        # Links in answers have the host in them.
        address = request.build_absolute_uri().encode()
        generation = f"{_code()} {timezone.now().date()} {versions}"
        return cls("-".join(datasets), generation, f"answer:{sha256(address).hexdigest()}")

    def look_up(self) -> Answer | None:
        """Return the answer that was given before, if any, and count that. Raises: redis.RedisError."""
        kept: bytes | None = _ask(_LOOK_UP, [self._key, COUNTS], [self.generation, self.name])
        return None if kept is None else Answer.read(kept)

    def keep(self, answer: Answer) -> None:
        """Keep the answer for who asks next, unless it is very large."""
        written = answer.written()
        if len(written) > LARGEST_BYTES:
            return
        try:
            _ask(_KEEP, [self._key], [self.generation, self.name, written, MOST_BYTES, KEPT_S])
        except redis.RedisError as error:
            logger.warning("An answer is not remembered, Valkey does not take it: %s", error)

    @property
    def _key(self) -> str:
        return f"analytics:answers:{self.kind}"


def _ask(script: str, keys: list[str], arguments: list[Any]) -> Any:
    return valkey.client().register_script(script)(keys=keys, args=arguments)


@cache
def _code() -> str:
    """Return what tells this release's way to answer from those before and after it."""
    project = Path(__file__).parents[1]
    files = [
        *project.glob("analytics/*.py"),
        *project.glob("core/*.py"),
        *(project / "collectors" / "models").glob("*.py"),
    ]
    return sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:16]


# --- How well it does ------------------------------------------------------------------------
def counts() -> tuple[int, int] | None:
    """Return how many answers were found and how many were not, since Valkey counts; None without it."""
    try:
        hits, misses = valkey.client().hmget(COUNTS, ["hits", "misses"])
    except redis.RedisError as error:
        logger.warning("Hits and misses are not known, Valkey cannot be asked: %s", error)
        return None
    return int(hits or 0), int(misses or 0)


def report() -> dict[str, Any]:
    """Return hits, misses and the share of hits (0 to 1); what is not known is null, with the reason."""
    found = counts()
    if found is None:
        return {"hits": None, "misses": None, "hit_rate": None, "reason": "Valkey does not answer."}
    hits, misses = found
    if not hits + misses:
        return {"hits": 0, "misses": 0, "hit_rate": None, "reason": "Nothing was asked yet."}
    return {"hits": hits, "misses": misses, "hit_rate": hits / (hits + misses), "reason": ""}
