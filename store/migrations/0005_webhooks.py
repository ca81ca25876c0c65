"""Webhooks: endpoints, events, deliveries and their attempts."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    """Tables and indexes."""

    dependencies = [
        ("store", "0004_list_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, primary_key=True, serialize=False)),
                ("event_type", models.CharField(max_length=64)),
                ("status", models.CharField(db_default="pending", max_length=16)),
                ("order_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField(null=True)),
                ("attempts_made", models.IntegerField(db_default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "webhook_delivery",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, primary_key=True, serialize=False)),
                ("type", models.CharField(max_length=64)),
                ("sequence", models.BigIntegerField(null=True)),
                ("order_id", models.UUIDField(null=True)),
                ("client_id", models.BigIntegerField(null=True)),
                ("data", models.JSONField()),
                ("occurred_at", models.DateTimeField()),
            ],
            options={
                "db_table": "webhook_event",
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "delivery_id", "at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField()),
                ("duration_ms", models.IntegerField()),
                ("status", models.IntegerField(null=True)),
                ("error", models.CharField(max_length=500, null=True)),
                ("body", models.CharField(max_length=1024, null=True)),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tries",
                        to="store.delivery",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_attempt",
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, primary_key=True, serialize=False)),
                ("url", models.CharField(max_length=2000)),
                (
                    "event_types",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list),
                ),
                ("description", models.CharField(default="", max_length=2000)),
                ("ordered", models.BooleanField(default=False)),
                ("is_active", models.BooleanField(default=True)),
                ("disabled_reason", models.CharField(max_length=200, null=True)),
                ("secret", models.BinaryField()),
                ("previous_secret", models.BinaryField(null=True)),
                ("previous_secret_until", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="endpoints", to="store.client"
                    ),
                ),
            ],
            options={
                "db_table": "webhook_endpoint",
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="store.endpoint",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="event",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="deliveries", to="store.event"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "next_attempt_at"],
                name="webhook_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("order_id__isnull", False), ("status", "pending")),
                fields=["endpoint", "order_id", "sequence"],
                name="webhook_delivery_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "id"], name="webhook_delivery_listed"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["status", "id"], name="webhook_delivery_by_status"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("event", "endpoint"), name="webhook_delivery_once"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ("pending", "delivered", "exhausted", "cancelled"))),
                name="webhook_delivery_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("status", "pending")),
                    models.Q(models.Q(("status", "pending"), _negated=True), ("next_attempt_at__isnull", True)),
                    _connector="OR",
                ),
                name="webhook_delivery_due",
            ),
        ),
        migrations.RunSQL(
            "ALTER TABLE webhook_delivery SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)",
            "ALTER TABLE webhook_delivery RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
    ]
