"""The books as other programs read them: Beancount's plain text (beancount.github.io/docs) and CSV (RFC 4180)."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain import books

CSV = "text/csv; charset=utf-8"

type Entries = Iterable[list[dict[str, Any]]]

_ROOTS = {"asset": "Assets", "liability": "Liabilities", "income": "Income", "expense": "Expenses"}
_NAMES = {account.code: f"{_ROOTS[account.type]}:{account.code.title().replace('_', '')}" for account in books.CHART}
_COLUMNS = ("entry_id", "occurred_at", "kind", "order_id", "command_id", "reverses", "account", "debit", "credit")


def _beancount(entries: Entries) -> Iterator[str]:
    yield 'option "title" "Orderly"\n' + "".join(f"1970-01-01 open {name}\n" for name in _NAMES.values())
    for some in entries:
        yield "".join(map(_transaction, some))


def _transaction(entry: dict[str, Any]) -> str:
    about = {"entry": entry["id"], "command": entry["command_id"], "order": entry["order_id"]}
    about |= {"reverses": entry["reverses"], "time": entry["occurred_at"]}
    lines = [f'\n{entry["occurred_at"][:10]} * "{entry["kind"]}"']
    lines += [f'  {name}: "{text}"' for name, text in about.items() if text is not None]
    for posting in entry["postings"]:
        amount = Decimal(posting["debit"]) - Decimal(posting["credit"])
        lines.append(f"  {_NAMES[posting['account']]}  {amount} {posting['currency']}")
    return "\n".join(lines) + "\n"


def _csv(entries: Entries) -> Iterator[str]:
    yield rows([(*_COLUMNS, "currency")])
    for some in entries:
        yield rows(
            (entry["id"], *(entry[name] for name in _COLUMNS[1:6]), *posting.values())
            for entry in some
            for posting in entry["postings"]
        )


def rows(lines: Iterable[Iterable[object]]) -> str:
    """The lines as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of the export: how a file of it ends, and the pieces that it is written in."""

    media_type: str
    ending: str
    write: Callable[[Entries], Iterator[str]]


FORMS = {
    "beancount": Form(media_type="text/plain; charset=utf-8", ending="beancount", write=_beancount),
    "csv": Form(media_type=CSV, ending="csv", write=_csv),
}
