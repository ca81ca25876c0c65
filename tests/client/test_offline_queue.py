"""The offline queue: what is durable when, who may flush, and what leaves it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.processes import PROJECT
from orderly_client import (
    Draft,
    Flushed,
    InvalidRequestError,
    OfflineQueue,
    Orderly,
    OrderlyError,
    Retries,
    UnavailableError,
    UnexpectedAnswerError,
    drafts,
)
from orderly_client.conversation import Answer
from tests.client.samples import answer, shown_command, shown_problem
from tests.client.standin import Asked, standing_in
from tests.polling import until

ONCE = Retries(attempts_max=1)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def take(asked: Asked) -> Answer:
    """Accept every entry of a batch."""
    return answer(200, {"results": [accepted(entry) for entry in asked.json["commands"]]})


def accepted(entry: dict[str, Any]) -> dict[str, Any]:
    command = shown_command(idempotency_key=entry["idempotency_key"], device_sequence=entry["device_sequence"])
    return {"status": 202, "command": command}


def sequences(asked: Asked) -> list[int]:
    return [entry["device_sequence"] for entry in asked.json["commands"]]


def filled(path: Path, entries: int) -> OfflineQueue:
    queue = OfflineQueue(path)
    queue.enqueue_all([drafts.create_order(note=str(number)) for number in range(entries)])
    return queue


def test_what_is_enqueued_has_key_time_and_number_and_is_there_after_a_crash(path: Path) -> None:
    program = """
import os, sys
from orderly_client import OfflineQueue, drafts
queue = OfflineQueue(sys.argv[1])
queue.enqueue(drafts.create_order(idempotency_key="k"))
os._exit(9)
"""
    assert run(program, path).wait(timeout=30) == 9
    with OfflineQueue(path) as queue, standing_in(take) as server, Orderly(server.url, "k.s") as till:
        assert len(queue) == 1
        assert queue.flush(till) == Flushed(accepted=1)
    [entry] = server.asked[0].json["commands"]
    assert (entry["idempotency_key"], entry["device_sequence"]) == ("k", 1)
    assert datetime.fromisoformat(entry["occurred_at"]).utcoffset() is not None
    uuid.UUID(entry["order_id"])


def test_every_commit_is_on_the_disk_before_it_is_answered(path: Path) -> None:
    with OfflineQueue(path) as queue:
        settings = [queue._rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]  # 2 is FULL


def test_numbers_go_on_when_entries_are_gone(path: Path) -> None:
    with standing_in(take) as server, Orderly(server.url, "k.s") as till:
        with filled(path, 3) as queue:
            queue.flush(till)
            assert [each.sequence for each in queue.accepted()] == [1, 2, 3]
            queue.forget([1, 2, 3])
            assert queue.accepted() == []
        with OfflineQueue(path, now=lambda: NOW) as queue:
            assert queue.enqueue(drafts.create_order()).sequence == 4
            queue.forget([4])
            assert len(queue) == 1, "what waits is not forgotten"
            queue.flush(till)
    assert [sequences(asked) for asked in server.asked] == [[1, 2, 3], [4]]
    assert server.asked[1].json["commands"][0]["occurred_at"] == NOW.isoformat()


def test_commands_that_cannot_be_kept_are_refused_and_with_them_all_of_their_call(path: Path) -> None:
    good = drafts.create_order(idempotency_key="good")
    bad = [
        (drafts.create_order(device_sequence=5), "numbers"),
        (drafts.create_order(note="x" * 300_000), "the most"),
        (drafts.create_order(idempotency_key="good"), "already"),
    ]
    with OfflineQueue(path) as queue:
        for draft, why in bad:
            with pytest.raises(ValueError, match=why):
                queue.enqueue_all([good, draft])
            assert len(queue) == 0
        assert queue.enqueue(good).sequence == 1


def test_the_flush_of_another_process_is_left_alone(path: Path) -> None:
    gate = threading.Event()

    def reply(asked: Asked) -> Answer:
        gate.wait(30)
        return take(asked)

    program = """
import sys
from orderly_client import OfflineQueue, Orderly
with OfflineQueue(sys.argv[1]) as queue, Orderly(sys.argv[2], "k.s") as till:
    flushed = queue.flush(till)
    sys.exit(7 if flushed.busy and flushed.left == 2 else 1)
"""
    done: list[Flushed] = []
    with standing_in(reply) as server, filled(path, 2) as queue, Orderly(server.url, "k.s", timeout_seconds=30) as till:
        flusher = threading.Thread(target=lambda: done.append(queue.flush(till)), daemon=True)
        flusher.start()
        try:
            until(lambda: server.asked, "the first flush is under way")
            assert run(program, path, server.url).wait(timeout=30) == 7
            assert queue.flush(till) == Flushed(left=2, busy=True), "nor within one process"
            assert queue.enqueue(drafts.create_order()).sequence == 3, "but enqueueing goes on"
        finally:
            gate.set()
            flusher.join(timeout=30)
    assert done == [Flushed(accepted=3)]
    assert [sequences(asked) for asked in server.asked] == [[1, 2], [3]]


def test_a_flush_that_is_killed_frees_the_queue_and_its_entries_go_again_under_their_keys(path: Path) -> None:
    gate = threading.Event()

    def reply(asked: Asked) -> Answer:
        if len(server.asked) == 1:
            gate.wait(30)
        return take(asked)

    program = """
import sys
from orderly_client import OfflineQueue, Orderly
with OfflineQueue(sys.argv[1]) as queue, Orderly(sys.argv[2], "k.s", timeout_seconds=30) as till:
    queue.flush(till)
"""
    with standing_in(reply) as server, filled(path, 2) as queue, Orderly(server.url, "k.s") as till:
        victim = run(program, path, server.url)
        try:
            until(lambda: server.asked, "the flush is under way")
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait(timeout=30)
            assert queue.flush(till) == Flushed(accepted=2)
        finally:
            gate.set()
        first, second = server.asked
        assert first.body == second.body


def test_a_queue_opened_by_many_at_once_is_made_once(path: Path) -> None:
    barrier, opened = threading.Barrier(8), list[int]()

    def open_and_add() -> None:
        barrier.wait(timeout=10)
        with OfflineQueue(path) as queue:
            opened.append(queue.enqueue(drafts.create_order()).sequence)

    threads = [threading.Thread(target=open_and_add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(opened) == list(range(1, 9))


def test_a_queue_opened_while_another_program_writes_the_file_waits_its_turn(path: Path) -> None:
    """SQLite alone does not wait where a file's journal is chosen: the second one to open a new queue would fail."""
    opened = list[int]()

    def open_and_count() -> None:
        with OfflineQueue(path) as queue:
            opened.append(len(queue))

    with closing(sqlite3.connect(path, autocommit=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        opening = threading.Thread(target=open_and_count)
        opening.start()
        opening.join(timeout=0.5)
        assert opening.is_alive()
        other.execute("COMMIT")
    opening.join(timeout=30)
    assert opened == [0]


def test_a_file_that_stays_locked_is_given_up_and_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderly_client.offline.BUSY_SECONDS_MAX", 0.1)
    with closing(sqlite3.connect(path, autocommit=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            OfflineQueue(path)


def test_an_entry_that_the_server_refuses_is_moved_aside(path: Path) -> None:
    def reply(asked: Asked) -> Answer:
        results = [accepted(entry) for entry in asked.json["commands"]]
        results[1] = {"status": 422, "error": shown_problem(422, "expired")}
        return answer(200, {"results": results})

    with standing_in(reply) as server, filled(path, 3) as queue, Orderly(server.url, "k.s") as till:
        assert queue.flush(till) == Flushed(accepted=2, rejected=1)
        [rejected] = queue.rejected()
        assert (rejected.sequence, rejected.problem.code, rejected.problem.status) == (2, "expired", 422)
        assert rejected.body["payload"] == {"note": "1"}
        assert queue.flush(till) == Flushed()
        queue.forget([rejected.sequence])
        assert queue.rejected() == []


@pytest.mark.parametrize("status", [413, 400])
def test_an_entry_that_spoils_every_batch_is_found_and_moved_aside(path: Path, status: int) -> None:
    place = [{"pointer": "/commands/5", "code": "too-deep", "detail": "is too deep"}]

    def reply(asked: Asked) -> Answer:
        if 6 in sequences(asked):
            errors = {"errors": place} if status == 400 else {}
            return answer(status, shown_problem(status, "too-large", **errors))
        return take(asked)

    with standing_in(reply) as server, filled(path, 10) as queue, Orderly(server.url, "k.s") as till:
        assert queue.flush(till) == Flushed(accepted=9, rejected=1)
        assert [each.sequence for each in queue.rejected()] == [6]
        assert [each.sequence for each in queue.accepted()] == [1, 2, 3, 4, 5, 7, 8, 9, 10]


HOST = [{"header": "Host", "code": "malformed", "detail": "is not a host name"}]


@pytest.mark.parametrize(
    ("no", "kind"),
    [
        (answer(400, shown_problem(400, "invalid-request", errors=HOST)), InvalidRequestError),
        (answer(400, shown_problem(400, "invalid-request", errors=[])), InvalidRequestError),
        (answer(415, shown_problem(415, "unsupported-media-type")), InvalidRequestError),
        (Answer(status=200, headers={}, body=b"<html>log in</html>"), UnexpectedAnswerError),
    ],
)
def test_no_entry_is_moved_aside_for_what_is_wrong_with_every_request(
    path: Path, no: Answer, kind: type[OrderlyError]
) -> None:
    with standing_in(lambda _asked: no) as server, filled(path, 2) as queue, Orderly(server.url, "k.s") as till:
        with pytest.raises(kind):
            queue.flush(till)
        assert len(server.asked) == 1
        assert (len(queue), queue.rejected()) == (2, [])


def test_a_server_that_cannot_take_them_now_stops_the_flush_and_nothing_overtakes(path: Path) -> None:
    def reply(asked: Asked) -> Answer:
        results = [accepted(entry) for entry in asked.json["commands"]]
        if 3 in sequences(asked):
            results[0] = {"status": 503, "error": shown_problem(503, "unavailable")}
        return answer(200, {"results": results})

    with standing_in(reply) as server, filled(path, 6) as queue, Orderly(server.url, "k.s", retries=ONCE) as till:
        flushed = queue.flush(till, batch_max=2)
        assert (flushed.accepted, flushed.left) == (2, 4)
        assert isinstance(flushed.stopped_by, UnavailableError)
    assert [sequences(asked) for asked in server.asked] == [[1, 2], [3, 4]]


def test_a_batch_holds_a_thousand_entries_at_most(path: Path) -> None:
    with standing_in(take) as server, filled(path, 1_001) as queue, Orderly(server.url, "k.s") as till:
        assert queue.flush(till) == Flushed(accepted=1_001)
    assert [len(sequences(asked)) for asked in server.asked] == [1_000, 1]


def test_a_batch_stays_below_the_servers_bound_in_bytes(path: Path) -> None:
    with standing_in(take) as server, OfflineQueue(path) as queue, Orderly(server.url, "k.s") as till:
        queue.enqueue_all([Draft(type="order.create", payload={"note": "\u00e9" * 100_000}) for _ in range(30)])
        assert queue.flush(till) == Flushed(accepted=30)
    assert all(len(asked.body) <= 4 * 1024 * 1024 for asked in server.asked)
    assert [len(sequences(asked)) for asked in server.asked] == [20, 10]


def test_a_file_of_another_version_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(ValueError, match="another version"):
        OfflineQueue(path)


def run(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Another process with the client."""
    source = str(PROJECT / "clients" / "python" / "src")
    argv = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": source})
