"""PATCH and DELETE of what is edited by hand: at the version the caller expects, merged with what is there."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.request import Request

from api.authentication import actor_of
from api.preconditions import false_precondition, if_match
from api.problems import not_found_problem
from store import editing
from store.models import Customer, Product


def edited[R: (Customer, Product)](
    request: Request,
    model: type[R],
    row_id: uuid.UUID,
    wanted: Callable[[R], Mapping[str, object]],
    act: str = "updated",
) -> R:
    """The row after the edit; raises 404 for an unknown one, 412 when `If-Match` names another version."""
    try:
        row = editing.edit(model, row_id, if_match(request), wanted, actor_of(request), act)
    except editing.Stale:
        raise false_precondition() from None
    if row is None:
        raise not_found_problem()
    return row


def merged(record: type[Any], shown: Mapping[str, Any], sent: object) -> object:
    """What to create to get the resource as it would be with the members sent."""
    if not isinstance(sent, dict):
        return sent
    return {field.name: shown[field.name] for field in dataclasses.fields(record)} | sent
