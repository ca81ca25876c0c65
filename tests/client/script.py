"""Plays the network, the clock and chance to a conversation, so that a minute of retries takes no time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from orderly_client.conversation import Answer, Conversation, Lost, Reply, Request
from orderly_client.retries import Pace, Retries

type Played = Answer | Lost | tuple[float, Answer | Lost]
"""A reply at once, or after so many seconds."""


@dataclass(slots=True)
class Script:
    """`sent` and `pauses` are what the conversation asked for; jitter is always at its most."""

    now: float = 1000.0
    sent: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def pace(self, **retries: float) -> Pace:
        """A pace by this script's clock."""
        return Pace(
            retries=Retries(**retries), timeout_seconds=10.0, now=lambda: self.now, uniform=lambda _low, high: high
        )

    def play[T](self, conversation: Conversation[T], replies: Iterable[Played]) -> T:
        """Run it on these replies; it must use all of them."""
        left = iter(replies)
        reply: Reply = None
        try:
            while True:
                step = conversation.send(reply)
                if isinstance(step, Request):
                    self.sent.append(step)
                    played = next(left, None)
                    assert played is not None, f"not in the script: {step}"
                    seconds, reply = played if isinstance(played, tuple) else (0.0, played)
                    self.now += seconds
                else:
                    self.pauses.append(step.seconds)
                    self.now += step.seconds
                    reply = None
        except StopIteration as end:
            outcome: T = end.value
            return outcome
        finally:
            rest = list(chain(left))
            assert not rest, f"never asked for: {rest}"
