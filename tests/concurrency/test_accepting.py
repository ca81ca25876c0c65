"""Tills that upload the same batches at once."""

import threading

from tests.concurrency.workers import at_once
from tests.till import Till


def test_batches_that_share_keys_in_opposite_order_are_all_answered(pos: Till) -> None:
    for round_ in range(10):
        assert race(pos, f"round-{round_}") == [200] * 6


def race(pos: Till, mark: str) -> list[int]:
    """Upload one batch six times at once, every second time backwards: what each was answered."""
    entries = [{"idempotency_key": f"{mark}-{number}", "type": "order.create", "payload": {}} for number in range(60)]
    batches = iter([entries, entries[::-1]] * 3)
    taking_turns = threading.Lock()

    def upload() -> int:
        with taking_turns:
            batch = next(batches)
        return pos.request("POST", "/commands/batch", {"commands": batch}).status

    return at_once(6, upload)
