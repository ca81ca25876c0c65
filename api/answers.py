"""Commands as HTTP answers: the same headers and the same bytes wherever a command is submitted or read."""

import functools
import hashlib
import json
import uuid
from collections.abc import Callable, Sequence

from django.http import HttpResponse

from api.preconditions import matches
from api.problems import Problem
from api.reading import Shown, shown, shown_lately
from api.submission import Answer
from api.waiting import Holdable, Wait
from store import metrics, rendering
from store.clients import Caller

HEADERS = {"Cache-Control": "no-store", "Vary": "Prefer, Authorization"}
_RETRY_AFTER = {"Retry-After": "1"}


def submitted(caller: Caller, answer: Answer, wait_seconds: int | None) -> HttpResponse:
    """What one submission is answered with, held back for so long; raises the Problem if it is one."""
    if isinstance(answer, Problem):
        raise answer
    headers = {"Location": f"{rendering.API}/commands/{answer.id}"}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"

    def say(found: Shown) -> Holdable:
        return of_command(found, status=200 if found.is_final else 202, **headers)

    return _held(answer.id, wait_seconds, say, answer.shown)


def submitted_together(answers: Sequence[Answer]) -> HttpResponse:
    """What a batch is answered with: each entry's status, and its command or its problem."""
    return _json(b'{"results":[%s]}' % b",".join(map(_entry, answers)), 200, HEADERS)


def read(caller: Caller, command_id: uuid.UUID, if_none_match: str, wait_seconds: int | None) -> HttpResponse:
    """What a reader is answered, held back for so long: the command, or 304 when the reader has it as it is."""

    def say(found: Shown) -> Holdable:
        etag = f'"{hashlib.sha256(found.json).hexdigest()[:32]}"'
        if matches(if_none_match, etag):
            return of_command(Shown(b"", found.is_final), status=304, ETag=etag)
        return of_command(found, ETag=etag)

    found = shown_lately(caller, command_id) if wait_seconds else None
    return _held(command_id, wait_seconds, say, found or shown(caller, command_id))


def of_command(found: Shown, *, status: int = 200, **headers: str) -> Holdable:
    """A command as it stands."""
    return _json(found.json, status, HEADERS | headers | ({} if found.is_final else _RETRY_AFTER))


def _held(command_id: uuid.UUID, wait_seconds: int | None, say: Callable[[Shown], Holdable], found: Shown) -> Holdable:
    """What there is to say; it is held back while the command has not ended."""
    response = say(found)
    if wait_seconds is not None:
        response["Preference-Applied"] = f"wait={wait_seconds}"
        if not found.is_final:
            again = functools.partial(_held, command_id, wait_seconds, say)
            response.wait = Wait(command_id=command_id, seconds=wait_seconds, again=again)
    return response


def _entry(answer: Answer) -> bytes:
    if isinstance(answer, Problem):
        metrics.refused(answer.code)
        return json.dumps({"status": answer.status_code, "error": answer.body()}).encode()
    replayed = b',"replayed":true' if answer.replayed else b""
    return b'{"status":%d%s,"command":%s}' % (200 if answer.shown.is_final else 202, replayed, answer.shown.json)


def _json(content: bytes, status: int, headers: dict[str, str]) -> Holdable:
    return Holdable(content, status=status, headers=headers, content_type="application/json")
