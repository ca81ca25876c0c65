"""Finished commands in Redis, as clients see them: what polls and replays read without asking PostgreSQL.

A cache only. A command is kept here after it has committed and when it can never change again, for a minute from the
last time somebody had to read it from its table; whoever finds nothing here asks the table.
"""

import functools
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.commands.core import Script

from store import db, redis, rendering
from store.commands import CommandRow

KEPT_SECONDS = 60
MET_MAX = 100_000
"""How many keys a process remembers to have met, twice that at most."""

_met: set[tuple[int, str]] = set()
_met_before: set[tuple[int, str]] = set()
_met_until = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished command: whose it is, the hash of the body that asked for it, and its JSON."""

    id: uuid.UUID
    client_id: int
    body_hash: bytes
    shown: bytes


def keep(rows: Iterable[CommandRow]) -> None:
    """Keep those of the rows that never change again. Nothing happens when Redis is away."""
    settled = [row for row in rows if row.is_settled]
    if settled:
        redis.ask(functools.partial(_keep, settled), None)


def seen(client_id: int, keys: Sequence[str]) -> list[str]:
    """Those of the keys that this process has met in the last minutes; from now on it has met them all.

    A new key, as most are, is not worth a question to Redis: that would cost an accept as much as its insert does.
    """
    global _met, _met_before, _met_until
    if time.monotonic() > _met_until or len(_met) > MET_MAX:
        _met, _met_before, _met_until = set(), _met, time.monotonic() + KEPT_SECONDS
    again = [key for key in keys if (client_id, key) in _met or (client_id, key) in _met_before]
    _met.update((client_id, key) for key in keys)
    return again


def by_id(command_id: uuid.UUID) -> Kept | None:
    """The finished command, if it is kept here."""
    return next(iter(by_ids([command_id])), None)


def by_ids(ids: Sequence[uuid.UUID]) -> list[Kept]:
    """Those of the finished commands that are kept here."""
    found = zip(ids, _fetch([_of_id(command_id.hex) for command_id in ids]), strict=True)
    return [_read(command_id, text) for command_id, text in found if text is not None]


def by_keys(client_id: int, keys: Sequence[str]) -> dict[str, Kept]:
    """The client's finished commands that were accepted under these idempotency keys, as far as they are kept here."""
    found = _fetch([_of_key(client_id, key) for key in keys])
    ids = {key: command_id.decode() for key, command_id in zip(keys, found, strict=True) if command_id is not None}
    shown = _fetch([_of_id(command_id) for command_id in ids.values()])
    return {
        key: _read(uuid.UUID(hex=command_id), text)
        for (key, command_id), text in zip(ids.items(), shown, strict=True)
        if text is not None
    }


def _fetch(names: Sequence[str]) -> list[bytes | None]:
    nothing: list[bytes | None] = [None] * len(names)
    if not names:
        return nothing
    return redis.ask(lambda client: cast("list[bytes | None]", client.mget(names)), nothing)


def _keep(rows: Sequence[CommandRow], client: Redis) -> None:
    entries: dict[str, bytes | str] = {}
    for row in rows:
        head = f"{row.client_id} {row.body_hash.hex()} ".encode()
        entries[_of_id(row.id.hex)] = head + rendering.command_json(row)
        entries[_of_key(row.client_id, row.idempotency_key)] = row.id.hex
    _set_all(client)(keys=list(entries), args=[KEPT_SECONDS, *entries.values()])


@functools.cache
def _set_all(client: Redis) -> Script:
    # One command for the whole batch: a tenth of the time of a pipeline with one SET each.
    return client.register_script("for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1]) end")


def _read(command_id: uuid.UUID, text: bytes) -> Kept:
    client_id, body_hash, shown = text.split(b" ", 2)
    return Kept(command_id, int(client_id), bytes.fromhex(body_hash.decode()), shown)


def _of_id(command_id: str) -> str:
    return f"orderly:{db.identity()}:command:{command_id}"


def _of_key(client_id: int, key: str) -> str:
    return f"orderly:{db.identity()}:key:{client_id}:{key}"
