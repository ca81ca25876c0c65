"""The books of the simulated payment provider: each request once, however often and from wherever it comes.

They outlive the process that asks, as the books of a real provider do.
"""

import uuid
from dataclasses import dataclass

from django.db import transaction

from store import db


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A charge or a refund as it was asked for first; `is_yes` is None while it has not arrived, `asked` a count."""

    id: uuid.UUID
    amount: int
    currency: str
    is_yes: bool | None
    detail: str | None
    asked: int


_COLUMNS = "id, amount, currency, is_yes, detail, asked"
# What was lost on its way arrives the second time, if it is the same; what has been answered stays as it was.
_AGAIN = f"""
ON CONFLICT (id) DO UPDATE SET asked = known.asked + 1, is_yes = COALESCE(
    known.is_yes, CASE WHEN (known.amount, known.currency) = (EXCLUDED.amount, EXCLUDED.currency) THEN true END)
RETURNING {_COLUMNS}
"""
_CHARGE = f"""
INSERT INTO simulated_payment AS known (id, amount, currency, is_yes, detail)
VALUES (%s, %s, %s, %s, %s)
{_AGAIN}
"""  # noqa: S608 - nothing but our own text
_LOCK = "SELECT id FROM simulated_payment WHERE id = %s AND charge_id IS NULL AND is_yes FOR NO KEY UPDATE"
_GIVE_BACK = f"""
INSERT INTO simulated_payment AS known (id, charge_id, amount, currency, is_yes, detail)
SELECT wanted.id, charge.id, wanted.amount, wanted.currency, possible, CASE WHEN NOT possible THEN %s END
FROM (VALUES (%s::uuid, %s::uuid, %s::bigint, %s::text)) AS wanted (id, charge_id, amount, currency)
JOIN simulated_payment charge ON charge.id = wanted.charge_id,
LATERAL (SELECT charge.currency = wanted.currency AND charge.amount >= wanted.amount + COALESCE(
    (SELECT sum(amount) FROM simulated_payment WHERE charge_id = charge.id AND is_yes), 0) AS possible) AS checked
{_AGAIN}
"""  # noqa: S608 - nothing but our own text
_FIND = f"SELECT {_COLUMNS} FROM simulated_payment WHERE id = %s"  # noqa: S608 - nothing but our own text


def charge(request_id: uuid.UUID, amount: int, currency: str, *, is_yes: bool | None, detail: str | None) -> Request:
    """Write the charge down with this answer, or count that it came again."""
    return db.rows(Request, _CHARGE, [request_id, amount, currency, is_yes, detail])[0]


def give_back(request_id: uuid.UUID, charge_id: uuid.UUID, amount: int, currency: str, *, no: str) -> Request | None:
    """Write a refund down: yes while the charge has as much left, or no with the detail `no`; None without a charge."""
    with transaction.atomic(durable=True):
        # Another refund of the same charge waits here, and then sees this one.
        if not db.scalars(_LOCK, [charge_id]):
            return None
        return db.rows(Request, _GIVE_BACK, [no, request_id, charge_id, amount, currency])[0]


def find(request_id: uuid.UUID) -> Request | None:
    """The request, if it was ever made."""
    found = db.rows(Request, _FIND, [request_id])
    return found[0] if found else None
