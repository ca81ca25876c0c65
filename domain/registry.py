"""The command types: a module in `domain/commands/` declares one, and every room reads it here."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from domain.orders import Order
from domain.outcome import Answer, Outcome, Settled
from domain.world import ProductKey, World

POS, INTEGRATION, MANAGER, AUDITOR = "pos", "integration", "manager", "auditor"
ROLES = (POS, INTEGRATION, MANAGER, AUDITOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to act, as it is executed; `role` is the client's role now, None once it has been revoked.

    `asked` is the command that a provider's answer is about, as long as that waits for it.
    """

    id: uuid.UUID
    type: str
    order_id: uuid.UUID | None
    action: "Action"
    expected_version: int | None
    expires_at: datetime | None
    role: str | None
    asked: "Command | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a command touches beside its own order and the products of that order's lines.

    `products` are those the payload itself names. With `moves_stock` all of them are locked, not only read.
    """

    products: tuple[ProductKey, ...] = ()
    customer_id: uuid.UUID | None = None
    moves_stock: bool = False


ORDER_ALONE = Scope()
STOCK_OF_ORDER = Scope(moves_stock=True)


class Action(Protocol):
    """The payload of one command type: what it says, what it touches, how it decides."""

    def scope(self) -> Scope:
        """What it touches."""

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Say yes or no; the caller has checked what holds for every command."""


class Asking(Action, Protocol):
    """The payload of a command type that may have to ask the payment provider."""

    def settle(self, command: Command, world: World, answer: Answer) -> Settled:
        """Go on with what the provider has answered, on the order that has been frozen since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandType:
    """A registered command type."""

    name: str
    roles: frozenset[str]
    payload: type[Any]
    allowed: Callable[[Order], bool] | None
    example: Mapping[str, object]

    @property
    def is_creation(self) -> bool:
        """Whether it makes the order that it names."""
        return self.name == "order.create"

    @property
    def has_order(self) -> bool:
        """Whether it acts on an order; the others act on one product's stock."""
        return not self.name.startswith("stock.")

    @property
    def is_internal(self) -> bool:
        """Whether Orderly alone submits it: no role may."""
        return not self.roles


_TYPES: dict[str, CommandType] = {}


def command[A](
    name: str,
    *,
    roles: Iterable[str],
    allowed: Callable[[Order], bool] | None = None,
    example: Mapping[str, object] = MappingProxyType({}),
) -> Callable[[type[A]], type[A]]:
    """Register a payload class as the command type `name`, to be submitted by `roles`.

    `allowed` says whether the workflow allows it on an order as it stands; None for what is not done to an order that
    exists. `example` is a payload for the API's description.
    """

    def register(payload: type[A]) -> type[A]:
        assert name not in _TYPES, f"{name} is declared twice"
        _TYPES[name] = CommandType(name=name, roles=frozenset(roles), payload=payload, allowed=allowed, example=example)
        return payload

    return register


def find(name: str) -> CommandType | None:
    """The command type, if there is one."""
    return _TYPES.get(name)


def find_public(name: object) -> CommandType | None:
    """The command type, if there is one that clients may submit."""
    kind = _TYPES.get(name) if isinstance(name, str) else None
    return None if kind is None or kind.is_internal else kind


def names(*, internal: bool = False) -> tuple[str, ...]:
    """The command types that clients may submit, in alphabetical order; with `internal` Orderly's own among them."""
    return tuple(sorted(name for name, kind in _TYPES.items() if internal or not kind.is_internal))


def own_names() -> tuple[str, ...]:
    """The command types that Orderly alone submits."""
    return tuple(sorted(name for name, kind in _TYPES.items() if kind.is_internal))
