"""Orderly for programs that wait: each call blocks until it has its answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Concatenate, Self, Unpack

import httpx

from orderly_client import calls, drafts
from orderly_client.conversation import Conversation, Reply, Request, Step
from orderly_client.drafts import Draft, Id, Options
from orderly_client.problems import Problem
from orderly_client.resources import Command, Order, Product
from orderly_client.retries import Pace, Retries
from orderly_client.shell import LOST, Address, answer_of, described, lost


def _verb[**P](make: Callable[P, Draft]) -> "Callable[Concatenate[Orderly, P], Command]":
    """A method with the parameters of what makes its draft."""

    def verb(self: "Orderly", /, *args: P.args, **kwargs: P.kwargs) -> Command:
        return self.send(make(*args, **kwargs))

    return described(verb, make.__name__, make)


class Orderly:
    """One client with one API key; any number of threads may use it.

    `url` is the server's, `key` what `manage.py create_client` printed. The verbs wait up to `wait_seconds` for the
    outcome of their command; then they return it as it stands. `timeout_seconds` is for one answer, `retries` says how
    often a request is repeated. Pass an `http` of your own for proxies or certificates; then closing it is yours, too.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        wait_seconds: float = 15.0,
        timeout_seconds: float = 10.0,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self.wait_seconds = wait_seconds
        self._address = Address(url, key)
        self._pace = Pace(retries=retries or Retries(), timeout_seconds=timeout_seconds)
        self._http = http or httpx.Client()
        self._is_ours = http is None

    create_order = _verb(drafts.create_order)
    add_items = _verb(drafts.add_items)
    remove_item = _verb(drafts.remove_item)
    pay = _verb(drafts.pay)
    pay_online = _verb(drafts.pay_online)
    refund = _verb(drafts.refund)
    cancel = _verb(drafts.cancel)
    cancel_draft = _verb(drafts.cancel_draft)
    change_status = _verb(drafts.change_status)
    archive = _verb(drafts.archive)
    receive_stock = _verb(drafts.receive_stock)
    adjust_stock = _verb(drafts.adjust_stock)

    def submit(
        self,
        type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        order_id: Id | None = None,
        wait_seconds: float | None = None,
        **options: Unpack[Options],
    ) -> Command:
        """Any command, also of a type that this version does not know."""
        draft = Draft(type=type, payload=payload or {}, order_id=order_id, **options)
        return self.send(draft, wait_seconds=wait_seconds)

    def send(self, draft: Draft, *, wait_seconds: float | None = None) -> Command:
        """A command made before; with `wait_seconds=0` it is returned as soon as it is accepted."""
        seconds = self.wait_seconds if wait_seconds is None else wait_seconds
        return self.run(calls.submit(draft, self._pace, seconds))

    def submit_many(self, drafts: Sequence[Draft]) -> list[Command | Problem]:
        """Upload them in order, in as few requests as possible: for each the command, accepted but perhaps not yet
        executed, or why it was refused. After an error, call it again with the same drafts."""
        return self.run(calls.submit_many(drafts, self._pace))

    def wait(self, command: Command | Id, timeout_seconds: float = 60.0) -> Command:
        """The command, final if it ended in time, otherwise as it was seen last."""
        return self.run(calls.wait(command, self._pace, timeout_seconds))

    def get_command(self, command_id: Id) -> Command:
        """A command as it stands."""
        return self.run(calls.command_of(command_id, self._pace))

    def cancel_command(self, command_id: Id) -> Command:
        """Take back a command that has not been executed. Raises ConflictError if it has."""
        return self.run(calls.cancel_command(command_id, self._pace))

    def get_order(self, order_id: Id) -> Order:
        """An order as it stands."""
        return self.run(calls.order_of(order_id, self._pace))

    def get_product(self, product_id: Id) -> Product:
        """A product with its stock."""
        return self.run(calls.product_of(product_id, self._pace))

    def list_products(self) -> list[Product]:
        """The whole catalogue."""
        return self.run(calls.products(self._pace))

    @property
    def pace(self) -> Pace:
        """How long everything may take, for conversations from elsewhere."""
        return self._pace

    def run[T](self, conversation: Conversation[T]) -> T:
        """Carry out a conversation."""
        reply: Reply = None
        while True:
            try:
                step = conversation.send(reply)
            except StopIteration as end:
                outcome: T = end.value
                return outcome
            reply = self._take(step)

    def _take(self, step: Step) -> Reply:
        if not isinstance(step, Request):
            time.sleep(step.seconds)
            return None
        try:
            return answer_of(self._http.request(**self._address.arguments(step)))
        except LOST as error:
            return lost(error)

    def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._is_ours:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Orderly({self._address!r})"
