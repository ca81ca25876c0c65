"""The workflows: which status follows which, and what each move does to the stock. The one place that says so."""

from dataclasses import dataclass
from enum import StrEnum


class StockEffect(StrEnum):
    """What a move does to the stock of an order's lines, once per product."""

    NONE = "none"
    DEBIT = "sale"
    RESTOCK = "restock"
    RESERVE = "reserve"
    SHIP = "ship"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed change of status; `source` is None for creation. `verb` names the command that asks for it."""

    source: str | None
    target: str
    verb: str
    effect: StockEffect = StockEffect.NONE


COUNTER = "counter"
FULFILMENT = "fulfilment"

WORKFLOWS: dict[str, tuple[Move, ...]] = {
    COUNTER: (
        Move(None, "draft", "create"),
        Move("draft", "paid", "pay", StockEffect.DEBIT),
        Move("draft", "cancelled", "cancel"),
        Move("paid", "cancelled", "cancel", StockEffect.RESTOCK),
    ),
    FULFILMENT: (
        Move(None, "pending", "create", StockEffect.RESERVE),
        Move("pending", "confirmed", "change_status"),
        Move("confirmed", "picked", "change_status"),
        Move("picked", "shipped", "change_status", StockEffect.SHIP),
        Move("shipped", "delivered", "change_status"),
        Move("pending", "cancelled", "cancel", StockEffect.RELEASE),
        Move("confirmed", "cancelled", "cancel", StockEffect.RELEASE),
    ),
}

STATUSES: tuple[str, ...] = tuple(dict.fromkeys(move.target for moves in WORKFLOWS.values() for move in moves))
OVER: frozenset[str] = frozenset({"cancelled", "delivered"})
"""Nothing follows these; only such an order may be archived."""

_MOVES = {
    (workflow, move.source, move.target, move.verb): move for workflow, moves in WORKFLOWS.items() for move in moves
}
_BIRTHS = {workflow: move for workflow, moves in WORKFLOWS.items() for move in moves if move.source is None}


def birth(workflow: str) -> Move:
    """The move that creates an order of this workflow."""
    return _BIRTHS[workflow]


def find(workflow: str, source: str, target: str, verb: str) -> Move | None:
    """The move, if the table has it."""
    return _MOVES.get((workflow, source, target, verb))


def moves_stock(target: str, verb: str) -> bool:
    """Whether some move by this verb to this status has an effect on stock."""
    return any(
        move.effect is not StockEffect.NONE
        for moves in WORKFLOWS.values()
        for move in moves
        if (move.target, move.verb) == (target, verb)
    )


def allowed(workflow: str, source: str, verb: str | None = None) -> tuple[str, ...]:
    """The statuses that may follow `source`, all of them or those that `verb` leads to."""
    return tuple(
        move.target for move in WORKFLOWS[workflow] if move.source == source and (verb is None or move.verb == verb)
    )
