"""Every call to the API as a conversation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from orderly_client.conversation import Answer, Conversation, Pause, Request
from orderly_client.drafts import Draft, Id, encode
from orderly_client.errors import OrderlyError, UnexpectedAnswerError, error_of
from orderly_client.problems import Problem
from orderly_client.resources import Command, Order, Product
from orderly_client.retries import Fault, Pace, exchange, fault_of, is_transient

API = "/api/v1"
ENTRIES_MAX = 1_000
BATCH_BYTES_MAX = 4 * 1024 * 1024
COMMAND_BYTES_MAX = 256 * 1024
WAIT_SECONDS_MAX = 25
POLL_SECONDS = 1.0
"""Between two looks at a command when the server neither waits nor says how long to stay away."""

_LAST_LOOK_SECONDS = 0.05
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
_ENVELOPE = b'{"commands":[%s]}'


def submit(draft: Draft, pace: Pace, wait_seconds: float) -> Conversation[Command]:
    """The command, final if it ended within `wait_seconds`, otherwise as it was seen last."""
    deadline = pace.now() + wait_seconds
    body = encode(draft.body())
    key = {"Idempotency-Key": draft.idempotency_key}

    def make() -> Request:
        wait, patience = _wait(deadline, pace)
        return Request(method="POST", path="/commands", body=body, headers=key | wait, timeout_seconds=patience)

    with _naming(draft.idempotency_key):
        began = pace.now()
        answer = yield from exchange(make, pace)
        replayed = answer.headers.get("idempotent-replayed") == "true"
        command = _parsed(answer, lambda shown: Command.of(shown, replayed=replayed))
        if command.is_final or wait_seconds <= 0:
            return command
        yield from _breathe(answer, began, deadline, pace)
        return (yield from _follow(command, deadline, pace))


def wait(command: Command | Id, pace: Pace, timeout_seconds: float) -> Conversation[Command]:
    """The command, final if it ended in time, otherwise as it was seen last."""
    deadline = pace.now() + timeout_seconds
    if isinstance(command, Command):
        return (yield from _follow(command, deadline, pace))
    return (yield from _follow((yield from command_of(command, pace)), deadline, pace))


def _follow(command: Command, deadline: float, pace: Pace) -> Conversation[Command]:
    """Look again and again. What was accepted is no error while the network is away: it is merely not final."""
    while not command.is_final and pace.now() < deadline:
        try:
            command = yield from _look(command, deadline, pace)
        except OrderlyError as error:
            if is_transient(error):
                return command
            raise
    return command


def _look(command: Command, deadline: float, pace: Pace) -> Conversation[Command]:
    def make() -> Request:
        wait, patience = _wait(deadline, pace)
        return Request(method="GET", path=f"/commands/{command.id}", headers=wait, timeout_seconds=patience)

    began = pace.now()
    answer = yield from exchange(make, pace.until(deadline))
    seen = _parsed(answer, lambda shown: Command.of(shown, replayed=command.replayed))
    if not seen.is_final:
        yield from _breathe(answer, began, deadline, pace)
    return seen


def _wait(deadline: float, pace: Pace) -> tuple[dict[str, str], float]:
    """The header that asks the server to hold its answer, and how long that answer may take."""
    seconds = min(int(deadline - pace.now()), WAIT_SECONDS_MAX)
    if seconds < 1:
        return {}, pace.timeout_seconds
    return {"Prefer": f"wait={seconds}"}, pace.timeout_seconds + seconds


def _breathe(answer: Answer, began: float, deadline: float, pace: Pace) -> Conversation[None]:
    """Pause before the next look, unless the server has done the waiting.

    A server that ignores `Prefer` answers at once and says nothing; one that is shutting down says that it has waited
    and has not. Asking either again at once would be a storm.
    """
    granted = answer.waited_seconds
    if granted is not None and pace.now() - began >= granted / 2:
        return
    asked = answer.retry_after_seconds
    left = max(deadline - pace.now(), 0.0)
    # One last look is due just before the end, even if the server would rather be asked later.
    last = left - _LAST_LOOK_SECONDS if left > 2 * _LAST_LOOK_SECONDS else left
    yield Pause(min(POLL_SECONDS if asked is None else asked, last))


def submit_many(drafts: Sequence[Draft], pace: Pace) -> Conversation[list[Command | Problem]]:
    """One outcome for each draft, in their order; raises as soon as a part of them cannot be uploaded."""
    outcomes: list[Command | Problem] = []
    for entries in portions(draft.entry() for draft in drafts):
        outcomes += yield from upload(entries, pace)
    return outcomes


def upload(entries: Sequence[bytes], pace: Pace) -> Conversation[list[Command | Problem]]:
    """One batch, sent until the server has taken or refused every entry.

    If it puts off but one, the whole is sent again: what it took is replayed, and nothing overtakes what it did not.
    """
    body = _ENVELOPE % b",".join(entries)
    request = Request(method="POST", path="/commands/batch", body=body, timeout_seconds=pace.timeout_seconds)
    answer = yield from exchange(lambda: request, pace, _postponed)
    outcomes = _parsed(answer, lambda shown: [_outcome(result) for result in shown["results"]])
    if len(outcomes) != len(entries):
        raise UnexpectedAnswerError(answer.status, f"{len(outcomes)} results for {len(entries)} entries")
    return outcomes


def portions(entries: Iterable[bytes]) -> Iterator[list[bytes]]:
    """As many batches as the server's bounds demand. Raises ValueError for an entry beyond them."""
    portion: list[bytes] = []
    size = len(_ENVELOPE)
    for entry in entries:
        if len(entry) > COMMAND_BYTES_MAX:
            raise ValueError(f"a command of {len(entry)} bytes; {COMMAND_BYTES_MAX} are the most")
        if len(portion) == ENTRIES_MAX or size + len(entry) + 1 > BATCH_BYTES_MAX:
            yield portion
            portion, size = [], len(_ENVELOPE)
        portion.append(entry)
        size += len(entry) + 1
    if portion:
        yield portion


def command_of(command_id: Id, pace: Pace) -> Conversation[Command]:
    """`GET /commands/{id}`."""
    return _parsed((yield from _read(f"/commands/{_id(command_id)}", pace)), Command.of)


def cancel_command(command_id: Id, pace: Pace) -> Conversation[Command]:
    """`POST /commands/{id}/cancel`; again, it has the same answer."""
    path = f"/commands/{_id(command_id)}/cancel"
    request = Request(method="POST", path=path, body=b"{}", timeout_seconds=pace.timeout_seconds)
    return _parsed((yield from exchange(lambda: request, pace)), Command.of)


def order_of(order_id: Id, pace: Pace) -> Conversation[Order]:
    """`GET /orders/{id}`."""
    return _parsed((yield from _read(f"/orders/{_id(order_id)}", pace)), Order.of)


def product_of(product_id: Id, pace: Pace) -> Conversation[Product]:
    """`GET /products/{id}`."""
    return _parsed((yield from _read(f"/products/{_id(product_id)}", pace)), Product.of)


def products(pace: Pace) -> Conversation[list[Product]]:
    """`GET /products`, page after page."""
    found: list[Product] = []
    path: str | None = "/products?page_size=200"
    while path is not None:
        answer = yield from _read(path, pace)
        found += _parsed(answer, lambda shown: [Product.of(each) for each in shown["results"]])
        path = _parsed(answer, lambda shown: _below_api(shown["next"]))
    return found


def _read(path: str, pace: Pace) -> Conversation[Answer]:
    request = Request(method="GET", path=path, timeout_seconds=pace.timeout_seconds)
    return (yield from exchange(lambda: request, pace))


def _below_api(url: str | None) -> str | None:
    """A link without its server: the server may know itself by a name that is not ours."""
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.path.rpartition(API)[2]}?{parts.query}"


def _id(given: Id) -> UUID:
    """Raises ValueError for what is no UUID, so that nothing else gets into a path."""
    return given if isinstance(given, UUID) else UUID(given)


def _postponed(answer: Answer) -> Fault:
    """What is wrong with a batch, or with the first of its entries that the server could not take now."""
    fault = fault_of(answer)
    if fault is not None:
        return fault
    outcomes = _parsed(answer, lambda shown: [_outcome(result) for result in shown["results"]])
    refused = (error_of(each, each.status or 0) for each in outcomes if isinstance(each, Problem))
    return next((each for each in refused if is_transient(each) or each.status >= 500), None)


def _outcome(result: dict[str, Any]) -> Command | Problem:
    if "command" in result:
        return Command.of(result["command"], replayed=result.get("replayed", False))
    return Problem.of(result["error"] | {"status": result["status"]})


def _parsed[T](answer: Answer, read: Callable[[Any], T]) -> T:
    try:
        return read(answer.json)
    except _MALFORMED as error:
        raise UnexpectedAnswerError(answer.status, f"cannot be read: {error!r}") from error


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Note the key on whatever is raised: with it the caller can send the same command again."""
    try:
        yield
    except OrderlyError as error:
        error.idempotency_key = key
        raise
