"""The books attacked by hand at the SQL prompt: the database itself refuses."""

from typing import LiteralString

import pytest
from django.db import transaction

from tests.store.shop import Shop, execute, refused, value

ENTRY: LiteralString = (
    "INSERT INTO journal_entry (id, kind, command_id, occurred_at) "
    "VALUES ('01970000-0000-7000-8000-000000000001', 'payment', gen_random_uuid(), now())"
)
POSTING: LiteralString = (
    "INSERT INTO posting (entry_id, position, account, amount, currency) "
    "SELECT '01970000-0000-7000-8000-000000000001', position, account, amount, currency "
    "FROM (VALUES {}) AS new (position, account, amount, currency)"
)


def write(rows: str) -> None:
    with transaction.atomic():
        execute(ENTRY)
        if rows:
            execute(POSTING.replace("{}", rows))


def test_a_balanced_entry_is_the_control(shop: Shop) -> None:
    write("(0, 'cash', 5, 'EUR'), (1, 'revenue', -5, 'EUR')")
    assert value("SELECT count(*) FROM posting WHERE entry_id = '01970000-0000-7000-8000-000000000001'") == 2


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("", "does not balance"),
        ("(0, 'cash', 5, 'EUR')", "does not balance"),
        ("(0, 'cash', 5, 'EUR'), (1, 'revenue', -4, 'EUR')", "does not balance"),
        ("(0, 'cash', 5, 'EUR'), (1, 'revenue', -5, 'USD')", "does not balance"),
        ("(0, 'cash', 5, 'EUR'), (1, 'gold', -5, 'EUR')", "posting_account"),
        ("(0, 'cash', 0, 'EUR'), (1, 'revenue', 0, 'EUR')", "posting_amount"),
    ],
)
def test_an_entry_balances_per_currency_on_known_accounts_or_is_not_there(shop: Shop, rows: str, why: str) -> None:
    refused(lambda: write(rows), why)
    assert value("SELECT count(*) FROM journal_entry WHERE id = '01970000-0000-7000-8000-000000000001'") == 0


def test_no_posting_joins_an_entry_later_or_comes_without_one(shop: Shop) -> None:
    more = POSTING.replace("{}", "(2, 'cash', 5, 'EUR'), (3, 'revenue', -5, 'EUR')")
    refused(lambda: execute(more), "come with their entry")
    write("(0, 'cash', 5, 'EUR'), (1, 'revenue', -5, 'EUR')")
    refused(lambda: execute(more), "come with their entry")


@pytest.mark.parametrize("table", ["journal_entry", "posting"])
def test_the_books_are_append_only(shop: Shop, table: LiteralString) -> None:
    shop.paid()
    change: LiteralString = {"journal_entry": "kind = 'x'", "posting": "amount = 1"}[table]
    update: LiteralString = "UPDATE " + table + " SET " + change
    delete: LiteralString = "DELETE FROM " + table
    for attack in (update, delete):
        refused(lambda attack=attack: execute(attack), "append-only")  # type: ignore[misc]


def test_an_entry_is_reversed_once(shop: Shop) -> None:
    order_id = shop.paid()
    shop.manager.run("order.cancel", order_id=order_id)
    again: LiteralString = (
        "INSERT INTO journal_entry (id, kind, command_id, occurred_at, reverses_id) "
        "SELECT gen_random_uuid(), kind, gen_random_uuid(), now(), reverses_id FROM journal_entry "
        "WHERE reverses_id IS NOT NULL"
    )
    refused(lambda: execute(again), "reverses_id")
