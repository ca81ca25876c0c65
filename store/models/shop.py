"""What is sold and to whom: products with their stock ledger, customers."""

import uuid_utils.compat as uuids
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from store.models.conditions import a_tax_rate


class Customer(models.Model):
    """Somebody an order is for. Never deleted, only deactivated: orders refer to it."""

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    name = models.CharField(max_length=200)
    tax_id = models.CharField(max_length=50, null=True)
    email = models.CharField(max_length=254, null=True)
    phone = models.CharField(max_length=50, null=True)
    address = models.CharField(max_length=500, null=True)
    is_active = models.BooleanField(default=True, db_default=True)
    version = models.BigIntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "customer"
        indexes = [
            models.Index(name="customer_by_name", fields=["name", "id"]),
            models.Index(name="customer_inactive", fields=["name", "id"], condition=Q(is_active=False)),
            models.Index(name="customer_by_tax_id", fields=["tax_id"], condition=Q(tax_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A thing for sale and its stock; `on_hand` and `reserved` change together with a movement, never alone."""

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=2_000, db_default="")
    price = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    on_hand = models.BigIntegerField(db_default=0)
    reserved = models.BigIntegerField(db_default=0)
    low_stock_at = models.BigIntegerField(null=True)
    tax_rate = models.IntegerField(db_default=0)
    cost = models.BigIntegerField(null=True)
    is_active = models.BooleanField(db_default=True)
    version = models.BigIntegerField(db_default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "product"
        constraints = [
            models.CheckConstraint(name="product_price", condition=Q(price__gte=0)),
            models.CheckConstraint(name="product_tax_rate", condition=a_tax_rate()),
            models.CheckConstraint(name="product_cost", condition=Q(cost__gte=0)),
            models.CheckConstraint(name="product_stock", condition=Q(reserved__gte=0) & Q(on_hand__gte=F("reserved"))),
        ]

    def __str__(self) -> str:
        return self.sku


class StockMovement(models.Model):
    """One line of the stock ledger; for each product the lines add up to its stock."""

    pk = models.CompositePrimaryKey("product_id", "id")
    id = models.UUIDField(default=uuids.uuid7)
    product = models.ForeignKey(Product, models.PROTECT, related_name="movements", db_index=False)
    kind = models.CharField(max_length=16)
    on_hand_delta = models.BigIntegerField()
    reserved_delta = models.BigIntegerField()
    order_id = models.UUIDField(null=True)
    command_id = models.UUIDField()
    reason = models.CharField(max_length=2_000, null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "stock_movement"
        constraints = [
            models.CheckConstraint(name="stock_movement_moves", condition=~Q(on_hand_delta=0) | ~Q(reserved_delta=0))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.on_hand_delta}"
