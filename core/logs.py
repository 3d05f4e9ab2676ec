"""How logs are written: one JSON object a line for machines, or lines for people, with their context.

What runs binds its context (request, task, run) with structlog's contextvars; whatever is logged meanwhile
carries it, by structlog or by the standard library. Settings import this module: it knows nothing of Django.
"""

import json
import logging
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# The formats, each with the loggers that are quiet in it. Both Celery and django-structlog tell of tasks: the
# latter with their context, for machines, but also of each message that is sent, which clutters a terminal.
FORMATS = {"json": ("celery.app.trace", "celery.worker.strategy"), "console": ("django_structlog",)}
_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
# What `readable` puts in front of, or behind, the other fields.
_PLACED = ("timestamp", "level", "logger", "event", "exception", "stack")


def configure(*, format: str, level: str) -> dict[str, Any]:  # noqa: A002 - the setting's name
    """Set structlog up, have warnings logged, and return Django's LOGGING."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)  # noqa: FBT003 - the library's signature
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "chosen": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": _rendering(format),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": "WARNING"} for name in FORMATS[format]},
    }


def _rendering(format: str) -> list[Processor]:  # noqa: A002 - the setting's name
    """Return the last processors; tracebacks are text without local variables, which may be secret."""
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if format == "json":
        return [
            clean,
            structlog.processors.format_exc_info,
            _first_event,
            structlog.processors.JSONRenderer(),
        ]
    plain = structlog.dev.plain_traceback
    return [clean, structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]


def _first_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put first what a reader looks for first."""
    return {name: event[name] for name in _PLACED[:4] if name in event} | dict(event)


def readable(line: str) -> list[str]:
    """Return a line of a log as lines for people; what is not one of our JSON objects stays as it is."""
    try:
        said = json.loads(line)
    except ValueError:
        return [line]
    if not isinstance(said, dict) or "event" not in said:
        return [line]
    head = " ".join(str(said[name]) for name in _PLACED[:3] if name in said)
    context = "".join(f" {name}={value}" for name, value in said.items() if name not in _PLACED)
    trace = [text for name in _PLACED[4:] for text in str(said.get(name, "")).splitlines()]
    return [f"{head}: {said['event']}{context}".removeprefix(": "), *trace]
