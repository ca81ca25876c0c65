"""Customers as far as a decision needs them: who they are to a client is no business of the workflows."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody an order is for; inactive once deleted."""

    id: uuid.UUID
    is_active: bool
