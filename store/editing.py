"""Edits by hand: one row locked, its version checked, the columns that differ written, the version raised by one."""

import uuid
from collections.abc import Callable, Mapping

from django.db import transaction
from django.db.models import F

from store.models import Customer, Product

type Editable = Customer | Product

_KEPT = {"id", "version", "created_at", "on_hand", "reserved"}
"""What no edit writes: stock is moved by commands, whose worker may do so a moment before or after."""


class Stale(Exception):  # noqa: N818 - an expected no
    """The row has a version that the caller does not expect."""


def edit[R: (Customer, Product)](
    model: type[R],
    row_id: uuid.UUID,
    is_expected: Callable[[int], bool],
    wanted: Callable[[R], Mapping[str, object]],
) -> R | None:
    """The row as `wanted` says its columns shall be; None when there is none. Raises Stale, and what `wanted` raises.

    A row that is so already is left as it is, its version too.
    """
    with transaction.atomic(durable=True):
        row = _locked(model, row_id)
        if row is None:
            return None
        if not is_expected(row.version):
            raise Stale
        changed = {name: value for name, value in wanted(row).items() if getattr(row, name) != value}
        if changed:
            _save(row, changed)
        return row


def _locked[R: (Customer, Product)](model: type[R], row_id: uuid.UUID) -> R | None:
    return model.objects.select_for_update(no_key=True).filter(id=row_id).first()


def _save(row: Editable, changed: Mapping[str, object]) -> None:
    assert not changed.keys() & _KEPT, f"no edit writes {changed.keys() & _KEPT}"
    same = type(row).objects.filter(id=row.id, version=row.version)
    saved = same.update(**changed, version=F("version") + 1)
    assert saved == 1, "the row was locked"
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1
