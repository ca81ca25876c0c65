"""The books of the simulated payment provider."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    """One table."""

    dependencies = [
        ("store", "0014_online_payments"),
    ]

    operations = [
        migrations.CreateModel(
            name="SimulatedPayment",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("is_yes", models.BooleanField(null=True)),
                ("detail", models.CharField(max_length=500, null=True)),
                ("asked", models.IntegerField(db_default=1)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "charge",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="store.simulatedpayment",
                    ),
                ),
            ],
            options={"db_table": "simulated_payment"},
        ),
    ]
