"""Answers that are held back until a command has ended.

A view answers at once, with a `Wait`; the server (config/rsgi.py) holds the answer back, without a thread and
without a database connection, and has another one made when the command may have ended or the time is up.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse

from api.reading import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long to hold an answer back; `again` makes it of the command as it stands by then, with a wait while that has
    not ended.
    """

    command_id: uuid.UUID
    seconds: float
    again: Callable[[Shown], HttpResponse]


class Holdable(HttpResponse):
    """An answer about a command; with `wait` it is one for now."""

    wait: Wait | None = None
