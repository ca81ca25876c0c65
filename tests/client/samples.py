"""Answers as the server gives them, for tests without one."""

import json
from typing import Any

from orderly_client.conversation import Answer

ORDER_ID = "01a1fd5d-a08c-7614-bc41-b90e71b2481a"
COMMAND_ID = "01a1fd5d-a339-77a5-a716-1bb2f675ef1b"
NOW = "2026-11-21T09:08:54.713816Z"


def shown_command(**members: Any) -> dict[str, Any]:
    """A queued command."""
    return {
        "id": COMMAND_ID,
        "type": "order.pay",
        "status": "queued",
        "order_id": ORDER_ID,
        "idempotency_key": "k",
        "client": "till-7",
        "result": None,
        "error": None,
        "attempts": 0,
        "expected_version": None,
        "expires_at": None,
        "not_before": None,
        "occurred_at": None,
        "device_sequence": None,
        "accepted_at": NOW,
        "started_at": None,
        "finished_at": None,
        "links": {"self": f"/api/v1/commands/{COMMAND_ID}", "order": f"/api/v1/orders/{ORDER_ID}"},
    } | members


def shown_problem(status: int, code: str, **members: Any) -> dict[str, Any]:
    """A problem."""
    return {
        "type": f"/problems/{code}",
        "title": code.title(),
        "status": status,
        "detail": f"It is {code}.",
        "code": code,
    } | members


PAID = shown_command(
    status="succeeded",
    finished_at=NOW,
    result={
        "order": {"id": ORDER_ID, "total": "4.58", "status": "paid", "version": 2, "currency": "EUR"},
        "payment": {"amount": "4.58", "change": "0.42", "method": "cash", "tendered": "5.00"},
    },
)
FAILED = shown_command(
    status="failed",
    finished_at=NOW,
    error={"code": "insufficient-stock", "title": "t", "detail": "d", "retryable": False, "shortages": [{"wanted": 3}]},
)


def answer(status: int, body: object, **headers: str) -> Answer:
    """An answer; `Retry_After="1"` is the header `Retry-After`."""
    named = {name.replace("_", "-").lower(): text for name, text in headers.items()}
    return Answer(status=status, headers=named, body=json.dumps(body).encode())


def refusal(status: int, code: str, **headers: str) -> Answer:
    """An answer that says no."""
    return answer(status, shown_problem(status, code), **headers)
