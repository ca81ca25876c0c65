"""A web server that is asked to stop: whoever waits is answered now, and nobody is cut off."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from store.models import Command
from tests.polling import until
from tests.till import Till
from tests.web import web_server

SECONDS_MAX = 10.0
"""Less than anybody here would wait, or listen, of their own accord."""


def test_a_stopping_web_server_lets_go_of_those_who_wait_and_those_who_listen(pos: Till, tmp_path: Path) -> None:
    with web_server(tmp_path) as (port, pid), ThreadPoolExecutor() as pool:
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": f"Api-Key {pos.key}"}, timeout=40
        )
        with client, client.stream("GET", "/commands/stream") as stream:
            events = stream.iter_lines()
            assert next(events) == "retry: 1000"
            body, headers = {"type": "order.create", "payload": {}}, {"Idempotency-Key": "k", "Prefer": "wait=25"}
            waiting = pool.submit(client.post, "/commands", json=body, headers=headers)
            until(Command.objects.exists, "the command is accepted")
            server = psutil.Process(pid)
            server.terminate()
            answer = waiting.result()
            assert (answer.status_code, answer.json()["status"]) == (202, "queued")
            list(events)
            until(lambda: server.status() == psutil.STATUS_ZOMBIE, "the server has ended", SECONDS_MAX)
