"""One decision: the rules of every command first, in the documented order of precedence, then the command's own."""

from datetime import datetime

from domain import commands, registry
from domain.outcome import Outcome, Refused, order_not_found
from domain.registry import Command
from domain.world import World

__all__ = ["EXPIRED", "commands", "decide"]  # importing `commands` registers every command type

EXPIRED = Refused("expired", "The command was not executed before its expires_at.")


def decide(command: Command, world: World, now: datetime) -> Outcome:
    """Decide a command on the world; changes neither. Precedence: CONTRACT, "The command resource"."""
    return _refusal_of_any(command, world, now) or command.action.decide(command, world, now)


def _refusal_of_any(command: Command, world: World, now: datetime) -> Refused | None:
    if command.expires_at is not None and command.expires_at <= now:
        return EXPIRED
    kind = registry.find(command.type)
    assert kind is not None, f"unknown type {command.type}"
    if not kind.is_internal and command.role not in kind.roles:
        return Refused("forbidden", f"The client may no longer submit {command.type}.")
    if not kind.has_order:
        return None
    assert command.order_id is not None, f"{command.type} without an order"
    order = world.orders.get(command.order_id)
    if kind.is_creation:
        return Refused("order-exists", f"There is an order {command.order_id} already.") if order else None
    if order is None:
        return order_not_found(command.order_id)
    if command.expected_version is not None and command.expected_version != order.version:
        detail = f"The order is at version {order.version}, not at {command.expected_version}."
        return Refused("version-conflict", detail, {"version": order.version})
    if order.asked_by is not None and not kind.is_internal:
        return Refused("order-frozen", "The payment provider is being asked; nothing else changes meanwhile.")
    if order.archived:
        return Refused("order-frozen", "The order is archived and changes no more.")
    return None
