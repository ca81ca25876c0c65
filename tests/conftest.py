"""What most tests need: the migrated database, emptied before each test, and clients with keys.

Rows are committed for real, because acceptance and execution are transactions of their own. Beside it one `make up`,
for all tests that do not end it.
"""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from store import attempts, backlog, clients
from tests.config.running import Running
from tests.guards import guards_asleep
from tests.till import Till

_TABLES = (
    *(
        "command",
        "attempt",
        "posting",
        "journal_entry",
        "refund",
        "provider_request",
        "payment",
        "order_history",
        "order_line",
        "stock_movement",
        "orders",
        "product",
    ),
    "simulated_payment",
    *("webhook_attempt", "webhook_delivery", "webhook_event", "webhook_endpoint"),
    *("customer", "audit_entry", "api_key", "client", "auth_user"),
)


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Passwords that this process hashes need not withstand anybody; those of the servers it starts are as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScryptPasswordHasher, "work_factor", 2)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, migrated once a run: pytest-django's own fixture makes it for tests with its marks alone."""
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False)
        yield
        if attempts._connection is not None:
            attempts._connection.close()
        teardown_databases(databases, verbosity=0)


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database, empty but for the lanes."""
    with django_db_blocker.unblock():
        empty()
        yield
        connection.close()


def empty() -> None:
    """Empty all tables while their guards sleep; for the few rows of a test, sixty times as fast as TRUNCATE."""
    with guards_asleep(), connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"DELETE FROM {table}")
    clients.forget()
    backlog.backlog.forget()


@pytest.fixture
def pos(database: None) -> Till:
    """A till."""
    return Till.register("till-1", "pos")


@pytest.fixture
def manager(database: None) -> Till:
    """A person in charge."""
    return Till.register("manager-1", "manager")


@pytest.fixture
def integration(database: None) -> Till:
    """A shop or an ERP."""
    return Till.register("shop-1", "integration")


@pytest.fixture
def auditor(database: None) -> Till:
    """Somebody who reads everything."""
    return Till.register("auditor-1", "auditor")


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that another user may pass through, as PostgreSQL has to when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-up-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def system(open_folder: Path) -> Iterator[Running]:
    """`make up` on a folder of its own."""
    running = Running(open_folder / "shared")
    yield running
    running.stop(signal.SIGTERM)
