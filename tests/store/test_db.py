"""The edge to PostgreSQL."""

import select

import pytest
from django.db import InternalError, connection, transaction

from store import db


@pytest.mark.parametrize("statements", [1, 3])
def test_an_idle_transaction_ends_by_its_limit_also_after_a_pipeline(database: None, statements: int) -> None:
    db.execute("SET idle_in_transaction_session_timeout = '50ms'")
    with pytest.raises(InternalError, match="idle-in-transaction"):
        idle_after(statements)


def idle_after(statements: int) -> None:
    """Run some statements in a transaction, and the next one only when PostgreSQL has lost its patience."""
    with transaction.atomic():
        db.execute_all([db.Statement("SELECT 1", [])] * statements)
        select.select([connection.connection.pgconn.socket], [], [], 5)
        db.execute("SELECT 1")
