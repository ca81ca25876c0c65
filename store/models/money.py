"""Money: payments, refunds, what providers are asked, and the books."""

import uuid_utils.compat as uuids
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from domain.books import CHART
from store.models.conditions import one_of
from store.models.orders import Order

PAYMENT_STATUSES = ("pending", "captured", "declined", "refunded")


class Payment(models.Model):
    """Money taken for an order. At most one pending or captured payment an order: nobody pays twice.

    A payment that an outside provider is asked for has the id of its command and is pending until the answer;
    `provider_reference` is what the provider calls it.
    """

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    command_id = models.UUIDField()
    method = models.CharField(max_length=16)
    provider = models.CharField(max_length=16, null=True)
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    tendered = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=100, null=True)
    provider_reference = models.CharField(max_length=255, null=True)
    status = models.CharField(max_length=16, db_default="captured")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payment"
        constraints = [
            models.CheckConstraint(
                name="payment_status",
                condition=one_of("status", PAYMENT_STATUSES)
                & (Q(status__in=("captured", "refunded")) | Q(provider__isnull=False)),
            ),
            models.CheckConstraint(name="payment_amount", condition=Q(amount__gte=0)),
            models.UniqueConstraint(
                name="payment_once", fields=["order"], condition=Q(status__in=("pending", "captured"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.amount}"


class Refund(models.Model):
    """Money of a payment given back, and what of it is tax; append-only."""

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    order_id = models.UUIDField()
    command_id = models.UUIDField(unique=True)
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    tax = models.DecimalField(max_digits=30, decimal_places=0)
    currency = models.CharField(max_length=3)
    restock = models.BooleanField()
    reason = models.CharField(max_length=2_000, null=True)
    provider_reference = models.CharField(max_length=255, null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "refund"
        constraints = [
            models.CheckConstraint(
                name="refund_amount", condition=Q(amount__gt=0) & Q(tax__gte=0) & Q(tax__lte=F("amount"))
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class ProviderRequest(models.Model):
    """What a payment provider is asked for a command: a charge with a token, or without one money back of a payment.

    `id` is the command's, and the provider's idempotency key. Leased until `next_attempt_at` by whoever asks. The first
    answer stands (`is_yes`); `settled_at` says that the command has ended with it.
    """

    id = models.UUIDField(primary_key=True)
    order_id = models.UUIDField()
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="+", db_index=False)
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    payment_method = models.CharField(max_length=255, null=True)
    asked_at = models.DateTimeField()
    attempts_made = models.IntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(null=True)
    is_yes = models.BooleanField(null=True)
    reference = models.CharField(max_length=255, null=True)
    detail = models.CharField(max_length=2_000, null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "provider_request"
        constraints = [
            models.CheckConstraint(name="provider_request_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="provider_request_due",
                condition=Q(settled_at__isnull=True, next_attempt_at__isnull=False)
                | Q(settled_at__isnull=False, next_attempt_at__isnull=True, is_yes__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                name="provider_request_due", fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.id}"


class JournalEntry(models.Model):
    """What one command means in the books; never changed, corrected only by an entry that reverses it, once."""

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    kind = models.CharField(max_length=16)
    order_id = models.UUIDField(null=True)
    command_id = models.UUIDField(unique=True)
    reverses = models.OneToOneField("self", models.PROTECT, null=True, related_name="reversed_by")
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "journal_entry"
        indexes = [
            models.Index(name="journal_entry_of_order", fields=["order_id", "id"], condition=Q(order_id__isnull=False)),
            models.Index(name="journal_entry_by_time", fields=["occurred_at", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Posting(models.Model):
    """One line of an entry: a debit above zero, a credit below; those of an entry add up to nothing, by a trigger."""

    pk = models.CompositePrimaryKey("entry_id", "position")
    entry = models.ForeignKey(
        JournalEntry, models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    position = models.IntegerField()
    account = models.CharField(max_length=32)
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "posting"
        constraints = [
            models.CheckConstraint(
                name="posting_account", condition=one_of("account", tuple(account.code for account in CHART))
            ),
            models.CheckConstraint(name="posting_amount", condition=~Q(amount=0)),
        ]
        indexes = [models.Index(name="posting_of_account", fields=["account", "entry_id"])]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"


class SimulatedPayment(models.Model):
    """What the simulated provider (worker/providers/simulator.py) was asked for, as a real one has it in its own books.

    `charge` is null for a charge and names the charge that a refund gives back of. `is_yes` is what was answered, null
    for a request that was lost on its way; `asked` counts how often it came.
    """

    id = models.UUIDField(primary_key=True)
    charge = models.ForeignKey("self", models.PROTECT, related_name="refunds", null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    is_yes = models.BooleanField(null=True)
    detail = models.CharField(max_length=500, null=True)
    asked = models.IntegerField(db_default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "simulated_payment"

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} {self.id}"
