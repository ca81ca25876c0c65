"""Answers that are held back until a command has ended.

A view answers at once, with a `Wait`; the server (config/rsgi.py) holds the answer back, without a thread and
without a database connection, and asks for another one when the command may have ended or the time is up.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long to hold an answer back; `again` gives it anew, with a wait while the command has not ended."""

    command_id: uuid.UUID
    seconds: float
    again: Callable[[], HttpResponse]


class Holdable(HttpResponse):
    """An answer about a command; with `wait` it is one for now."""

    wait: Wait | None = None
