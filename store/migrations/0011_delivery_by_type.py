"""The list of deliveries by a rare event type is read from an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One index."""

    dependencies = [
        ("store", "0010_delivery_generations"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["event_type", "id"], name="webhook_delivery_by_type"),
        ),
    ]
