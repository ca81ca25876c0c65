"""Edits by hand: one row locked, its version checked, the columns that differ written, the version raised by one.

Each is in the audit trail, in its own transaction.
"""

import uuid
from collections.abc import Callable, Mapping

from django.db import transaction
from django.db.models import F

from store import audit
from store.audit import Actor
from store.models import Customer, Product

type Editable = Customer | Product

_KEPT = {"id", "version", "created_at", "on_hand", "reserved"}
"""What no edit writes: stock is moved by commands, whose worker may do so a moment before or after."""


class Stale(Exception):  # noqa: N818 - an expected no
    """The row has a version that the caller does not expect."""


def create[R: (Customer, Product)](model: type[R], columns: Mapping[str, object], actor: Actor) -> R:
    """A new row; raises IntegrityError when it may not be."""
    with transaction.atomic(durable=True):
        row = model.objects.create(**columns)
        kind = row._meta.model_name or ""
        audit.record(actor, f"{kind}.created", kind, row.id, audit.created(columns))
        return row


def edit[R: (Customer, Product)](
    model: type[R],
    row_id: uuid.UUID,
    is_expected: Callable[[int], bool],
    wanted: Callable[[R], Mapping[str, object]],
    actor: Actor,
    act: str = "updated",
) -> R | None:
    """The row as `wanted` says its columns shall be; None when there is none. Raises Stale, and what `wanted` raises.

    A row that is so already is left as it is, its version too, and nobody has done anything.
    """
    with transaction.atomic(durable=True):
        row = _locked(model, row_id)
        if row is None:
            return None
        if not is_expected(row.version):
            raise Stale
        changed = {name: value for name, value in wanted(row).items() if getattr(row, name) != value}
        if changed:
            kind = row._meta.model_name or ""
            before_and_after = {name: [getattr(row, name), value] for name, value in changed.items()}
            audit.record(actor, f"{kind}.{act}", kind, row_id, before_and_after)
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
