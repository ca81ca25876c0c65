"""The tests' own receiver of webhooks leaves nothing behind that the next test would be blamed for."""

import gc
import socket

from tests.receiver import Receiver


def test_connections_that_arrive_as_it_ends_are_closed() -> None:
    """A socket that is forgotten open fails the test by its ResourceWarning."""
    clients = []
    with Receiver().serving() as receiver:
        for _ in range(40):
            clients.append(socket.create_connection(("127.0.0.1", receiver.port)))
    for client in clients:
        client.close()
    gc.collect()
