"""Orders: lines, history, stock movements, payments, commands, and what may be done now."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html

from api.console import payments, shown, who
from api.console.lists import Filter, Rows, as_uuid, column, equals, one_of
from api.console.pages import Facts, Part, Record, Table
from api.console.story import NEWEST_SHOWN, newest_of, of_commands
from domain import tax
from domain.actions import available
from domain.workflow import STATUSES, WORKFLOWS
from store import ids, loading
from store.models import Command, Order, StockMovement

_MOVED_AROUND = timedelta(seconds=10)


def _customer(row: Order) -> object:
    return shown.NOTHING if row.customer is None else shown.link("customer", row.customer_id, row.customer.name)


def _status(row: Order) -> object:
    """With a mark where nothing is done to it until the payment provider has answered."""
    state = shown.state(row.status)
    return state if row.asked_by is None else format_html("{} {}", state, shown.state("waiting"))


class Orders(Record):
    """Read alone: commands change them."""

    filters = (
        Filter(name="status", label="Status", choices=one_of(STATUSES), narrow=equals("status")),
        Filter(name="workflow", label="Workflow", choices=one_of(tuple(WORKFLOWS)), narrow=equals("workflow")),
        Filter(name="archived", label="Archived", choices=[("yes", "only these")], narrow=lambda rows, _text: rows),
    )
    search_help_text = "Order id or customer id"
    ordering = ("-created_at", "-id")
    list_display = (
        column("Order", lambda row: shown.link("order", row.id)),
        column("Workflow", lambda row: row.workflow),
        column("Status", _status),
        column("Total", lambda row: shown.money(row.total, row.currency)),
        column("Customer", _customer),
        column("Version", lambda row: row.version),
        column("Archived", lambda row: "yes" if row.archived else shown.NOTHING),
        column("Created", lambda row: shown.time(row.created_at)),
        column("Last change", lambda row: shown.ago(row.updated_at)),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        """Those archived or the others, never both: every index but that on customers says which."""
        return _with_customers().filter(archived=request.GET.get("archived") == "yes")

    def found(self, rows: Rows, text: str) -> Rows:
        """By id, or its customer's."""
        an_id, rows = as_uuid(text), _with_customers()
        if an_id is None:
            return rows.none()
        found = rows.filter(id=an_id)
        return found if found.exists() else rows.filter(customer_id=an_id).order_by("-created_at", "-id")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """One of them, archived or not."""
        an_id = as_uuid(object_id)
        return _with_customers().filter(id=an_id).first() if an_id else None

    def head(self, row: Order) -> tuple[str, str]:
        """What it comes to, and how it stands."""
        return f"Order of {shown.money(row.total, row.currency)}", row.status

    def parts(self, request: HttpRequest, row: Order) -> list[Part]:
        """Everything about it."""
        commands = newest_of(order_id=row.id)
        return [
            *payments.waiting(row),
            _facts(row, request),
            _lines(row),
            _history(row),
            payments.payments(row),
            payments.refunds(row),
            _movements(row, commands),
            of_commands(f"Its commands, newest first (up to {NEWEST_SHOWN})", commands),
        ]


def _with_customers() -> Rows:
    return Order.objects.select_related("customer")


def _facts(row: Order, request: HttpRequest) -> Facts:
    caller, order = who.caller_of(request.user), loading.read_order(row.id)
    actions = available(order, caller.role) if caller and order else []
    told = ", ".join(f"{each['type']}{_targets(each)}" for each in actions)
    return Facts(
        title="Facts",
        rows=[
            ("Order", shown.mono(row.id)),
            ("Workflow", row.workflow),
            ("Version", row.version),
            ("Customer", _customer(row)),
            ("Note", shown.or_nothing(row.note)),
            ("Archived", "yes" if row.archived else "no"),
            ("Created", shown.time(row.created_at)),
            ("Last change", shown.time(row.updated_at)),
            ("Paid", shown.money(row.paid_total, row.currency)),
            ("Refunded", shown.money(row.refunded_total, row.currency)),
            ("Commands you may send now", told or "none"),
        ],
    )


def _targets(action: dict[str, Any]) -> str:
    return f" (to {' or '.join(action['to'])})" if "to" in action else ""


def _lines(row: Order) -> Table:
    found = list(row.lines.order_by("position"))
    return Table(
        title=f"Lines ({len(found)})",
        heads=("Sku", "Name", "Quantity#", "Refunded#", "Unit price#", "Line total#", "Tax rate#", "Tax#"),
        rows=[
            [
                shown.link("product", each.product_id, each.sku),
                each.name,
                each.qty,
                each.refunded_qty or shown.NOTHING,
                shown.money(each.unit_price, row.currency),
                shown.money(each.qty * each.unit_price, row.currency),
                f"{tax.to_text(each.tax_rate)} %",
                shown.money(tax.included(each.qty * each.unit_price, each.tax_rate), row.currency),
            ]
            for each in found
        ],
        empty="The order is empty.",
    )


def _history(row: Order) -> Table:
    found = row.history.order_by("version")[:NEWEST_SHOWN]
    return Table(
        title="History of its status",
        heads=("Version#", "From", "To", "By", "Command", "Note", "Time"),
        rows=[
            [
                each.version,
                shown.state(each.from_status) if each.from_status else shown.NOTHING,
                shown.state(each.to_status),
                each.changed_by,
                shown.link("command", each.command_id),
                shown.or_nothing(each.note),
                shown.time(each.changed_at),
            ]
            for each in found
        ],
        empty="No change yet.",
    )


def _movements(row: Order, commands: list[Command]) -> Table:
    """The ledger is kept by product: the order's lines are those made when its commands ended, or when they asked the
    payment provider, as their ids tell."""
    moved = Q()
    for each in commands:
        for moment in _moments(each):
            first, last = (ids.first_of(moment + way * _MOVED_AROUND) for way in (-1, 1))
            moved |= Q(command_id=each.id, id__gte=first, id__lt=last)
    products = list(row.lines.values_list("product_id", flat=True).distinct())
    found = StockMovement.objects.filter(moved, product_id__in=products).select_related("product") if moved else []
    return of_movements("Stock movements", sorted(found, key=lambda each: each.id), with_product=True)


def _moments(command: Command) -> list[datetime]:
    """When the command may have moved stock."""
    has_moved = command.status == "succeeded" or command.moved_at is not None
    moments = (command.started_at if command.moved_at is not None else None, command.finished_at)
    return [each for each in moments if each is not None] if has_moved else []


def of_movements(title: str, found: list[StockMovement], *, with_product: bool) -> Table:
    """Lines of the stock ledger, of one product or of several."""
    named = ["Product" if with_product else "Order"]
    return Table(
        title=title,
        heads=("Kind", *named, "On hand#", "Reserved#", "Command", "Reason", "Time"),
        rows=[
            [
                each.kind,
                shown.link("product", each.product_id, each.product.sku)
                if with_product
                else shown.link("order", each.order_id),
                shown.change(each.on_hand_delta),
                shown.change(each.reserved_delta),
                shown.link("command", each.command_id),
                shown.or_nothing(each.reason),
                shown.time(each.created_at),
            ]
            for each in found
        ],
        empty="No stock has moved.",
    )


def of_orders(title: str, found: list[Order]) -> Table:
    """Orders as a part of another page."""
    return Table(
        title=title,
        heads=("Order", "Workflow", "Status", "Total#", "Created"),
        rows=[
            [
                shown.link("order", each.id),
                each.workflow,
                shown.state(each.status),
                shown.money(each.total, each.currency),
                shown.time(each.created_at),
            ]
            for each in found
        ],
        empty="No orders.",
    )
