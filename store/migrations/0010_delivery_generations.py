"""What is pending of an endpoint is over at once when it is disabled, however much it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns with a default, which PostgreSQL adds without rewriting the tables, and the index of what is due."""

    dependencies = [
        ("store", "0009_books"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="generation",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="generation",
            field=models.IntegerField(db_default=0),
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="webhook_delivery_due",
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "generation", "next_attempt_at"],
                name="webhook_delivery_due",
            ),
        ),
    ]
