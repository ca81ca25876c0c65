"""Webhooks: where they go, what they tell, and every try."""

import uuid_utils.compat as uuids
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from store.models.clients import Client
from store.models.conditions import one_of

DELIVERY_STATUSES = ("pending", "delivered", "exhausted", "cancelled")


class Endpoint(models.Model):
    """Where a client's webhooks go. Secrets are encrypted; the previous one signs beside the new one for a while.

    `failing_since` is when the first of the present run of failures happened, null after any success. `generation`
    rises whenever the endpoint is disabled or deleted: what is pending of an earlier one is never sent.
    """

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    client = models.ForeignKey(Client, models.PROTECT, related_name="endpoints")
    url = models.CharField(max_length=2_000)
    event_types = ArrayField(models.CharField(max_length=64), default=list)
    description = models.CharField(max_length=2_000, default="")
    ordered = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, null=True)
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_secret_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    generation = models.IntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_endpoint"

    def __str__(self) -> str:
        return self.url


class Event(models.Model):
    """Something that happened, as webhooks tell it: written with what happened, in one transaction.

    `id` is the `webhook-id` of every attempt. `sequence` is the order's version for `order.*`, else null. `request_id`
    and `traceparent` are those of the command that made it. Events exist only while some endpoint wants them.
    """

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    type = models.CharField(max_length=64)
    sequence = models.BigIntegerField(null=True)
    order_id = models.UUIDField(null=True)
    client_id = models.BigIntegerField(null=True)
    data = models.JSONField()
    occurred_at = models.DateTimeField()
    request_id = models.CharField(max_length=64, null=True)
    traceparent = models.CharField(max_length=55, null=True)

    class Meta:
        db_table = "webhook_event"

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Delivery(models.Model):
    """One event to one endpoint, leased by a courier until `leased_until`; `attempts_made` counts since the last start.

    `order_id` and `sequence` are the event's when the endpoint wants them in order, else null: then the delivery waits
    until no earlier one of its order is pending. `generation` is the endpoint's when the delivery was started.
    """

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    event = models.ForeignKey(Event, models.PROTECT, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="deliveries", db_index=False)
    event_type = models.CharField(max_length=64)
    status = models.CharField(max_length=16, db_default="pending")
    order_id = models.UUIDField(null=True)
    sequence = models.BigIntegerField(null=True)
    attempts_made = models.IntegerField(db_default=0)
    generation = models.IntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "webhook_delivery"
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(name="webhook_delivery_once", fields=["event", "endpoint"]),
            models.CheckConstraint(name="webhook_delivery_status", condition=one_of("status", DELIVERY_STATUSES)),
            models.CheckConstraint(
                name="webhook_delivery_due",
                condition=Q(status="pending", next_attempt_at__isnull=False)
                | (~Q(status="pending") & Q(next_attempt_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                name="webhook_delivery_due",
                fields=["endpoint", "generation", "next_attempt_at"],
                condition=Q(status="pending"),
            ),
            models.Index(
                name="webhook_delivery_in_order",
                fields=["endpoint", "order_id", "sequence"],
                condition=Q(status="pending", order_id__isnull=False),
            ),
            models.Index(name="webhook_delivery_listed", fields=["endpoint", "id"]),
            models.Index(name="webhook_delivery_by_status", fields=["status", "id"]),
            models.Index(name="webhook_delivery_by_type", fields=["event_type", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.endpoint_id}"


class DeliveryAttempt(models.Model):
    """One HTTP try of a delivery: what came of it; `body` is the first KiB of the answer, as text."""

    pk = models.CompositePrimaryKey("delivery_id", "at")
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries", db_index=False)
    at = models.DateTimeField()
    duration_ms = models.IntegerField()
    status = models.IntegerField(null=True)
    error = models.CharField(max_length=500, null=True)
    body = models.CharField(max_length=1_024, null=True)

    class Meta:
        db_table = "webhook_attempt"

    def __str__(self) -> str:
        return f"{self.status or self.error}"
