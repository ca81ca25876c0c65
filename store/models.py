"""The tables. Written in bulk by plain SQL (store/saving.py, store/inbox.py), read through these models elsewhere.

Money is in minor units of the currency beside it; quantities are pieces. Constraints repeat what the aggregates in
`domain/` assert, so that neither code nor a hand at the SQL prompt can break them; triggers stand in the migrations.
"""

import uuid_utils.compat as uuids
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from domain.books import CHART
from domain.registry import ROLES
from domain.result import RETRYABLE
from domain.tax import RATE_MAX
from domain.workflow import STATUSES, WORKFLOWS

OPEN_STATUSES = ("queued", "running", "uncertain")
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "expired")
DELIVERY_STATUSES = ("pending", "delivered", "exhausted", "cancelled")
# Nearly all commands succeed: a list of those needs no index of its own, and without them it stays small.
_LISTED_BY_STATUS = Q(purged_at__isnull=True) & ~Q(status="succeeded")
DEAD: dict[str, object] = {"status": "failed", "purged_at__isnull": True, "error__code__in": sorted(RETRYABLE)}
"""What failed through no fault of its own, and may be retried."""


def _one_of(column: str, words: tuple[str, ...]) -> Q:
    return Q(**{f"{column}__in": words})


def _a_tax_rate() -> Q:
    return Q(tax_rate__gte=0, tax_rate__lte=RATE_MAX)


class Client(models.Model):
    """Who submits commands: a till, an integration, a person. Never deleted, only deactivated.

    A person has a user, whose password opens the API (by a token) and the admin; machines have keys.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="client")
    is_active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "client"
        constraints = [models.CheckConstraint(name="client_role", condition=_one_of("role", ROLES))]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A key of a client: the prefix is public, of the secret only its SHA-256 is kept."""

    prefix = models.CharField(max_length=16, primary_key=True)
    secret_hash = models.BinaryField(max_length=32)
    client = models.ForeignKey(Client, models.PROTECT, related_name="keys")
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key"

    def __str__(self) -> str:
        return self.prefix


class AuditEntry(models.Model):
    """Who did what beside commands, which are their own record: one row an act, in its transaction; append-only.

    `actor` keeps the name also where there is no client: a failed login, somebody at the console. `changes` maps each
    field to what it was and what it became; secrets never stand there.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    client = models.ForeignKey(Client, models.PROTECT, null=True, related_name="audit_entries")
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=8)
    action = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, null=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        db_table = "audit_entry"
        verbose_name_plural = "audit entries"
        constraints = [
            models.CheckConstraint(name="audit_entry_via", condition=_one_of("via", ("api", "admin", "cli")))
        ]
        indexes = [
            models.Index(name="audit_entry_of_subject", fields=["subject_type", "subject_id", "id"]),
            models.Index(name="audit_entry_by_action", fields=["action", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class Lane(models.Model):
    """One row a lane, locked by whoever drains it or moves a queued command of it to another state."""

    id = models.SmallIntegerField(primary_key=True)

    class Meta:
        db_table = "lane"

    def __str__(self) -> str:
        return str(self.id)


class Command(models.Model):
    """A request to act: accepted when its row has committed, executed in order of `seq` within its lane.

    `seq` is given at acceptance, and anew by a retry. `parked` keeps a command with `not_before` out of the queue until
    the sweeper finds it ready. `purged_at` says that payload, result and error have been let go: what is left keeps the
    idempotency key in use. `client` has no foreign key in the database: its check would lock the client's row for
    every command accepted, and clients are never deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    seq = models.BigIntegerField(db_default=Func(Value("command_seq"), function="nextval"))
    lane = models.SmallIntegerField()
    type = models.CharField(max_length=64)
    status = models.CharField(max_length=16, db_default="queued")
    parked = models.BooleanField(db_default=False)
    client = models.ForeignKey(Client, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="commands")
    idempotency_key = models.CharField(max_length=255)
    body_hash = models.BinaryField(max_length=32)
    order_id = models.UUIDField(null=True)
    payload = models.JSONField(null=True)
    expected_version = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    occurred_at = models.DateTimeField(null=True)
    device_sequence = models.BigIntegerField(null=True)
    traceparent = models.CharField(max_length=55, null=True)
    request_id = models.CharField(max_length=64, null=True)
    attempts = models.IntegerField(db_default=0)
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    accepted_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "command"
        constraints = [
            models.CheckConstraint(
                name="command_payload", condition=Q(payload__isnull=False) | Q(purged_at__isnull=False)
            ),
            models.UniqueConstraint(name="command_client_key", fields=["client", "idempotency_key"]),
            models.CheckConstraint(name="command_status", condition=_one_of("status", OPEN_STATUSES + FINAL_STATUSES)),
            models.CheckConstraint(
                name="command_result_of_success", condition=Q(result__isnull=True) | Q(status="succeeded")
            ),
            models.CheckConstraint(
                name="command_final_has_end",
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | Q(status__in=OPEN_STATUSES, finished_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(name="command_queue", fields=["lane", "seq"], condition=Q(status="queued", parked=False)),
            models.Index(name="command_parked", fields=["not_before"], condition=Q(status="queued", parked=True)),
            models.Index(
                name="command_expiring", fields=["expires_at"], condition=Q(status="queued", expires_at__isnull=False)
            ),
            models.Index(name="command_newest", fields=["id"], condition=Q(purged_at__isnull=True)),
            models.Index(name="command_of_client", fields=["client", "id"], condition=Q(purged_at__isnull=True)),
            models.Index(name="command_by_status", fields=["status", "id"], condition=_LISTED_BY_STATUS),
            models.Index(
                name="command_of_client_by_status", fields=["client", "status", "id"], condition=_LISTED_BY_STATUS
            ),
            models.Index(name="command_by_type", fields=["type", "id"], condition=Q(purged_at__isnull=True)),
            models.Index(name="command_of_order", fields=["order_id", "id"], condition=Q(order_id__isnull=False)),
            models.Index(
                name="command_to_purge",
                fields=["finished_at"],
                condition=Q(finished_at__isnull=False, purged_at__isnull=True),
            ),
            models.Index(name="command_dead", fields=["id"], condition=Q(**DEAD)),
            models.Index(name="command_to_delete", fields=["finished_at"], condition=Q(purged_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


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
            models.CheckConstraint(name="product_tax_rate", condition=_a_tax_rate()),
            models.CheckConstraint(name="product_cost", condition=Q(cost__gte=0)),
            models.CheckConstraint(name="product_stock", condition=Q(reserved__gte=0) & Q(on_hand__gte=F("reserved"))),
        ]

    def __str__(self) -> str:
        return self.sku


class Order(models.Model):
    """An order; its lines stand in `order_line`, its past in `order_history`."""

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
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, related_name="orders", db_index=False)
    note = models.CharField(max_length=2_000, null=True)
    archived = models.BooleanField(db_default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "orders"
        constraints = [
            models.CheckConstraint(name="orders_workflow", condition=_one_of("workflow", tuple(WORKFLOWS))),
            models.CheckConstraint(name="orders_status", condition=_one_of("status", STATUSES)),
            models.CheckConstraint(name="orders_version", condition=Q(version__gte=1)),
            models.CheckConstraint(name="orders_total", condition=Q(total__gte=0)),
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
            models.CheckConstraint(name="order_line_tax_rate", condition=_a_tax_rate()),
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


class Payment(models.Model):
    """Money taken for an order. At most one captured payment an order: nobody pays twice."""

    id = models.UUIDField(primary_key=True, default=uuids.uuid7)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    command_id = models.UUIDField()
    method = models.CharField(max_length=16)
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    tendered = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=100, null=True)
    status = models.CharField(max_length=16, db_default="captured")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payment"
        constraints = [
            models.CheckConstraint(name="payment_status", condition=_one_of("status", ("captured", "refunded"))),
            models.CheckConstraint(name="payment_amount", condition=Q(amount__gte=0)),
            models.UniqueConstraint(name="payment_once", fields=["order"], condition=Q(status="captured")),
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
                name="posting_account", condition=_one_of("account", tuple(account.code for account in CHART))
            ),
            models.CheckConstraint(name="posting_amount", condition=~Q(amount=0)),
        ]
        indexes = [models.Index(name="posting_of_account", fields=["account", "entry_id"])]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"


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


class Attempt(models.Model):
    """Commands that a worker is executing right now, written on a connection of its own before the batch.

    A row that outlives its batch's transaction says that the worker died, or was cut off, while it executed them.
    The table is unlogged: a crash of PostgreSQL itself empties it, so it is never blamed on a command.
    """

    pk = models.CompositePrimaryKey("lane", "run")
    lane = models.SmallIntegerField()
    run = models.UUIDField()
    seqs = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "attempt"

    def __str__(self) -> str:
        return f"lane {self.lane}"


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
            models.CheckConstraint(name="webhook_delivery_status", condition=_one_of("status", DELIVERY_STATUSES)),
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
