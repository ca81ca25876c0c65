"""Customers, and commands whose results and keys are let go after a while: tables, indexes and the guards of both."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models

_REFERENCE = """
ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customer (id)
    DEFERRABLE INITIALLY DEFERRED;
"""

_CUSTOMERS = """
CREATE TRIGGER customer_kept BEFORE DELETE ON customer FOR EACH ROW
    EXECUTE FUNCTION refuse('customers are never deleted, only deactivated');
CREATE TRIGGER customer_no_truncate BEFORE TRUNCATE ON customer FOR EACH STATEMENT
    EXECUTE FUNCTION refuse('customers are never deleted, only deactivated');
"""

_ORDERS = """
DROP TRIGGER orders_identity ON orders;
CREATE TRIGGER orders_identity BEFORE UPDATE ON orders FOR EACH ROW
    WHEN ((OLD.id, OLD.workflow, OLD.customer_id, OLD.created_at)
          IS DISTINCT FROM (NEW.id, NEW.workflow, NEW.customer_id, NEW.created_at)
          OR (OLD.archived AND NOT NEW.archived))
    EXECUTE FUNCTION refuse('id, workflow, customer, time of creation and archiving never change');
CREATE TRIGGER orders_archived BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.archived AND NEW.status NOT IN ('cancelled', 'delivered'))
    EXECUTE FUNCTION refuse('only an order that is over can be archived');
"""

# A finished command changes in one way only: after 30 days it lets go of what was asked and answered. After 400 days
# it may be deleted, and its key with it.
_COMMANDS = """
DROP TRIGGER command_final ON command;
CREATE TRIGGER command_final BEFORE UPDATE ON command FOR EACH ROW
    WHEN (OLD.status IN ('succeeded', 'cancelled', 'expired') AND OLD IS DISTINCT FROM NEW
          AND OLD.purged_at IS NOT DISTINCT FROM NEW.purged_at)
    EXECUTE FUNCTION refuse('a finished command never changes');
DROP TRIGGER command_failed ON command;
CREATE TRIGGER command_failed BEFORE UPDATE ON command FOR EACH ROW
    WHEN (OLD.status = 'failed' AND OLD IS DISTINCT FROM NEW AND OLD.purged_at IS NOT DISTINCT FROM NEW.purged_at
          AND NOT (NEW.status = 'queued' AND coalesce(OLD.error ->> 'code', '') IN ('poisoned', 'internal-error')))
    EXECUTE FUNCTION refuse('a failed command changes by a retry alone');
CREATE TRIGGER command_purged BEFORE UPDATE ON command FOR EACH ROW
    WHEN (OLD.purged_at IS DISTINCT FROM NEW.purged_at AND NOT coalesce(
        OLD.purged_at IS NULL AND OLD.finished_at < now() - interval '30 days'
        AND NEW.payload IS NULL AND NEW.result IS NULL AND NEW.error IS NULL
        AND (OLD.seq, OLD.status, OLD.parked, OLD.attempts, OLD.started_at, OLD.finished_at)
            IS NOT DISTINCT FROM (NEW.seq, NEW.status, NEW.parked, NEW.attempts, NEW.started_at, NEW.finished_at),
        false))
    EXECUTE FUNCTION refuse('only what ended 30 days ago is purged, of payload, result and error alone');
DROP TRIGGER command_identity ON command;
CREATE TRIGGER command_identity BEFORE UPDATE ON command FOR EACH ROW
    WHEN ((OLD.id, OLD.lane, OLD.type, OLD.client_id, OLD.idempotency_key, OLD.body_hash, OLD.order_id,
           OLD.expected_version, OLD.expires_at, OLD.not_before, OLD.occurred_at, OLD.device_sequence,
           OLD.traceparent, OLD.accepted_at)
          IS DISTINCT FROM
          (NEW.id, NEW.lane, NEW.type, NEW.client_id, NEW.idempotency_key, NEW.body_hash, NEW.order_id,
           NEW.expected_version, NEW.expires_at, NEW.not_before, NEW.occurred_at, NEW.device_sequence,
           NEW.traceparent, NEW.accepted_at)
          OR (OLD.payload IS DISTINCT FROM NEW.payload AND NEW.purged_at IS NULL))
    EXECUTE FUNCTION refuse('what was asked never changes');
DROP TRIGGER command_kept ON command;
CREATE TRIGGER command_kept BEFORE DELETE ON command FOR EACH ROW
    WHEN (NOT coalesce(OLD.purged_at IS NOT NULL AND OLD.finished_at < now() - interval '400 days', false))
    EXECUTE FUNCTION refuse('a command is never deleted before 400 days');
"""


class Migration(migrations.Migration):
    """Tables, indexes, guards."""

    dependencies = [
        ("store", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("tax_id", models.CharField(max_length=50, null=True)),
                ("email", models.CharField(max_length=254, null=True)),
                ("phone", models.CharField(max_length=50, null=True)),
                ("address", models.CharField(max_length=500, null=True)),
                ("is_active", models.BooleanField(db_default=True, default=True)),
                ("version", models.BigIntegerField(db_default=1, default=1)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "customer",
            },
        ),
        migrations.AddField(
            model_name="command",
            name="purged_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="command",
            name="payload",
            field=models.JSONField(null=True),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False), ("purged_at__isnull", True)),
                fields=["finished_at"],
                name="command_to_purge",
            ),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("purged_at__isnull", False)), fields=["finished_at"], name="command_to_delete"
            ),
        ),
        migrations.AddConstraint(
            model_name="command",
            constraint=models.CheckConstraint(
                condition=models.Q(("payload__isnull", False), ("purged_at__isnull", False), _connector="OR"),
                name="command_payload",
            ),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(fields=["name", "id"], name="customer_by_name"),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("tax_id__isnull", False)), fields=["tax_id"], name="customer_by_tax_id"
            ),
        ),
        migrations.SeparateDatabaseAndState(
            # The column is there and has been null so far: it becomes a reference.
            state_operations=[
                migrations.RemoveField(model_name="order", name="customer_id"),
                migrations.AddField(
                    model_name="order",
                    name="customer",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="store.customer",
                    ),
                ),
            ],
            database_operations=[
                migrations.RunSQL(_REFERENCE, "ALTER TABLE orders DROP CONSTRAINT orders_customer"),
            ],
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("customer__isnull", False)),
                fields=["customer", "created_at", "id"],
                name="orders_of_customer",
            ),
        ),
        migrations.RunSQL(
            _CUSTOMERS, "DROP TRIGGER customer_kept ON customer; DROP TRIGGER customer_no_truncate ON customer"
        ),
        migrations.RunSQL(_ORDERS, migrations.RunSQL.noop),
        migrations.RunSQL(_COMMANDS, migrations.RunSQL.noop),
    ]
