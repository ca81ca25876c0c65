"""What may be done to an order now: the workflow and the caller's role, asked together."""

import dataclasses
from typing import Any

from domain import commands, registry, workflow
from domain.orders import Order

__all__ = ["available", "commands"]  # importing `commands` registers every command type


def available(order: Order, role: str) -> list[dict[str, Any]]:
    """The command types a client of this role may submit for the order, with the statuses that `to` may name."""
    if order.archived or order.asked_by is not None:
        return []
    return [
        {"type": kind.name} | ({"to": _targets(order, kind.name)} if _has_target(kind.payload) else {})
        for name in registry.names()
        if (kind := registry.find(name)) and role in kind.roles and kind.allowed and kind.allowed(order)
    ]


def _has_target(payload: type[Any]) -> bool:
    return any(field.name == "to" for field in dataclasses.fields(payload))


def _targets(order: Order, name: str) -> list[str]:
    return list(workflow.allowed(order.workflow, order.status, name.removeprefix("order.")))
