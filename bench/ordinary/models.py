"""The tables of the ordinary design: the same rows as Orderly keeps for a paid order."""

import uuid
from typing import ClassVar, Self

from django.db import models


class Client(models.Model):
    """A till or an integration; the key's secret half is stored hashed."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=20, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    role = models.CharField(max_length=20)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    @property
    def is_authenticated(self) -> bool:
        """What DRF asks of a user."""
        return True


class Product(models.Model):
    """A thing for sale; `price` in minor units."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    price = models.BigIntegerField()
    on_hand = models.IntegerField()
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(on_hand__gte=0), name="ordinary_on_hand")]


class Order(models.Model):
    """An order; `total` in minor units of `currency`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    status = models.CharField(max_length=20, default="draft")
    version = models.IntegerField(default=1)
    currency = models.CharField(max_length=3, default="EUR")
    total = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Line(models.Model):
    """Some pieces of one product in an order."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    qty = models.IntegerField()
    unit_price = models.BigIntegerField()
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Command(models.Model):
    """A request to act, unique for each client and key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=255)
    type = models.CharField(max_length=40)
    order_id = models.UUIDField(db_index=True)
    payload = models.JSONField()
    status = models.CharField(max_length=20, default="queued")
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    accepted_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "idempotency_key"], name="ordinary_key")]


class Movement(models.Model):
    """One line of the stock ledger."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    command = models.ForeignKey(Command, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20)
    on_hand_delta = models.IntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Payment(models.Model):
    """What was paid for an order; amounts in minor units."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+")
    command = models.ForeignKey(Command, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    tendered = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class StatusChange(models.Model):
    """One step of an order's history."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="history")
    command = models.ForeignKey(Command, on_delete=models.PROTECT, related_name="+")
    from_status = models.CharField(max_length=20)
    to_status = models.CharField(max_length=20)
    changed_by = models.CharField(max_length=100)
    changed_at = models.DateTimeField(auto_now_add=True)
    objects: ClassVar[models.Manager[Self]] = models.Manager()
