"""Workers that are killed or frozen, anywhere: every accepted command ends, once."""

import signal
import uuid

import pytest

from tests.faults.system import System
from tests.faults.traffic import Traffic, check
from tests.polling import until

pytestmark = pytest.mark.usefixtures("listener")


@pytest.mark.parametrize("fault", ["die-before-commit", "die-during-commit", "die-after-commit", "lose-commit-answer"])
def test_a_worker_child_that_suffers_at_the_commit_leaves_one_effect(
    system: System, traffic: Traffic, fault: str
) -> None:
    with traffic.flowing():
        for _time in range(3):
            system.suffer(fault)
        traffic.wait_for(20)
    check(system, traffic)
    assert not traffic.refused


def test_worker_children_killed_at_any_moment_lose_nothing(system: System, traffic: Traffic) -> None:
    with traffic.flowing():
        for _time in range(4):
            traffic.wait_for(15)
            children = [
                each for each in system.processes("commands@") if each.parent() in system.processes("commands@")
            ]
            for child in children:
                child.send_signal(signal.SIGKILL)
        traffic.wait_for(15)
    check(system, traffic)
    assert not traffic.refused


def test_a_worker_main_that_is_killed_is_replaced(system: System, traffic: Traffic) -> None:
    with traffic.flowing():
        traffic.wait_for(15)
        main = system.processes("commands@")[0]
        main.kill()
        until(lambda: any("worker has died" in line for line in system.said), "the supervisor has noticed")
        traffic.wait_for(15)
    check(system, traffic)
    assert not traffic.refused
    until(lambda: len(system.processes("commands@")) >= 3, "a new worker with its children")
    assert main not in system.processes("commands@")


def test_a_frozen_worker_loses_its_lanes_and_does_no_harm_when_it_goes_on(system: System, traffic: Traffic) -> None:
    """PostgreSQL ends the frozen transaction by its idle limit; another worker takes over."""
    with traffic.flowing():
        system.suffer("freeze-before-commit")
        traffic.wait_for(20)
    frozen = [each for each in system.processes("commands@") if each.status() == "stopped"]
    assert frozen
    check(system, traffic)
    for each in frozen:
        each.send_signal(signal.SIGCONT)
    with traffic.flowing():
        traffic.wait_for(10)
    check(system, traffic)


def test_a_command_that_kills_its_worker_ends_as_poisoned_and_its_lane_flows_on(
    system: System, traffic: Traffic
) -> None:
    poison = uuid.uuid4()
    with traffic.flowing():
        traffic.wait_for(10)
        with system.connect() as connection:
            connection.execute(
                """INSERT INTO command (id, lane, type, client_id, idempotency_key, body_hash, order_id, payload)
                   SELECT %s, lane, 'order.kill_worker', client_id, %s, '', order_id, '{}' FROM command
                   WHERE id = %s""",
                [poison, str(poison), traffic.accepted[0]],
            )
        until(lambda: ended(system, poison), "the poison has ended")
        traffic.wait_for(10)
    check(system, traffic)
    with system.connect() as connection:
        query = "SELECT status, error ->> 'code', attempts >= 3 FROM command WHERE id = %s"
        assert connection.execute(query, [poison]).fetchone() == ("failed", "poisoned", True)
    assert not traffic.refused


def ended(system: System, command: uuid.UUID) -> bool:
    """Whether the command is final."""
    with system.connect() as connection:
        return (
            connection.execute("SELECT 1 FROM command WHERE id = %s AND finished_at IS NOT NULL", [command]).fetchone()
            is not None
        )
