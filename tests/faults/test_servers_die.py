"""Redis and PostgreSQL that stop, freeze, forget or restart: nobody is refused for Redis, what is accepted ends."""

import signal
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from celery import Celery

from config import embedded
from tests.faults.system import System
from tests.faults.traffic import Traffic, check

pytestmark = pytest.mark.usefixtures("listener")


def test_tills_do_not_notice_that_redis_is_away(system: System, traffic: Traffic) -> None:
    with traffic.flowing():
        traffic.wait_for(10)
        embedded.stop_valkey(system.data_dir)
        traffic.wait_for(60)
        embedded.start_valkey(system.data_dir)
    check(system, traffic)
    assert not traffic.refused


def test_tills_do_not_notice_that_redis_is_frozen(system: System, traffic: Traffic) -> None:
    valkey = psutil.Process(embedded.start(system.data_dir).valkey_pid)
    with traffic.flowing():
        traffic.wait_for(10)
        valkey.send_signal(signal.SIGSTOP)
        try:
            traffic.wait_for(60)
        finally:
            valkey.send_signal(signal.SIGCONT)
    check(system, traffic)
    assert not traffic.refused


def test_a_redis_that_comes_back_empty_loses_bells_and_no_command(system: System, traffic: Traffic) -> None:
    with traffic.flowing():
        traffic.wait_for(10)
        embedded.stop_valkey(system.data_dir)
        embedded.empty_valkey(system.data_dir)
        embedded.start_valkey(system.data_dir)
        traffic.wait_for(20)
    check(system, traffic)
    assert not traffic.refused


def test_a_postgresql_that_restarts_after_a_crash_has_every_accepted_command(system: System, traffic: Traffic) -> None:
    with traffic.flowing():
        for _time in range(2):
            traffic.wait_for(20)
            embedded.stop_postgres(system.data_dir, mode="immediate")
            embedded.start_postgres(system.data_dir)
        traffic.wait_for(20)
    check(system, traffic)


def test_terminated_backends_are_replaced_unnoticed(system: System, traffic: Traffic) -> None:
    with traffic.flowing(), system.connect() as connection:
        for _time in range(5):
            traffic.wait_for(15)
            connection.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
            )
        traffic.wait_for(15)
    check(system, traffic)


def test_the_same_messages_many_times_at_once_have_one_effect(system: System, traffic: Traffic) -> None:
    with Celery(broker=system.broker_url) as app, traffic.flowing():

        def repeat(lane: int) -> None:
            for _time in range(10):
                app.send_task("drain", [lane], queue="commands")
                app.send_task("sweep", queue="sweep")

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(repeat, range(8)))
        traffic.wait_for(20)
    check(system, traffic)
    assert not traffic.refused
