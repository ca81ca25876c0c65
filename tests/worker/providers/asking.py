"""What providers are asked for in these tests."""

import uuid
from datetime import UTC, datetime

from worker.providers import Charge, Return


def a_charge(payment_method: str, amount: int = 2997, currency: str = "EUR", **given: uuid.UUID) -> Charge:
    """A charge of a new order, asked for just now."""
    return Charge(
        id=given.get("id") or uuid.uuid4(),
        order_id=uuid.uuid4(),
        amount=amount,
        currency=currency,
        payment_method=payment_method,
        asked_at=datetime.now(UTC),
    )


def a_return(reference: str | None, amount: int, currency: str = "EUR") -> Return:
    """Money of that charge, asked for just now."""
    assert reference is not None
    return Return(
        id=uuid.uuid4(),
        order_id=uuid.uuid4(),
        amount=amount,
        currency=currency,
        reference=reference,
        asked_at=datetime.now(UTC),
    )
