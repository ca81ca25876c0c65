"""The ordinary task: one pay command, one transaction, row by row through the ORM."""

from decimal import Decimal
from typing import Any

from celery import shared_task
from django.db import OperationalError, transaction
from django.utils import timezone

from bench.ordinary.models import Command, Line, Movement, Order, Payment, Product, StatusChange


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True, max_retries=5)
def pay(command_id: str) -> str:
    """Execute the command once, however often the message arrives; its final status."""
    with transaction.atomic():
        command = Command.objects.select_for_update(of=("self",)).select_related("client").get(id=command_id)
        if command.status != "queued":
            return command.status
        order = Order.objects.select_for_update().filter(id=command.order_id).first()
        error = _apply(command, order)
        command.status = "failed" if error else "succeeded"
        command.error = error
        command.finished_at = timezone.now()
        command.save(update_fields=["status", "error", "result", "finished_at"])
    return command.status


def _apply(command: Command, order: Order | None) -> dict[str, Any] | None:
    """Pay the order and set the command's result, or say why not."""
    if order is None:
        return {"code": "order-not-found"}
    if order.status != "draft":
        return {"code": "invalid-transition"}
    wanted: dict[Any, int] = {}
    for product_id, qty in Line.objects.filter(order=order).values_list("product_id", "qty"):
        wanted[product_id] = wanted.get(product_id, 0) + qty
    if not wanted:
        return {"code": "order-empty"}
    tendered = _minor(command.payload.get("tendered"))
    if tendered is not None and tendered < order.total:
        return {"code": "tendered-too-low"}
    # Locked in one order everywhere, so that two payments never wait for each other.
    products = list(Product.objects.select_for_update().filter(id__in=wanted).order_by("id"))
    if any(product.on_hand < wanted[product.id] for product in products):
        return {"code": "insufficient-stock"}
    _save(command, order, products, wanted, tendered)
    return None


def _save(
    command: Command, order: Order, products: list[Product], wanted: dict[Any, int], tendered: int | None
) -> None:
    for product in products:
        product.on_hand -= wanted[product.id]
        product.save(update_fields=["on_hand"])
    Movement.objects.bulk_create(
        Movement(product=product, order=order, command=command, kind="debit", on_hand_delta=-wanted[product.id])
        for product in products
    )
    method = command.payload["method"]
    Payment.objects.create(order=order, command=command, method=method, amount=order.total, tendered=tendered)
    StatusChange.objects.create(
        order=order, command=command, from_status="draft", to_status="paid", changed_by=command.client.name
    )
    order.status = "paid"
    order.version += 1
    order.save(update_fields=["status", "version", "updated_at"])
    command.result = {
        "order": {
            "id": str(order.id),
            "status": order.status,
            "version": order.version,
            "total": _text(order.total),
            "currency": order.currency,
        },
        "payment": {"method": method, "amount": _text(order.total)},
    }


def _minor(amount: str | None) -> int | None:
    return None if amount is None else int(Decimal(amount) * 100)


def _text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
