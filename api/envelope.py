"""The envelope around a command's payload: what every command has, checked together with the payload."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.problems import Problem, invalid
from domain import commands, registry
from domain.access import may
from domain.fields import Anything, Breach, Identifier, Integer, Invalid, Text, Timestamp, optional, parse, required
from domain.registry import CommandType

__all__ = ["Envelope", "check", "commands", "demand_role"]  # importing `commands` registers every command type

_COUNT = Integer(minimum=0, maximum=2**53 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The members of a submitted command; `payload` is checked by its type."""

    type: str = required(Text(minimum=1, maximum=64))
    payload: dict[str, Any] = required(Anything())
    order_id: uuid.UUID | None = optional(Identifier())
    expected_version: int | None = optional(Integer(minimum=1, maximum=2**53 - 1))
    expires_at: datetime | None = optional(Timestamp())
    not_before: datetime | None = optional(Timestamp())
    occurred_at: datetime | None = optional(Timestamp())
    device_sequence: int | None = optional(_COUNT)

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        kind = registry.find_public(self.type)
        if kind is None:
            return [("type", "unknown-type", f"must be one of: {', '.join(registry.names())}")]
        found = []
        if kind.has_order and not kind.is_creation and self.order_id is None:
            found.append(("order_id", "required", f"is required for {self.type}"))
        if not kind.has_order and self.order_id is not None:
            found.append(("order_id", "not-applicable", f"does not apply to {self.type}"))
        if (kind.is_creation or not kind.has_order) and self.expected_version is not None:
            found.append(("expected_version", "not-applicable", f"does not apply to {self.type}"))
        if self.not_before and self.expires_at and self.not_before >= self.expires_at:
            found.append(("not_before", "not-before-expiry", "must be before expires_at"))
        return found


def demand_role(body: object, role: str) -> None:
    """Raise 403 when the role may not submit the type that the body names, valid or not."""
    name = body.get("type") if isinstance(body, dict) else None
    kind = registry.find_public(name)
    if not may(role, "commands.submit") or (kind and role not in kind.roles):
        raise Problem(403, "forbidden", f"The role {role} may not submit {name if kind else 'commands'}.")


def check(body: object, now: datetime) -> tuple[Envelope, CommandType]:
    """The envelope of a valid body and its type; raises 400 with every breach, 422 when it has expired already."""
    breaches: list[Breach] = []
    envelope = None
    try:
        envelope = parse(Envelope, body)
    except Invalid as broken:
        breaches += broken.breaches
    breaches += _payload_breaches(body)
    if breaches or envelope is None:
        raise invalid(breaches)
    if envelope.expires_at is not None and envelope.expires_at <= now:
        raise Problem(422, "expired", "The command's expires_at is past.")
    kind = registry.find_public(envelope.type)
    assert kind is not None, "the envelope has been checked"
    return envelope, kind


def _payload_breaches(body: object) -> tuple[Breach, ...]:
    if not isinstance(body, dict) or not isinstance(body.get("payload"), dict):
        return ()
    name = body.get("type")
    kind = registry.find_public(name)
    if kind is None:
        return ()
    try:
        parse(kind.payload, body["payload"], "/payload")
    except Invalid as broken:
        return broken.breaches
    return ()
