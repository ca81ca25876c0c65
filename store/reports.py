"""A day's takings, by till and method, read from the books: the Z-report."""

from dataclasses import dataclass
from datetime import datetime

from domain.books import MONEY_OF
from store import db

_METHODS = {account: method for method, account in MONEY_OF.items()}
_MONEY = sorted(_METHODS)

# A sale belongs to the client who took the money, a refund to the one who gave it back. A command is deleted after 400
# days, and then nobody is named.
_ENTRIES = """
FROM journal_entry AS entry
JOIN posting AS money ON money.entry_id = entry.id AND money.account = ANY (%(money)s)
LEFT JOIN posting AS tax ON tax.entry_id = entry.id AND tax.account = 'tax_payable'
LEFT JOIN command ON command.id = entry.command_id
LEFT JOIN client ON client.id = command.client_id
WHERE entry.occurred_at >= %(start)s AND entry.occurred_at < %(end)s
    AND (%(client)s::text IS NULL OR client.name = %(client)s)
"""
_TAKINGS = f"""
SELECT client.name AS client, money.account, money.currency,
       count(*) FILTER (WHERE entry.kind = 'payment') AS sales_count,
       coalesce(sum(money.amount) FILTER (WHERE entry.kind = 'payment'), 0) AS sales,
       count(*) FILTER (WHERE entry.kind <> 'payment') AS refunds_count,
       coalesce(sum(-money.amount) FILTER (WHERE entry.kind <> 'payment'), 0) AS refunds,
       coalesce(sum(-tax.amount), 0) AS tax
{_ENTRIES} GROUP BY client.name, money.account, money.currency
ORDER BY client.name NULLS LAST, money.currency, money.account
"""
_HOURS = f"""
SELECT extract(hour FROM entry.occurred_at)::int AS hour, money.currency, sum(money.amount) AS net
{_ENTRIES} GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Takings:
    """What one client took and gave back by one method in one currency, in minor units; `tax` is what of it is tax."""

    client: str | None
    method: str
    currency: str
    sales_count: int
    sales: int
    refunds_count: int
    refunds: int
    tax: int

    @property
    def net(self) -> int:
        """Sales less refunds."""
        return self.sales - self.refunds


@dataclass(frozen=True, slots=True)
class Hour:
    """What came in less what went back in one hour, 0 to 23, in minor units."""

    hour: int
    currency: str
    net: int


@db.reconnecting
def takings(start: datetime, end: datetime, client: str | None = None) -> list[Takings]:
    """From the moment `start` on, up to but without the moment `end`, by client, currency and method."""
    return db.rows(_takings, _TAKINGS, _asked(start, end, client))


@db.reconnecting
def hours(start: datetime, end: datetime, client: str | None = None) -> list[Hour]:
    """The same hour by hour, those in which something moved."""
    return db.rows(_hour, _HOURS, _asked(start, end, client))


def _asked(start: datetime, end: datetime, client: str | None) -> dict[str, object]:
    return {"money": _MONEY, "start": start, "end": end, "client": client}


def _takings(account: str, sales: object, refunds: object, tax: object, **columns: object) -> Takings:
    sums = {name: int(str(value)) for name, value in {"sales": sales, "refunds": refunds, "tax": tax}.items()}
    return Takings(method=_METHODS[account], **columns, **sums)  # type: ignore[arg-type]


def _hour(hour: int, currency: str, net: object) -> Hour:
    return Hour(hour, currency, int(str(net)))
