"""Commands as HTTP answers: the same headers and the same bytes wherever a command is submitted or read."""

import hashlib
import json
from collections.abc import Sequence

from django.http import HttpResponse

from api.problems import Problem
from api.submission import Accepted, Answer
from store import rendering
from store.commands import CommandRow

HEADERS = {"Cache-Control": "no-store", "Vary": "Prefer, Authorization"}
_RETRY_AFTER = {"Retry-After": "1"}


def submitted(answer: Answer) -> HttpResponse:
    """What one submission is answered with; raises the Problem if it is one."""
    if isinstance(answer, Problem):
        raise answer
    headers = {"Location": f"{rendering.API}/commands/{answer.id}"}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return of_json(answer.shown, status=_status(answer), is_final=answer.is_final, **headers)


def submitted_together(answers: Sequence[Answer]) -> HttpResponse:
    """What a batch is answered with: each entry's status, and its command or its problem."""
    return _json(b'{"results":[%s]}' % b",".join(map(_entry, answers)), 200, HEADERS)


def of_command(row: CommandRow, status: int = 200) -> HttpResponse:
    """A command as it stands."""
    return of_json(rendering.command_json(row), status=status, is_final=row.is_final)


def of_json(shown: bytes, *, status: int, is_final: bool, **headers: str) -> HttpResponse:
    """A command that is JSON already."""
    return _json(shown, status, HEADERS | headers | ({} if is_final else _RETRY_AFTER))


def etag(shown: bytes) -> str:
    """The strong entity tag of a command's JSON (RFC 9110)."""
    return f'"{hashlib.sha256(shown).hexdigest()[:32]}"'


def _entry(answer: Answer) -> bytes:
    if isinstance(answer, Problem):
        return json.dumps({"status": answer.status_code, "error": answer.body()}).encode()
    replayed = b',"replayed":true' if answer.replayed else b""
    return b'{"status":%d%s,"command":%s}' % (_status(answer), replayed, answer.shown)


def _status(accepted: Accepted) -> int:
    return 200 if accepted.is_final else 202


def _json(content: bytes, status: int, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(content, status=status, headers=headers, content_type="application/json")
