"""Orders, their lines and their past."""

from django.db import models
from django.db.models import F, Q

from domain.workflow import STATUSES, WORKFLOWS
from store.models.conditions import a_tax_rate, one_of
from store.models.shop import Customer, Product


class Order(models.Model):
    """An order; its lines stand in `order_line`, its past in `order_history`.

    `asked_by` is the command that has asked the payment provider and waits for its answer; nothing changes meanwhile.
    """

    id = models.UUIDField(primary_key=True)
    workflow = models.CharField(max_length=16)
    status = models.CharField(max_length=16)
    version = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=30, decimal_places=0)
    paid_by = models.CharField(max_length=16, null=True)
    paid_total = models.DecimalField(max_digits=30, decimal_places=0, db_default=0)
    refunded_total = models.DecimalField(max_digits=30, decimal_places=0, db_default=0)
    refunded_tax = models.DecimalField(max_digits=30, decimal_places=0, db_default=0)
    asked_by = models.UUIDField(null=True)
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, related_name="orders", db_index=False)
    note = models.CharField(max_length=2_000, null=True)
    archived = models.BooleanField(db_default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "orders"
        constraints = [
            models.CheckConstraint(name="orders_workflow", condition=one_of("workflow", tuple(WORKFLOWS))),
            models.CheckConstraint(name="orders_status", condition=one_of("status", STATUSES)),
            models.CheckConstraint(name="orders_version", condition=Q(version__gte=1)),
            models.CheckConstraint(name="orders_total", condition=Q(total__gte=0)),
            models.CheckConstraint(
                name="orders_asked", condition=Q(asked_by__isnull=True) | Q(status__in=("draft", "paid"))
            ),
            models.CheckConstraint(
                name="orders_refunds",
                condition=Q(refunded_tax__gte=0)
                & Q(refunded_tax__lte=F("refunded_total"))
                & Q(refunded_total__lte=F("paid_total"))
                & Q(paid_total__lte=F("total")),
            ),
        ]
        indexes = [
            models.Index(name="orders_newest", fields=["created_at", "id"]),
            models.Index(name="orders_listed", fields=["archived", "created_at", "id"]),
            models.Index(name="orders_by_status", fields=["status", "archived", "created_at", "id"]),
            models.Index(name="orders_by_workflow", fields=["workflow", "archived", "created_at", "id"]),
            models.Index(
                name="orders_of_customer", fields=["customer", "created_at", "id"], condition=Q(customer__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class OrderLine(models.Model):
    """Some pieces of one product in an order, at the price it had when they were added."""

    pk = models.CompositePrimaryKey("order_id", "position")
    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", db_index=False)
    position = models.IntegerField()
    product = models.ForeignKey(Product, models.PROTECT, related_name="+", db_index=False)
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    qty = models.BigIntegerField()
    unit_price = models.BigIntegerField()
    tax_rate = models.IntegerField(db_default=0)
    refunded_qty = models.BigIntegerField(db_default=0)
    unit_cost = models.BigIntegerField(null=True)

    class Meta:
        db_table = "order_line"
        constraints = [
            models.CheckConstraint(name="order_line_qty", condition=Q(qty__gt=0)),
            models.CheckConstraint(
                name="order_line_refunded", condition=Q(refunded_qty__gte=0) & Q(refunded_qty__lte=F("qty"))
            ),
            models.CheckConstraint(name="order_line_price", condition=Q(unit_price__gte=0)),
            models.CheckConstraint(name="order_line_tax_rate", condition=a_tax_rate()),
        ]

    def __str__(self) -> str:
        return f"{self.qty} x {self.sku}"


class OrderHistory(models.Model):
    """One change of an order's status: who, by which command; `version` is the order's after it."""

    pk = models.CompositePrimaryKey("order_id", "version")
    order = models.ForeignKey(Order, models.PROTECT, related_name="history", db_index=False)
    version = models.BigIntegerField()
    from_status = models.CharField(max_length=16, null=True)
    to_status = models.CharField(max_length=16)
    changed_by = models.CharField(max_length=64)
    command_id = models.UUIDField()
    note = models.CharField(max_length=2_000, null=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "order_history"

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}"
