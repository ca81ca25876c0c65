"""What a batch changes, command by command, before it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.orders import Order
from domain.outcome import Applied, Question
from store.commands import CommandRow
from store.queue import Claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What changes, by which command, the order as it was before, and what the provider is asked, if it is asked."""

    claimed: Claimed
    applied: Applied
    before: Order | None
    question: Question | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the provider had been asked, and has answered now."""
        return self.before is not None and self.before.asked_by == self.claimed.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a command stands now: ended, with its `result` or `error` as clients see them, or running."""

    claimed: Claimed
    status: str
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def attempts(self) -> int:
        """How often it has been executed, this time included; to wait for a provider's answer is no new time."""
        return self.claimed.attempts + self.claimed.deaths + (self.claimed.started_at is None)

    def row(self, started_at: datetime, moved_at: datetime) -> CommandRow:
        """The command as it stands in its table now."""
        claimed = self.claimed
        is_over = self.status != "running"
        return CommandRow(
            id=claimed.id,
            client_id=claimed.client_id,
            lane=claimed.lane,
            type=claimed.type,
            status=self.status,
            order_id=claimed.order_id,
            idempotency_key=claimed.idempotency_key,
            body_hash=claimed.body_hash,
            result=self.result,
            error=self.error,
            attempts=self.attempts,
            expected_version=claimed.expected_version,
            expires_at=claimed.expires_at,
            not_before=claimed.not_before,
            occurred_at=claimed.occurred_at,
            device_sequence=claimed.device_sequence,
            accepted_at=claimed.accepted_at,
            started_at=claimed.started_at or started_at,
            moved_at=claimed.moved_at if is_over else moved_at,
            finished_at=moved_at if is_over else None,
            request_id=claimed.request_id,
            traceparent=claimed.traceparent,
        )


type Changed = Sequence[tuple[Effect, Order]]
"""Effects on orders, each with its order as it is afterwards."""
