"""`payment.settle`: the payment provider has answered, and the command that asked ends. Submitted by Orderly alone."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from domain.fields import Boolean, Identifier, Text, optional, required
from domain.outcome import Answer, Outcome, Refused
from domain.registry import STOCK_OF_ORDER, Asking, Command, Scope, command
from domain.world import World

TYPE = "payment.settle"


@command(TYPE, roles=())
@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePayment:
    """Which command asked, and the answer: yes with the provider's own reference, or no with a reason."""

    command_id: uuid.UUID = required(Identifier())
    is_yes: bool = required(Boolean())
    reference: str | None = optional(Text(maximum=255))
    detail: str | None = optional(Text(maximum=2_000))

    def scope(self) -> Scope:
        """The stock of what is on the order's lines."""
        return STOCK_OF_ORDER

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Let the command go on that asked; refuse an answer that comes when it has ended."""
        if command.asked is None or world.order_of(command.order_id).asked_by != command.asked.id:
            return Refused("invalid-transition", f"The command {self.command_id} waits for no answer.")
        asking = cast("Asking", command.asked.action)
        answer = Answer(is_yes=self.is_yes, reference=self.reference, detail=self.detail)
        return asking.settle(command.asked, world, answer)
