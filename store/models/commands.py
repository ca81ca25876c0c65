"""Commands, the lanes that they wait in, and who is executing them."""

import uuid_utils.compat as uuids
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now

from domain.result import RETRYABLE
from store.models.clients import Client
from store.models.conditions import one_of

OPEN_STATUSES = ("queued", "running", "uncertain")
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "expired")
# Nearly all commands succeed: a list of those needs no index of its own, and without them it stays small.
_LISTED_BY_STATUS = Q(purged_at__isnull=True) & ~Q(status="succeeded")
DEAD: dict[str, object] = {"status": "failed", "purged_at__isnull": True, "error__code__in": sorted(RETRYABLE)}
"""What failed through no fault of its own, and may be retried."""


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
    the sweeper finds it ready. `moved_at` is when it last came to be running or uncertain: a command that has asked a
    payment provider, and no other. `purged_at` says that payload, result and error have been let go: what is left keeps
    the idempotency key in use. `client` has no foreign key in the database: its check would lock the client's row for
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
    moved_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "command"
        constraints = [
            models.CheckConstraint(
                name="command_payload", condition=Q(payload__isnull=False) | Q(purged_at__isnull=False)
            ),
            models.UniqueConstraint(name="command_client_key", fields=["client", "idempotency_key"]),
            models.CheckConstraint(name="command_status", condition=one_of("status", OPEN_STATUSES + FINAL_STATUSES)),
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
