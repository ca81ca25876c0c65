"""Logs: one JSON object a line on standard error, each with an `action`; other libraries' lines take the same shape.

Our own lines go straight to the file descriptor: the way through `logging` costs five times as much, and a web process
writes more than a thousand a second.
"""

import json
import logging
import os
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict

from api import request_ids
from store import traces

_STDERR = 2


def placed(_logger: object, level: str, event: EventDict) -> EventDict:
    """The line with its level, its time, and the request in hand where there is one."""
    event["level"] = level
    event["timestamp"] = datetime.now(UTC)
    asked = request_ids.underway()
    if asked is not None:
        event.setdefault("request_id", asked.id)
        if asked.traceparent is not None:
            event.setdefault("trace_id", traces.trace_id(asked.traceparent))
    return event


def configuration(level: str) -> dict[str, Any]:
    """The `LOGGING` dictionary, after structlog has been set up beside it."""
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[placed, structlog.processors.format_exc_info, render],
        logger_factory=lambda *_names: StandardError(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"unexpected": {"()": "django.utils.log.CallbackFilter", "callback": _has_traceback}},
        "formatters": {"json": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level, "handlers": ["stderr"]},
        # Celery says "received" and "succeeded" for each drain; Flower shows that better.
        "loggers": {
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            # What is refused or fails has a line of its own (api/observing.py); only a traceback is worth another.
            "django.request": {"level": "ERROR", "filters": ["unexpected"]},
            "httpx": {"level": "WARNING"},
            "stripe": {"level": "WARNING"},  # a line for each request, and what was sent in it
        },
    }


def formatter() -> logging.Formatter:
    """Makes the lines of other libraries look like ours; config/granian.json names it too."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            lambda *given: render(*given).decode(),
        ],
        foreign_pre_chain=[placed, structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
    )


def render(_logger: object, _level: str, event: EventDict) -> bytes:
    """The line, whatever stands in it."""
    line: MutableMapping[str, Any] = {"action": event.pop("event", None)}
    line.update((name, value) for name, value in event.items() if value is not None)
    try:
        return orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z)
    except TypeError:  # a lone surrogate, an enormous number
        return json.dumps(line, default=repr).encode()


class StandardError:
    """Writes whole lines, each in one go: processes that share the file do not tear each other's apart."""

    def msg(self, line: bytes) -> None:
        """Write it, if anybody still takes it."""
        with suppress(OSError):
            os.write(_STDERR, line + b"\n")

    debug = info = warning = error = critical = exception = msg


def _has_traceback(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)
